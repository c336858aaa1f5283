"""`serving`: a token model over HTTP, in what of vLLM's completions dialect a trainer needs: ids and log-probabilities.
`HttpTokenModel` is its client.

The server runs as a task of the caller's event loop, so a trainer offers the very sampler it updates, and each reply
says by which policy version it was sampled. It has no tokenizer: prompts are ids and replies have no text. What the
model cannot do is refused rather than ignored, for it could change what is sampled. Whoever hangs up frees the slot.
"""

import asyncio
import json
import socket
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Annotated, Any, Literal

import uvicorn
from pydantic import Field, ValidationError
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from fathom.core.errors import ConfigError, ContextOverflowError, ModelClosedError, ModelFault, ModelRequestError
from fathom.core.model import Frozen
from fathom.llm.protocol import Sampling, TokenModel, TokenTrace

LOOPBACK = "127.0.0.1"
_MAX_BODY = 32 * 2**20  # bytes; a prompt of a million ids has 7 million
_KEEP_ALIVE_S = 75
_GRACE_S = 5
_GONE = 499  # nginx's status for a client that hung up; nobody reads it


class CompletionRequest(Frozen):
    """The body of POST /v1/completions. `prompt` are token ids; what is left open the model decides. `user` says which
    requests belong together."""

    prompt: Annotated[list[Annotated[int, Field(ge=0)]], Field(min_length=1)]
    model: str | None = None
    max_tokens: int | None = Field(default=None, ge=1)
    temperature: float | None = Field(default=None, ge=0, allow_inf_nan=False)
    top_p: float | None = Field(default=None, gt=0, le=1)
    seed: int | None = Field(default=None, ge=0)
    user: str | None = None
    logprobs: int | None = Field(default=None, ge=0, le=1)
    return_token_ids: bool | None = None
    n: Literal[1] = 1
    stream: Literal[False] | None = None
    echo: Literal[False] | None = None


