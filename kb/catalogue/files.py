"""YAML files and Markdown files with a YAML head, read so strictly that no line of them is lost in silence."""

from collections import Counter
from pathlib import Path
from typing import Any

import yaml


class _StrictYaml(yaml.CSafeLoader):
    """YAML in which a key written twice is an error instead of a silent loss."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen = Counter(key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode))
        doubled = [key for key, count in seen.items() if count > 1]
        if doubled:
            raise yaml.YAMLError(f"{', '.join(doubled)}: written twice{node.start_mark}; keep one")
        return super().construct_mapping(node, deep)


# Dates stay text: `as_of: 2026-04` and `2026-04-30` are both strings to the records.
_StrictYaml.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


class UnreadableFile(Exception):
    """What is wrong with a file of the glossary or the corpus, and how to write it."""


def read_mapping(path: Path) -> dict[Any, Any]:
    """A YAML file of slugs and records."""
    try:
        content = yaml.load(path.read_text("utf-8"), _StrictYaml)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UnreadableFile(f"not readable as YAML: {error}") from None
    if not isinstance(content, dict):
        raise UnreadableFile("must be a mapping of slugs to records")
    return content


def read_headed(path: Path) -> tuple[dict[str, Any], str]:
    """A Markdown file: its front matter and its body."""
    try:
        first, closed, rest = path.read_text("utf-8").partition("\n---\n")
        if not closed or not first.startswith("---\n"):
            raise UnreadableFile("has no front matter; write its keys at the top between two lines of ---")
        meta = yaml.load(first.removeprefix("---\n"), _StrictYaml)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UnreadableFile(f"front matter is not readable: {error}") from None
    if not isinstance(meta, dict):
        raise UnreadableFile("front matter must be a mapping of keys to values")
    return {str(key): value for key, value in meta.items()}, rest
