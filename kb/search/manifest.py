"""What a built index was made from and with; a mismatch is refused, not guessed around."""

import hashlib
import json
from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from kb.errors import IndexUnusable

SCHEMA = 11
"""Raise when the tables, the vectors or the text that is embedded change their form."""

PACKAGES = ("hardware-kb", "chromadb", "sentence-transformers", "sqlalchemy", "pydantic")

MANIFEST = "manifest.json"
DATABASE = "kb.sqlite3"
CHROMA = "chroma"
"""The folder of the vectors."""
LEARNED = "learned.npz"
"""The file of what :mod:`kb.search.classify` learned."""
TURN = "turn.npy"
"""The matrix that :mod:`kb.search.sense` learned."""
ROLES = "roles.npz"
"""The file of what :mod:`kb.search.tags` learned."""


def current_link(data_dir: Path) -> Path:
    """To the folder of the build that is open; whether it exists is for who asks."""
    return data_dir / "current"


MENDING = "Run `kb build` to make it anew."


class Manifest(BaseModel):
    """The build's identity: hashes of what went in, versions of what made it, hashes of what came out."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    build_id: str
    schema_version: int
    built_at: str
    embedding_model: str
    embedding_sha256: str
    embedding_dimension: int
    packages: dict[str, str]
    inputs_sha256: str
    input_files: int
    counts: dict[str, int]
    sqlite_sha256: str
    vectors_sha256: str
    learned_sha256: str
    turn_sha256: str
    roles_sha256: str


def file_sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def inputs_sha256(files: Iterable[tuple[str, Path]]) -> tuple[str, int]:
    """One hash over names and contents, and how many files there were."""
    digest, count = hashlib.sha256(), 0
    for name, path in sorted(files):
        digest.update(f"{name}\0{file_sha256(path)}\n".encode())
        count += 1
    return digest.hexdigest(), count


def vectors_sha256(chroma: Path) -> str:
    """One hash over all files of the vectors. Chroma reads them unchecked: a damaged graph ends the process."""
    return inputs_sha256((str(path.relative_to(chroma)), path) for path in chroma.rglob("*") if path.is_file())[0]


def package_versions() -> dict[str, str]:
    return {name: version(name) for name in PACKAGES}


def build_id_of(inputs: str, embedding_sha256: str) -> str:
    """The same inputs, code form and embedding model give the same id."""
    made_of = json.dumps([SCHEMA, inputs, embedding_sha256, package_versions()], sort_keys=True)
    return hashlib.sha256(made_of.encode()).hexdigest()[:16]


def read_manifest(folder: Path) -> Manifest:
    """Raises :class:`IndexUnusable` where there is no readable manifest of this schema."""
    path = folder / MANIFEST
    try:
        manifest = Manifest.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        raise IndexUnusable(f"There is no index at {folder}. Run `kb build` first.") from None
    except ValidationError:
        raise IndexUnusable(f"{path} is damaged or of another version. {MENDING}") from None
    if manifest.schema_version != SCHEMA:
        raise IndexUnusable(f"The index at {folder} has form {manifest.schema_version}, not {SCHEMA}. {MENDING}")
    return manifest


def verify(folder: Path) -> Manifest:
    """The manifest, after holding the files against it. Raises :class:`IndexUnusable` naming what differs."""
    try:
        manifest = read_manifest(folder)
        found = {
            DATABASE: (file_sha256(folder / DATABASE), manifest.sqlite_sha256),
            LEARNED: (file_sha256(folder / LEARNED), manifest.learned_sha256),
            TURN: (file_sha256(folder / TURN), manifest.turn_sha256),
            ROLES: (file_sha256(folder / ROLES), manifest.roles_sha256),
            CHROMA: (vectors_sha256(folder / CHROMA), manifest.vectors_sha256),
        }
    except OSError as error:
        raise IndexUnusable(f"{error.filename} cannot be read ({error.strerror}). {MENDING}") from None
    for name, (is_now, was_built) in found.items():
        if is_now != was_built:
            raise IndexUnusable(f"{folder / name} is damaged: its hash is not the manifest's. {MENDING}")
    return manifest
