"""A server on localhost that speaks the OpenAI chat API, and misbehaves on request."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Answer:
    """One HTTP answer. `body` is JSON, or bytes as they stand. `drip_s` is waited between its bytes; `cut` closes the
    connection after so many of them; `wait_s` passes before anything is sent."""

    body: Any = None
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    drip_s: float = 0.0
    cut: int | None = None
    wait_s: float = 0.0


def said(content: str | None, *, finish: str = "stop", **message: Any) -> Answer:
    """A completion that says `content`; further fields go into its message."""
    choice = {"index": 0, "finish_reason": finish, "message": {"role": "assistant", "content": content, **message}}
    usage = {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10}
    return Answer({"object": "chat.completion", "model": "served", "choices": [choice], "usage": usage})


def refused(status: int, message: str = "no", headers: dict[str, str] | None = None, **more: Any) -> Answer:
    """An error in OpenAI's form."""
    return Answer({"error": {"message": message, **more}}, status, headers or {})


class ChatServer:
    """Answers /chat/completions from `script`, in order; when that is used up, from `otherwise`. `asked` holds the
    bodies, `headers` what came with the last one."""

    def __init__(self, *script: Answer, otherwise: Callable[[dict[str, Any]], Answer] | None = None) -> None:
        self.script = list(script)
        self.otherwise = otherwise or (lambda body: said(f"echo: {body['messages'][-1]['content']}"))
        self.asked: list[dict[str, Any]] = []
        self.headers: dict[str, str] = {}
        self.models = ["served"]

    async def __aenter__(self) -> "ChatServer":
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/v1"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            self.headers = {key.lower(): value for key, _, value in (line.partition(": ") for line in head[1:])}
            body = await reader.readexactly(int(self.headers.get("content-length", 0)))
            await self._send(writer, self._answer(head[0].split()[1], body))
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    def _answer(self, path: str, body: bytes) -> Answer:
        if path == "/v1/models":
            return Answer({"object": "list", "data": [{"id": name} for name in self.models]})
        if path != "/v1/chat/completions":
            return refused(404, f"no route {path}")
        self.asked.append(json.loads(body))
        return self.script.pop(0) if self.script else self.otherwise(self.asked[-1])

    async def _send(self, writer: asyncio.StreamWriter, answer: Answer) -> None:
        await asyncio.sleep(answer.wait_s)
        body = answer.body if isinstance(answer.body, bytes) else json.dumps(answer.body).encode()
        headers = {"content-type": "application/json", **answer.headers, "content-length": str(len(body))}
        lines = [
            f"HTTP/1.1 {answer.status} x",
            *(f"{key}: {value}" for key, value in headers.items()),
            "connection: close",
        ]
        writer.write("\r\n".join([*lines, "", ""]).encode())
        if answer.cut is not None:
            body = body[: answer.cut]
        if not answer.drip_s:
            writer.write(body)
        for byte in body if answer.drip_s else b"":
            writer.write(bytes([byte]))
            await writer.drain()
            await asyncio.sleep(answer.drip_s)
        await writer.drain()
