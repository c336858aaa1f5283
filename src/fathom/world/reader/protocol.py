"""What turns an address into a page."""

from typing import Protocol

from fathom.core.evidence import Page
from fathom.core.model import Frozen
from fathom.world.protocol import WorldLink


class ReadPage(Frozen):
    """A page and the links out of it, in the order of the page."""

    page: Page
    links: tuple[WorldLink, ...] = ()


class PageReader(Protocol):
    """One way to read pages. Raises `PageNotFoundError` with positive evidence only, `AccessDeniedError` for an address
    that may not be opened, else `WorldUnavailableFault` with its kind."""

    @property
    def name(self) -> str: ...

    async def read(self, url: str) -> ReadPage: ...

    async def close(self) -> None: ...
