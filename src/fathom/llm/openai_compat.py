"""`OpenAIChat`: any endpoint that speaks the OpenAI chat API (vLLM, SGLang, llama.cpp, Ollama, hosted).

The official SDK carries the request and its own retries are off: one call here is one request, and it fails as a typed
error that says whether asking again can help. `retry.RetryingChat` and `pool.EndpointPool` do the asking again. The
body is read as bytes and parsed here, since endpoints answer 200 with HTML, with an error or with nothing.
"""

import asyncio
import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pydantic import Field, SecretStr

from fathom.core.config import Config
from fathom.core.errors import FathomError, ModelFault, ModelRequestError
from fathom.core.message import Message, ToolSpec
from fathom.llm.chat_api import ReasoningHistory, completion_of, error_of, request_body
from fathom.llm.protocol import Completion, Sampling
from fathom.llm.retry import retry_after_s

if TYPE_CHECKING:
    from openai import APIStatusError, AsyncOpenAI


class EndpointConfig(Config):
    """One endpoint."""

    base_url: str = Field(description="base URL, mostly ending in /v1")
    model: str = Field(default="", description="the model's name there; empty takes the first the endpoint lists")
    api_key: SecretStr = Field(default=SecretStr(""), description="sent as bearer token; empty where none is needed")
    timeout_s: float = Field(default=600.0, gt=0, description="seconds for one whole request (released system: 600)")
    connect_timeout_s: float = Field(default=10.0, gt=0, description="seconds to connect")
    strict_schema: bool = Field(
        default=False, description="ask for strict JSON schemas; several servers refuse the switch or parts of schemas"
    )
    reasoning_history: ReasoningHistory = Field(
        default="drop",
        description="earlier thoughts in the prompt: left out, in the field reasoning_content, or in think tags",
    )
    extra_body: dict[str, Any] = Field(default={}, description="laid over the body of every request as it stands")


class OpenAIChat:
    """A chat model behind an OpenAI-compatible endpoint. One instance belongs to one event loop."""

    def __init__(self, config: EndpointConfig) -> None:
        self._config = config
        self._model = config.model
        self.name = config.model or config.base_url
        self._client: AsyncOpenAI | None = None

    async def complete(
        self,
        messages: Sequence[Message],
        tools: Sequence[ToolSpec] = (),
        sampling: Sampling = Sampling(),
        *,
        sticky: str = "",
    ) -> Completion:
        """As `ChatModel.complete`; `sticky` says nothing to a single endpoint."""
        if not self._model:
            listed = await self.models()
            if not listed:
                raise ModelRequestError(f"{self._config.base_url} lists no model", hint="name one (FATHOM_MODEL)")
            self._model = listed[0]
        body = request_body(
            self._model,
            messages,
            tools,
            sampling,
            reasoning_history=self._config.reasoning_history,
            strict_schema=self._config.strict_schema,
        )
        reply = await self._send("POST", "/chat/completions", body | self._config.extra_body)
        return completion_of(reply, turn=len(messages))

    async def models(self) -> list[str]:
        """The names the endpoint lists, in its order. Also the cheapest way to see whether it is up."""
        reply = await self._send("GET", "/models", None)
        listed = reply.get("data") if isinstance(reply, dict) else None
        return [str(item["id"]) for item in listed or [] if isinstance(item, dict) and item.get("id")]

    async def close(self) -> None:
        if self._client is not None:
            await self._client.close()

    def _connected(self) -> "AsyncOpenAI":
        # Importing the SDK takes a second, so it waits until a model is asked.
        from httpx2 import Timeout
        from openai import AsyncOpenAI

        if self._client is None:
            self._client = AsyncOpenAI(
                base_url=self._config.base_url,
                # The SDK would take an empty key from the environment and send it to whatever host this is.
                api_key=self._config.api_key.get_secret_value() or "none",
                admin_api_key="none",
                organization="",
                project="",
                timeout=Timeout(self._config.timeout_s, connect=self._config.connect_timeout_s),
                max_retries=0,
            )
        return self._client

    async def _send(self, method: str, path: str, body: dict[str, Any] | None) -> Any:
        import httpx2
        import openai

        client, where = self._connected(), self._config.base_url
        try:
            # The client's timeout counts from byte to byte; a reply that drips would never end.
            async with asyncio.timeout(self._config.timeout_s):
                if method == "GET":
                    response = await client.get(path, cast_to=httpx2.Response)
                else:
                    response = await client.post(path, body=body, cast_to=httpx2.Response)
        except (TimeoutError, openai.APITimeoutError):
            raise ModelFault(f"{where}: no whole reply within {self._config.timeout_s:g} s") from None
        except openai.APIStatusError as error:
            raise _status_error(error) from None
        except openai.APIConnectionError as error:
            reason = str(error.__cause__ or error) or type(error.__cause__).__name__
            raise ModelFault(f"{where}: {reason}", hint="is the server up, and the URL right?") from None
        try:
            return json.loads(response.content)
        except ValueError:
            start = response.text.strip()[:60]
            raise ModelFault(f"{where}: the reply is not JSON: {start!r}") from None


def _status_error(error: "APIStatusError") -> FathomError:
    headers: Mapping[str, str] = error.response.headers
    body: Any = error.body if error.body is not None else error.response.text
    return error_of(error.status_code, body, retry_after_s=retry_after_s(headers))
