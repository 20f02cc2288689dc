"""``/fit/gguf``: fit and speed of a GGUF file that lies with whoever asks. Its header is sent, never its weights."""

from typing import Annotated, Any

from litestar import Response, post
from pydantic import Field, StringConstraints

from api.deps import AnyRequest, json_response, parsed_body, serving
from api.document import documented
from kb.catalogue.gguf_header import LONGEST_LIST, MAX_DIMENSIONS, MAX_TENSORS, Header, tensor_of
from kb.catalogue.records import Record
from kb.errors import MissingArgument, UnreadableModel
from kb.tools.base import Arguments, Name, Whole, parse_arguments
from kb.tools.check_fit.tool import FitAnswer
from kb.tools.estimate_speed.tool import SpeedAnswer
from kb.tools.model_file import header_fit
from kb.tools.shared.fitting import FitArguments

MOST_KEYS = 300
"""Of the architecture's own and the general ones; the vocabulary's are not sent."""
_LARGEST = 2**53
"""Beyond it, numbers of browsers are no longer whole."""

Text = Annotated[str, StringConstraints(max_length=1000)]
Key = Annotated[str, StringConstraints(max_length=200)]
Scalar = bool | int | float | Text
Size = Annotated[Whole, Field(ge=0, le=_LARGEST)]


class GgufTensor(Arguments):
    name: Name
    type: Annotated[Whole, Field(ge=0, le=1000, description="as ggml numbers it")]
    shape: Annotated[tuple[Size, ...], Field(max_length=MAX_DIMENSIONS, description="its sizes, as the file has them")]


class GgufFit(Arguments):
    """A header as it stands in the file, and what is asked of it."""

    name: Annotated[Name, Field(description="the file's")]
    file_bytes: Annotated[Size, Field(description="of the file, or of all parts of a split one")]
    keys: Annotated[
        dict[Key, Scalar | Annotated[list[Scalar], Field(max_length=LONGEST_LIST)]],
        Field(
            max_length=MOST_KEYS,
            description="`general.*`, those of the architecture, and `tokenizer.ggml.tokens` as the number of tokens",
        ),
    ]
    tensors: Annotated[tuple[GgufTensor, ...], Field(max_length=MAX_TENSORS, description="all of the file")]
    arguments: Annotated[
        dict[str, Any], Field(max_length=20, description="those of `check_fit`, but for model and quantization")
    ]


class GgufFitAnswer(Record):
    """The results of ``check_fit`` and ``estimate_speed``, by the file's own tensors."""

    fit: FitAnswer
    """Whether it fits."""
    speed: SpeedAnswer | None
    """How fast it is; null where the bandwidth of the device's memory is not known."""
    no_speed: str | None = None
    """What a speed would need to be told, where there is none."""


EXAMPLE = {
    "name": "tiny.gguf",
    "file_bytes": 3_000_000,
    "keys": {
        "general.architecture": "llama", "general.file_type": 1, "llama.block_count": 1, "llama.embedding_length": 256,
        "llama.feed_forward_length": 512, "llama.attention.head_count": 4, "llama.attention.head_count_kv": 4,
        "llama.context_length": 4096, "tokenizer.ggml.tokens": 1024,
    },
    "tensors": [
        {"name": "token_embd.weight", "type": 1, "shape": [256, 1024]},
        {"name": "blk.0.attn_q.weight", "type": 1, "shape": [256, 256]},
        {"name": "blk.0.ffn_up.weight", "type": 1, "shape": [256, 512]},
        {"name": "output_norm.weight", "type": 0, "shape": [256]},
    ],
    "arguments": {"device": "8GB card", "context": 4096},
}  # fmt: skip


@post(
    "/fit/gguf",
    operation_id="fit_gguf",
    summary="Fit and speed of a GGUF file by its header",
    tags=["pages"],
    opt=documented(answer=GgufFitAnswer, body=GgufFit, body_example=EXAMPLE),
    status_code=200,
)
async def fit_gguf(request: AnyRequest) -> Response[bytes]:
    """The page *Fit* reads the header in the browser and sends it here; the weights never leave their machine."""
    asked = parse_arguments("fit_gguf", GgufFit, await parsed_body(request))
    arguments = parse_arguments("fit_gguf", FitArguments, {**asked.arguments, "model": asked.name})
    header = _header(asked)
    catalogue = serving(request).catalogue
    fit, speed = await serving(request).in_thread(lambda: header_fit(catalogue, asked.name, header, arguments))
    if isinstance(speed, MissingArgument):
        return json_response(GgufFitAnswer(fit=fit, speed=None, no_speed=str(speed)))
    return json_response(GgufFitAnswer(fit=fit, speed=speed))


def _header(asked: GgufFit) -> Header:
    try:
        tensors = tuple(tensor_of(one.name, one.type, one.shape) for one in asked.tensors)
    except ValueError as error:
        raise UnreadableModel(f"{asked.name}: {error} in this GGUF file") from None
    if sum(tensor.bytes for tensor in tensors) > asked.file_bytes:
        raise UnreadableModel(f"{asked.name}: the GGUF file is damaged or cut short; download it again")
    return Header(asked.keys, tensors)
