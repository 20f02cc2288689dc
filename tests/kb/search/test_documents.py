"""A user's own documents: what is readable goes in, what is not is named."""

import os
import random
import resource
import time
from pathlib import Path

import pytest

from kb.errors import IndexUnusable, UnreadableDocument
from kb.search.build import build
from kb.search.chunk import MAX_CHARACTERS
from kb.search.documents import find_files, ingest, load_documents, stored_documents
from kb.search.embed import Embedder
from kb.search.formats import Document, read_document
from kb.search.live import LiveIndex
from kb.search.reader import Limits, Reader
from tests.make_pdf import make_pdf
from tests.small_knowledge import write_knowledge

HTML = """<!doctype html><html><head><title>Ignored</title><style>p {color: red}</style></head><body>
<nav>Home | About</nav><script>alert("no")</script>
<h1>Cooling the <b>Zeta</b></h1><div>Loose text counts too.</div>
<p>Three fans<br>blow upwards.</p><blockquote><p>It hums quietly.</p></blockquote>
<h2>Noise</h2><ul><li>idle: silent<ul><li>load: 38 dB</li></ul></li></ul>
<table><tr><th>Fan</th><th>Size</th></tr><tr><td>front</td><td>120 mm</td></tr></table>
<footer>Imprint</footer></body></html>"""


