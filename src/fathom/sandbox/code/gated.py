"""`GatedSandbox`: isolated code behind the gateway, on this machine or, where that fails, elsewhere."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace

from fathom.core.errors import ProviderFault
from fathom.sandbox.code.protocol import CodeResult, CodeSandbox
from fathom.sandbox.gateway.codec import JsonCodec
from fathom.sandbox.gateway.gateway import Gateway
from fathom.sandbox.gateway.service import Answer, Provider, Service, ServiceConfig, told_apart

_RESULT: JsonCodec[CodeResult] = JsonCodec(CodeResult)


def code_service(run_s: float) -> ServiceConfig:
    """Settings for runs of at most so many seconds, waits for a slot and for a worker included. The sandbox ends them
    itself: the limits are for one that does not answer at all. Nothing of code is cached."""
    return ServiceConfig(timeout_s=run_s + 10, deadline_s=2 * (run_s + 10) + 10, attempts=2, keep_s=0.0)


@dataclass(eq=False)
class _Session:
    """`home` is where its variables are, None before its first result. `runs` are those under way."""

    name: str
    home: CodeSandbox | None = None
    runs: set["asyncio.Task[CodeResult]"] = field(default_factory=set)
    over: bool = False


@dataclass(frozen=True)
class _Run:
    code: str
    session: _Session | None


class GatedSandbox:
    """Runs code in the first of `sandboxes` that can, and owns them. A session stays where its variables are as long as
    that one answers, at once or after a wait. Only then another one takes over: it begins anew there, as its result
    says, and is forgotten where it was. `note` of a result says that it is another one's than the first's."""

    def __init__(self, gateway: Gateway, sandboxes: Sequence[CodeSandbox], config: ServiceConfig) -> None:
        self._gateway, self._sandboxes = gateway, tuple(sandboxes)
        self.name = self._sandboxes[0].name
        names = told_apart([sandbox.name for sandbox in self._sandboxes])
        self._sessions: dict[str, _Session] = {}
        self._service: Service[_Run, CodeResult] = Service(
            name="code",
            providers=tuple(
                Provider(name, self._runner(sandbox)) for name, sandbox in zip(names, self._sandboxes, strict=True)
            ),
            codec=_RESULT,
            key=lambda run: [run.code, run.session.name if run.session else ""],
            config=config,
            shared=False,
        )

    async def run(self, code: str, session: str = "") -> CodeResult:
        held = self._sessions.setdefault(session, _Session(session)) if session else None
        answer = await self._ask(_Run(code, held))
        result = answer.get()
        another = answer.provider != self._service.providers[0].name
        return result.model_copy(update={"note": "backup"}) if another else result

    async def _ask(self, run: _Run) -> Answer[CodeResult]:
        """Of whoever has the session's variables, and of the others only where that one does not answer."""
        home = run.session.home if run.session else None
        if home is None:
            return await self._gateway.ask(self._service, run)
        places = dict(zip(self._sandboxes, self._service.providers, strict=True))
        answer = await self._gateway.ask(replace(self._service, providers=(places.pop(home),)), run)
        if answer.fault is None or not places:
            return answer
        return await self._gateway.ask(replace(self._service, providers=tuple(places.values())), run)

    async def end(self, session: str) -> None:
        ended = self._sessions.pop(session, None)
        if ended is not None:
            ended.over = True
            for running in ended.runs:
                running.cancel()
            await asyncio.gather(*ended.runs, return_exceptions=True)
        for sandbox in self._sandboxes:
            await sandbox.end(session)

    async def close(self) -> None:
        for sandbox in self._sandboxes:
            await sandbox.close()

    def _runner(self, sandbox: CodeSandbox) -> Callable[[_Run], Awaitable[CodeResult]]:
        async def ask(run: _Run) -> CodeResult:
            if run.session is None:
                return await sandbox.run(run.code)
            result = await _run_of(run.session, sandbox, run.code)
            left, run.session.home = run.session.home, sandbox
            if left is not None and left is not sandbox and not run.session.over:
                await left.end(run.session.name)
            return result

        return ask


async def _run_of(session: _Session, sandbox: CodeSandbox, code: str) -> CodeResult:
    """A run that ends with its session, also where nobody waits for it any more: whoever gives up an attempt leaves its
    call to the gateway, which would begin the session anew."""
    if session.over:
        raise _ended()
    running = asyncio.create_task(sandbox.run(code, session.name))
    session.runs.add(running)
    try:
        return await running
    except asyncio.CancelledError:
        if session.over and not _being_cancelled():
            raise _ended() from None
        raise
    finally:
        session.runs.discard(running)


def _being_cancelled() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def _ended() -> ProviderFault:
    return ProviderFault("the session was ended", kind="rejected")
