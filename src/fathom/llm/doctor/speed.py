"""Latency, and tokens per second in reading and in writing, of one request at a time."""

from fathom.llm.doctor.context import planted
from fathom.llm.doctor.subject import Heard, Subject
from fathom.llm.profile import SpeedProfile

PREFILL_CHARS = 4000  # about 1,000 tokens
WRITE_TOKENS = 64


async def speed(subject: Subject, greeting: Heard) -> SpeedProfile:
    """`greeting` is a reply to a short question, which says how long a request takes at least."""
    # Another text than the context probe's, so that no prefix cache has seen it.
    text, _ = planted(PREFILL_CHARS, subject.config.seed + 1_000_003)
    reading = await subject.ask(f"{text}\n\nReply with OK.", max_tokens=1)
    writing = await subject.ask("Count from 1 to 200 in words, one number a line.", max_tokens=WRITE_TOKENS)
    return SpeedProfile(
        latency_s=round(greeting.seconds, 3),
        prefill_tokens_per_s=_rate(reading, reading.completion.prompt_tokens if reading.completion else 0),
        generation_tokens_per_s=_rate(writing, writing.completion.completion_tokens if writing.completion else 0),
    )


def _rate(heard: Heard, tokens: int) -> float:
    return round(tokens / heard.seconds, 1) if tokens and heard.seconds > 0 else 0.0
