"""Lists: parts, fields, order."""

import re

import httpx2
import pytest

from kb.search.live import Index

LISTS = ("/terms", "/specs/cpus", "/specs/models", "/specs/search?q=rtx", "/disputes", "/sources")


def with_query(path: str, more: str) -> str:
    return f"{path}{'&' if '?' in path else '?'}{more}"


@pytest.mark.parametrize("path", LISTS)
def test_whoever_follows_next_sees_everything_once(http: httpx2.Client, path: str) -> None:
    seen: list[str] = []
    following: str | None = with_query(path, "limit=150&fields=slug")
    while following:
        answer = http.get(following)
        page = answer.json()
        seen += [item["slug"] for item in page["items"]]
        following = page["next"]
        linked = re.findall(r'<([^>]+)>; rel="next"', answer.headers.get("link", ""))
        assert linked == ([following] if following else [])
    assert len(seen) == len(set(seen)) == page["total"]


def test_next_keeps_what_was_asked(http: httpx2.Client) -> None:
    page = http.get("/specs/models", params={"sort": "-date", "limit": 2, "vendor": "Mistral AI"}).json()
    assert page["next"] == "/specs/models?sort=-date&limit=2&vendor=Mistral+AI&offset=2"
    assert {item["vendor"] for item in http.get(page["next"]).json()["items"]} == {"Mistral AI"}


@pytest.mark.parametrize("path", LISTS)
def test_items_have_the_fields_asked_for_alone(http: httpx2.Client, path: str) -> None:
    whole = http.get(with_query(path, "limit=3")).json()["items"]
    keys = list(whole[0])[:2]
    asked = http.get(with_query(path, f"limit=3&fields={','.join(reversed(keys))}")).json()["items"]
    assert asked == [{key: item[key] for key in keys} for item in whole]


def test_a_key_within_a_key(http: httpx2.Client) -> None:
    whole = http.get("/specs/accelerators?vendor=nvidia&limit=5").json()["items"]
    asked = http.get("/specs/accelerators?vendor=nvidia&limit=5&fields=name,figures.memory_gib").json()["items"]
    assert asked == [{"name": one["name"], "figures": {"memory_gib": one["figures"]["memory_gib"]}} for one in whole]
    both = http.get("/specs/accelerators?vendor=nvidia&limit=5&fields=figures.memory_gib,figures,slug").json()["items"]
    assert both == [{"slug": one["slug"], "figures": one["figures"]} for one in whole]


def test_long_items_have_a_short_form(http: httpx2.Client) -> None:
    for path in ("/specs/accelerators", "/disputes"):
        whole = http.get(with_query(path, "limit=100"))
        brief = http.get(with_query(path, "limit=100&fields=brief"))
        assert len(brief.content) * 2 < len(whole.content)
        assert [item["slug"] for item in brief.json()["items"]] == [item["slug"] for item in whole.json()["items"]]
        assert all(item.get("name") or item["title"] for item in brief.json()["items"])


@pytest.mark.parametrize(
    ("path", "fields", "accepted"),
    [
        ("/terms", "slug,nonsense", "pref_label"),
        ("/specs/cpus", "figures.nonsense", "figures.cores"),
        ("/specs/cpus", "slug.x", "brief"),
        ("/disputes", "Slug", "ruling"),
        ("/sources", "brief", "published"),
        ("/terms", "slug,,level", "topic"),
    ],
)
def test_a_field_that_items_do_not_have_is_refused(http: httpx2.Client, path: str, fields: str, accepted: str) -> None:
    answer = http.get(path, params={"fields": fields})
    assert answer.status_code == 422
    (error,) = answer.json()["errors"]
    assert error["field"] == "fields"
    assert accepted in error["accepted"]


@pytest.mark.parametrize(("kind", "key"), [("accelerators", "launched"), ("models", "released"), ("cpus", "launched")])
def test_sorted_by_date(http: httpx2.Client, index: Index, kind: str, key: str) -> None:
    found = http.get(f"/specs/{kind}?sort=-date&limit=1000&fields=slug,figures.{key}").json()["items"]
    assert len(found) == len(index.known.specs[kind])
    dates = [item["figures"][key]["value"] if item["figures"] else "" for item in found]
    assert dates == sorted(dates, reverse=True)
    first = http.get(f"/specs/{kind}?sort=date&limit=1").json()["items"][0]
    assert first["figures"][key]["value"] == min(date for date in dates if date)


def test_sources_are_sorted_by_date(http: httpx2.Client) -> None:
    dates = [source["published"] or "" for source in http.get("/sources?sort=-date&limit=1000").json()["items"]]
    assert dates == sorted(dates, reverse=True)


def test_every_figure_sorts(http: httpx2.Client) -> None:
    for kind in http.get("/specs").json()["kinds"]:
        for key in kind["sorts"]:
            answer = http.get(f"/specs/{kind['kind']}", params={"sort": f"-{key}", "limit": 1, "fields": "slug"})
            assert answer.status_code == 200, (kind["kind"], key)


def test_a_kind_without_dates_is_not_sorted_by_them(http: httpx2.Client) -> None:
    answer = http.get("/specs/cases?sort=date")
    assert answer.status_code == 422
    assert "name" in answer.json()["errors"][0]["accepted"]
