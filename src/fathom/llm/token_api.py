"""`HttpTokenModel`: a token model behind HTTP, in the OpenAI completions dialect that vLLM speaks.

Ids go in and ids come out, so nothing is tokenised again; log-probabilities cross as JSON numbers, which Python and
vLLM write with all their digits, so they arrive bit for bit. One call here is one request and fails as a typed error;
asking again is left to whoever wraps it. `llm/local/http.py` is the server of our own.

vLLM (0.10.2 or later, for `return_token_ids`) must be started with `--logprobs-mode processed_logprobs`, else its
log-probabilities are not those of the sampling distribution, and with `--generation-config vllm`, else the model's own
defaults (top-k and others) are laid over what is asked for here.
"""

import asyncio
import json
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from pydantic import Field, SecretStr

from fathom.core.config import Config
from fathom.core.errors import ModelClosedError, ModelFault, ModelRequestError
from fathom.llm.chat_api import choice_of, error_of
from fathom.llm.protocol import Sampling, TokenTrace
from fathom.llm.retry import retry_after_s

if TYPE_CHECKING:
    import httpx2

# Shorter than any server's own limit (vLLM: 5 s), so that no request goes out on a connection that is being closed.
_KEEP_ALIVE_S = 4.0


class TokenEndpointConfig(Config):
    """One endpoint that completes token ids."""

    base_url: str = Field(description="base URL, mostly ending in /v1")
    model: str = Field(default="", description="the model's name there; empty leaves it to the endpoint")
    api_key: SecretStr = Field(default=SecretStr(""), description="sent as bearer token; empty where none is needed")
    timeout_s: float = Field(default=600.0, gt=0, description="seconds for one whole request, without its wait here")
    connect_timeout_s: float = Field(default=10.0, gt=0, description="seconds to connect")
    connections: int = Field(default=128, ge=1, description="requests at the same time; others wait in order")
    max_tokens: int | None = Field(
        default=None,
        ge=1,
        description="length of a turn where the call leaves it open; None: the endpoint's (vLLM 16)",
    )
    extra_body: dict[str, Any] = Field(default={}, description="laid over the body of every request as it stands")


class HttpTokenModel:
    """A `TokenModel` behind an endpoint. One instance belongs to one event loop. Of `Sampling` it carries temperature,
    top-p, seed and length; the rest is for models of text."""

    def __init__(self, config: TokenEndpointConfig) -> None:
        self._config = config
        self.name = config.model or config.base_url
        self._room = asyncio.Semaphore(config.connections)
        self._client: httpx2.AsyncClient | None = None
        self._running: set[asyncio.Task[Any]] = set()
        self._closed = False

    async def sample(self, prompt_ids: Sequence[int], sampling: Sampling, *, sticky: str = "") -> TokenTrace:
        """As `TokenModel.sample`. What `sampling` leaves open: temperature 1, top-p 1, the configured length. `sticky`
        goes along as `user`, for routers that look at it.

        Raises `ContextOverflowError`, `ModelRequestError` where the endpoint will never do what is asked, `ModelFault`,
        and `ModelClosedError` when this client was closed.
        """
        body = completion_body(self._config, prompt_ids, sampling, sticky)
        async with self._room:
            if self._closed:
                raise ModelClosedError(f"{self.name} is closed")
            reply = await self._send_unless_closed(body | self._config.extra_body)
        return trace_of(reply, prompt_ids)

    async def close(self) -> None:
        """As `TokenModel.close`; the endpoint lives on."""
        self._closed = True
        # Closing the client would not end a request that is still connecting.
        for task in self._running:
            task.cancel()
        if self._client is not None:
            await self._client.aclose()

    async def _send_unless_closed(self, body: dict[str, Any]) -> Any:
        task = asyncio.ensure_future(self._send(body))
        self._running.add(task)
        try:
            return await task
        except asyncio.CancelledError:
            caller = asyncio.current_task()
            if not self._closed or (caller is not None and caller.cancelling()):
                raise
            raise ModelClosedError(f"{self.name} was closed") from None
        finally:
            self._running.discard(task)

    def _connected(self) -> "httpx2.AsyncClient":
        import httpx2

        if self._client is None:
            config = self._config
            key = config.api_key.get_secret_value()
            headers = {"content-type": "application/json"} | ({"authorization": f"Bearer {key}"} if key else {})
            self._client = httpx2.AsyncClient(
                headers=headers,
                timeout=httpx2.Timeout(config.timeout_s, connect=config.connect_timeout_s),
                limits=httpx2.Limits(
                    max_connections=config.connections,
                    max_keepalive_connections=config.connections,
                    keepalive_expiry=_KEEP_ALIVE_S,
                ),
            )
        return self._client

    async def _send(self, body: dict[str, Any]) -> Any:
        import httpx2

        where = self._config.base_url
        try:
            # The client's timeout counts from byte to byte; a reply that drips would never end.
            async with asyncio.timeout(self._config.timeout_s):
                response = await self._connected().post(
                    f"{where.rstrip('/')}/completions", content=json.dumps(body, separators=(",", ":"))
                )
        except (TimeoutError, httpx2.TimeoutException):
            raise ModelFault(f"{where}: no whole reply within {self._config.timeout_s:g} s") from None
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            reason = str(error) or type(error).__name__
            raise ModelFault(f"{where}: {reason}", hint="is the server up, and the URL right?") from None
        try:
            reply = json.loads(response.content)
        except (ValueError, RecursionError):
            reply = None
        if response.status_code != 200:
            shown = response.text if reply is None else reply
            raise error_of(response.status_code, shown, retry_after_s=retry_after_s(response.headers))
        if reply is None:
            raise ModelFault(f"{where}: the reply is not JSON: {response.text.strip()[:60]!r}")
        return reply


