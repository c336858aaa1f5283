"""`GatedWorld`: a world behind the gateway. Search engines and readers are its providers, tried in their order.

The same for every world: the live web is engines and readers, and any other world is one engine and one reader of its
own. What the model must know of how an answer came about stands in `note` of hits and pages.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from typing import Protocol, TypeVar

from pydantic import Field

from fathom.core.config import Config
from fathom.core.errors import AccessDeniedError, QueryError
from fathom.core.evidence import Page, PageLink
from fathom.sandbox.egress.policy import target_of
from fathom.sandbox.gateway.codec import JsonCodec
from fathom.sandbox.gateway.gateway import Gateway
from fathom.sandbox.gateway.service import LaneConfig, Provider, Service, ServiceConfig, told_apart
from fathom.world.protocol import RAISED, Hit, NoHits, World, WorldLink, for_attempt
from fathom.world.reader.extract import VERSION as EXTRACT
from fathom.world.reader.protocol import PageFault, PageReader, ReadPage
from fathom.world.search.addresses import host_of
from fathom.world.search.duplicates import TidyConfig, tidy
from fathom.world.search.gated import got, noted
from fathom.world.search.markup import one_line
from fathom.world.search.protocol import DescribedEngine, SearchQuery
from fathom.world.search.query import parse_query

A = TypeVar("A")

_SPARE = 5  # hits asked for besides, since some may be duplicates
LINK_CHARS = 300
"""Longest address of a link that is given with its page."""
_FACTS = {name: kind for name, kind in RAISED.items() if name != "unavailable"}
_HITS: JsonCodec[tuple[Hit, ...]] = JsonCodec(tuple[Hit, ...])
_READ: JsonCodec[ReadPage] = JsonCodec(ReadPage)
_LINKS: JsonCodec[tuple[WorldLink, ...]] = JsonCodec(tuple[WorldLink, ...])


class GatedConfig(Config):
    """How a world's services are asked. A page is no engine's: its limits are those of its host."""

    search: ServiceConfig = ServiceConfig(deadline_s=60.0)
    read: ServiceConfig = ServiceConfig(attempts=3)
    tidy: TidyConfig = Field(default=TidyConfig(), description="of hits of the web")
    engine: LaneConfig = Field(default=LaneConfig(), description="of each engine that `engines` does not name")
    engines: Mapping[str, LaneConfig] = Field(default={}, description="of engines by their names")
    host: LaneConfig = Field(
        default=LaneConfig(rate_per_s=2.0, burst=4, slots=4), description="of each web host, by each other reader"
    )
    readers: Mapping[str, LaneConfig] = Field(
        default={}, description="of readers that are providers of their own, a service or a browser, by their names"
    )


@dataclass(frozen=True)
class Sources:
    """What a world is asked of. The versions change where the same may be answered otherwise: the hash of a corpus.
    `web` says that queries may have operators, and that what is found has near duplicates and too much of one site;
    `domains_alone` that it can be asked for the pages of a domain without words. `of` gives the sources of one attempt
    where attempts are kept apart."""

    search: tuple[Provider[SearchQuery, tuple[Hit, ...]], ...]
    read: tuple[Provider[str, ReadPage], ...]
    links: tuple[Provider[str, tuple[WorldLink, ...]], ...] = ()
    version: str = ""
    read_version: str = ""
    web: bool = False
    domains_alone: bool = False
    of: "Callable[[str], Sources] | None" = None


def web_sources(
    engines: Sequence[DescribedEngine],
    readers: Sequence[PageReader],
    config: GatedConfig,
    *,
    version: str = "",
    read_version: str = "",
) -> Sources:
    """The live web: engines and readers, the preferred ones first. The versions name who is asked and what may be
    opened, so that answers to runs with other rules stay apart. Engines of one name are told apart by numbers."""
    names = told_apart([engine.name for engine in engines])
    return Sources(
        search=tuple(
            Provider(
                name, _asker(engine), config.engines.get(engine.name, config.engine), confirms=engine.traits.general
            )
            for name, engine in zip(names, engines, strict=True)
        ),
        read=tuple(_provider(reader, config) for reader in readers),
        version=version,
        read_version=f"{read_version} extract {EXTRACT}",
        web=True,
        domains_alone=any(engine.traits.domains_alone for engine in engines),
    )


def _asker(engine: DescribedEngine) -> Callable[[SearchQuery], Awaitable[tuple[Hit, ...]]]:
    """Asks for no spare hits that would have to be paid for."""
    cheap = engine.traits.cheap_k

    async def ask(query: SearchQuery) -> tuple[Hit, ...]:
        if cheap is not None and query.k > cheap:
            query = query.model_copy(update={"k": max(cheap, query.k - _SPARE)})
        return await engine.search(query)

    return ask


def _provider(reader: PageReader, config: GatedConfig) -> Provider[str, ReadPage]:
    """A reader as the gateway asks it: rate, pauses and breaker are those of the host of the page, or of the reader
    where that is a provider of its own, which is not blamed for pages and their sites."""
    own = config.readers.get(reader.name)
    if own:
        return Provider(reader.name, reader.read, own, blamed=lambda fault: not isinstance(fault, PageFault))
    return Provider(
        reader.name,
        reader.read,
        config.host,
        lane=lambda url: f"{reader.name} {host_of(url)}",
        blamed=lambda fault: fault.kind != "unauthorised",  # a host that refuses one page may have others
    )


def world_sources(world: World, limits: LaneConfig = LaneConfig(slots=256), *, apart: bool = False) -> Sources:
    """Any other world, as its own engine and reader. Its name is the version of what it says. With `apart` an attempt
    in a world that attempts meet differently shares neither answers nor breakers with others, so that what it meets
    does not depend on them."""

    def of(attempt: str) -> Sources:
        own = for_attempt(world, attempt)
        return shared if own is world else _sources(own, limits, f"{world.name} {attempt}")

    shared = _sources(world, limits, world.name)
    if apart:
        shared = replace(shared, of=of)
    return shared


def _sources(world: World, limits: LaneConfig, version: str) -> Sources:
    async def read(url: str) -> ReadPage:
        return ReadPage(page=await world.open(url))

    def lane(url: str) -> str:
        return f"{version} {host_of(url)}"

    async def search(query: SearchQuery) -> tuple[Hit, ...]:
        return await world.search(query.text, query.k)

    return Sources(
        search=(Provider(world.name, search, limits, lane=lambda query: version),),
        read=(Provider(world.name, read, limits, lane=lane),),
        links=(Provider(world.name, world.links, limits, lane=lane),),
        version=version,
        read_version=version,
    )


class Closing(Protocol):
    """What is closed when it is no longer needed."""

    async def close(self) -> None: ...


class GatedWorld:
    """A `World` over a gateway, which may serve others too. What is `owned` is closed with it, in that order; the rest
    belongs to whoever made it."""

    def __init__(
        self,
        name: str,
        gateway: Gateway,
        sources: Sources,
        config: GatedConfig = GatedConfig(),
        *,
        owned: Sequence[Closing] = (),
    ) -> None:
        self.name, self._gateway, self._owned = name, gateway, owned
        self._sources, self._config = sources, config
        self._web, self._domains_alone, self._tidy = sources.web, sources.domains_alone, config.tidy
        self._search = Service(
            name="search",
            providers=sources.search,
            codec=_HITS,
            key=lambda query: query.model_dump(),
            version=sources.version,
            config=config.search,
            empty=lambda hits: not hits,
            keeps=lambda hits: not any(hit.private for hit in hits),
            final=not sources.web,
            facts={"query": QueryError},
        )
        version = sources.read_version
        key = _address if sources.web else _itself
        self._read = Service("read", sources.read, _READ, key, version, config.read, facts=_FACTS)
        self._links = Service("links", sources.links, _LINKS, _itself, version, config.read, facts=_FACTS)

    def for_attempt(self, attempt: str) -> World:
        """Through the same gateway; itself where attempts are not kept apart."""
        sources = self._sources.of(attempt) if self._sources.of else self._sources
        return self if sources is self._sources else GatedWorld(self.name, self._gateway, sources, self._config)

    async def search(self, query: str, k: int = 10) -> tuple[Hit, ...]:
        if not query.strip():
            return ()
        asked = self._parsed(query, k) if self._web else SearchQuery(text=query, k=max(1, k))
        answer = await self._gateway.ask(self._search, asked)
        hits = got(answer)
        if answer.degraded == "alone":
            return NoHits.noted(answer.degraded)
        if self._web:
            # Who asks for some sites by name wants more than a few hits of them.
            hits = tidy(hits, k, self._tidy.model_copy(update={"per_domain": 0}) if asked.domains else self._tidy)
        return noted(hits, answer.degraded)

    def _parsed(self, query: str, k: int) -> SearchQuery:
        asked = parse_query(query, k=k + _SPARE)
        if not one_line(asked.text, len(asked.text)) and not (asked.domains and self._domains_alone):
            # Nobody could be asked, which must not pass for two engines that found nothing.
            raise QueryError("it holds no words to search for, only what narrows a search")
        return asked

    async def open(self, url: str) -> Page:
        answer = await self._gateway.ask(self._read, url)
        read = got(answer)
        # What stands behind this gateway may be behind another one, whose pages have both already.
        note, links = answer.degraded or read.page.note, _shown(read.links) or read.page.links
        asked = {"url": url} if self._web else {}  # of several ways to write it the page may have another one
        return read.page.model_copy(update={"note": note, "links": links, **asked})

    async def links(self, url: str) -> tuple[WorldLink, ...]:
        if self._links.providers:
            answer = await self._gateway.ask(self._links, url)
            links, degraded = got(answer), answer.degraded
        else:
            read = await self._gateway.ask(self._read, url)
            links, degraded = got(read).links, read.degraded
        return tuple(link.model_copy(update={"note": degraded}) for link in links) if degraded else links

    async def close(self) -> None:
        async with AsyncExitStack() as closing:  # each of them whatever becomes of the others
            for part in reversed(self._owned):
                closing.push_async_callback(part.close)


def _shown(links: tuple[WorldLink, ...]) -> tuple[PageLink, ...]:
    """Links as a page has them for its reader, without those whose addresses are too long to be shown to one."""
    return tuple(
        PageLink(url=link.url, anchor=link.anchor, start=link.start) for link in links if len(link.url) <= LINK_CHARS
    )


def _itself(url: str) -> str:
    return url


def _address(url: str) -> str:
    """One form for the ways to write an address of the web; a fragment is for who looks at the page."""
    try:
        return target_of(url, "private").url
    except AccessDeniedError:
        return url
