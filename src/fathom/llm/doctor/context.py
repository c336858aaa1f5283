"""The real context window, by planted needles.

Prompts of growing size hide a fact near their start, in the middle and near their end, and the model is asked for each.
Two things give a silent cut away: the prompt tokens the endpoint counts stop growing with the text, or the fact at the
start is lost while the one at the end is still found. The edge is then narrowed down by bisection. What a model cannot
recall even from the shortest prompt it is not asked again; counts and refusals still measure it.
"""

import random
import re
from collections.abc import Callable
from dataclasses import dataclass, replace

from fathom.llm.doctor.subject import Heard, Subject
from fathom.llm.profile import ContextEnd, ContextProfile

FIRST_TOKENS = 512
CHARS_PER_TOKEN = 4.0
COUNT_SLACK = 0.9  # a count below this share of what the text should make says that text is missing
EDGE = 1.1  # bisection ends when the bounds are this close
MAX_BISECTIONS = 5
# Facts of three kinds: small models mix up three of one kind.
NEEDLES = {
    "start": ("The code of the red door is {}.", "What is the code of the red door?"),
    "middle": (
        "The statue in the harbour weighs {} kilograms.",
        "How many kilograms does the statue in the harbour weigh?",
    ),
    "end": ("The old bridge was built of {} stones.", "Of how many stones was the old bridge built?"),
}

_GOODS = ("lemons", "copper wire", "paper", "coffee", "tiles", "rope", "lamps", "seed corn", "glass", "wool")
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")


@dataclass(frozen=True)
class Look:
    """What happened at one size. `expected` and `reported` are prompt tokens; `reported` is 0 where not counted."""

    chars: int
    expected: int
    reported: int = 0
    found: frozenset[str] = frozenset()
    refused: bool = False
    error: str = ""
    seconds: float = 0.0

    @property
    def uncounted(self) -> bool:
        return bool(self.reported) and self.reported < COUNT_SLACK * self.expected

    @property
    def whole(self) -> bool:
        """The prompt went in without being refused or cut, as far as can be seen."""
        return not (self.refused or self.error or self.uncounted or self.headless)

    @property
    def headless(self) -> bool:
        """The start is gone while the end is there, and no count says otherwise."""
        return not self.reported and "end" in self.found and "start" not in self.found

    @property
    def tokens(self) -> int:
        return self.reported or self.expected


