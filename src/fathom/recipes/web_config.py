"""Settings of the live web, as a run has them."""

from collections.abc import Mapping
from typing import Literal

from pydantic import Field

from fathom.core.config import Config
from fathom.sandbox.egress.protocol import Scope
from fathom.sandbox.gateway.breaker import BreakerConfig
from fathom.sandbox.gateway.service import LaneChanges
from fathom.world.search.duplicates import TidyConfig

ReaderName = Literal["live", "browser", "service"]


class WebConfig(Config):
    """Where requests may go, and what pages are read by. Search servers named by the user may be private ones. The
    proxy, where there is one, is `Environment.proxy`."""

    scope: Scope = Field(default="public", description="addresses that may be opened: public, private, or none")
    readers: tuple[ReaderName, ...] = Field(
        default=("live",),
        min_length=1,
        description="in the order in which they are tried: own requests, a headless Chromium, a reader service",
    )
    reader_url: str = Field(
        default="https://r.jina.ai", description="of the reader service, which is told what is read; FATHOM_READER_KEY"
    )
    reader_limits: LaneChanges = Field(
        default=LaneChanges(), description="limits of the reader service, in place of 16 requests at once"
    )
    robots: bool = Field(default=True, description="heed what sites ask of robots")
    browser_sandbox: bool = Field(default=True, description="Chromium's own; it does not start as root with it")
    tidy: TidyConfig = Field(default=TidyConfig(), description="how lists of hits are made short and varied")
    timeout_s: float = Field(default=30.0, gt=0, description="seconds for one request, of the browser for one page")
    max_bytes: int = Field(
        default=10_000_000,
        ge=1,
        description="bytes of one page, after decompression; a browser may bring in five times that in all",
    )
    attempts: int = Field(default=3, ge=1, description="attempts at each engine and reader")
    slots: int = Field(default=256, ge=1, description="searches at once, and pages read at once; others wait")
    keep_s: float = Field(default=86_400.0, ge=0, description="how long an answer is cached; 0: not at all")
    engines: Mapping[str, LaneChanges] = Field(
        default={}, description="limits of engines by name, in place of those their documentation states"
    )
    host: LaneChanges = Field(
        default=LaneChanges(), description="limits of each web host, in place of 2 requests a second and 4 at once"
    )
    breaker: BreakerConfig = Field(default=BreakerConfig(), description="when an engine, reader or tool is left alone")
