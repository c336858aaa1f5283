"""Every search engine by name: `searxng:http://localhost:8080`, `serper`, `wikipedia:de`, `local:FOLDER`.

What stands behind the colon is the one setting that an engine is named with; all others have their defaults here, and
who needs them differently makes an `HttpEngine` of the service and its configuration.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import SecretStr, ValidationError

from fathom.core.errors import ConfigError
from fathom.corpus.snapshot import Snapshot
from fathom.sandbox.egress.protocol import Web
from fathom.sandbox.gateway.service import LaneConfig
from fathom.world.search.engine import HttpEngine
from fathom.world.search.engines.arxiv import ARXIV
from fathom.world.search.engines.brave import BRAVE
from fathom.world.search.engines.crossref import CROSSREF
from fathom.world.search.engines.duckduckgo import DUCKDUCKGO
from fathom.world.search.engines.exa import EXA
from fathom.world.search.engines.github import GITHUB
from fathom.world.search.engines.openalex import OPENALEX
from fathom.world.search.engines.pubmed import PUBMED
from fathom.world.search.engines.searxng import SEARXNG
from fathom.world.search.engines.semantic_scholar import SEMANTIC_SCHOLAR
from fathom.world.search.engines.serper import SERPER
from fathom.world.search.engines.tavily import TAVILY
from fathom.world.search.engines.wayback import WAYBACK
from fathom.world.search.engines.wikipedia import WIKIPEDIA
from fathom.world.search.local import LocalEngine
from fathom.world.search.protocol import DescribedEngine, SearchEngine
from fathom.world.search.search_service import SearchService
from fathom.world.simulated import SimulatedWorld

SERVICES: Mapping[str, SearchService[Any]] = {
    service.name: service
    for service in (
        SEARXNG, SERPER, TAVILY, BRAVE, EXA, DUCKDUCKGO, WIKIPEDIA, ARXIV, OPENALEX, SEMANTIC_SCHOLAR, CROSSREF, PUBMED,
        GITHUB, WAYBACK,
    )
}  # fmt: skip
LOCAL = "local"


def engine(
    spec: str, web: Web, keys: Mapping[str, SecretStr] | None = None, *, contact: str = "", timeout_s: float = 20.0
) -> DescribedEngine:
    """The engine that `spec` names, over `web`. `keys` are those of services by their names (`Environment.keys`),
    `contact` a mail address for those that ask for one.

    Raises `ConfigError` for a name that is none, for a setting that does not fit, and where a key is missing.
    """
    name, _, argument = spec.strip().partition(":")
    if name == LOCAL:
        return _local(argument)
    service = SERVICES.get(name)
    if service is None:
        known = ", ".join([*SERVICES, LOCAL])
        hint = "an address begins with http://, as in http://localhost:8080"
        raise ConfigError(f"there is no search engine {name!r}; there are {known}", hint=hint)
    key = (keys or {}).get(name, SecretStr(""))
    if service.key == "required" and not key.get_secret_value():
        raise ConfigError(f"{name} needs a key", hint=f"set {service.key_variable}")
    settings: dict[str, Any] = {"url": service.url, "contact": contact, "timeout_s": timeout_s}
    if service.key != "none":
        settings["api_key"] = key
    if argument:
        if not service.argument:
            raise ConfigError(f"{spec!r}: {name} takes nothing behind a colon")
        settings[service.argument] = argument
    if not re.match(r"https?://[^/\s]", settings["url"]):
        raise ConfigError(f"{spec!r} names no server", hint=f"as in {name}:http://localhost:8080")
    try:
        config = service.config(**settings)
    except ValidationError as error:
        raise ConfigError(f"{spec!r}: {error.errors()[0]['msg']}") from None
    return HttpEngine(service, config, web, name=f"{name}:{argument}" if argument and name != SEARXNG.name else name)


def identity(spec: str) -> str:
    """The same text for all specs of one engine: a setting that is left out is its default, and addresses differ by
    more than their case or a slash at the end. What names no engine is its own identity."""
    name, _, argument = spec.strip().partition(":")
    if name == LOCAL:
        return f"{name}:{Path(argument).absolute()}"
    service = SERVICES.get(name)
    if service is None or not service.argument:
        return name if service and not argument else spec
    default = service.config.model_fields[service.argument].default
    return f"{name}:{argument.rstrip('/').lower() or default}"


def label(spec: str) -> str:
    """What an engine may be called in a log: its spec, without the address of a server or the folder of a corpus."""
    name = spec.partition(":")[0]
    return name if name in (SEARXNG.name, LOCAL) else spec


def documented_limits(engine: SearchEngine) -> LaneConfig:
    """How hard an engine may be asked as far as is known: by what its service says, on this machine as one likes."""
    return engine.limits if isinstance(engine, HttpEngine) else LaneConfig()


def _local(folder: str) -> LocalEngine:
    if not folder:
        raise ConfigError("local names no corpus", hint="as in local:FOLDER")
    return LocalEngine(SimulatedWorld(Snapshot.open(Path(folder))), private=True)
