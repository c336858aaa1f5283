"""Words for relations: how a question asks for one, and how a clue describes an entity by one.

`{s}` is the subject: a name, or a description ("the founder of Velor Works"). Forward forms ask for the object of a
relation, backward forms for the subject when the object is given (`{o}`). All forms are equally likely. Clauses and
descriptions have three at least; where none is to be drawn, the first stands.
"""

from collections.abc import Sequence
from random import Random

from fathom.corpus.closed.schema import Relation
from fathom.synth.webshaper.formula import Constant, ConstantKind

_FORWARD: dict[str, tuple[str, ...]] = {
    "born_in": ("Where was {s} born?", "In which city was {s} born?"),
    "born": ("When was {s} born?", "In which year was {s} born?"),
    "profession": ("What did {s} do for a living?",),
    "spouse": ("Who was married to {s}?", "Whom did {s} marry?"),
    "employer": ("For which company did {s} work?", "Who employed {s}?"),
    "studied_at": ("Where did {s} study?", "At which university did {s} study?"),
    "located_in": ("In which country is {s}?", "Which country does {s} belong to?"),
    "mayor": ("Who is mayor of {s}?",),
    "twin": ("Which city is {s} twinned with?",),
    "population": ("How many people live in {s}?", "How many inhabitants does {s} have?"),
    "capital": ("Which city is the capital of {s}?",),
    "independence": ("When did {s} become independent?",),
    "founder": ("Who founded {s}?", "By whom was {s} founded?"),
    "seat": ("Where is {s} based?", "In which city is {s} based?"),
    "founded": ("When was {s} founded?", "In which year was {s} founded?"),
    "product": ("What does {s} make?",),
    "owner": ("Who owns {s}?", "Which company owns {s}?"),
    "campus": ("In which city is the campus of {s}?",),
    "rector": ("Who is rector of {s}?", "Who leads {s}?"),
    "opened": ("When did {s} open?",),
    "author": ("Who wrote {s}?", "By whom was {s} written?"),
    "publisher": ("Who published {s}?", "By which company was {s} published?"),
    "published": ("When did {s} come out?", "In which year was {s} published?"),
    "set_in": ("Where is {s} set?", "In which city is {s} set?"),
    "director": ("Who directed {s}?", "By whom was {s} directed?"),
    "based_on": ("On which book is {s} based?",),
    "genre": ("What kind of film is {s}?",),
    "released": ("When was {s} released?", "In which year was {s} released?"),
    "mouth": ("Where does {s} end?", "At which city does {s} end?"),
    "length": ("How long is {s} in kilometres?",),
    "builder": ("Who built {s}?", "Which company built {s}?"),
    "home_port": ("Which city is the home port of {s}?",),
    "captain": ("Who was captain of {s}?",),
    "museum_city": ("In which city is {s}?",),
    "architect": ("Who designed {s}?", "By whom was {s} designed?"),
    "leader": ("Who led {s}?",),
    "vessel": ("On which ship did {s} travel?",),
    "departed": ("When did {s} depart?", "In which year did {s} set out?"),
    "donor": ("Who pays for {s}?", "Which company pays for {s}?"),
    "first_winner": ("Who was the first winner of {s}?",),
    "field": ("For what is {s} given?",),
}
_BACKWARD: dict[str, tuple[str, ...]] = {
    "founder": ("Which company was founded by {o}?", "Which company did {o} found?"),
    "author": ("Which book was written by {o}?", "Which book did {o} write?"),
    "director": ("Which film was directed by {o}?", "Which film did {o} direct?"),
    "first_winner": ("Which prize first went to {o}?",),
}
# How a clue tells of a relation, as what follows "the company that ...". An entity stands
# last, since it may be told in a long description.
_CLAUSE: dict[str, tuple[str, ...]] = {
    "born_in": ("was born in {o}", "came into the world in {o}", "was a native of {o}"),
    "born": ("was born in {o}", "came into the world in {o}", "first drew breath in {o}"),
    "profession": ("was {o}", "worked as {o}", "earned a living as {o}"),
    "spouse": ("was married to {o}", "married {o}", "was the spouse of {o}"),
    "employer": ("worked for {o}", "was employed by {o}", "was on the payroll of {o}"),
    "studied_at": ("studied at {o}", "was a student at {o}", "took a degree at {o}"),
    "located_in": ("lies in {o}", "is situated in {o}", "belongs to {o}"),
    "mayor": ("is governed by {o}", "has as its mayor {o}", "has for mayor {o}"),
    "twin": ("is twinned with {o}", "is the twin town of {o}", "has as its twin town {o}"),
    "population": ("has {o} inhabitants", "has a population of {o}", "is home to {o} people"),
    "capital": ("has as its capital {o}", "is ruled from {o}", "is governed from {o}"),
    "independence": ("became independent in {o}", "won its independence in {o}", "gained independence in {o}"),
    "founder": ("was founded by {o}", "was set up by {o}", "owes its founding to {o}"),
    "seat": ("is based in {o}", "has its seat in {o}", "is run from {o}"),
    "founded": ("was founded in {o}", "was set up in {o}", "opened its doors in {o}"),
    "product": ("makes {o}", "sells {o}", "is known for making {o}"),
    "owner": ("is owned by {o}", "belongs to {o}", "is the property of {o}"),
    "campus": ("has its campus in {o}", "teaches in {o}", "stands in {o}"),
    "rector": ("is led by {o}", "has as its rector {o}", "is headed by {o}"),
    "opened": ("opened in {o}", "first taught in {o}", "opened its doors in {o}"),
    "author": ("was written by {o}", "is a work of {o}", "came from the pen of {o}"),
    "publisher": ("was published by {o}", "was brought out by {o}", "was issued by {o}"),
    "published": ("came out in {o}", "was published in {o}", "first appeared in {o}"),
    "set_in": ("is set in {o}", "tells a story from {o}", "has its setting in {o}"),
    "director": ("was directed by {o}", "had as its director {o}", "was made under the direction of {o}"),
    "based_on": ("is based on {o}", "is drawn from {o}", "takes its story from {o}"),
    "genre": ("is {o}", "counts as {o}", "is classed as {o}"),
    "released": ("was released in {o}", "was first shown in {o}", "reached the screen in {o}"),
    "mouth": ("ends at {o}", "flows into the sea at {o}", "has its mouth at {o}"),
    "length": ("is {o} kilometres long", "has a length of {o} kilometres", "runs for {o} kilometres"),
    "builder": ("was built by {o}", "was constructed by {o}", "came from the yard of {o}"),
    "home_port": ("has its home port in {o}", "sails from {o}", "has as its home port {o}"),
    "captain": ("sailed under {o}", "had as its captain {o}", "was under the command of {o}"),
    "museum_city": ("is in {o}", "can be visited in {o}", "is housed in {o}"),
    "architect": ("was designed by {o}", "was built to plans by {o}", "had as its architect {o}"),
    "leader": ("was led by {o}", "was headed by {o}", "went out under {o}"),
    "vessel": ("travelled on {o}", "was carried by {o}", "sailed on board {o}"),
    "departed": ("departed in {o}", "set out in {o}", "began its journey in {o}"),
    "donor": ("is paid for by {o}", "is funded by {o}", "gets its money from {o}"),
    "first_winner": ("first went to {o}", "was first won by {o}", "had as its first winner {o}"),
    "field": ("is given for {o}", "honours work in {o}", "rewards work in {o}"),
}
# The same from the object's side: "the person who ...", where {s} is the subject.
_CLAUSE_BACK: dict[str, tuple[str, ...]] = {
    "born_in": ("is the birthplace of {s}", "saw the birth of {s}", "is the native city of {s}"),
    "spouse": ("was the spouse of {s}", "married {s}", "was married to {s}"),
    "employer": ("was the employer of {s}", "employed {s}", "paid the wages of {s}"),
    "studied_at": ("is the university of {s}", "gave a degree to {s}", "had as a student {s}"),
    "located_in": ("is the country of {s}", "includes {s}", "has within its borders {s}"),
    "mayor": ("is the mayor of {s}", "governs {s}", "holds the office of mayor of {s}"),
    "twin": ("is the twin town of {s}", "is twinned with {s}", "has as its twin town {s}"),
    "capital": ("is the capital of {s}", "serves as the capital of {s}", "is the seat of government of {s}"),
    "founder": ("founded {s}", "was the founder of {s}", "set up {s}"),
    "seat": ("is the seat of {s}", "holds the seat of {s}", "houses the head office of {s}"),
    "owner": ("is the owner of {s}", "owns {s}", "is in possession of {s}"),
    "campus": ("has the campus of {s}", "houses the campus of {s}", "is the site of the campus of {s}"),
    "rector": ("is the rector of {s}", "leads {s}", "holds the office of rector of {s}"),
    "author": ("wrote {s}", "is the author of {s}", "is the writer of {s}"),
    "publisher": ("published {s}", "was the publisher of {s}", "brought out {s}"),
    "set_in": ("is the setting of {s}", "is the scene of {s}", "provides the setting of {s}"),
    "director": ("directed {s}", "was the director of {s}", "sat in the director's chair for {s}"),
    "based_on": ("is the source of {s}", "is the basis of {s}", "gave its story to {s}"),
    "mouth": ("lies at the mouth of {s}", "marks the mouth of {s}", "stands at the end of {s}"),
    "builder": ("built {s}", "was the builder of {s}", "constructed {s}"),
    "home_port": ("is the home port of {s}", "serves as the home port of {s}", "gives a home port to {s}"),
    "captain": ("was the captain of {s}", "commanded {s}", "was in command of {s}"),
    "museum_city": ("is the city of {s}", "houses {s}", "is the home of {s}"),
    "architect": ("was the architect of {s}", "designed {s}", "drew the plans of {s}"),
    "leader": ("was the leader of {s}", "led {s}", "headed {s}"),
    "vessel": ("was the vessel of {s}", "carried {s}", "had on board {s}"),
    "donor": ("is the donor of {s}", "pays for {s}", "funds {s}"),
    "first_winner": ("first won {s}", "was the first winner of {s}", "was the first to receive {s}"),
}
# How a constant that is not the thing itself is told, by its kind.
_VAGUE: dict[ConstantKind, tuple[str, ...]] = {
    "decade": ("the {n}s", "the decade of the {n}s", "some year of the {n}s"),
    "at_least": ("at least {n}", "no fewer than {n}", "{n} or more"),
    "at_most": ("at most {n}", "no more than {n}", "{n} or fewer"),
    "initial": (
        "{a} whose name begins with {n}",
        "{a} whose name starts with the letter {n}",
        "{a} whose name has {n} for its first letter",
    ),
}
_UNION = ("{0} or {1}", "either {0} or {1}", "{0} or else {1}")
_COUNTED = ("profession", "genre")  # relations whose values are said with an article


