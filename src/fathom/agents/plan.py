"""Plans: a question as simple lookups and a way to combine what they bring.

A model may propose a plan; `usable` says whether it holds together. `parse` makes one from the question's own grammar
(English chains like "the mother of the director of X", possessives, kinship, comparisons of two things) for models
whose plans do not. A question that fits no pattern is its own single lookup.

`#1` in a lookup stands for the answer of lookup 1.
"""

import re
from typing import Literal

from fathom.core.model import Frozen
from fathom.core.text import fold, terms

Combine = Literal["last", "same", "earlier", "later"]
MAX_LOOKUPS = 4
MAX_CHARS = 500  # longer questions fit no pattern, and trying would take time that grows with a power of their length
_COMPARED = "born birth die death released founded country from"


class Plan(Frozen):
    """`lookups` in order. `options` are the two things a comparison is about, else empty."""

    lookups: tuple[str, ...]
    combine: Combine = "last"
    options: tuple[str, ...] = ()


_KIN = {
    "paternal grandfather": ("father", "father"),
    "paternal grandmother": ("father", "mother"),
    "maternal grandfather": ("mother", "father"),
    "maternal grandmother": ("mother", "mother"),
    "grandfather": ("father", "father"),
    "grandmother": ("mother", "mother"),
    "father-in-law": ("spouse", "father"),
    "mother-in-law": ("spouse", "mother"),
    "sibling-in-law": ("spouse", "sibling"),
    "child-in-law": ("child", "spouse"),
    "stepmother": ("father", "wife"),
    "stepfather": ("mother", "husband"),
    "uncle": ("father", "brother"),
    "aunt": ("father", "sister"),
}
_KINSHIP = "father|mother|husband|wife|spouse|son|daughter|child|brother|sister|sibling|parent"
_RANKS = "Count|Duke|King|Queen|Prince|Princess|Earl|Lord|Baron|Marquess|Margrave|Duchess|Countess"
_RANKED = rf"(?:,\s+(?:\d+\w\w\s+)?(?:{_RANKS})\b)"
_KIN_NAMES = "|".join(sorted(_KIN, key=len, reverse=True))
_RELATION = r"(?:(?:place|date|country|cause|year|city) of [a-z]+|[a-z\-]+(?: [a-z\-]+)?)"
_VERBS = (
    "die|died|born|got|get|win|won|receive|received|study|studied|graduate|graduated|work|worked|live|lived|buried|from"
)
_CHAIN = re.compile(rf"\bthe ({_RELATION}) of (?!.*\bthe {_RELATION} of )(.+?)((?: (?:is |was )?(?:{_VERBS})\b.*)?)$")
_OWNER = re.compile(
    rf"^(.*?\b(?:nationality is|is|was|are|were|did|does|country)(?: the {_RELATION} of)?)\s+(.+?)['’]s? "
    r"((?:paternal |maternal )?[a-z\-]+)((?: .*)?)$"
)
_NAMES = re.compile(
    rf"(?:[A-ZÀ-Þ\d#][\w.'’\-]*|\([^)]*\))"
    rf"(?:(?:{_RANKED})?\s+(?:(?:of|the|de|da|von|van|and|in)\s+)*(?:[A-ZÀ-Þ\d][\w.'’\-]*|\([^)]*\))|{_RANKED})*"
)
_PAIR = re.compile(r"^(.*?),\s*(.+?) or (.+)$")
_ROLES = (
    "director|composer|performer|singer|author|writer|producer|founder|architect|painter|creator|editor|screenwriter"
)
_SAME = re.compile(
    r"^(?:are|do|does|did|were|is|have|has) (?:both )?(?:the )?(?:movies|films|songs|companies|people)?\s*(.+?)"
    r" and (.+?)"
    r"(?:,)? (?:both )?(?:have |share |come |located |originat\w* |found |born |are |belong |die |died )*"
    r"((?:the )?(?:directors?|composers?|performers?|authors?)[^?]*?)?"
    r"\b(?:from |in |of |share |to |at )*(?:the )?same ([a-z ]+?)$",
    re.IGNORECASE,
)
_LATER = re.compile(r"\b(?:later|younger|last|more recent(?:ly)?|newer|after)\b")
_EARLIER = re.compile(r"\b(?:first|earlier|older|before|oldest|longer)\b")


def parse(question: str) -> Plan:
    """A plan from the question's grammar. Total: at worst the question itself as the one lookup."""
    text = " ".join(question.split()).rstrip("?？ .")
    if not text or len(text) > MAX_CHARS:
        return Plan(lookups=(question,))
    plan = _comparison(text) or _same(text) or Plan(lookups=tuple(_chain(_expand(text))))
    if not plan.lookups or len(plan.lookups) > 2 * MAX_LOOKUPS:
        return Plan(lookups=(question,))
    return plan


