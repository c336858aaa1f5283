"""The closed world: its truth and its pages say the same."""

from collections import Counter

import pytest

from fathom.corpus.closed.knowledge import ClosedConfig, Fact, KnowledgeBase, knowledge
from fathom.corpus.closed.names import SYLLABLE_ZH, SYLLABLES, TWO, Words
from fathom.corpus.closed.pages import documents, entity_page, entity_page_zh, where_stated
from fathom.corpus.closed.schema import RELATION_BY_NAME, RELATIONS, TYPES

CONFIG = ClosedConfig(pages=600, seed=3)


@pytest.fixture(scope="module")
def base() -> KnowledgeBase:
    return knowledge(CONFIG)


def test_every_fact_stands_on_its_subjects_page_and_nothing_else_does(base: KnowledgeBase) -> None:
    for number in range(base.count):
        page = entity_page(base, number)
        stated = [each.fact for each in page.statements]
        inverse = [f for f in base.facts_about(number) if RELATION_BY_NAME[f.relation].inverse]
        assert Counter(stated) == Counter([*base.facts(number), *inverse])


def test_a_statement_names_both_ends_or_a_pronoun(base: KnowledgeBase) -> None:
    for number in range(0, base.count, 7):
        page = entity_page(base, number)
        for fact, start, end in page.statements:
            sentence = page.document.text[start:end]
            assert base.text(fact.object) in sentence
            assert any(word in sentence for word in (base.text(fact.subject), "It ", "He ", "She "))
            assert sentence.endswith(".")


def test_where_stated_finds_the_sentence(base: KnowledgeBase) -> None:
    fact = base.facts(0)[0]
    found = where_stated(base, fact)
    text = entity_page(base, 0).document.text[found.start : found.end]
    assert base.text(fact.object) in text


def test_links_lie_where_they_say_and_lead_to_pages(base: KnowledgeBase) -> None:
    pages = {document.url: document for document in documents(CONFIG)}
    assert len(pages) == CONFIG.pages
    for document in pages.values():
        for link in document.links:
            assert document.text[link.offset : link.offset + len(link.anchor)] == link.anchor
            assert link.target in pages


def test_pages_are_short_and_begin_with_their_title(base: KnowledgeBase) -> None:
    for document in documents(CONFIG):
        assert document.text.startswith(document.title)
        assert len(document.text) < 900


def test_the_same_seed_gives_the_same_world_and_another_shares_no_entity() -> None:
    again = [document.model_dump() for document in documents(CONFIG)]
    assert again == [document.model_dump() for document in documents(CONFIG)]
    other = {document.title for document in documents(CONFIG.model_copy(update={"seed": 4}))}
    shared = other & {document.title for document in documents(CONFIG)}
    assert all(title.startswith("Chronicle") for title in shared)


def test_namesakes_share_a_name_and_are_told_apart(base: KnowledgeBase) -> None:
    people = [base.entity(number) for number in base.ranges["person"]]
    bracketed = [person for person in people if "(" in person.name]
    assert bracketed
    for person in bracketed:
        assert len(base.by_name(person.name.partition(" (")[0])) == 2
        assert base.by_name(person.name) == (person,)
    assert len({entity.url for entity in base.entities()}) == base.count


def test_an_alias_finds_its_entity_and_stands_on_its_page(base: KnowledgeBase) -> None:
    named = [entity for entity in base.entities() if entity.aliases]
    assert named
    for entity in named:
        assert entity in base.by_name(entity.aliases[0])
        assert entity.aliases[0] in entity_page(base, entity.id).document.text


def test_inverse_lookup_is_the_inverse(base: KnowledgeBase) -> None:
    for relation in RELATIONS:
        for subject in base.domain(relation.name):
            for thing in base.objects(subject, relation.name):
                assert subject in base.subjects(relation.name, thing)
                assert Fact(subject, relation.name, thing) in base.facts(subject)
    assert base.subjects("born", "no year") == ()


def test_symmetric_relations_are_symmetric(base: KnowledgeBase) -> None:
    for name in (relation.name for relation in RELATIONS if relation.pairs):
        for subject in base.domain(name):
            for other in base.objects(subject, name):
                assert base.objects(int(other), name) == (subject,)


def test_there_are_true_cycles(base: KnowledgeBase) -> None:
    joined = sum(len([f for f in base.facts(n) if isinstance(f.object, int)]) for n in range(base.count))
    assert joined - base.count + 1 > base.count / 2


def test_chinese_pages_state_the_same_facts(base: KnowledgeBase) -> None:
    for number in (0, 39, base.ranges["city"].start, base.ranges["prize"].start):
        page = entity_page_zh(base, number)
        assert [each.fact for each in sorted(page.statements)] == sorted(base.facts(number))
        assert page.document.aliases == (base.entity(number).name,)
        for link in page.document.links:
            assert page.document.text[link.offset : link.offset + len(link.anchor)] == link.anchor
    both = list(documents(ClosedConfig(pages=100, langs=("en", "zh"))))
    assert len({document.url for document in both}) == len(both) > 150


def test_words_are_all_different_and_fall_apart_in_one_way() -> None:
    words = Words(1, "words")
    assert len({words.word(number) for number in range(TWO)}) == TWO
    assert len({words.word(TWO + number) for number in range(5000)} | {words.word(n) for n in range(5000)}) == 10_000
    assert len(set(SYLLABLE_ZH.values())) == len(SYLLABLES)


def test_types_and_relations_fit_together(base: KnowledgeBase) -> None:
    names = {kind.name for kind in TYPES}
    assert len(names) == 12
    assert len(RELATIONS) >= 30
    for relation in RELATIONS:
        assert relation.subject in names
        assert relation.is_value or relation.object in names
    with pytest.raises(IndexError, match="there is no entity"):
        base.entity(base.count)
