"""What turns an address into a page."""

from typing import Protocol

from fathom.core.errors import WorldUnavailableFault
from fathom.core.evidence import Page
from fathom.core.model import Frozen
from fathom.world.protocol import WorldLink


class ReadPage(Frozen):
    """A page and the links out of it, in the order of the page."""

    page: Page
    links: tuple[WorldLink, ...] = ()


class PageFault(WorldUnavailableFault):
    """A fault of a page or its site: it says nothing about who read it, who may well read others."""


class PageReader(Protocol):
    """One way to read pages. Raises `PageNotFoundError` with positive evidence only, `AccessDeniedError` for an address
    that may not be opened, else `WorldUnavailableFault` with its kind; a reader that is a provider of its own, as a
    service is, raises `PageFault` where the fault is not its own."""

    @property
    def name(self) -> str: ...

    async def read(self, url: str) -> ReadPage: ...

    async def close(self) -> None: ...
