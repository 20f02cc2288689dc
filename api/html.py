"""HTML of the templates in ``web/``, under a policy by which nothing runs that is not ours."""

import re
from collections.abc import Collection
from pathlib import Path
from typing import Any, cast

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from litestar import Request
from markdown_it import MarkdownIt
from markdown_it.token import Token
from markupsafe import Markup

import web
from api import json_ld, links
from api.accept import best_match
from kb.catalogue import Catalogue
from kb.catalogue.records import Price
from kb.text.markdown import number, shown
from kb.text.statements import Quantity
from kb.text.wording import fenced, first_paragraph, one_line, verbatim
from kb.tools.shared.views import SpecView, TermView

HTML = "text/html"
WEB = Path(web.__file__).parent

POLICY = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
}

_MEDIA_TYPES = {
    ".html": HTML,
    ".js": "text/javascript",
    ".css": "text/css",
    ".svg": "image/svg+xml",
    ".md": "text/markdown",
}


def static_files(folder: Path, names: Collection[str] = ()) -> dict[str, tuple[bytes, str]]:
    """Contents and media types by name, of all or some files; read once, so that a request never names a file."""
    paths = sorted(path for path in folder.iterdir() if not names or path.name in names)
    return {path.name: (path.read_bytes(), _MEDIA_TYPES[path.suffix]) for path in paths}


def templates() -> Environment:
    """What is put into the pages is text, whatever it holds; a name that is not there is an error."""
    environment = Environment(
        loader=FileSystemLoader(WEB / "templates"),
        autoescape=select_autoescape(["html"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "markdown": _from_markdown,
        "first_paragraph": first_paragraph,
        "one_line": one_line,
        "unmarked": _unmarked,
        "value": _value,
        "short": number,
        "price": _price,
        "address": _address,
        "kind": _kind,
        "pair": _pair,
        "linked_data": _linked_data,
        "term_of": links.term_of,
        "specs_in": links.specs_in,
        "related": links.related,
        "about": links.about,
        "others_about": links.others_about,
        "terms_in_markdown": _terms_in_markdown,
        "verbatim": verbatim,
        "fenced": fenced,
    }
    return environment


def prefers_page(request: Request[Any, Any, Any]) -> bool:
    """Whether a browser asks; programs, and whoever takes anything, get JSON."""
    return best_match(request.headers.get("accept", "*/*"), ("application/json", HTML)) == HTML


def rendered(request: Request[Any, Any, Any], template: str, **shown_there: object) -> bytes:
    environment = cast(Environment, request.app.state.templates)
    return environment.get_template(template).render(path=request.scope["path"], **shown_there).encode()


def _from_markdown(text: str) -> Markup:
    """Of the glossary, whose links name other terms. HTML in it is shown, not made.

    >>> _from_markdown("See [GPU](gpu), <b>not</b> [this](javascript:1).")
    Markup('<p>See <a href="/terms/gpu">GPU</a>, &lt;b&gt;not&lt;/b&gt; [this](javascript:1).</p>\\n')
    """
    tokens = _MARKDOWN.parse(text)
    for token in tokens:
        for part in token.children or ():
            if part.type == "link_open":
                _lead_to_term(part)
    return Markup(_MARKDOWN.renderer.render(tokens, _MARKDOWN.options, {}))


def _unmarked(text: str) -> str:
    r"""The words of Markdown, on one line.

    >>> _unmarked("Type `ollama ps`.\n\n- **Then** see [GPU](gpu)")
    'Type ollama ps. Then see GPU'
    """
    return _from_markdown(text).striptags()


def _terms_in_markdown(text: str) -> str:
    """Of the glossary, for readers of Markdown: links to other terms lead to Markdown again.

    >>> _terms_in_markdown("See [GPU](gpu), not [this](/fit).")
    'See [GPU](/terms/gpu.md), not [this](/fit).'
    """
    return _TERM_LINK.sub(r"](/terms/\1.md)", text)


_TERM_LINK = re.compile(r"\]\(([\w.-]+)\)")
_MARKDOWN = MarkdownIt("commonmark", {"html": False}).enable("table")


def _lead_to_term(link: Token) -> None:
    target = str(link.attrs["href"])
    if "/" not in target:
        link.attrs["href"] = f"/terms/{target}"


def _value(value: object, unit: str = "", options: bool = False) -> str:
    """A figure in words; two numbers are a range unless they are options.

    >>> _value((8.0, 10.5), "GB"), _value(70599864480), _value(True), _value(["fp16", "int8"]), _value(0.125)
    ('8 to 10.5 GB', '70,599,864,480', 'yes', 'fp16, int8', '0.125')
    """
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (list, tuple)):
        parts = [_value(one) for one in value]
        is_range = len(parts) == 2 and isinstance(value[0], (int, float)) and not options
        return f"{(' to ' if is_range else ', ').join(parts)} {unit}".strip()
    if isinstance(value, (int, float)):
        value = number(value, 1) if float(value).is_integer() else f"{value:,.6g}"
    return f"{value} {unit}".strip()


def _price(price: Price) -> str:
    amount = shown(Quantity((price.low, price.high), price.currency))
    return amount if price.per == "unit" else f"{amount} per {price.per}"


def _address(target: str) -> str:
    """Of the page of a record or of one of its figures.

    >>> _address("terms/vram"), _address("cpus/epyc-9654#tdp_w")
    ('/terms/vram', '/specs/cpus/epyc-9654')
    """
    record = target.partition("#")[0]
    return f"/{record}" if record.startswith("terms/") else f"/specs/{record}"


def _kind(kind: str) -> str:
    """A kind of spec in words.

    >>> _kind("power-supplies"), _kind("cpus")
    ('Power supplies', 'CPUs')
    """
    return "CPUs" if kind == "cpus" else kind.replace("-", " ").capitalize()


def _pair(value: object, unit: str = "") -> tuple[object, str]:
    """A choice of a form, and its words.

    >>> _pair("Q8_0"), _pair(8192, "tokens")
    (('Q8_0', 'Q8_0'), (8192, '8,192 tokens'))
    """
    return value, _value(value, unit)


def _linked_data(view: SpecView | TermView, catalogue: Catalogue) -> json_ld.Node:
    """For a page, against whose address its addresses are read."""
    if isinstance(view, TermView):
        return json_ld.of_term(view, catalogue, str)
    return json_ld.of_spec(view, catalogue, str)
