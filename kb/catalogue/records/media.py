"""Models that write no text: for pictures, video, sound, speech and vectors, each as the parts that it is made of."""

from collections.abc import Iterator
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from kb.catalogue.records.base import Citations, Count, Figure, Record, Slug, Spec, Text

Task = Literal["images", "video", "3d", "music", "speech to text", "text to speech", "embedding", "reranking", "vision"]
PartRole = Literal["encoder", "main", "decoder"]
"""An encoder reads the prompt, the main part works step by step, a decoder turns what comes out into the result."""


class PartFile(Record):
    """The measured size of a file that holds one part and nothing else."""

    quantization: Slug
    size_gb: Annotated[float, Field(gt=0)]
    sources: Citations


class MediaPart(Record):
    """A network that can be in memory while the others are not."""

    name: str
    role: PartRole
    params: Annotated[int, Field(gt=0)]
    published: Annotated[int, Field(gt=0)] | None = None
    """As its makers round it, where the count is our own."""
    file: PartFile | None = None
    note: str = ""
    sources: Citations


class StatedMemory(Record):
    """What somebody says that it takes, measured or as a requirement; ``gb`` as it is stated, of a card as printed."""

    gb: float | tuple[float, float]
    """As it is stated; two figures are a range."""
    by: str
    """Who says so."""
    says: Literal["takes", "asks for a card with"] = "takes"
    """Whether it is what it takes, or the card that is asked for."""
    load: str
    """Precision, resolution, frames, what is offloaded: in a few words that go on from "at"."""
    sources: Citations


class MediaModel(Spec):
    kind: ClassVar[str] = "media-models"

    tasks: Annotated[tuple[Task, ...], Field(min_length=1)]
    parts: Annotated[tuple[MediaPart, ...], Field(min_length=1)]
    stated: tuple[StatedMemory, ...] = ()
    published_type: Slug = "bf16"
    """The type of weights that its makers' files have."""
    max_tokens: Count | None = None
    embedding_size: Count | None = None
    repository: Text | None = None
    licence: Text | None = None
    released: Text | None = None

    def figures(self) -> Iterator[tuple[str, Figure[Any]]]:
        """With the parameters, which are those of the parts."""
        sources = tuple(dict.fromkeys(source for part in self.parts for source in part.sources))
        counts = {"params_total": sum(part.params for part in self.parts), "params_main": self.largest_main}
        for key, count in counts.items() if len(self.parts) > 1 else [("params_total", self.largest_main)]:
            yield key, Count(value=count, sources=sources)
        yield from super().figures()

    @property
    def largest_main(self) -> int:
        """Parameters of the part by whose size the model is called."""
        return max((part.params for part in self.parts if part.role == "main"), default=self.parts[0].params)
