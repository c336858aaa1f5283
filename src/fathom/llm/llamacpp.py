"""llama.cpp in this process, through `xllamacpp`: what is asked of it, as plain JSON, blocking.

The binding carries the whole llama.cpp server. Its chat and completion handlers are called directly; for what has no
handler (templates, tokens) the server's own port on localhost is asked, with a key that nobody else has.
"""

import http.client
import json
import os
import secrets
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from fathom.core.config import native_default
from fathom.core.errors import InputError, ModelFault, ModelRequestError
from fathom.llm.chat_api import error_of
from fathom.llm.gguf import PlainText, control_tokens

_BIAS = (
    200.0  # lifts the allowed tokens above all others; logits differ by less than 60, float32 keeps 5 digits of them
)
_TIMEOUT_S = 60.0


class Engine:
    """A loaded model. Calls block and must not overlap.

    Flash attention is off, for on a CPU it groups its sums by how much of the prompt came from the cache, and replies
    would depend on what was asked before; without it they are the same to the last bit, as long as two tokens or more
    are left to compute (one alone takes another kernel).
    """

    def __init__(
        self,
        path: Path,
        *,
        context_tokens: int,
        slots: int,
        threads: int = 0,
        loras: Sequence[tuple[Path, float]] = (),
    ) -> None:
        """Load `path`. Raises `InputError` where llama.cpp cannot."""
        self._key = secrets.token_hex(16)
        self._server = _start(path, self._key, context_tokens, slots, threads, loras)
        self._plain = PlainText(control_tokens(path))
        address = urlsplit(self._server.listening_address)
        self._host, self._port = address.hostname or "", address.port
        (self.end,) = self.tokens(self._get("GET", "/props", None)["eos_token"], special=True)

    def chat(self, body: dict[str, Any], stop: threading.Event) -> dict[str, Any]:
        """The reply to a chat request, or to its beginning when `stop` is set meanwhile."""
        reply = _Reply()

        def on_chunk(chunk: dict[str, Any]) -> bool:
            reply.add(chunk)  # must not raise: the binding would swallow it
            return stop.is_set()

        request = self._plain.body(body) | {"stream": True, "stream_options": {"include_usage": True}}
        try:
            self._server.handle_chat_completions(request, on_chunk)
        except (ValueError, RuntimeError) as error:
            raise ModelRequestError(f"llama.cpp refuses the request: {error}") from None
        return reply.whole()

    def branches(self, prompt: str, path: Sequence[int], tokens: Sequence[int], cache_prompt: bool) -> dict[int, float]:
        """The probability of each of `tokens` after prompt and path (tokens), where it must be one of these."""
        request = {
            "prompt": [prompt, *path] if path else prompt,
            "max_tokens": 1,
            "temperature": 1.0,
            "samplers": ["temperature"],
            "logit_bias": [[token, _BIAS] for token in tokens],
            "n_probs": len(tokens),
            "post_sampling_probs": True,
            "cache_prompt": cache_prompt,
            "seed": 0,
        }
        reply = self._server.handle_completions(request)
        if reply.get("error"):
            raise error_of(int(reply["error"].get("code", 500)), reply)
        step = reply["choices"][0]["logprobs"]["content"][0]
        return {item["id"]: item["prob"] for item in step["top_probs"]}

    def rendered(self, messages: Sequence[dict[str, Any]]) -> str:
        """The prompt that the model's chat template makes of messages."""
        body = self._plain.body({"messages": messages})
        return str(self._get("POST", "/apply-template", body)["prompt"])

    def tokens(self, text: str, *, special: bool = False) -> list[int]:
        """Token ids of `text`; with `special`, names of control tokens in it stand for these."""
        body = {"content": text, "add_special": False, "parse_special": special}
        return [int(token) for token in self._get("POST", "/tokenize", body)["tokens"]]

    def _get(self, method: str, path: str, body: Any) -> dict[str, Any]:
        connection = http.client.HTTPConnection(self._host, self._port, timeout=_TIMEOUT_S)
        try:
            headers = {"Authorization": f"Bearer {self._key}", "Content-Type": "application/json"}
            connection.request(method, path, None if body is None else json.dumps(body), headers)
            response = connection.getresponse()
            reply: Any = json.loads(response.read())
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise ModelFault(f"llama.cpp did not answer {path}: {error}") from None
        finally:
            connection.close()
        if response.status != 200:
            raise error_of(response.status, reply)
        return dict(reply)


def _start(
    path: Path, key: str, context_tokens: int, slots: int, threads: int, loras: Sequence[tuple[Path, float]]
) -> Any:
    # Threads wait for each other hundreds of times a token, by default spinning for milliseconds: two threads on two
    # busy cores then took 30 s for what takes 5 s with a short spin (or with one thread).
    native_default("GOMP_SPINCOUNT", "1000")
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = str(path)
    params.n_ctx = context_tokens * slots
    params.n_parallel = slots
    params.slot_prompt_similarity = 0.3  # at 0.1 a common first line is enough to overwrite another kind of prompt
    params.cache_ram_mib = 0  # a second cache, by default of 8 GiB, behind the slots
    params.cpuparams.n_threads = threads or _cores()
    params.flash_attn_type = xllamacpp.llama_flash_attn_type.LLAMA_FLASH_ATTN_TYPE_DISABLED
    params.fit_params = False
    params.warmup = False
    params.verbosity = -1
    # The binding also opens a port on localhost. Nobody but this process needs it.
    params.api_keys = [key]
    params.ui = False
    params.endpoint_slots = False
    adapters = []
    for file, scale in loras:
        adapter = xllamacpp.CommonAdapterLoraInfo()
        adapter.path, adapter.scale = str(file), scale
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


def check_gguf(path: Path) -> None:
    """Raises `InputError` where `path` does not begin as a GGUF file."""
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