def forward_question(relation: Relation, subject: str, random: Random, *, more: bool = False) -> str:
    """A question for the object of the relation; with `more` in one of three forms at least."""
    noun, what = relation.noun, "Who" if more and relation.object == "person" else "What"
    forms = (*_FORWARD[relation.name], f"{what} is the {noun} of {{s}}?")
    forms += (f"Name the {noun} of {{s}}.",) if more else ()
    return random.choice(forms).format(s=subject)


def backward_question(relation: Relation, object_: str, random: Random, *, more: bool = False) -> str:
    """A question for the subject of the relation, for relations whose facts stand on the object's page too; with `more`
    in one of three forms at least."""
    forms = _BACKWARD[relation.name]
    if more:
        told = _CLAUSE[relation.name]
        forms = tuple(dict.fromkeys([*forms, *(f"Which {relation.subject} {each}?" for each in told)]))
        forms += tuple(f"Name the {relation.subject} {pronoun(relation.subject)} {each}." for each in told)
    return random.choice(forms).format(o=object_)


def clause(relation: Relation, other: str, random: Random | None, *, backward: bool = False) -> str:
    """What an entity does in that relation to `other`, as "was founded by Tamin Oresk"; `backward` where it is the
    fact's object."""
    form = _drawn((_CLAUSE_BACK if backward else _CLAUSE)[relation.name], random)
    return form.format(s=other, o=other)


