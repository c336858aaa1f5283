"""A reader service that mixes up its replies."""

import json

import pytest

from fathom.core.errors import WorldUnavailableFault
from fathom.sandbox.egress.protocol import WebReply, WebRequest
from fathom.world.reader.service import ServiceReader


class Service:
    """Gives the page at `given`, whatever is asked for."""

    def __init__(self, given: str) -> None:
        self.given = given

    async def fetch(self, request: WebRequest) -> WebReply:
        page = {"code": 200, "data": {"title": "T", "url": self.given, "content": "text"}}
        return WebReply(200, request.url, {"content-type": "application/json"}, json.dumps(page).encode())

    async def close(self) -> None:
        return None


@pytest.mark.parametrize(
    "given",
    ["https://site.example.org/a", "https://www.site.example.org/b", "https://moved.example.org/a/", ""],
)
async def test_a_page_that_may_be_the_one_asked_for_is_taken(given: str) -> None:
    assert (await ServiceReader(Service(given)).read("https://site.example.org/a")).page.text == "text"


@pytest.mark.parametrize("given", ["https://other.example.org/b", "http://[::1", "x"])
async def test_another_page_is_a_mismatch(given: str) -> None:
    with pytest.raises(WorldUnavailableFault) as caught:
        await ServiceReader(Service(given)).read("https://site.example.org/a")
    assert caught.value.kind == "mismatch"
