"""How much one client may ask, and how much is worked on at once; more is told when to come again."""

import ipaddress
import math
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from limits import parse
from limits.aio.storage import MemoryStorage
from limits.aio.strategies import FixedWindowRateLimiter
from litestar.exceptions import HTTPException

from api.problems import RETRY_AFTER_S, refuse

_UNLIMITED = "none"


class Limits:
    """Of one server. A client is a name to count by; None is counted among all, but not by itself."""

    def __init__(self, rate: str, at_once_each: int, at_once: int) -> None:
        self._rate = None if rate == _UNLIMITED else parse(rate)
        self._hits = FixedWindowRateLimiter(MemoryStorage())
        self._each, self._all = at_once_each, at_once
        self._working: Counter[str | None] = Counter()

    async def refusal(self, client: str | None) -> HTTPException | None:
        """Why one more request must wait, if it must; else it has been counted against the rate."""
        if self._working.total() >= self._all:
            return _later(503, "The server is busy with other requests.", RETRY_AFTER_S)
        if client is None:
            return None
        if self._working[client] >= self._each:
            return _later(429, f"You have {self._each:,} requests here that are being answered.", RETRY_AFTER_S)
        if self._rate is not None and not await self._hits.hit(self._rate, client):
            ends_at, _ = await self._hits.get_window_stats(self._rate, client)
            return _later(429, f"You have asked more than {self._rate}.", math.ceil(ends_at - time.time()))
        return None

    @contextmanager
    def working(self, client: str | None) -> Iterator[None]:
        """While a request is answered."""
        self._working[client] += 1
        try:
            yield
        finally:
            self._working[client] -= 1
            if not self._working[client]:
                del self._working[client]


def _later(status: int, why: str, seconds: int) -> HTTPException:
    seconds = max(seconds, 1)
    return refuse(status, f"{why} Ask again in {seconds} s.", {"Retry-After": str(seconds)})


def network_of(address: str) -> str:
    """What one person has of the internet: of IPv6 the network, whose addresses are theirs by the billion.

    >>> network_of("192.0.2.7"), network_of("2001:db8::1:2"), network_of("::ffff:192.0.2.7"), network_of("nonsense")
    ('192.0.2.7', '2001:db8::/64', '192.0.2.7', 'unknown')
    >>> network_of("::1")
    '::1'
    """
    try:
        known = ipaddress.ip_address(address)
    except ValueError:
        return "unknown"
    if isinstance(known, ipaddress.IPv4Address) or known.is_loopback:
        return str(known)
    if known.ipv4_mapped:
        return str(known.ipv4_mapped)
    return str(ipaddress.ip_network((known.packed[:8] + bytes(8), 64)))
