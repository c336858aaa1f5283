"""`GatedSandbox`: isolated code behind the gateway, on this machine or, where that fails, elsewhere."""

from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple

from fathom.sandbox.code.protocol import CodeResult, CodeSandbox
from fathom.sandbox.gateway.codec import JsonCodec
from fathom.sandbox.gateway.gateway import Gateway
from fathom.sandbox.gateway.service import Provider, Service, ServiceConfig, told_apart

_RESULT: JsonCodec[CodeResult] = JsonCodec(CodeResult)


def code_service(run_s: float) -> ServiceConfig:
    """Settings for runs of at most so many seconds, waits for a slot and for a worker included. The sandbox ends them
    itself: the limits are for one that does not answer at all. Nothing of code is cached."""
    return ServiceConfig(timeout_s=run_s + 10, deadline_s=2 * (run_s + 10) + 10, attempts=2, keep_s=0.0)


class _Run(NamedTuple):
    code: str
    session: str


class GatedSandbox:
    """Runs code in the first of `sandboxes` that can, and owns them. A session that another one has to take over begins
    anew there, as its result says, and is forgotten where it was. `note` of a result says that it is another one's."""

    def __init__(self, gateway: Gateway, sandboxes: Sequence[CodeSandbox], config: ServiceConfig) -> None:
        self._gateway, self._sandboxes = gateway, tuple(sandboxes)
        self.name = self._sandboxes[0].name
        names = told_apart([sandbox.name for sandbox in self._sandboxes])
        self._homes: dict[str, CodeSandbox] = {}
        self._service = Service(
            name="code",
            providers=tuple(
                Provider(name, self._runner(sandbox)) for name, sandbox in zip(names, self._sandboxes, strict=True)
            ),
            codec=_RESULT,
            key=lambda run: list(run),
            config=config,
            shared=False,
        )

    async def run(self, code: str, session: str = "") -> CodeResult:
        answer = await self._gateway.ask(self._service, _Run(code, session))
        result = answer.get()
        return result.model_copy(update={"note": answer.degraded}) if answer.degraded else result

    async def end(self, session: str) -> None:
        self._homes.pop(session, None)
        for sandbox in self._sandboxes:
            await sandbox.end(session)

    async def close(self) -> None:
        for sandbox in self._sandboxes:
            await sandbox.close()

    def _runner(self, sandbox: CodeSandbox) -> Callable[[_Run], Awaitable[CodeResult]]:
        async def ask(run: _Run) -> CodeResult:
            result = await sandbox.run(run.code, run.session)
            if run.session:
                left = self._homes.get(run.session, sandbox)
                self._homes[run.session] = sandbox
                if left is not sandbox:
                    await left.end(run.session)
            return result

        return ask
