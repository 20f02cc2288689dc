"""What pyproject.toml cannot say: the knowledge lies beside the package here, and inside it in a wheel."""

from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).parent
SUFFIXES = {".md", ".yaml"}


class WithKnowledge(build_py):
    def run(self) -> None:
        super().run()
        if self.editable_mode:
            return
        for folder in ("glossary", "corpus"):
            for file in (ROOT / folder).rglob("*"):
                if file.suffix in SUFFIXES:
                    target = Path(self.build_lib) / "kb" / "knowledge" / file.relative_to(ROOT)
                    target.parent.mkdir(parents=True, exist_ok=True)
                    self.copy_file(str(file), str(target))


setup(cmdclass={"build_py": WithKnowledge})