@asynccontextmanager
async def serving(
    model: TokenModel, *, end_id: int | None = None, name: str = "local", host: str = LOOPBACK, port: int = 0
) -> AsyncIterator[str]:
    """Serve `model` while the context lasts; gives the base URL, which ends in /v1. Port 0 takes any free one. A reply
    that ends with `end_id` has the finish reason stop. At the end requests under way are answered with 503, and the
    model is left open.

    Whoever can reach `host` may ask: there are no keys. Raises `ConfigError` where the port is not to be had.
    """
    listener = _listen(host, port)
    service = _Service(model, end_id, name)
    config = uvicorn.Config(
        service.app(),
        lifespan="off",
        ws="none",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=_KEEP_ALIVE_S,
        timeout_graceful_shutdown=_GRACE_S,
    )
    server = _Server(config)
    # The socket listens already, so whoever comes before the server has started waits in its queue.
    running = asyncio.ensure_future(server.serve(sockets=[listener]))
    try:
        shown = f"[{host}]" if ":" in host else host
        yield f"http://{shown}:{listener.getsockname()[1]}/v1"
    finally:
        service.close()
        server.should_exit = True
        await running


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals are the business of the process it runs in."""
        yield


class _Service:
    """The routes over one model."""

    def __init__(self, model: TokenModel, end_id: int | None, name: str) -> None:
        self._model, self._end_id, self._name = model, end_id, name
        self._running: set[asyncio.Future[TokenTrace]] = set()
        self._closed = False
        self._began = int(time.time())

    def app(self) -> Starlette:
        routes = [
            Route("/v1/completions", self._completions, methods=["POST"]),
            Route("/v1/models", self._models),
            Route("/health", self._health),
        ]
        return Starlette(routes=routes, exception_handlers={HTTPException: _http_error}, max_body_size=_MAX_BODY)

    def close(self) -> None:
        """Take no more requests, and give up those under way."""
        self._closed = True
        for sampling in self._running:
            sampling.cancel()

    async def _health(self, request: Request) -> Response:
        return _closed() if self._closed or getattr(self._model, "closed", False) else Response()

    async def _models(self, request: Request) -> Response:
        card = {"id": self._name, "object": "model", "created": self._began, "owned_by": "fathom"}
        return _json({"object": "list", "data": [card]})

    async def _completions(self, request: Request) -> Response:
        try:
            asked = CompletionRequest.model_validate_json(await request.body(), strict=True)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            where = ".".join(map(str, first["loc"])) or "body"
            return _error(400, f"{where}: {first['msg']}")
        except ClientDisconnect:
            return Response(status_code=_GONE)
        if asked.model not in (None, "", self._name):
            return _error(404, f"The model {asked.model!r} does not exist.", "model_not_found")
        if self._closed:
            return _closed()
        try:
            trace = await self._sample(asked, request)
        except asyncio.CancelledError:
            if not self._closed:
                raise
            return _closed()
        except ModelFault as fault:
            return _error(503, str(fault))
        except ModelRequestError as error:
            return _refused(error)
        return Response(status_code=_GONE) if trace is None else self._reply(asked, trace)

    async def _sample(self, asked: CompletionRequest, request: Request) -> TokenTrace | None:
        """The trace; None when the client hung up before it was there."""
        sampling = Sampling(
            temperature=asked.temperature, top_p=asked.top_p, max_tokens=asked.max_tokens, seed=asked.seed
        )
        tokens = asyncio.ensure_future(self._model.sample(asked.prompt, sampling, sticky=asked.user or ""))
        # The body has been read, so what comes next is that the connection has ended.
        left = asyncio.ensure_future(request.receive())
        self._running.add(tokens)
        try:
            await asyncio.wait((tokens, left), return_when=asyncio.FIRST_COMPLETED)
            return await tokens if tokens.done() else None
        finally:
            self._running.discard(tokens)
            tokens.cancel()
            left.cancel()

    def _reply(self, asked: CompletionRequest, trace: TokenTrace) -> Response:
        choice: dict[str, Any] = {
            "index": 0,
            "text": "",
            "finish_reason": "stop" if trace.ids_T[-1] == self._end_id else "length",
        }
        if asked.return_token_ids:
            choice |= {"token_ids": trace.ids_T, "prompt_token_ids": trace.prompt_ids}
        if asked.logprobs is not None:
            choice["logprobs"] = {"token_logprobs": trace.logprobs_T}
        counts = {"prompt_tokens": len(trace.prompt_ids), "completion_tokens": len(trace.ids_T)}
        reply = {
            "object": "text_completion",
            "created": int(time.time()),
            "model": self._name,
            "choices": [choice],
            "usage": counts | {"total_tokens": sum(counts.values())},
            "policy_version": trace.policy_version,
        }
        try:
            return _json(reply)
        except ValueError:  # JSON has no NaN, which weights that diverged give
            return _error(500, "the model's log-probabilities are not finite")


def _listen(host: str, port: int) -> socket.socket:
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        return socket.create_server((host, port), family=family, backlog=2048)
    except (OSError, OverflowError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise ConfigError(f"{host}:{port} is not to be had: {reason}", hint="choose another port") from None


def _json(value: Any, status: int = 200) -> Response:
    # json writes the shortest digits that read back as the same double.
    body = json.dumps(value, allow_nan=False, separators=(",", ":"))
    return Response(body, status, media_type="application/json")


def _error(status: int, message: str, code: str | None = None) -> Response:
    """An error in OpenAI's form."""
    kind = "invalid_request_error" if status < 500 else "server_error"
    return _json({"error": {"message": message, "type": kind, "code": code}}, status)


def _refused(error: ModelRequestError) -> Response:
    if isinstance(error, ModelClosedError):
        return _closed()
    return _error(400, str(error), "context_length_exceeded" if isinstance(error, ContextOverflowError) else None)


def _closed() -> Response:
    return _error(503, "the model is closed", "model_closed")


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return _error(error.status_code, f"{request.url.path}: {error.detail}")
