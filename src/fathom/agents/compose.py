"""From what the lookups found to a cited answer: decide, then quote.

The answer is the short answer in a line of its own, then one sentence of evidence per lookup, word for word, each with
the id of the evidence it stands in.
"""

import re

from fathom.agents.nations import countries, country_of
from fathom.agents.plan import Plan
from fathom.agents.spans import MONTHS
from fathom.core.evidence import Evidence
from fathom.core.model import Frozen
from fathom.core.text import fold, terms
from fathom.grading.sentences import split_plain
from fathom.tools.window import relevance

_ASKING = re.compile(
    r"^(?:(?:what|who|que|quien|qui) (?:is|are|was|were|es|son|fue|est|etait)\b"
    r"|qu['’]est-ce qu(?:e|['’])(?: c['’]est que)?|explain|describe|define|tell me about|什么是)|是什么$"
)


class Quote(Frozen):
    """A sentence of evidence, word for word (blanks aside), and the id of that evidence."""

    text: str
    evidence: str


class Found(Frozen):
    """What one lookup brought: its answer (empty where none) and the sentences that show it."""

    lookup: str
    answer: str = ""
    quotes: tuple[Quote, ...] = ()

    @classmethod
    def of_span(cls, lookup: str, answer: str, spans: list[Evidence]) -> "Found":
        """The sentence that holds `answer` and is nearest to `lookup` becomes the quote; no answer without one."""
        holding = [quote for quote in _sentences(spans) if answer and fold(answer) in fold(quote.text)]
        if not holding:
            return cls(lookup=lookup)
        scores = relevance(lookup, [quote.text for quote in holding])
        best = max(range(len(holding)), key=lambda index: (scores[index], -index))
        return cls(lookup=lookup, answer=answer, quotes=(holding[best],))

    @classmethod
    def of_sentences(cls, lookup: str, sentences: list[str], spans: list[Evidence]) -> "Found":
        """Sentences as the answer themselves, behind the one that opens the page about what is asked."""
        chosen = [quote for quote in _sentences(spans) if quote.text in sentences]
        lead = opening(lookup, spans)
        quotes = list(dict.fromkeys([lead, *chosen] if lead else chosen))
        return cls(lookup=lookup, answer=quotes[0].text if quotes else "", quotes=tuple(quotes))


class Verdict(Frozen):
    """The short answer and the ids it rests on. `prose` where the answer is the quoted sentences themselves."""

    answer: str
    evidence: tuple[str, ...]
    prose: bool = False


def opening(lookup: str, spans: list[Evidence]) -> Quote | None:
    """For "What is X?" the first sentence of the page titled X, where the evidence has it."""
    asked = terms(_ASKING.sub(" ", fold(lookup).strip(" ¿?？.")))
    for item in spans:
        title = re.sub(r"\s*\([^)]*\)$", "", item.title)
        # Blank text in front of it aside, a page's first sentence stands at its start.
        if item.start <= 2 and asked and terms(title) == asked:
            return next(iter(_sentences([item])), None)
    return None


def best_sentences(lookup: str, spans: list[Evidence], *, most: int) -> list[str]:
    """The `most` sentences nearest to `lookup`, in order."""
    quotes = _sentences(spans)
    scores = relevance(lookup, [quote.text for quote in quotes])
    ranked = sorted(range(len(quotes)), key=lambda index: (-scores[index], index))[:most]
    return [quotes[index].text for index in sorted(ranked)]


def decide(plan: Plan, found: list[Found]) -> Verdict | None:
    """Combine the answers as the plan says; None where one that is needed is missing."""
    if plan.combine == "last":
        last = found[-1] if found else None
        if last is None or not last.answer or len(found) < len(plan.lookups):
            return None
        prose = last.answer == last.quotes[0].text
        return Verdict(answer=last.answer, evidence=tuple(quote.evidence for quote in last.quotes), prose=prose)
    if len(found) < len(plan.lookups) or len(found) < 2:
        return None
    first, second = found[-2:]
    if not first.answer or not second.answer:
        return None
    ids = tuple(dict.fromkeys(quote.evidence for item in found for quote in item.quotes))
    if plan.combine == "same":
        return Verdict(answer="yes" if _alike(first, second) else "no", evidence=ids)
    first_is_earlier = precedes(first.answer, second.answer)
    if first_is_earlier is None or len(plan.options) != 2:
        return None
    first_wins = first_is_earlier == (plan.combine == "earlier")
    return Verdict(answer=plan.options[0 if first_wins else 1], evidence=ids)


def compose(verdict: Verdict | None, found: list[Found]) -> str | None:
    """The cited answer in Markdown; None where nothing at all was found. Without a verdict the answer says so and
    gives what was found."""
    quotes = list(dict.fromkeys(quote for item in found for quote in item.quotes))
    proof = [f"{_closed(quote.text)} [{quote.evidence}]" for quote in quotes]
    if verdict is None:
        if not proof:
            return None
        return "\n\n".join(["No answer to the question was found. What the documents say:", *proof])
    if verdict.prose:
        return "\n\n".join(proof)
    return "\n\n".join([f"{verdict.answer} [{', '.join(verdict.evidence)}]", *proof])


def precedes(one: str, other: str) -> bool | None:
    """Whether the first date is before the second; None where a text holds no date, or what both tell is equal."""
    first, second = date_key(one), date_key(other)
    if first is None or second is None:
        return None
    for part, against in zip(first, second, strict=True):
        if not part or not against:
            return None
        if part != against:
            return part < against
    return None


def date_key(text: str) -> tuple[int, int, int] | None:
    """(year, month, day) of the first year in `text`, 0 where month or day is not given."""
    year = re.search(r"\b(\d{3,4})\b", text)
    if year is None:
        return None
    month = next((MONTHS[word] for word in re.findall(r"[a-z]+", fold(text)) if word in MONTHS), 0)
    day = re.search(r"\b([0-3]?\d)(?:st|nd|rd|th)?\b", text.replace(year.group(1), ""))
    return int(year.group(1)), month, int(day.group(1)) if day and month else 0


def _alike(first: Found, second: Found) -> bool:
    """Whether two answers are the same, countries by name or adjective; things of several countries are alike when
    their sentences share one."""
    one, other = (country_of(item.answer) or fold(item.answer).strip(" .") for item in (first, second))
    if one == other or (terms(one) and set(terms(one)) == set(terms(other))):
        return True
    shared = [countries(" ".join(quote.text for quote in item.quotes)) for item in (first, second)]
    return country_of(first.answer) is not None and bool(shared[0] & shared[1] & {one, other})


def _closed(sentence: str) -> str:
    return sentence if sentence.endswith((".", "!", "?", "。", "！", "？", '"', "”")) else f"{sentence}."


def _sentences(spans: list[Evidence]) -> list[Quote]:
    return [
        Quote(text=" ".join(item.text[piece.start : piece.end].split()), evidence=item.id)
        for item in spans
        for piece in split_plain(item.text)
    ]
