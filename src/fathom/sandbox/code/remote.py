"""Sandboxes elsewhere, behind HTTP: services that speak SandboxFusion's API or SWE-ReX's.

How well they isolate is theirs to answer for. They keep nothing between runs, so a session here is the cells run so
far: each run has the earlier ones run again before it, without their output.

References: github.com/bytedance/SandboxFusion (`POST /run_code`), github.com/SWE-agent/SWE-ReX (`POST /execute`).
"""

import asyncio
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, Field, SecretStr, ValidationError

from fathom.core.config import Config
from fathom.core.errors import AccessDeniedError, ProviderFault
from fathom.llm.retry import retry_after_s
from fathom.sandbox.code.config import CodeLimits
from fathom.sandbox.code.protocol import CodeResult, End
from fathom.sandbox.code.streams import shortened
from fathom.sandbox.egress.protocol import Web, WebReply, WebRequest
from fathom.sandbox.egress.status import kind_of

Reply = TypeVar("Reply", bound=BaseModel)
_SWE_REX_ERROR = 511  # the status under which it hands on its exceptions

_REPLAY = """
import contextlib, io, json
cells, names = json.loads({cells!r}), {{"__name__": "__main__"}}
with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
    for cell in cells[:-1]:
        try:
            exec(compile(cell, "<code>", "exec"), names)
        except BaseException:
            pass
exec(compile(cells[-1], "<code>", "exec"), names)
"""


class RemoteCodeConfig(Config):
    """Settings of a sandbox elsewhere."""

    kind: Literal["sandbox_fusion", "swe_rex"] = Field(description="whose API the service speaks")
    url: str = Field(description="base URL of the service")
    api_key: SecretStr = Field(
        default=SecretStr(""), description="sent as X-API-Key to SWE-ReX, else as a bearer token"
    )
    limits: CodeLimits = CodeLimits()
    margin_s: float = Field(default=10.0, ge=0, description="seconds beyond the limit of a run until it is given up")
    max_cells: int = Field(default=50, ge=1, description="runs of a session that are run again; then it begins afresh")


@dataclass
class _Session:
    """The cells that are run again before the next, one run at a time. A run that outlives its session keeps them to
    itself: no other of that name gets them."""

    cells: list[str] = field(default_factory=list)
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)


