"""``/llms.txt``: what this is and where things are, for language models (https://llmstxt.org)."""

from litestar import Response

from api.deps import AnyRequest, cacheable, serving
from api.document import reads
from api.html import rendered
from api.representations import whole_address
from kb.tools import TOOLS

TEXT = "text/plain"


@reads("/llms.txt", "What is here, for language models", "docs", media=(TEXT,))
def llms(request: AnyRequest) -> Response[bytes]:
    """Markdown in the form of llmstxt.org; its links lead to Markdown or JSON."""
    body = rendered(
        request,
        "llms.txt",
        known=serving(request).catalogue.known,
        tools=list(TOOLS),
        whole=lambda path: whole_address(request, path),
    )
    return cacheable(request, body, TEXT)
