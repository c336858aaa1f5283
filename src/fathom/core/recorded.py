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
            return raised_row(error, errors)

    result = await journal.step(kind, request, outcome)
    meter.add(seconds=result.seconds)
    if "raised" in result.value:
        raise raised_error(result.value, errors)
    return result.value["ok"]


def raised_row(error: FathomError, errors: Mapping[str, type[FathomError]]) -> dict[str, Any]:
    """An error as it stands in records: by its name among `errors`, a fault with its kind and the wait it asked for.
    Raises `StopIteration` for one that is none of them."""
    row: dict[str, Any] = {
        "raised": next(name for name, kind in errors.items() if isinstance(error, kind)),
        "message": str(error),
    }
    if isinstance(error, ProviderFault):
        row["kind"] = error.kind
        if error.retry_after_s is not None:
            row["retry_after_s"] = error.retry_after_s
    return row


def raised_error(row: Mapping[str, Any], errors: Mapping[str, type[FathomError]]) -> FathomError:
    """The error that `raised_row` was made of. Rows of older versions say no kind."""
    raised = errors[row["raised"]]
    if issubclass(raised, ProviderFault):
        return raised(row["message"], kind=row.get("kind", "server"), retry_after_s=row.get("retry_after_s"))
    return raised(row["message"])
