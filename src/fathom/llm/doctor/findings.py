"""From measurements to findings: what it means, and one line on what to do about it."""

from collections.abc import Iterator

from fathom.llm.doctor.subject import Heard
from fathom.llm.profile import Finding, ModelProfile, Trials

MIN_CONTEXT = 2048  # below that not even one page's window and a question fit
GOOD_CONTEXT = 16_384  # react keeps the whole history in the prompt; guided lives with less
SLOW_TOKENS_PER_S = 5.0

RAISE_CONTEXT = (
    "Ollama: OLLAMA_CONTEXT_LENGTH=32768 (or PARAMETER num_ctx 32768 in a Modelfile); llama.cpp: -c 32768; "
    "vLLM: --max-model-len 32768; SGLang: --context-length 32768"
)
SCHEMA_ADVICE = "llama.cpp, vLLM, SGLang and Ollama constrain replies by response_format json_schema; update the server"
NATIVE_ADVICE = (
    "llama.cpp: start with --jinja; vLLM: --enable-auto-tool-choice --tool-call-parser NAME; SGLang: "
    "--tool-call-parser NAME; Ollama: take a model listed under tools"
)
LEAK_ADVICE = "vLLM and SGLang: --reasoning-parser NAME; llama.cpp: --reasoning-format auto; Ollama: update it"


def contact_findings(heard: Heard) -> tuple[Finding, ...]:
    """The one finding about a model that gave no reply."""
    hint = heard.error.hint if heard.error else ""
    return (Finding(level="fail", what=f"no reply: {heard.why_not}", advice=hint or "check the URL and the server"),)


def findings(profile: ModelProfile, *, sane: bool) -> tuple[Finding, ...]:
    """Everything worth telling, worst first. `sane` says that the simplest question was answered."""
    found = [*_answers(profile, sane), *_context(profile), *_calling(profile), *_rest(profile)]
    order = {"fail": 0, "warn": 1, "ok": 2}
    return tuple(sorted(found, key=lambda finding: order[finding.level]))


def _answers(profile: ModelProfile, sane: bool) -> Iterator[Finding]:
    able = any(trials.passed for trials in (profile.json_schema, profile.native_tools, profile.tagged))
    if sane:
        return
    if not able and not profile.context.recall_tokens:
        yield Finding(
            level="fail",
            what="the model did not do one thing it was asked for",
            advice="take an instruction-tuned model, and see that the server applies its chat template",
        )
    else:
        yield Finding(
            level="warn",
            what="the model did not name the capital of France",
            advice="a larger or instruction-tuned model will research better",
        )


def _context(profile: ModelProfile) -> Iterator[Finding]:
    context = profile.context
    size = f"{context.tokens} tokens" + ("" if context.counted else " (estimated)")
    if not context.tokens:
        yield Finding(level="warn", what="the context window could not be measured", advice=RAISE_CONTEXT)
        return
    if context.end == "silent":
        what = f"prompts beyond {size} are cut without a word"
        level = "fail" if context.tokens < MIN_CONTEXT else "warn"
        yield Finding(level=level, what=what, advice=f"serve a larger context. {RAISE_CONTEXT}")
    elif context.tokens < GOOD_CONTEXT and context.end == "refused":
        level = "fail" if context.tokens < MIN_CONTEXT else "warn"
        what = f"prompts of up to {size} are taken, longer ones refused"
        yield Finding(level=level, what=what, advice=f"use --agent guided, or serve more context. {RAISE_CONTEXT}")
    elif context.tokens < GOOD_CONTEXT and context.end != "refused":
        advice = "the bounds were reached, or a request failed: run it again with more --seconds or --tokens"
        yield Finding(level="warn", what=f"the context window could be checked up to {size} only", advice=advice)
    else:
        least = "at least " if context.end in ("bounds", "unknown") else ""
        yield Finding(level="ok", what=f"context window: {least}{size}")
    if not context.counted:
        advice = "token budgets and cost will be estimates; most servers report usage when updated"
        yield Finding(level="warn", what="the endpoint counts no prompt tokens", advice=advice)
    if context.recall_tokens < context.tokens:
        places = ", ".join(f"{place} {tokens}" for place, tokens in context.recalled.items())
        yield Finding(
            level="warn",
            what=f"planted facts were all recalled up to {context.recall_tokens} tokens only ({places})",
            advice="keep prompts short: use --agent guided; if only the start is lost, the server may cut silently",
        )


def _calling(profile: ModelProfile) -> Iterator[Finding]:
    wanted = True  # a way of calling that is not needed, since a better one works, is no limit
    for strategy, trials, what, advice in (
        ("schema", profile.json_schema, "JSON schema", SCHEMA_ADVICE),
        ("native", profile.native_tools, "native tool calls", NATIVE_ADVICE),
        ("tagged", profile.tagged, "tagged calls", ""),
    ):
        wanted = wanted and strategy != profile.strategy
        yield _trials_finding(trials, what, advice, wanted=wanted)
    advice = "use --agent guided with this model" if profile.strategy == "repair" else ""
    level = "warn" if profile.strategy == "repair" else "ok"
    yield Finding(level=level, what=f"calling strategy: {profile.strategy}", advice=advice)


def _trials_finding(trials: Trials, what: str, advice: str, *, wanted: bool) -> Finding:
    counts = f"{what}: {trials.passed} of {trials.tried}"
    if trials.reliable:
        return Finding(level="ok", what=counts)
    what = f"{counts} ({trials.note})"
    return Finding(level="warn", what=what, advice=advice) if wanted else Finding(level="ok", what=what)


def _rest(profile: ModelProfile) -> Iterator[Finding]:
    if profile.reasoning == "leaks":
        yield Finding(level="warn", what="thoughts leak into the text of replies", advice=LEAK_ADVICE)
    else:
        yield Finding(level="ok", what=f"thoughts: {profile.reasoning}")
    lost = [lang for lang, kept in profile.languages.items() if not kept]
    if lost:
        advice = "ask in another language, or take a model trained on it"
        yield Finding(level="warn", what=f"does not reply in the language asked in: {', '.join(lost)}", advice=advice)
    elif profile.languages:
        yield Finding(level="ok", what=f"replies in the language asked in: {', '.join(profile.languages)}")
    speed = profile.speed
    what = (
        f"{_rate(speed.generation_tokens_per_s)} written, {_rate(speed.prefill_tokens_per_s)} read, "
        f"{speed.latency_s:g} s for a short reply"
    )
    slow = 0 < speed.generation_tokens_per_s < SLOW_TOKENS_PER_S
    advice = "expect long runs: use --agent guided, or a smaller or quantised model" if slow else ""
    yield Finding(level="warn" if slow else "ok", what=what, advice=advice)


def _rate(tokens_per_s: float) -> str:
    return f"{tokens_per_s:g} tokens/s" if tokens_per_s else "an unknown number of tokens/s"