def completion_body(
    config: TokenEndpointConfig, prompt_ids: Sequence[int], sampling: Sampling, sticky: str = ""
) -> dict[str, Any]:
    """The body of POST /completions. Temperature and top-p are always in it: what an endpoint would take instead could
    be the defaults that came with its model. Raises `ModelRequestError` for an empty prompt."""
    if not prompt_ids:
        raise ModelRequestError("the prompt is empty")
    body: dict[str, Any] = {
        "prompt": list(prompt_ids),
        "temperature": 1.0 if sampling.temperature is None else sampling.temperature,
        "top_p": 1.0 if sampling.top_p is None else sampling.top_p,
        "logprobs": 1,
        "return_token_ids": True,
    }
    length = sampling.max_tokens or config.max_tokens
    optional = {"model": config.model, "max_tokens": length, "seed": sampling.seed, "user": sticky}
    return body | {name: value for name, value in optional.items() if value not in (None, "")}


def trace_of(reply: Any, prompt_ids: Sequence[int]) -> TokenTrace:
    """The trace in a reply's JSON.

    Raises what `chat_api.choice_of` does, `ModelRequestError` where the endpoint gives no ids or log-probabilities or
    sampled from another prompt, and `ModelFault` where they are not what they should be.
    """
    choice, _ = choice_of(reply)
    logprobs = choice.get("logprobs")
    logprobs = logprobs.get("token_logprobs") if isinstance(logprobs, dict) else None
    ids = choice.get("token_ids")
    if ids is None or logprobs is None:
        missing = "token ids" if ids is None else "log-probabilities"
        raise ModelRequestError(f"the endpoint gives no {missing}", hint="vLLM does, from 0.10.2 on")
    if not _is_list(ids, int) or not _is_list(logprobs, int, float) or not all(map(math.isfinite, logprobs)):
        raise ModelFault("the endpoint's token ids or log-probabilities are no lists of numbers")
    if not ids or len(ids) != len(logprobs):
        raise ModelFault(f"the endpoint gave {len(ids)} token ids and {len(logprobs)} log-probabilities")
    # vLLM has the prompt in the choice; others put it beside the choices, or leave it out.
    prompt = choice.get("prompt_token_ids", reply.get("prompt_token_ids"))
    if prompt is not None and prompt != list(prompt_ids):
        raise ModelRequestError("the endpoint sampled from another prompt than it was given")
    version = reply.get("policy_version", 0)
    if not _is_list([version], int):
        raise ModelFault(f"the endpoint's policy version is {version!r}")
    return TokenTrace(
        prompt_ids=tuple(prompt_ids), ids_T=tuple(ids), logprobs_T=tuple(map(float, logprobs)), policy_version=version
    )


def _is_list(value: Any, *kinds: type) -> bool:
    """Whether it is a list whose items are exactly of these kinds: a bool is no int."""
    return isinstance(value, list) and all(type(item) in kinds for item in value)
