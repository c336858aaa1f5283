"""Runs a battery of attempts against a sandbox."""

import asyncio
from collections.abc import Callable, Sequence

from fathom.core.errors import ProviderFault
from fathom.sandbox.code.battery.attempt import Attempt, Verdict, judge, program
from fathom.sandbox.code.battery.baits import Baits, laid_out
from fathom.sandbox.code.config import CodeLimits
from fathom.sandbox.code.protocol import CodeSandbox

_GONE_S = 3.0


async def run_battery(
    sandbox: CodeSandbox,
    attempts: Sequence[Attempt],
    limits: CodeLimits,
    *,
    at_once: int = 1,
    progress: Callable[[Verdict], None] = lambda verdict: None,
) -> list[Verdict]:
    """A verdict on each attempt. `limits` are those of the sandbox. With one at a time, what is seen at the baits is
    known to be its doing. What the sandbox itself does not get over is `unclear`."""
    turns = asyncio.Semaphore(at_once)

    async def one(attempt: Attempt) -> Verdict:
        async with turns:
            verdict = await _try(sandbox, attempt, baits, limits)
        progress(verdict)
        return verdict

    async with laid_out() as baits:
        return await asyncio.gather(*(one(attempt) for attempt in attempts))


async def _try(sandbox: CodeSandbox, attempt: Attempt, baits: Baits, limits: CodeLimits) -> Verdict:
    facts = baits.facts(limits, attempt.name)
    # Of its own, since it ends them.
    session, then_session = (name and f"{attempt.name} {name}" for name in (attempt.session, attempt.then_session))
    results = []
    try:
        results.append(await sandbox.run(program(attempt.code, facts), session))
        if attempt.then:
            results.append(await sandbox.run(program(attempt.then, facts), then_session))
        await asyncio.gather(*(sandbox.end(name) for name in {session, then_session} - {""}))
    except ProviderFault as fault:
        detail = f"the sandbox failed: {fault}"
        return Verdict(name=attempt.name, kind=attempt.kind, outcome="unclear", detail=detail, seconds=0.0)
    for _ in range(int(_GONE_S / 0.05)):  # a worker is gone a moment after its result is there
        if not baits.left_behind(attempt.name):
            break
        await asyncio.sleep(0.05)
    await asyncio.sleep(0)  # connections that arrived are seen now
    return judge(attempt, results, baits.secret, baits.breaches(attempt.name))
