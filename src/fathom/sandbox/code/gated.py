"""`GatedSandbox`: isolated code behind the gateway, on this machine or, where that fails, elsewhere."""

from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple

from fathom.sandbox.code.protocol import CodeResult, CodeSandbox
from fathom.sandbox.gateway.codec import JsonCodec
from fathom.sandbox.gateway.gateway import Gateway
from fathom.sandbox.gateway.service import Provider, Service, ServiceConfig

# The sandbox itself ends a run; these are for one that does not answer at all. Nothing of code is cached.
CODE_SERVICE = ServiceConfig(timeout_s=300.0, deadline_s=600.0, attempts=2, keep_s=0.0)
_RESULT: JsonCodec[CodeResult] = JsonCodec(CodeResult)


class _Run(NamedTuple):
    code: str
    session: str


class GatedSandbox:
    """Runs code in the first of `sandboxes` that can, and owns them. A session that another one has to take over begins
    anew there, and its result says so."""

    def __init__(
        self, gateway: Gateway, sandboxes: Sequence[CodeSandbox], config: ServiceConfig = CODE_SERVICE
    ) -> None:
        self._gateway, self._sandboxes = gateway, tuple(sandboxes)
        self.name = self._sandboxes[0].name
        self._service = Service(
            name="code",
            providers=tuple(Provider(sandbox.name, _runner(sandbox)) for sandbox in self._sandboxes),
            codec=_RESULT,
            key=lambda run: list(run),
            config=config,
            shared=False,
        )

    async def run(self, code: str, session: str = "") -> CodeResult:
        return (await self._gateway.ask(self._service, _Run(code, session))).get()

    async def end(self, session: str) -> None:
        for sandbox in self._sandboxes:
            await sandbox.end(session)

    async def close(self) -> None:
        for sandbox in self._sandboxes:
            await sandbox.close()


def _runner(sandbox: CodeSandbox) -> Callable[[_Run], Awaitable[CodeResult]]:
    async def ask(run: _Run) -> CodeResult:
        return await sandbox.run(run.code, run.session)

    return ask
