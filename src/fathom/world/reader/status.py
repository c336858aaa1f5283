"""What the status of a reply says about a page."""

from fathom.core.errors import PageNotFoundError, ProviderFault, WorldUnavailableFault
from fathom.llm.retry import retry_after_s
from fathom.sandbox.egress.protocol import WebReply
from fathom.sandbox.egress.status import kind_of
from fathom.world.reader.protocol import PageFault

GONE = frozenset({404, 410})
"""What a server says of pages that it does not have."""


def check_status(reply: WebReply) -> None:
    """Return for a reply with a page. Raises `PageNotFoundError` where the server says that there is none, else
    `PageFault`: being refused, or asking too often, says nothing about the page."""
    status = reply.status
    if status in GONE:
        raise PageNotFoundError(f"the server says there is no such page ({status})")
    if status not in (200, 203):
        raise PageFault(
            f"the server answered with status {status}",
            kind=kind_of(status),
            retry_after_s=retry_after_s(reply.headers),
        )


def as_unavailable(
    fault: ProviderFault, kind: type[WorldUnavailableFault] = WorldUnavailableFault
) -> WorldUnavailableFault:
    """A fault of a request as one of the page that was asked for, or as `kind` says."""
    return kind(
        f"the page could not be fetched: {fault}", kind=fault.kind, retry_after_s=fault.retry_after_s, hint=fault.hint
    )
