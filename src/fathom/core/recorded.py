"""Effects whose errors are recorded like answers: the model was told of them, so a resumed run tells it the same."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from fathom.core.budget import Meter
from fathom.core.errors import FathomError, ProviderFault
from fathom.core.events import Journal, StepKind


async def recorded(
    journal: Journal,
    meter: Meter,
    kind: StepKind,
    request: Any,
    effect: Callable[[], Awaitable[Any]],
    errors: Mapping[str, type[FathomError]],
) -> Any:
    """What `effect` gives, as plain JSON, from the record where it is there. Of what it raises, the `errors`, by the
    names they go by in records, are recorded and raised again; a fault keeps its kind. All else passes unrecorded."""

    async def outcome() -> Any:
        try:
            return {"ok": await effect()}
        except tuple(errors.values()) as error:
            return _row(error, errors)

    result = await journal.step(kind, request, outcome)
    meter.add(seconds=result.seconds)
    if "raised" in result.value:
        raise _error(result.value, errors)
    return result.value["ok"]


def error_name(error: FathomError, errors: Mapping[str, type[FathomError]]) -> str:
    """The name that an error goes by in records. Raises `StopIteration` for one that is none of `errors`."""
    return next(name for name, kind in errors.items() if isinstance(error, kind))


def _row(error: FathomError, errors: Mapping[str, type[FathomError]]) -> dict[str, str]:
    more = {"kind": error.kind} if isinstance(error, ProviderFault) else {}
    return {"raised": error_name(error, errors), "message": str(error), **more}


def _error(row: Mapping[str, Any], errors: Mapping[str, type[FathomError]]) -> FathomError:
    raised = errors[row["raised"]]
    if issubclass(raised, ProviderFault):
        return raised(row["message"], kind=row.get("kind", "server"))
    return raised(row["message"])
