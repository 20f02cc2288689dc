"""What `pip install` of the wheel gives, outside any checkout: it knows, calculates, builds its index and finds."""

import json
import os
import shutil
import site
import subprocess
import sys
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with the wheel in it; what it depends on is this environment's."""
    root = tmp_path_factory.mktemp("wheel")
    source = root / "source"  # setuptools writes beside what it builds from
    source.mkdir()
    for name in ("pyproject.toml", "setup.py", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    for name in ("kb", "api", "eval", "web", "glossary", "corpus"):
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    run(*pip, "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", root, source)
    venv.create(root / "venv", symlinks=True)
    (wheel,) = root.glob("*.whl")
    run(*pip, "--python", root / "venv" / "bin" / "python", "install", "--no-deps", wheel)
    packages = next((root / "venv" / "lib").glob("python*/site-packages"))
    # As a plain path: the editable installation's own .pth is not followed from here.
    (packages / "dependencies.pth").write_text("\n".join(site.getsitepackages()), "utf-8")
    return root


def run(*command: object, **environment: str) -> str:
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("KB_", "PYTHON", "XDG_"))}
    done = subprocess.run(
        [str(part) for part in command], capture_output=True, text=True, check=False, timeout=300,
        env=kept | environment, cwd="/",
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def kb(installed: Path, *arguments: object) -> str:
    return run(installed / "venv" / "bin" / "kb", *arguments, XDG_DATA_HOME=str(installed / "home"))


def test_it_is_the_wheel_that_runs(installed: Path) -> None:
    said = run(installed / "venv" / "bin" / "python", "-c", "import kb; print(kb.__file__)")
    assert Path(said.strip()).is_relative_to(installed / "venv")


def test_it_knows_and_calculates_at_once(installed: Path) -> None:
    assert "memory" in kb(installed, "term", "vram")
    assert json.loads(kb(installed, "fit", "llama 3.1 8b", "RTX 4090", "--json"))["verdict"] == "fits"
    assert not (installed / "home").exists(), "nothing was built or written for that"


def test_it_builds_into_the_users_data_folder_and_finds(installed: Path, data_dir: Path) -> None:
    folder = installed / "home" / "hardware-kb"
    shutil.copytree(data_dir / "embeddings", folder / "embeddings")
    kb(installed, "build")
    assert (folder / "current").is_symlink()
    hits = json.loads(kb(installed, "search", "what is VRAM?", "--json"))["hits"]
    assert "vram" in hits[0]["passage_id"]


def test_it_says_the_mend_of_llama_cpp(installed: Path) -> None:
    said = run(installed / "venv" / "bin" / "python", "-c", "from kb.llm.mend import mend; print(mend())")
    assert "pip install --force-reinstall" in said
