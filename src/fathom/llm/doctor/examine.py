"""The whole examination, in the order in which one probe tells the next what to expect."""

import time
from collections.abc import Callable

from fathom import __version__
from fathom.core.clock import utc_now
from fathom.llm.calling import CallingStrategy
from fathom.llm.doctor.abilities import native_trials, reasoning_seen, schema_trials, tagged_trials
from fathom.llm.doctor.context import ContextProbe
from fathom.llm.doctor.findings import contact_findings, findings
from fathom.llm.doctor.languages import languages_kept
from fathom.llm.doctor.speed import speed
from fathom.llm.doctor.subject import DoctorConfig, Subject
from fathom.llm.profile import ModelProfile, Trials
from fathom.llm.protocol import ChatModel

GREETING = "What is the capital of France? Reply with the name of the city only."


async def examine(
    model: ChatModel,
    spec: str,
    config: DoctorConfig = DoctorConfig(),
    *,
    tell: Callable[[str], None] = lambda line: None,
    clock: Callable[[], float] = time.monotonic,
) -> ModelProfile:
    """Measure `model`, which fathom knows as `spec`. `tell` hears what is going on, a line at a time.

    Never raises for what the endpoint does: a model that cannot be reached gives a profile that says so.
    """
    subject = Subject(model, config, clock)
    tell("first contact")
    # The first request may have to load the model; the second one shows the latency.
    first = await subject.ask(GREETING)
    if first.completion is None:
        return ModelProfile(
            spec=spec,
            model=model.name,
            reached=False,
            measured_at=utc_now(),
            fathom=__version__,
            findings=contact_findings(first),
            calls=subject.calls,
            seconds=round(clock() - subject.began, 2),
        )
    greeting = await subject.ask(GREETING)
    tell("speed")
    speeds = await speed(subject, greeting)
    tell("JSON schema, tool calls, tagged text")
    schema, native, tagged = await schema_trials(subject), await native_trials(subject), await tagged_trials(subject)
    context = await ContextProbe(subject, tell).run()
    tell("languages")
    languages = await languages_kept(subject)
    profile = ModelProfile(
        spec=spec,
        model=first.completion.model or model.name,
        measured_at=utc_now(),
        fathom=__version__,
        context=context,
        json_schema=schema,
        native_tools=native,
        tagged=tagged,
        reasoning=reasoning_seen(subject.replies),
        languages=languages,
        speed=speeds,
        strategy=choose_strategy(schema, native, tagged),
        calls=subject.calls,
        tokens=subject.tokens,
        seconds=round(clock() - subject.began, 2),
    )
    return profile.model_copy(update={"findings": findings(profile, sane="paris" in first.text.lower())})


def choose_strategy(schema: Trials, native: Trials, tagged: Trials) -> CallingStrategy:
    """The first that worked every time: constrained output, native calls, tagged text; else repair."""
    if schema.reliable:
        return "schema"
    if native.reliable:
        return "native"
    return "tagged" if tagged.reliable else "repair"
