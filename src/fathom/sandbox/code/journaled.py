"""`JournaledSandbox`: isolated code whose results are a run's record. Code once run is never run again on resuming, so
of a session that was interrupted the variables are gone, and the next result says so."""

from typing import Any

from fathom.core.budget import Meter
from fathom.core.errors import ProviderFault
from fathom.core.events import Journal
from fathom.core.recorded import recorded
from fathom.sandbox.code.protocol import CodeResult, CodeSandbox

_RAISED = {"fault": ProviderFault}


class JournaledSandbox:
    """Wraps any sandbox. That it could not run code is recorded like a result."""

    def __init__(self, sandbox: CodeSandbox, journal: Journal, meter: Meter) -> None:
        self._sandbox, self._journal, self._meter = sandbox, journal, meter

    @property
    def name(self) -> str:
        return self._sandbox.name

    async def run(self, code: str, session: str = "") -> CodeResult:
        async def effect() -> Any:
            return (await self._sandbox.run(code, session)).model_dump(mode="json")

        row = await recorded(self._journal, self._meter, "tool", {"code": code}, effect, _RAISED)
        return CodeResult.model_validate(row)

    async def end(self, session: str) -> None:
        await self._sandbox.end(session)

    async def close(self) -> None:
        await self._sandbox.close()
