"""What can go wrong, said so that a person can act on it."""

from collections.abc import Sequence


class KnowledgeBaseError(Exception):
    """The base of every error that Hardware KB raises on purpose; its text is fit for a user."""


class InvalidKnowledge(KnowledgeBaseError):
    """Files of the glossary or the corpus that do not load; one line each, naming file, key and mend."""

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(self.problems))


class UnknownName(KnowledgeBaseError):
    """A name that no record answers to, with the nearest that do."""

    def __init__(self, kind: str, name: str, suggestions: Sequence[str] = ()) -> None:
        self.kind, self.name, self.suggestions = kind, name, tuple(suggestions)
        shown = name if len(name) <= 80 else name[:77] + "..."
        hint = f" Nearest: {', '.join(self.suggestions)}." if self.suggestions else ""
        super().__init__(f"No {kind} is called {shown!r}.{hint}")


class AmbiguousName(KnowledgeBaseError):
    """A name that several records answer to."""

    def __init__(self, kind: str, name: str, candidates: Sequence[str]) -> None:
        self.kind, self.name, self.candidates = kind, name, tuple(candidates)
        super().__init__(f"{name!r} is ambiguous: it may be {' or '.join(self.candidates)}. Say which {kind}.")


class InvalidArgument(KnowledgeBaseError):
    """An argument whose value is not accepted; names the field, the value and what is accepted."""

    def __init__(self, field: str, value: object, accepted: str) -> None:
        self.field, self.value, self.accepted = field, value, accepted
        said = "is missing" if value is None else f"is {str(value)[:80]!r}"
        super().__init__(f"{field} {said}; accepted: {accepted}.")


class MissingArgument(InvalidArgument):
    """An argument that nothing stands in for, with the question that a user would be asked for it."""

    def __init__(self, field: str, accepted: str, question: str) -> None:
        self.question = question
        super().__init__(field, None, accepted)


class IndexUnusable(KnowledgeBaseError):
    """The built index is missing, damaged or of another version; says how to rebuild it."""


class EngineUnavailable(KnowledgeBaseError):
    """The language model cannot answer now (missing, busy, too slow, dead); the composed answer still can."""


class EngineBusy(EngineUnavailable):
    """The language model's queue is full."""


class UnreadableDocument(KnowledgeBaseError):
    """A user's document from which no text can be taken."""


class UnreadableModel(KnowledgeBaseError):
    """A model file that is missing, damaged or not GGUF; names the file."""


class DownloadFailed(KnowledgeBaseError):
    """A model file that did not come whole and right; says what to do."""
