"""``/metrics``: what Prometheus reads, counted per server, not per process.

Our own few lines rather than the framework's plugin: that one keeps its counters in a class, shared by all servers of
a process, and never sees a request that matches no route.
"""

from typing import cast

from litestar import Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.process_collector import ProcessCollector

from api.deps import AnyRequest
from api.document import reads

_METHODS = frozenset(("GET", "HEAD", "POST", "OPTIONS"))


class Metrics:
    """The counters of one server."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self._requests = Counter(
            "kb_http_requests", "Requests answered.", ("method", "route", "status"), registry=self.registry
        )
        self._seconds = Histogram(
            "kb_http_request_seconds",
            "Time to the end of the answer.",
            ("route",),
            buckets=(0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 1, 5, 30, 120),
            registry=self.registry,
        )
        self.in_progress = Gauge("kb_http_requests_in_progress", "Requests being answered.", registry=self.registry)

    def answered(self, method: str, route: str, status: int, seconds: float) -> None:
        """``route`` is the template, not the path, so that the number of series stays bounded."""
        self._requests.labels(method if method in _METHODS else "other", route, str(status)).inc()
        self._seconds.labels(route).observe(seconds)


@reads("/metrics", "Counters for Prometheus", "health", media=("text/plain",))
def metrics(request: AnyRequest) -> Response[bytes]:
    counters = cast(Metrics, request.app.state.metrics)
    return Response(generate_latest(counters.registry), media_type=CONTENT_TYPE_LATEST)
