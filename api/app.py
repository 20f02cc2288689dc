"""The application: routes, error map, and what is opened and closed with the server."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from typing import Any, cast

from litestar import Litestar, asgi
from litestar.datastructures import State
from litestar.enums import ScopeType
from litestar.exceptions import HTTPException
from litestar.handlers import ASGIRouteHandler
from litestar.routes import HTTPRoute
from litestar.types import Receive, Scope, Send
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager

from api import (
    chat,
    compare,
    disputes,
    docs,
    fit,
    health,
    keys,
    llms,
    logs,
    mcp,
    metrics,
    model_files,
    openai,
    pages,
    runnable,
    search,
    specs,
    terms,
    tools,
)
from api.compression import COMPRESSION
from api.deps import Serving, to_json
from api.document import openapi_document
from api.edge import Gate, with_edge
from api.html import WEB, static_files, templates
from api.limits import Limits
from api.metrics import Metrics
from api.problems import MAX_BODY_BYTES, on_http_error, on_known_error, on_unexpected_error, refuse
from api.representations import with_twins
from kb.errors import KnowledgeBaseError
from kb.llm import make_engine
from kb.llm.base import Engine
from kb.settings import Settings
from kb.settings import settings as environment

HANDLERS = (
    docs.index,
    terms.list_terms,
    terms.get_term,
    specs.list_spec_kinds,
    specs.search_specs,
    specs.list_kind,
    specs.get_spec,
    disputes.list_disputes,
    disputes.get_dispute,
    disputes.list_sources,
    disputes.get_source,
    disputes.get_passage,
    search.search,
    tools.list_tools,
    tools.get_tool,
    tools.call_tool,
    chat.chat,
    openai.list_models,
    openai.get_model,
    openai.create_chat_completion,
    fit.fit,
    fit.read_devices,
    model_files.fit_gguf,
    compare.compare,
    runnable.run,
    pages.static_file,
    keys.key_page,
    keys.give_key,
    health.live,
    health.ready,
    metrics.metrics,
    docs.docs,
    docs.openapi,
    docs.docs_file,
    llms.llms,
)

OPEN = ("/health/live", "/health/ready", "/key", "/docs/favicon.svg")
"""Beside the parts of the pages, what is answered to everybody, and always."""


def create_app(
    settings: Settings | None = None,
    engine_maker: Callable[[Settings], Engine | None] = make_engine,
    bound_to: str = "127.0.0.1",
) -> Litestar:
    """One server. The index is opened after the port is; until then ``/health/ready`` says 503.

    ``bound_to``: the name or address that it will listen on, by which it may be called.
    """
    settings = settings or environment()
    logs.configure(settings.log_level)
    serving = Serving(settings, engine_maker)
    counters = Metrics()
    # Without sessions, so that two servers behind a balancer need nothing from each other; who may ask is the edge's.
    agents = StreamableHTTPSessionManager(
        mcp.make_server(lambda _: serving.catalogue, serving.in_thread),
        json_response=True, stateless=True, security_settings=None, max_request_body_size=MAX_BODY_BYTES,
    )  # fmt: skip
    app = Litestar(
        route_handlers=(*HANDLERS, _mounted(agents)),
        exception_handlers={
            HTTPException: on_http_error,
            KnowledgeBaseError: on_known_error,
            Exception: on_unexpected_error,
        },
        lifespan=[_opened(serving), lambda _: agents.run()],
        compression_config=COMPRESSION,
        logging_config=None,
        openapi_config=None,
        request_max_body_size=MAX_BODY_BYTES,
        state=State(
            {
                "serving": serving,
                "metrics": counters,
                "docs": docs.parts(),
                "web": static_files(WEB / "static"),
                "templates": templates(),
            }
        ),
    )
    document = openapi_document(app)
    app.state.openapi = to_json(document)
    app.state.routes = {
        "name": "Hardware KB",
        "routes": {
            f"{method.upper()} {path}": operation["summary"]
            for path, methods in document["paths"].items()
            for method, operation in methods.items()
        },
    }
    app.asgi_handler = with_twins(app.asgi_handler)
    gate = Gate(
        hosts=(*settings.allowed_hosts, bound_to.lower()),
        origins=frozenset(settings.cors_origins),
        keys=settings.api_keys,
        limits=Limits(settings.rate_limit, settings.at_once_each, settings.at_once),
        open_paths=frozenset((*OPEN, *(f"/static/{name}" for name in app.state.web))),
    )
    app.asgi_handler = with_edge(app.asgi_handler, counters, gate, _methods(app))
    return app


def _mounted(agents: StreamableHTTPSessionManager) -> ASGIRouteHandler:
    @asgi("/mcp", is_mount=True, copy_scope=True)
    async def to_agents(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"].strip("/"):  # below it there is nothing
            raise refuse(404, "")
        if scope["type"] != ScopeType.HTTP or scope["method"] != "POST":
            # GET would open a stream for what the server says unasked: it says nothing, and the stream never ends.
            raise refuse(405, "", {"allow": "POST"})
        await agents.handle_request(cast(Any, scope), cast(Any, receive), cast(Any, send))

    return to_agents


def _methods(app: Litestar) -> dict[str, set[str]]:
    """What may be done with each path."""
    found: dict[str, set[str]] = {}
    for route in app.routes:
        if isinstance(route, HTTPRoute):
            methods = found.setdefault(route.path_format, set())
            methods |= route.methods
            methods |= {"HEAD"} if "GET" in route.methods else set()
    return found


def _opened(serving: Serving) -> Callable[[Litestar], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def opened(_: Litestar) -> AsyncIterator[None]:
        opening = asyncio.create_task(serving.keep_open())
        try:
            yield
        finally:
            opening.cancel()
            with suppress(asyncio.CancelledError):
                await opening
            await asyncio.to_thread(serving.close)

    return opened
