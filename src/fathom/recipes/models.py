"""Models by their specs: `embedded`, a GGUF file, `local:FOLDER`, `MODEL@URL` or a bare URL, `scripted:FILE`.

`first-choice` is no model: it fills every form with the first thing allowed, and shows what the harness does alone.
Several endpoints with commas between them are a pool; `MODEL@URL*2` gives one twice the share of the others.
"""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from fathom.core.assets import Progress, quiet
from fathom.core.config import Environment, torch_defaults
from fathom.core.errors import ConfigError, InputError, ModelFault
from fathom.core.jsonl import read_rows
from fathom.core.message import Message
from fathom.llm.protocol import ChatModel

if TYPE_CHECKING:
    from fathom.llm.openai_compat import OpenAIChat
    from fathom.llm.retry import Retry

SPECS = (
    "embedded, a .gguf file, local:FOLDER, MODEL@URL (several with commas for a pool), a URL, scripted:FILE, or "
    "first-choice"
)
LOCAL = "local:"


def model_spec(environment: Environment, *, url: str = "", model: str = "") -> str:
    """The spec for what was named: an endpoint and a model there, or a spec as it is; what is left open is taken from
    the environment. With nothing named anywhere it is the embedded model."""
    if not url and _is_spec(model):
        return model
    url = url or environment.model_url
    if not url:
        if model:
            raise ConfigError(f"no endpoint for the model {model!r}", hint=f"Give its URL; models are {SPECS}.")
        return "embedded"
    named = model or (environment.model_name if url == environment.model_url else "")
    return f"{named}@{url}"


def open_model(
    spec: str,
    environment: Environment,
    *,
    retries: bool = True,
    on_progress: Progress = quiet,
    on_wait: Callable[[str], None] = lambda text: None,
) -> ChatModel:
    """The model a spec names. With `retries` failed requests to endpoints are tried again, and `on_wait` is told so
    before each wait. `on_progress` hears of the download of the embedded model.

    Raises `ConfigError` for a spec that names nothing, `InputError` for a file that is none, `AssetFault`.
    """
    if spec == "embedded":
        from fathom.llm.embedded import smollm2

        return smollm2(environment.home, on_progress=on_progress)
    if spec == "first-choice":
        from fathom.llm.baseline import FirstChoiceChat

        return FirstChoiceChat()
    if spec.startswith("scripted:"):
        return _scripted(Path(spec.removeprefix("scripted:")))
    if spec.startswith(LOCAL):
        return _local(Path(spec.removeprefix(LOCAL)).expanduser())
    if "," in spec and "://" in spec:
        return _pool([part.strip() for part in spec.split(",")], environment, _retry(on_wait) if retries else None)
    name, at, url = spec.rpartition("@")
    if _is_url(url):
        return _endpoint(url, name if at else "", environment, _retry(on_wait) if retries else None)
    if spec.endswith(".gguf"):
        from fathom.llm.embedded import EmbeddedChat

        return EmbeddedChat(Path(spec).expanduser())
    raise ConfigError(f"{spec!r} names no model", hint=f"Models are {SPECS}.")


def _is_spec(text: str) -> bool:
    return (
        text in ("embedded", "first-choice")
        or text.startswith(("scripted:", LOCAL))
        or text.endswith(".gguf")
        or _is_url(text.rpartition("@")[2])
    )


def _is_url(text: str) -> bool:
    try:
        parts = urlsplit(text)
    except ValueError:  # an IPv6 address without its closing bracket
        return False
    return parts.scheme in ("http", "https") and bool(parts.netloc)


def _endpoint(url: str, name: str, environment: Environment, retry: "Retry | None") -> ChatModel:
    from fathom.llm.retry import RetryingChat

    model = _chat(url, name, environment)
    return RetryingChat(model, retry) if retry else model


def _retry(on_wait: Callable[[str], None]) -> "Retry":
    from fathom.llm.retry import Retry

    def waiting(fault: ModelFault, wait_s: float) -> None:
        on_wait(f"the model did not answer ({fault}); trying again in {wait_s:.0f} s")

    return Retry(on_wait=waiting)


def _chat(url: str, name: str, environment: Environment) -> "OpenAIChat":
    from fathom.llm.openai_compat import EndpointConfig, OpenAIChat

    return OpenAIChat(EndpointConfig(base_url=url, model=name, api_key=environment.api_key))


def _pool(specs: list[str], environment: Environment, retry: "Retry | None") -> ChatModel:
    """A pool of endpoints. Retries go around the pool, so that a call that failed at one is tried at another."""
    from fathom.llm.pool import Endpoint, EndpointPool
    from fathom.llm.retry import RetryingChat

    endpoints: list[Endpoint] = []
    for spec in specs:
        address, star, weight = spec.partition("*")
        name, at, url = address.rpartition("@")
        if not _is_url(url) or (star and not weight.replace(".", "", 1).isdigit()):
            raise ConfigError(
                f"{spec!r} is no endpoint of a pool", hint="Write MODEL@URL, or MODEL@URL*2 for a weight."
            )
        chat = _chat(url, name if at else "", environment)
        endpoints.append(Endpoint(key=url, model=chat, weight=float(weight or 1), probe=chat.models))
    pool = EndpointPool(endpoints)
    return RetryingChat(pool, retry) if retry else pool


def _local(folder: Path) -> ChatModel:
    """A model folder as `transformers` lays it out, run in this process by torch."""
    # Without it torch's threads spin while they wait for each other: up to 20 times slower on a shared machine.
    torch_defaults()
    try:
        from fathom.llm.local.chat import load_chat
    except ModuleNotFoundError as error:
        raise ConfigError(f"a local model needs {error.name}", hint="pip install 'fathom-research[train]'") from None
    return load_chat(folder)


def _scripted(path: Path) -> ChatModel:
    """A file of JSON lines, each the fields of one assistant message: `{"content": "Paris"}`."""
    from fathom.llm.scripted import ScriptedChat

    replies: list[Message] = []
    for number, row in enumerate(read_rows(path), 1):
        try:
            replies.append(Message.model_validate({"role": "assistant"} | row))
        except ValueError as error:
            reason = "; ".join(str(error).splitlines()[1:3])
            raise InputError(path, "corrupt", f"row {number} is no message: {reason}") from None
    return ScriptedChat(replies, name=path.stem)
