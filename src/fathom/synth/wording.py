"""Words for relations: how a question asks for one, and how a clue describes an entity by one.

`{s}` is the subject: a name, or a description ("the founder of Velor Works"). Forward forms ask for the object of a
relation, backward forms for the subject when the object is given (`{o}`). Several forms each, all equally likely.
"""

from random import Random

from fathom.corpus.closed.schema import Relation

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
# How a clue tells of a relation, as what follows "the company that ...".
_CLAUSE: dict[str, str] = {
    "born_in": "was born in {o}", "born": "was born in {o}", "profession": "was a {o}", "spouse": "was married to {o}",
    "employer": "worked for {o}", "studied_at": "studied at {o}", "located_in": "lies in {o}",
    "mayor": "has {o} as mayor", "twin": "is twinned with {o}", "population": "has {o} inhabitants",
    "capital": "has {o} as capital", "independence": "became independent in {o}", "founder": "was founded by {o}",
    "seat": "is based in {o}", "founded": "was founded in {o}", "product": "makes {o}", "owner": "is owned by {o}",
    "campus": "has its campus in {o}", "rector": "is led by {o}", "opened": "opened in {o}",
    "author": "was written by {o}", "publisher": "was published by {o}", "published": "came out in {o}",
    "set_in": "is set in {o}", "director": "was directed by {o}", "based_on": "is based on {o}",
    "genre": "is a {o}", "released": "was released in {o}", "mouth": "ends at {o}",
    "length": "is {o} kilometres long", "builder": "was built by {o}", "home_port": "has its home port in {o}",
    "captain": "sailed under {o}", "museum_city": "is in {o}", "architect": "was designed by {o}",
    "leader": "was led by {o}", "vessel": "travelled on {o}", "departed": "departed in {o}",
    "donor": "is paid for by {o}", "first_winner": "first went to {o}", "field": "is given for {o}",
}  # fmt: skip
# The same from the object's side: "the person who ...", where {s} is the subject.
_CLAUSE_BACK: dict[str, str] = {
    "founder": "founded {s}", "author": "wrote {s}", "director": "directed {s}", "first_winner": "first won {s}",
}  # fmt: skip


def forward_question(relation: Relation, subject: str, random: Random) -> str:
    """A question for the object of the relation."""
    forms = (*_FORWARD[relation.name], f"What is the {relation.noun} of {{s}}?")
    return random.choice(forms).format(s=subject)


def backward_question(relation: Relation, object_: str, random: Random) -> str:
    """A question for the subject of the relation, for relations whose facts stand on the object's page too."""
    return random.choice(_BACKWARD[relation.name]).format(o=object_)


def clause(relation: Relation, other: str, *, backward: bool = False) -> str:
    """What an entity does in that relation to `other`, as "was founded by Tamin Oresk"."""
    return _CLAUSE_BACK[relation.name].format(s=other) if backward else _CLAUSE[relation.name].format(o=other)


def description(relation: Relation, subject: str) -> str:
    """The object of the relation as a phrase: "the founder of Velor Works"."""
    return f"the {relation.noun} of {subject}"