def planted(chars: int, seed: int) -> tuple[str, dict[str, str]]:
    """A text of about `chars` characters and, per place, the number that is to be recalled from it."""
    source = random.Random(seed)
    numbers = {place: str(source.randrange(10_000, 100_000)) for place in NEEDLES}
    lines: list[str] = []
    length = 0
    while length < chars:
        # Numbers of at most three digits, so that no line holds one of the five-digit numbers by chance.
        line = (
            f"On {source.choice(_DAYS)} depot {source.randrange(1000)} received {source.randrange(1000)} crates of "
            f"{source.choice(_GOODS)}."
        )
        lines.append(line)
        length += len(line) + 1
    at = {"start": 1, "middle": len(lines) // 2 + 1, "end": max(2, len(lines) - 1)}
    for place in ("end", "middle", "start"):
        lines.insert(at[place], NEEDLES[place][0].format(numbers[place]))
    return "\n".join(lines), numbers


class ContextProbe:
    """Grows the prompt until something gives. `tell` hears each size."""

    def __init__(self, subject: Subject, tell: Callable[[str], None]) -> None:
        self._subject, self._tell = subject, tell
        # Prompt tokens are taken as intercept + slope * characters; two small prompts say how the endpoint counts.
        self._intercept, self._slope = 0.0, 1 / CHARS_PER_TOKEN
        self._looks: list[Look] = []
        self._asked = tuple(NEEDLES)

    async def run(self) -> ContextProfile:
        first = await self._look(FIRST_TOKENS)
        if not first.whole:
            return self._profile("refused" if first.refused else "silent" if first.headless else "unknown")
        self._asked = tuple(place for place in NEEDLES if place in first.found) or ("start",)
        if first.reported:  # the template's own tokens make this slope a little too steep
            self._slope = COUNT_SLACK * first.reported / first.chars
        bad = _unless_whole(second := await self._look(2 * FIRST_TOKENS))
        if first.reported and bad is None:
            self._slope = (second.reported - first.reported) / (second.chars - first.chars)
            self._intercept = first.reported - self._slope * first.chars
        size = 4 * FIRST_TOKENS
        while bad is None and size <= self._subject.config.max_context_tokens and self._affordable(size):
            bad = _unless_whole(await self._look(size))
            size *= 2
        if bad is None:
            return self._profile("bounds")
        if bad.error:
            return self._profile("unknown")
        if not bad.uncounted:  # a count names the edge by itself
            bad = await self._narrow(bad)
        return self._profile("refused" if bad.refused else "silent", bad)

    async def _narrow(self, bad: Look) -> Look:
        good = max(look.expected for look in self._looks if look.whole)
        # Windows are mostly powers of two, like the sizes tried: the edge is looked for just below the last one first.
        size = int(bad.expected / EDGE * 1.02)
        for _ in range(MAX_BISECTIONS):
            if bad.expected <= good * EDGE or not self._affordable(size):
                break
            look = await self._look(size)
            if look.error:
                break
            if look.whole:
                good = look.expected
            else:
                bad = look
            size = (good + bad.expected) // 2
        return bad

    def _affordable(self, tokens: int) -> bool:
        """Whether the questions over so many tokens fit into what is left of tokens and time."""
        last = self._looks[-1]
        growth = tokens / max(last.expected, 1)
        return (
            len(self._asked) * tokens <= self._subject.tokens_left
            and last.seconds * growth * 1.3 <= self._subject.seconds_left
        )

    async def _look(self, tokens: int) -> Look:
        chars = max(200, int((tokens - self._intercept) / self._slope))
        text, numbers = planted(chars, self._subject.config.seed + tokens)
        look = Look(chars=len(text), expected=int(self._intercept + self._slope * len(text)))
        for place in self._asked:
            # The text comes first, so that the second and third question find it in the prefix cache.
            question = f"{text}\n\n{NEEDLES[place][1]} Reply with the number only."
            heard = await self._subject.ask(question, max_tokens=24)
            look = _with(look, place, numbers[place], heard)
            if look.refused or look.error:
                break
        if not self._looks and look.reported:
            look = replace(look, expected=look.reported)
        self._looks.append(look)
        found = ", ".join(place for place in NEEDLES if place in look.found) or "none"
        said = "refused" if look.refused else look.error or f"counted {look.reported}, recalled: {found}"
        self._tell(f"context: {look.expected} tokens: {said}")
        return look

    def _profile(self, end: ContextEnd, bad: Look | None = None) -> ContextProfile:
        whole = [look for look in self._looks if look.whole]
        tokens = max((look.tokens for look in whole), default=0)
        if bad is not None and bad.uncounted:
            tokens = max(tokens, bad.reported)
        recalled = {place: max((look.tokens for look in whole if place in look.found), default=0) for place in NEEDLES}
        complete = max((look.tokens for look in whole if len(look.found) == len(NEEDLES)), default=0)
        return ContextProfile(
            tokens=tokens,
            end=end,
            recall_tokens=complete,
            recalled=recalled,
            counted=any(look.reported for look in whole),
        )


def _unless_whole(look: Look) -> Look | None:
    return None if look.whole else look


def _with(look: Look, place: str, number: str, heard: Heard) -> Look:
    reported = heard.completion.prompt_tokens if heard.completion else 0
    digits = re.sub(r"(?<=\d)[ ,.](?=\d)", "", heard.text)
    return replace(
        look,
        reported=max(look.reported, reported),
        found=look.found | {place} if number in digits else look.found,
        refused=heard.overflowed,
        error="" if heard.overflowed else heard.why_not,
        seconds=look.seconds + heard.seconds,
    )