def usable(plan: Plan, question: str) -> bool:
    """Whether a proposed plan holds together: not more than `MAX_LOOKUPS` different lookups, made of the question's own
    content words, naming all its names, and using the answer of every lookup it does not end or combine with."""
    lookups = plan.lookups
    if not lookups or len(lookups) > MAX_LOOKUPS or len(set(lookups)) != len(lookups):
        return False
    references = [[int(n) for n in re.findall(r"#(\d)", lookup)] for lookup in lookups]
    if any(not 1 <= n <= index for index, row in enumerate(references) for n in row):
        return False
    used = {n for row in references for n in row}
    loose = [index for index in range(1, len(lookups) + 1) if index not in used]
    if len(loose) != (1 if plan.combine == "last" else 2):
        return False
    # A comparison may ask for dates and countries in words of its own; a chain says what the question says.
    known = set(terms(question)) | (set() if plan.combine == "last" else set(terms(_COMPARED)))
    said = {term for lookup in lookups for term in terms(re.sub(r"#\d", "", lookup))}
    names = {term for name in re.findall(r"(?<!^)\b[A-Z][\w’'\-]+", question) for term in terms(name)}
    return said <= known and names <= said


def subject(lookup: str) -> str:
    """What a lookup is about: what follows its last "of", or its run of capitalised words, or the lookup itself."""
    text = lookup.rstrip("?？ .")
    chain = _CHAIN.search(text)
    if chain:
        return _bare(chain.group(2))
    names = _NAMES.findall(text)
    names = [name for name in names if fold(name) not in ("who", "what", "when", "where", "which", "how", "in", "is")]
    return max(names, key=len, default=text)


def _expand(text: str) -> str:
    """Possessives as "the R of E", kinship terms as the steps they stand for."""
    text = re.sub(r"^When is (.+)['’]s birthday$", r"When was \1 born", text)
    owner = _OWNER.match(text)
    if owner and re.fullmatch(rf"{_KIN_NAMES}|{_KINSHIP}|{_ROLES}", owner.group(3).lower()):
        text = f"{owner.group(1)} the {owner.group(3)} of {owner.group(2)}{owner.group(4)}"
    return re.sub(
        rf"\bthe ({_KIN_NAMES}) of ",
        lambda m: f"the {_KIN[m.group(1)][1]} of the {_KIN[m.group(1)][0]} of ",
        text,
    )


def _chain(text: str) -> list[str]:
    lookups: list[str] = []
    while (match := _CHAIN.search(text)) and len(lookups) < MAX_LOOKUPS:
        relation, entity, tail = match.group(1), match.group(2), match.group(3)
        outer = f"{text[: match.start()]}#{len(lookups) + 1}{tail}".strip()
        if re.fullmatch(r"(?i)(?:who|what|which|where|when) (?:is|was|are|were) #\d", outer):
            break
        lookups.append(f"Who is the {relation} of {entity}?")
        text = outer
    return [*lookups, f"{text}?"]


def _comparison(text: str) -> Plan | None:
    text = re.sub(
        r"^(?:Was|Is|Did) (.+?) or (.+?) ((?:born|die|released?|founded|older|younger)\b.*)$",
        r"Who was \3, \1 or \2",
        text,
    )
    text = re.sub(r"^(Wh\w+ .*?) out of (.+?) and (.+)$", r"\1, \2 or \3", text)
    match = _PAIR.match(text)
    if match is None or not re.match(r"(?i)(?:which|who|what|between)\b", text):
        return None
    asked, options = match.group(1), (match.group(2).strip(), match.group(3).strip())
    later, earlier = _LATER.search(asked), _EARLIER.search(asked)
    if not later and not earlier:
        return None
    role = re.search(rf"\b({_ROLES})s?\b", asked)
    fact = _dated_fact(asked, person=role is not None or asked.lower().startswith("who"))
    lookups = [f"Who is the {role.group(1)} of {option}?" for option in options] if role else []
    targets = ("#1", "#2") if role else options
    return Plan(
        lookups=(*lookups, *(fact.format(target) for target in targets)),
        combine="later" if later else "earlier",
        options=options,
    )


def _dated_fact(asked: str, *, person: bool) -> str:
    if re.search(r"\b(?:die|died|dies|death|passed)\b", asked):
        return "When did {} die?"
    if person or re.search(r"\b(?:born|birth|younger|older)\b", asked):
        return "When was {} born?"
    if re.search(r"\b(?:founded|established|formed|created|started)\b", asked):
        return "When was {} founded?"
    return "When was {} released?"


def _same(text: str) -> Plan | None:
    match = _SAME.match(text)
    if match is None:
        return None
    first, second, people, thing = match.group(1), match.group(2), match.group(3), match.group(4).strip()
    role = re.search(rf"\b({_ROLES})", f"{people or ''} {first}")
    options = (_bare(first), _bare(re.sub(r",? (?:have|both|share).*$", "", second)))
    ask = "Which {} is {{}} from?".format("country" if thing in ("country", "nationality") else thing)
    if role is None:
        return Plan(lookups=tuple(ask.format(option) for option in options), combine="same", options=options)
    lookups = tuple(f"Who is the {role.group(1)} of {option}?" for option in options)
    return Plan(lookups=(*lookups, ask.format("#1"), ask.format("#2")), combine="same", options=options)


def _bare(entity: str) -> str:
    """An entity without the words that only say what kind of thing it is."""
    entity = re.sub(rf"^(?:the )?(?:{_ROLES})s? of ", "", entity.strip())
    return re.sub(
        r"^(?:the )?(?:film|films|song|songs|movie|movies|book|novel|album|band|company|both)\s+(?=[\"“A-Z\d#À-Þ])",
        "",
        entity,
    )