def texts(document: Document) -> list[tuple[str, str, str]]:
    return [(passage.section, passage.title, passage.text) for passage in document.passages]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Four good documents, and what people have beside them."""
    root = tmp_path / "mine"
    (root / "deep").mkdir(parents=True)
    (root / "notes.md").write_text("\ufeff# Rack\n\nOurs hums.\n\n## Power\n\nThe rack draws 4 kW.\n", "utf-8")
    (root / "plain.txt").write_text("The cellar server is called Grendel.\n", "utf-8")
    (root / "page.HTML").write_text(HTML, "utf-8")
    (root / "deep" / "sheet.pdf").write_bytes(
        make_pdf([["Zeta 100 (board)", "draws 300 W"], [], ["Warranty: 3 years"]])
    )
    (root / "broken.pdf").write_bytes(b"%PDF-1.4\nnot really")
    (root / "latin.txt").write_bytes("Gerät".encode("latin-1"))
    (root / "empty.md").write_text("", "utf-8")
    (root / "scanned.pdf").write_bytes(make_pdf([[], []]))
    (root / "photo.jpg").write_bytes(b"\xff\xd8")
    return root


def test_markdown(folder: Path) -> None:
    document = read_document(folder / "notes.md")
    assert texts(document) == [("", "Rack", "Ours hums."), ("Rack", "Power", "The rack draws 4 kW.")]
    assert (document.source.title, document.source.kind) == ("notes.md", "user")
    assert document.source.note == str(folder / "notes.md")


def test_text_is_titled_by_its_file(folder: Path) -> None:
    assert texts(read_document(folder / "plain.txt")) == [("", "plain", "The cellar server is called Grendel.")]


def test_html_loses_its_frame_and_nothing_else(folder: Path) -> None:
    first, second = texts(read_document(folder / "page.HTML"))
    assert first == (
        "",
        "Cooling the Zeta",
        "Loose text counts too.\n\nThree fans\n\nblow upwards.\n\nIt hums quietly.",
    )
    assert second[:2] == ("Cooling the Zeta", "Noise")
    assert second[2] == "idle: silent\n\nload: 38 dB\n\nFan | Size\n\nfront | 120 mm"


def test_pdf_by_page(folder: Path) -> None:
    assert texts(read_document(folder / "deep" / "sheet.pdf")) == [
        ("", "Page 1", "Zeta 100 (board)\ndraws 300 W"),
        ("", "Page 3", "Warranty: 3 years"),
    ]


def test_files_below_folders(folder: Path) -> None:
    found = find_files([folder, folder / "notes.md", folder / "photo.jpg", folder / "gone.md"]).files
    names = [path.name for path in found]
    below = {"notes.md", "plain.txt", "page.HTML", "sheet.pdf", "broken.pdf", "latin.txt", "empty.md", "scanned.pdf"}
    assert set(names) == below | {"photo.jpg", "gone.md"}, "of a folder the known types, and whatever is named"
    assert len(names) == len(set(names))


def test_broken_files_are_named_and_the_rest_goes_in(folder: Path, tmp_path: Path) -> None:
    files = find_files([folder, folder / "photo.jpg", folder / "gone.md"]).files
    outcomes = {path.name: outcome for path, outcome in ingest(files, tmp_path / "data")}
    bad = {name: str(outcome) for name, outcome in outcomes.items() if isinstance(outcome, UnreadableDocument)}
    assert set(outcomes) - set(bad) == {"notes.md", "plain.txt", "page.HTML", "sheet.pdf"}
    assert all(name in says for name, says in bad.items())
    for name, says in {
        "broken.pdf": "is not a readable PDF",
        "latin.txt": "is not UTF-8 text; convert it first",
        "empty.md": "holds no text",
        "scanned.pdf": "needs OCR",
        "photo.jpg": "accepted: .md",
        "gone.md": "is not there",
    }.items():
        assert says in bad[name]
    assert len(load_documents(tmp_path / "data")) == 4


def test_links_lead_nowhere_outside_the_folder(folder: Path, tmp_path: Path) -> None:
    secret = tmp_path / "elsewhere"
    secret.mkdir()
    (secret / "secret.md").write_text("The key is under the mat.", "utf-8")
    (folder / "link.md").symlink_to(secret / "secret.md")
    (folder / "deep" / "linked").symlink_to(secret, target_is_directory=True)
    (folder / "again.md").symlink_to(folder / "notes.md")
    (folder / "round").symlink_to(folder, target_is_directory=True)
    (folder / "gone.md").symlink_to(folder / "nowhere.md")
    found = find_files([folder])
    assert set(found.outside) == {folder / "link.md", folder / "deep" / "linked"}
    assert secret / "secret.md" not in found.files
    assert [path for path in found.files if path.name in ("notes.md", "again.md")] == [folder / "notes.md"]
    named = find_files([folder / "link.md", folder / "deep" / "linked"])
    assert named.files == (secret / "secret.md",), "what is named may be a link"
    assert not named.outside


def refusal(path: Path, data: Path, limits: Limits) -> str:
    """Why a file is refused; a good one after it goes in all the same."""
    good = path.with_name("good.txt")
    good.write_text("All is well.", "utf-8")
    (_, outcome), (_, after) = ingest([path, good], data, limits)
    assert isinstance(outcome, UnreadableDocument)
    assert isinstance(after, Document)
    assert str(outcome).startswith(f"{path}: ")
    assert "split it" in str(outcome)
    return str(outcome)


def test_a_file_that_takes_too_long_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "long.pdf"
    path.write_bytes(make_pdf([["a"] * 400_000], packed=True))
    assert path.stat().st_size < 22_000
    assert "takes more than 1 s of computing to read" in refusal(path, tmp_path / "data", Limits(cpu_s=1))


def test_a_file_that_does_not_come_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "long.pdf"
    path.write_bytes(make_pdf([["a"] * 400_000], packed=True))
    with Reader(Limits(wall_s=30)) as reader:
        reader.read(_text(tmp_path / "first.txt"))  # its process has started
        reader._limits = Limits(wall_s=0.2)
        with pytest.raises(UnreadableDocument, match=r"long\.pdf: takes more than 0\.2 s to read; split it"):
            reader.read(path)


def _text(path: Path) -> Path:
    path.write_text("All is well.", "utf-8")
    return path


def test_a_file_that_takes_too_much_memory_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "large.txt"
    path.write_bytes(b"word \n" * 2**25)
    says = refusal(path, tmp_path / "data", Limits(memory_bytes=2**29))
    assert "takes more than 0.5 GiB of memory to read" in says


def test_a_file_of_too_many_passages_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "many.md"
    path.write_text("# A\n\nword\n\n" * 101, "utf-8")
    assert "makes more than 100 passages" in refusal(path, tmp_path / "data", Limits(passages=100))
    with Reader(Limits(passages=101)) as reader:
        assert len(reader.read(path).passages) == 101


def test_a_file_that_kills_its_process_is_refused(tmp_path: Path) -> None:
    with Reader(Limits()) as reader:
        good = reader.read(_text(tmp_path / "a.txt"))
        reader._process.kill()
        with pytest.raises(UnreadableDocument, match=r"b\.txt: broke off the process that read it \(Killed\)"):
            reader.read(_text(tmp_path / "b.txt"))
        assert reader.read(_text(tmp_path / "a.txt")) == good


@pytest.mark.parametrize(
    "content",
    [
        b"<p>a</p>" + b"<!--" * 100_000,
        b"<div>" * 200_000 + b"deep",
        b"<table><tr><td>" * 50_000 + b"deep",
        b"<p>one <b>two</b> three</p><h2>Four</h2><table><tr><td>5<td>6</table>" * 5_000,
    ],
    ids=["comments", "nested", "tables", "long and flat"],
)
def test_html_is_read_in_one_go(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "page.html").write_bytes(content)
    began = time.process_time()
    assert read_document(tmp_path / "page.html").passages
    assert time.process_time() - began < 10, "a minute and more before"


@pytest.mark.parametrize(
    ("page", "text"),
    [
        ("<p>Gerät 日本".encode(), "Gerät 日本"),
        ('<meta charset="latin-1"><p>Gerät'.encode("latin-1"), "Gerät"),
        ('<meta charset="shift_jis"><p>日本'.encode("shift_jis"), "日本"),
        ("<p>日本".encode("utf-16"), "日本"),
        (b"<nav>Menu</nav><main><p>Body</main><p>After", "Body"),
        (b"<p>Before<article>One<article>Inner</article>Two</article><article>Other</article>", "One\n\nInner\n\nTwo"),
        (b"<table><tr><td><table><tr><td>a<td><p>b</table><td>c</table>", "a | b\n\nc"),
        (b"<header>Top<div>of</div></header>Rest &lt;b&gt;", "Rest <b>"),
    ],
)
def test_what_a_page_says(page: bytes, text: str, tmp_path: Path) -> None:
    (tmp_path / "page.html").write_bytes(page)
    assert [passage.text for passage in read_document(tmp_path / "page.html").passages] == [text]


def test_no_passage_is_long_whatever_the_file_is(tmp_path: Path) -> None:
    (tmp_path / "line.txt").write_text("x" * 5_000_000, "utf-8")
    (tmp_path / "japanese.txt").write_text("この計算機は動く。" * 20_000, "utf-8")
    for path, outcome in ingest(find_files([tmp_path]).files, tmp_path / "data"):
        assert isinstance(outcome, Document), path
        assert max(len(passage.text) for passage in outcome.passages) <= MAX_CHARACTERS


def test_many_small_files_share_a_process(tmp_path: Path) -> None:
    for number in range(40):
        (tmp_path / f"{number}.md").write_text(f"Note {number}.", "utf-8")

    def children() -> float:
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        return used.ru_utime + used.ru_stime

    files = find_files([tmp_path]).files
    before = children()
    assert len(list(ingest(files[:1], tmp_path / "data"))) == 1
    one = children() - before
    assert len(list(ingest(files, tmp_path / "data"))) == 40
    assert children() - before - one < 5 * one, "40 processes would take 40 times as long"


def test_damaged_pdfs_never_stop_the_rest(tmp_path: Path) -> None:
    good = make_pdf([["Power of the Zeta", "It draws 300 W (measured)."], ["Second page"]])
    inserts = (b"<<", b">>", b"[", b"(", b"-9", b" R ", b"/Filter /FlateDecode ", b"/Encrypt 3 0 R ")
    chance = random.Random(0)
    files = []
    for number in range(300):
        content = bytearray(good)
        for _ in range(chance.choice([1, 2, 6])):
            place = chance.randrange(len(content))
            if chance.random() < 0.6:
                content[place] = chance.randrange(256)
            else:
                content[place:place] = chance.choice(inserts)
        files.append(tmp_path / f"{number}.pdf")
        files[-1].write_bytes(content)
    assert [path for path, _ in ingest(files, tmp_path / "data")] == files


@pytest.mark.parametrize(
    "content",
    [b"", b"<", b"<![if", b"<!DOCTYPE", b"\x00\x01", b"<div>" * 3000 + b"deep", b"<p>\xff\xfe", b"<table><tr><td>"],
)
def test_odd_html_is_read_or_refused(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "odd.html"
    path.write_bytes(content)
    try:
        document = read_document(path)
    except UnreadableDocument as error:
        refused = str(error)
        assert refused.startswith(str(path))
    else:
        assert document.passages


def test_heading_depth_and_long_names(tmp_path: Path) -> None:
    path = tmp_path / f"{'long name ' * 20}.md"
    path.write_text(
        "".join(f"{'#' * (1 + n % 9)} Heading {n} {'x' * 300}\n\ntext {n}\n\n" for n in range(200)), "utf-8"
    )
    document = read_document(path)
    assert len(document.source.slug) <= 100
    assert sum(passage.text.count("text ") for passage in document.passages) == 200


def test_name_that_is_not_utf8(tmp_path: Path) -> None:
    path = tmp_path / os.fsdecode(b"caf\xe9.md")
    path.write_text("A menu.", "utf-8")
    (outcome,) = [outcome for _, outcome in ingest([path], tmp_path / "data")]
    assert isinstance(outcome, Document)
    assert (outcome.source.title, outcome.passages[0].title) == ("caf\ufffd.md", "caf\ufffd")


def test_documents_are_found_with_their_source(folder: Path, tmp_path: Path, embedder: Embedder) -> None:
    knowledge, data = write_knowledge(tmp_path / "knowledge"), tmp_path / "data"
    before = build(knowledge, data, embedder)
    live = LiveIndex(data, embedder)
    assert live.get().manifest == before.manifest
    list(ingest([folder / "plain.txt", folder / "deep" / "sheet.pdf"], data))
    after = build(knowledge, data, embedder)
    assert after.changed
    assert after.manifest.counts["passages"] == before.manifest.counts["passages"] + 3
    index = live.follow()
    (hit, *_) = index.searcher.search("what is the machine in the basement called?").hits
    assert hit.passage.text == "The cellar server is called Grendel."
    source = index.known.sources[hit.passage.source]
    assert (source.title, source.note) == ("plain.txt", str(folder / "plain.txt"))

    (folder / "plain.txt").write_text("The cellar server is called Beowulf now.\n", "utf-8")
    list(ingest([folder / "plain.txt"], data))
    again = build(knowledge, data, embedder)
    assert again.manifest.counts == after.manifest.counts, "the same file again replaces what it was"
    found = " ".join(hit.passage.text for hit in live.follow().searcher.search("cellar server name").hits)
    assert "Beowulf" in found
    assert "Grendel" not in found


def test_stored_document_that_is_damaged(folder: Path, tmp_path: Path, embedder: Embedder) -> None:
    data = tmp_path / "data"
    list(ingest([folder / "plain.txt"], data))
    (stored,) = stored_documents(data)
    stored.write_bytes(stored.read_bytes()[:50])
    with pytest.raises(IndexUnusable, match=r"document-plain-\w+\.json is damaged; remove it and ingest"):
        build(write_knowledge(tmp_path / "knowledge"), data, embedder)
