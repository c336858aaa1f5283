"""What the status of a reply tells of whoever sent it: one table for search services, pages, sandboxes and tools."""

from collections.abc import Mapping

from fathom.core.errors import ProviderFault

_KINDS: Mapping[int, ProviderFault.Kind] = {
    401: "unauthorised",
    402: "rate_limited",  # what was paid for is used up
    403: "unauthorised",
    407: "unauthorised",
    408: "timeout",
    429: "rate_limited",
    451: "unauthorised",
}


def kind_of(status: int) -> ProviderFault.Kind:
    """The fault that a status tells of, where it is none of success."""
    if status >= 500:
        return "server"
    return _KINDS.get(status, "rejected" if status >= 400 else "garbage")
