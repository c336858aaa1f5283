"""The live world, put together: engines and readers in their order, asked through a gateway."""

from collections.abc import Mapping
from pathlib import Path

from fathom.core.config import Environment
from fathom.core.errors import ConfigError
from fathom.recipes.web_config import ReaderName, WebConfig
from fathom.sandbox.egress.client import EgressClient, EgressConfig
from fathom.sandbox.egress.pace import HostPace
from fathom.sandbox.egress.protocol import Scope, Web
from fathom.sandbox.gateway.breaker import BreakerConfig
from fathom.sandbox.gateway.cache import ResultCache
from fathom.sandbox.gateway.calls import FileLog
from fathom.sandbox.gateway.gateway import Gateway, GatewayConfig
from fathom.sandbox.gateway.service import LaneChanges, LaneConfig, ServiceConfig
from fathom.world.gated import Closing, GatedConfig, GatedWorld, web_sources
from fathom.world.reader.browser import BrowserConfig, BrowserReader
from fathom.world.reader.live import LiveReader, LiveReaderConfig
from fathom.world.reader.parser import PageParser
from fathom.world.reader.protocol import PageReader
from fathom.world.reader.robots import Robots
from fathom.world.reader.service import ServiceReader, ServiceReaderConfig
from fathom.world.search.protocol import DescribedEngine, SearchEngine
from fathom.world.search.registry import LOCAL, SERVICES, documented_limits, engine, identity

CALLS, _ANSWERS = "calls.jsonl", "answers.sqlite"
_READER_KEY = "reader"  # FATHOM_READER_KEY
_READER_SLOTS = 16
_BROWSER_BYTES = 5  # as many times what a page may have may come in with all that its scripts ask for


def live_world(engines: str, environment: Environment, config: WebConfig = WebConfig()) -> GatedWorld:
    """Search by `engines`, names with commas between them, and pages of where `config.scope` allows. Answers are cached
    and calls are logged in the home, for all runs. Raises `ConfigError` for an engine that is none."""
    inside = inward(environment, config)
    specs = engine_specs(engines)
    found = [search_engine(spec, inside, environment, config) for spec in specs]
    limits = {each.name: engine_limits(each, config.engines) for each in found}
    parser, asked = PageParser(), engine_service(config)
    host = config.host.over(GatedConfig().host)
    outward = _Outward(environment, config, parser, HostPace(host.rate_per_s, host.burst))
    readers = [_reader(name, outward) for name in dict.fromkeys(config.readers)]
    gated = GatedConfig(
        search=asked,
        tidy=config.tidy,
        # First it may take its host's turn and what its site asks of robots, then the page.
        read=asked.model_copy(update={"timeout_s": 2.2 * config.timeout_s, "deadline_s": 4 * config.timeout_s}),
        engines=limits,
        host=host,
        readers={
            "browser": LaneConfig(slots=browser_settings(config).browsers),
            "service": config.reader_limits.over(LaneConfig(slots=_READER_SLOTS)),
        },
    )
    # Whatever decides what an answer is: with other settings it is asked for anew.
    rules = config.model_dump(mode="json", include={"scope", "robots", "readers", "reader_url", "max_bytes"})
    if config.scope == "private":
        rules["marked"] = 2  # pages kept from when not all that are private were marked so are not taken
    sources = web_sources(
        found, readers, gated, version=f"{config.scope} {' '.join(specs)}", read_version=str(sorted(rules.items()))
    )
    gateway = open_gateway(environment.home, config.breaker)
    owned: tuple[Closing, ...] = (gateway, *found, *readers, outward.robots, parser, inside)
    return GatedWorld("live", gateway, sources, gated, owned=owned)


def open_gateway(home: Path, breaker: BreakerConfig = BreakerConfig()) -> Gateway:
    """A gateway whose cache and call log lie in the home, shared with other processes."""
    folder = home / "gateway"
    return Gateway(GatewayConfig(breaker=breaker), cache=ResultCache(folder / _ANSWERS), log=FileLog(folder / CALLS))


def inward(environment: Environment, config: WebConfig) -> EgressClient:
    """The way to servers that the user named, which may stand in a private network."""
    return _way_out(config.scope if config.scope == "offline" else "private", environment, config)


