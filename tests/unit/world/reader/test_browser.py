"""The browser's part that needs no browser: whose a fault is, and where a page may lead."""

import asyncio
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fathom.core.errors import AccessDeniedError, FathomError, WorldUnavailableFault
from fathom.sandbox.egress.client import EgressClient, EgressConfig
from fathom.sandbox.egress.scripted import ScriptedConnector, ScriptedResolver
from fathom.world.reader.browser import BrowserConfig, BrowserReader
from fathom.world.reader.browser_child import _Way
from fathom.world.reader.protocol import PageFault


class Pipe:
    """The two ends of a holder of a browser that says `lines`; `heard` is what it was told."""

    def __init__(self, *lines: Any) -> None:
        self.stdout, self.stdin, self.heard = asyncio.StreamReader(), self, []  # type: ignore[var-annotated]
        for line in lines:
            self.stdout.feed_data(json.dumps(line).encode() + b"\n")
        self.stdout.feed_eof()

    def write(self, data: bytes) -> None:
        self.heard.append(json.loads(data))


class Holder(BrowserReader):
    """A reader whose browser's holder says `lines`."""

    lines: tuple[Any, ...] = ()
    pipe: Pipe

    async def _browse(self, url: str, port: int, refused: list[FathomError]) -> dict[str, Any]:
        self.pipe = Pipe(*self.lines)
        return await self._told(self.pipe, {"url": url}, refused)  # type: ignore[arg-type]


@pytest.fixture
def reader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Holder:
    if sys.platform != "linux":
        pytest.skip("there is no browser but on Linux")
    (tmp_path / "playwright").mkdir()
    (tmp_path / "playwright" / "__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    names = {"a.example": [["93.184.215.14"]], "inside.example": [["10.0.0.7"]]}
    web = EgressClient(EgressConfig(), resolver=ScriptedResolver(names), connector=ScriptedConnector({}))
    return Holder(web, BrowserConfig(executable="/bin/true", robots=False))


AT = "http://a.example/"
SHOWN = {"status": 200, "url": AT, "html": "<p>The page.</p>"}


async def test_a_browser_that_does_not_start_is_no_fault_of_the_page(reader: Holder) -> None:
    for line, of_the_page in (
        ({"error": "no sandbox", "at": AT, "started": False}, False),
        ({"error": "net::ERR_FAILED", "at": AT, "started": True}, True),
        ({**SHOWN, "status": 503}, True),
    ):
        reader.lines = (line,)
        with pytest.raises(WorldUnavailableFault) as caught:
            await reader.read(AT)
        assert isinstance(caught.value, PageFault) is of_the_page
    reader.lines = ()
    with pytest.raises(WorldUnavailableFault, match="without an answer") as caught:
        await reader.read(AT)
    assert not isinstance(caught.value, PageFault)
    await reader.close()


async def test_a_page_asks_before_it_leads_to_another(reader: Holder) -> None:
    reader.lines = ({"leads_to": "http://a.example/b"}, {**SHOWN, "url": "http://a.example/b"})
    assert (await reader.read(AT)).page.text == "The page."
    assert reader.pipe.heard[1:] == [True]
    reader.lines = (
        {"leads_to": "http://inside.example/"},
        {"error": "net::ERR_ABORTED", "at": "http://inside.example/", "started": True},
    )
    with pytest.raises(AccessDeniedError):
        await reader.read(AT)
    assert reader.pipe.heard[1:] == [False]
    await reader.close()


class Protocol:
    """The protocol of a browser, whose one page has the frame `main`; `went` is what was let go on."""

    def __init__(self) -> None:
        self.went: list[str] = []

    def send(self, method: str, params: dict[str, Any] | None = None) -> dict[str, Any]:
        if method == "Fetch.continueRequest" and params:
            self.went.append(params["requestId"])
        return {"frameTree": {"frame": {"id": "main"}}}

    def on(self, event: str, handler: Callable[[dict[str, Any]], None]) -> None:
        assert event == "Fetch.requestPaused"
        self.pause = handler


def test_the_first_address_and_frames_are_not_asked_about_and_what_is_refused_is_the_end() -> None:
    asked: list[str] = []
    told: list[dict[str, Any]] = []

    def may(url: str) -> bool:
        asked.append(url)
        return url != "no"

    protocol = Protocol()
    _Way(protocol, told.append, may)
    for url, frame in (("first", "main"), ("frame", "inner"), ("yes", "main"), ("no", "main")):
        protocol.pause({"requestId": url, "frameId": frame, "request": {"url": url}})
    assert protocol.went == ["first", "frame", "yes"] and asked == ["yes", "no"]
    assert ["error" in outcome for outcome in told] == [True]