def description(relation: Relation, subject: str, random: Random | None) -> str:
    """The object of the relation as a phrase: "the founder of Velor Works", "the person who founded Velor Works"."""
    described = (f"the {relation.object} {pronoun(relation.object)} {form}" for form in _CLAUSE_BACK[relation.name])
    return _drawn((f"the {relation.noun} of {{s}}", *described), random).format(s=subject)


def constant_phrase(constant: Constant, relation: Relation, kind: str, random: Random) -> str:
    """What a constant stands for, an entity of that kind or a value of the relation, as what follows "was born in"."""
    if constant.kind in _VAGUE:
        return random.choice(_VAGUE[constant.kind]).format(n=constant.text, a=with_article(kind))
    names = [with_article(text) if relation.name in _COUNTED else text for text in constant.members]
    *others, last = names
    return random.choice(_UNION).format(", ".join(others), last) if others else last


def with_article(noun: str) -> str:
    """The noun with "a" or "an"."""
    return f"{'an' if noun[0] in 'aeio' else 'a'} {noun}"  # a university


def pronoun(kind: str) -> str:
    """The pronoun of a clause about a thing of that kind."""
    return "who" if kind == "person" else "that"


def _drawn(forms: Sequence[str], random: Random | None) -> str:
    return forms[0] if random is None else random.choice(forms)
