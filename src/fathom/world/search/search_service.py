"""What there is to know of one search service: where it is, what it is asked, and how its replies are read.

A service is data and two pure functions; `HttpEngine` does the rest for all of them alike.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, Literal, TypeVar

from pydantic import Field, SecretStr

from fathom.core.config import Config
from fathom.sandbox.egress.protocol import WebRequest
from fathom.sandbox.gateway.service import LaneConfig
from fathom.world.protocol import Hit
from fathom.world.search.protocol import SearchQuery
from fathom.world.search.reply import Form

Narrowing = Literal["domains", "dates", "language"]
"""What of a query a service's interface can be told."""

Key = Literal["required", "optional", "none"]


class SearchServiceConfig(Config):
    """Settings that every service has."""

    url: str = Field(description="address of the interface")
    api_key: SecretStr = Field(default=SecretStr(""), description="the user's key; empty where none is needed")
    contact: str = Field(default="", description="mail address told to services that ask for one")
    timeout_s: float = Field(default=20.0, gt=0, description="seconds for one request, body included")
    max_bytes: int = Field(default=2_000_000, ge=1, description="bytes of one reply, after decompression")

    def asked(
        self,
        params: dict[str, str] | None = None,
        *,
        headers: dict[str, str] | None = None,
        method: str = "GET",
        body: bytes = b"",
        url: str = "",
    ) -> WebRequest:
        """A request with the limits of this configuration."""
        return WebRequest(
            url=url or self.url,
            method=method,
            params=params or {},
            headers=headers or {},
            body=body,
            max_bytes=self.max_bytes,
            timeout_s=self.timeout_s,
        )

    @property
    def key(self) -> str:
        """The key as it is sent."""
        return self.api_key.get_secret_value()


class CatalogueConfig(SearchServiceConfig):
    """Settings of a catalogue of works. Its replies are larger than others: it names all authors of a work, thousands
    of them where a collaboration wrote it, each with their affiliations."""

    max_bytes: int = Field(default=10_000_000, ge=1, description="bytes of one reply, after decompression")


C = TypeVar("C", bound=SearchServiceConfig)


def _unstated(config: SearchServiceConfig) -> LaneConfig:
    return LaneConfig()


@dataclass(frozen=True)
class SearchService(Generic[C]):
    """One service. `request` makes a request of a query whose `k` and length are within bounds. `read` makes hits of a
    reply's content, or the next request where one is not enough; it raises `WorldUnavailableFault` for whatever it was
    not promised; `garbage_hint` says what to do about a reply of another form. `statuses` are those whose replies are
    to be read. `argument` is the setting that stands
    behind the colon of a spec, as in `wikipedia:de`. `limits` says how hard its documentation allows it to be asked.
    `general` and `cheap_k` are as in `EngineTraits`; who passes on domains takes a query of nothing else."""

    name: str
    url: str
    request: Callable[[C, SearchQuery], WebRequest]
    read: Callable[[C, SearchQuery, Any], tuple[Hit, ...] | WebRequest]
    config: type[C]
    passes: frozenset[Narrowing] = frozenset()
    form: Form = "json"
    statuses: frozenset[int] = frozenset({200})
    key: Key = "none"
    max_k: int = 50
    max_chars: int = 400
    general: bool = False
    cheap_k: int | None = None
    garbage_hint: str = ""
    argument: str = ""
    limits: Callable[[C], LaneConfig] = _unstated

    @property
    def key_variable(self) -> str:
        """The environment variable its key is read from."""
        return f"FATHOM_{self.name.upper()}_KEY" if self.key != "none" else ""