class RemoteSandbox:
    """`CodeSandbox` over such a service."""

    def __init__(self, config: RemoteCodeConfig, web: Web) -> None:
        self.name = config.kind
        self._config, self._web = config, web
        self._sessions: dict[str, _Session] = {}

    async def run(self, code: str, session: str = "") -> CodeResult:
        if not session:
            return await self._run(code, None)
        while True:
            held = self._sessions.setdefault(session, _Session())
            async with held.turn:
                if self._sessions.get(session) is held:  # else it was ended while this run waited
                    return await self._run(code, held)

    async def _run(self, code: str, held: _Session | None) -> CodeResult:
        cells = held.cells if held else []
        if len(cells) >= self._config.max_cells:
            cells = []
        script = _REPLAY.format(cells=json.dumps([*cells, code])) if held else code
        began = time.monotonic()
        speak = self._fusion if self._config.kind == "sandbox_fusion" else self._swe_rex
        try:
            end, stdout, stderr = await speak(script)
        except ProviderFault as fault:
            if fault.kind != "oversized":
                raise
            end, stdout, stderr = "output", "", ""
        seconds = time.monotonic() - began
        if held:
            # A run that did not end by itself leaves nothing, here as with workers of our own.
            held.cells = [*cells, code] if end in ("ok", "error") else []
        keep = self._config.limits.stream_bytes
        out, err = shortened(stdout, keep), shortened(stderr, keep)
        return CodeResult(
            end=end,
            stdout=out.text,
            stderr=err.text,
            stdout_cut=out.cut,
            stderr_cut=err.cut,
            fresh=not cells,
            seconds=seconds,
        )

    async def _fusion(self, code: str) -> tuple[End, str, str]:
        limits = self._config.limits
        asked = {
            "code": code,
            "language": "python",
            "run_timeout": limits.timeout_s,
            "memory_limit_MB": limits.memory_mb,
        }
        key = self._config.api_key.get_secret_value()
        reply = await self._post("run_code", asked, {"authorization": f"Bearer {key}"} if key else {})
        said = _read(_FusionReply, reply)
        run = said.run_result
        if said.status == "SandboxError" or run is None or run.status == "Error":
            raise ProviderFault(f"the sandbox service failed: {said.message[:300]}", kind="server")
        stdout, stderr = run.stdout or "", run.stderr or ""
        if run.status == "TimeLimitExceeded":
            return "timeout", stdout, stderr
        return _end_of(run.return_code, stderr), stdout, stderr

    async def _swe_rex(self, code: str) -> tuple[End, str, str]:
        asked = {"command": ["python3", "-c", code], "timeout": self._config.limits.timeout_s, "shell": False}
        key = self._config.api_key.get_secret_value()
        reply = await self._post("execute", asked, {"x-api-key": key} if key else {})
        if reply.status == _SWE_REX_ERROR:
            raised = _read(_SweRexError, reply).swerexception
            if raised.class_path.endswith("CommandTimeoutError"):
                return "timeout", "", ""
            raise ProviderFault(f"the sandbox service failed: {raised.message[:300]}", kind="server")
        said = _read(_SweRexReply, reply)
        return _end_of(said.exit_code, said.stderr), said.stdout, said.stderr

    async def _post(self, path: str, asked: dict[str, Any], headers: Mapping[str, str]) -> WebReply:
        limits = self._config.limits
        request = WebRequest(
            url=f"{self._config.url.rstrip('/')}/{path}",
            method="POST",
            headers={"content-type": "application/json", **headers},
            body=json.dumps(asked).encode(),
            max_bytes=limits.flood_bytes,
            timeout_s=limits.timeout_s + self._config.margin_s,
        )
        try:
            reply = await self._web.fetch(request)
        except AccessDeniedError as error:
            raise ProviderFault(f"the sandbox service: {error}", kind="refused") from None
        if reply.status not in (200, _SWE_REX_ERROR):
            raise ProviderFault(
                f"the sandbox service answered {reply.status}",
                kind=kind_of(reply.status),
                retry_after_s=retry_after_s(reply.headers),
            )
        return reply

    async def end(self, session: str) -> None:
        self._sessions.pop(session, None)

    async def close(self) -> None:
        self._sessions.clear()
        await self._web.close()


class _FusionRun(BaseModel):
    status: Literal["Finished", "Error", "TimeLimitExceeded"]
    return_code: int | None = None
    stdout: str | None = None
    stderr: str | None = None


class _FusionReply(BaseModel):
    status: Literal["Success", "Failed", "SandboxError"]
    message: str = ""
    run_result: _FusionRun | None = None


class _SweRexReply(BaseModel):
    stdout: str = ""
    stderr: str = ""
    exit_code: int


class _SweRexRaised(BaseModel):
    message: str = ""
    class_path: str = ""


class _SweRexError(BaseModel):
    swerexception: _SweRexRaised


def _read(shape: type[Reply], reply: WebReply) -> Reply:
    try:
        return shape.model_validate_json(reply.body)
    except ValidationError:
        raise ProviderFault("the sandbox service's reply is not what its API promises", kind="garbage") from None


def _end_of(return_code: int | None, stderr: str) -> End:
    """How a script ended. Codes of a signal are negative, or above 128 where a shell stood between."""
    if return_code == 0:
        return "ok"
    if return_code is None or return_code < 0 or return_code > 128:
        return "died"
    last = stderr.strip().rpartition("\n")[2]
    return "memory" if last.startswith("MemoryError") else "error"
