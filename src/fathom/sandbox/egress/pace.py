"""`HostPace`: how often each host is asked, by all who share it. Pages, redirects and robots.txt count alike.

Each request takes the next free place in its host's row when it comes, so that those that wait go in their order.
Reference: the generic cell rate algorithm (ITU-T I.371), whose limits are those of a token bucket.
"""

import asyncio
from collections import OrderedDict
from dataclasses import dataclass

from fathom.core.errors import ProviderFault

_HOSTS = 10_000


@dataclass
class _Row:
    """When the next request would come at an even pace, and how far apart the host itself wants them."""

    due: float = 0.0
    every_s: float = 0.0


class HostPace:
    """`rate_per_s` requests to each host (None: as many as there are), after a pause `burst` at once. Belongs to one
    event loop, whose clock it goes by."""

    def __init__(self, rate_per_s: float | None, burst: int = 1) -> None:
        self._every_s, self._burst = 1.0 / rate_per_s if rate_per_s else 0.0, burst
        self._rows: OrderedDict[str, _Row] = OrderedDict()

    def slow(self, host: str, every_s: float) -> None:
        """From now on leave at least so many seconds between requests to `host`, where that is more than usual."""
        if every_s > 0 or host in self._rows:
            self._row(host).every_s = every_s

    async def turn(self, host: str, longest_s: float) -> None:
        """Return when `host` may be asked. Raises `ProviderFault` of kind `rate_limited`, with the seconds to wait, at
        once where that is more than `longest_s` off; no place is taken then."""
        now, row = asyncio.get_running_loop().time(), self._row(host)
        own = row.every_s > self._every_s
        every_s, burst = (row.every_s, 1) if own else (self._every_s, self._burst)
        wait = max(0.0, row.due - (burst - 1) * every_s - now)
        if wait > longest_s:
            raise ProviderFault("the host is asked as often as it may be", kind="rate_limited", retry_after_s=wait)
        row.due = max(row.due, now) + every_s
        await asyncio.sleep(wait)

    def _row(self, host: str) -> _Row:
        row = self._rows.pop(host, None) or _Row()
        self._rows[host] = row  # the last one used stands last
        if len(self._rows) > _HOSTS:
            self._rows.popitem(last=False)
        return row
