"""Models as services: what `fathom serve` runs."""

import asyncio
import signal
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path

from pydantic import Field

from fathom.core.config import Config, torch_defaults
from fathom.core.errors import ConfigError
from fathom.llm.protocol import TokenModel
from fathom.recipes.models import LOCAL


class ServeConfig(Config):
    """Where and how a model is served."""

    host: str = Field(default="127.0.0.1", description="address to listen on; there are no keys, so mostly loopback")
    port: int = Field(default=8000, ge=0, le=65535, description="0 takes any free one")
    slots: int = Field(default=64, ge=1, description="conversations decoded at once")
    max_tokens: int = Field(default=256, ge=1, description="length of a turn where the request leaves it open")


def serve_tokens(spec: str, config: ServeConfig, on_up: Callable[[str], None]) -> None:
    """Serve the model `local:FOLDER` by token ids until the process is interrupted or terminated; `on_up` is told the
    base URL. Raises `ConfigError`, and `InputError` for a folder that holds no model."""
    if not spec.startswith(LOCAL):
        raise ConfigError(f"{spec!r} cannot be served", hint="give a model folder as local:FOLDER")
    # Without it torch's threads spin while they wait for each other: up to 20 times slower on a shared machine.
    torch_defaults()
    try:
        from fathom.llm.local.http import serving
        from fathom.llm.local.load import load_model, load_renderer
        from fathom.llm.local.sampler import LocalSampler, SamplerConfig
    except ModuleNotFoundError as error:
        raise ConfigError(f"serving needs {error.name}", hint="pip install 'fathom-research[train]'") from None

    folder = Path(spec.removeprefix(LOCAL)).expanduser()
    end_id = load_renderer(folder).end_id
    sampler = LocalSampler(load_model(folder), end_id, SamplerConfig(slots=config.slots, max_tokens=config.max_tokens))
    name = folder.absolute().name
    asyncio.run(
        _until_ended(sampler, serving(sampler, end_id=end_id, name=name, host=config.host, port=config.port), on_up)
    )


async def _until_ended(
    model: TokenModel, service: AbstractAsyncContextManager[str], on_up: Callable[[str], None]
) -> None:
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, ended.set)
    try:
        async with service as url:
            on_up(url)
            await ended.wait()
    finally:
        await model.close()