def _way_out(scope: Scope, environment: Environment, config: WebConfig, pace: HostPace | None = None) -> EgressClient:
    # Who has a slot shall not wait for a connection: a request's seconds are counted by then.
    connections = max(EgressConfig().connections, config.slots)
    return EgressClient(EgressConfig(scope=scope, proxy=environment.proxy, connections=connections), pace=pace)


def engine_specs(names: str) -> tuple[str, ...]:
    """The engines named in a text with commas; an address is a SearXNG server. Raises `ConfigError` for none, and for
    one named twice, which would confirm its own word that nothing is there."""
    asked = [name.strip() for name in names.split(",") if name.strip()]
    if not asked:
        raise ConfigError("no search engine is named", hint="as in live:http://localhost:8080 or live:serper,brave")
    specs = tuple(f"searxng:{name}" if name.startswith(("http://", "https://")) else name for name in asked)
    seen: set[str] = set()
    for name, same in zip(asked, map(identity, specs), strict=True):
        if same in seen:
            raise ConfigError(f"the search engine {name!r} is named twice", hint="a second one has to be another one")
        seen.add(same)
    return specs


def engine_limits(found: SearchEngine, *layers: Mapping[str, LaneChanges]) -> LaneConfig:
    """How hard an engine may be asked: as its documentation says, with the changes of each layer over it. Raises
    `ConfigError` for a layer that names no engine."""
    limits = documented_limits(found)
    for layer in layers:
        if unknown := sorted(set(layer) - {*SERVICES, LOCAL}):
            raise ConfigError(f"limits are set for {unknown[0]!r}, which is no search engine")
        if changes := layer.get(found.name.partition(":")[0]):
            limits = changes.over(limits)
    return limits


def search_engine(spec: str, web: Web, environment: Environment, config: WebConfig) -> DescribedEngine:
    """The engine of a spec; it leaves `web` open."""
    return engine(spec, web, environment.keys, contact=environment.contact, timeout_s=config.timeout_s)


def engine_service(config: WebConfig) -> ServiceConfig:
    """How engines are asked."""
    return ServiceConfig(
        timeout_s=1.2 * config.timeout_s,
        deadline_s=3 * config.timeout_s,
        keep_s=config.keep_s,
        attempts=config.attempts,
        slots=config.slots,
    )


def browser_settings(config: WebConfig) -> BrowserConfig:
    """How the browser reads pages."""
    return BrowserConfig(
        sandbox=config.browser_sandbox,
        timeout_s=config.timeout_s,
        robots=config.robots,
        max_bytes=_BROWSER_BYTES * config.max_bytes,
    )


class _Outward:
    """What the readers of one world share: each host is asked at one pace, and once for its robots.txt, whoever reads
    its pages."""

    def __init__(self, environment: Environment, config: WebConfig, parser: PageParser, pace: HostPace) -> None:
        self.environment, self.config, self.parser, self._pace = environment, config, parser, pace
        self.robots = Robots(self.web(), parser, pace=pace)

    def web(self, scope: Scope | None = None) -> EgressClient:
        """A way to pages, of the run's scope or another one."""
        return _way_out(scope or self.config.scope, self.environment, self.config, self._pace)


def _reader(name: ReaderName, outward: _Outward) -> PageReader:
    config, parser, robots = outward.config, outward.parser, outward.robots
    if name == "live":
        own = LiveReaderConfig(timeout_s=config.timeout_s, max_bytes=config.max_bytes, robots=config.robots)
        return LiveReader(outward.web(), own, parser=parser, robots=robots)
    if name == "browser":
        return BrowserReader(outward.web(), browser_settings(config), parser=parser, robots=robots)
    wider = config.scope == "private"
    service = ServiceReaderConfig(
        base_url=config.reader_url, timeout_s=config.timeout_s, max_bytes=config.max_bytes, wider=wider
    )
    if key := outward.environment.keys.get(_READER_KEY):
        service = service.model_copy(update={"api_key": key})
    return ServiceReader(
        inward(outward.environment, config),
        service,
        outward=outward.web("public" if wider else None),
        robots=robots if config.robots else None,
    )
