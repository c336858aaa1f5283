"""The closed world: its truth and its pages say the same."""

import itertools
import re
import time
import tracemalloc
from collections import Counter

import pytest
from pydantic import ValidationError

from fathom.core.errors import ConfigError
from fathom.corpus.closed.knowledge import ClosedConfig, Fact, KnowledgeBase, knowledge
from fathom.corpus.closed.names import SYLLABLE_ZH, SYLLABLES, TWO, WORDS, Words
from fathom.corpus.closed.pages import documents, entity_page, entity_page_zh, where_stated
from fathom.corpus.closed.schema import RELATION_BY_NAME, RELATIONS, TYPES, WORDS_ZH

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


def test_chinese_pages_state_the_facts_that_the_english_ones_do(base: KnowledgeBase) -> None:
    for number in range(base.count):
        page, english = entity_page_zh(base, number), entity_page(base, number)
        assert Counter(each.fact for each in page.statements) == Counter(each.fact for each in english.statements)
        assert {each.fact for each in page.statements} >= set(base.facts(number))
        for fact, start, end in page.statements:
            sentence = page.document.text[start:end]
            value = (
                base.name_zh(fact.object) if isinstance(fact.object, int) else WORDS_ZH.get(fact.object, fact.object)
            )
            assert value in sentence
            assert any(word in sentence for word in (base.name_zh(fact.subject), "它", "他", "她"))
            assert sentence.count("。") == sentence.endswith("。") == 1
        assert page.document.aliases == (base.entity(number).name, *base.aliases_zh(number))
        assert len(page.document.aliases) == 1 + len(english.document.aliases)
        assert all(alias in page.document.text for alias in page.document.aliases[1:])


def test_chinese_pages_have_nothing_english_and_come_out_the_same() -> None:
    config = CONFIG.model_copy(update={"langs": ("en", "zh")})
    both = list(documents(config))
    assert both == list(documents(config))
    assert [document.lang for document in both] == ["en"] * config.pages + ["zh"] * config.pages
    assert len({document.url for document in both}) == len(both)
    chinese = {document.url: document for document in both if document.lang == "zh"}
    for document in chinese.values():
        assert not re.search(r"[A-Za-z ()]", document.title + document.text)
        assert document.text.startswith(document.title)
        for link in document.links:
            assert document.text[link.offset : link.offset + len(link.anchor)] == link.anchor
            assert link.target in chinese
    assert any("（历史学家）" in document.title for document in chinese.values())


def test_a_chinese_distractor_tells_of_the_same_entities_as_the_english_one() -> None:
    config = ClosedConfig(pages=200, distractors=0.2, langs=("en", "zh"))
    base, pages = knowledge(config), list(documents(config))
    pairs = zip(pages[: config.pages], pages[config.pages :], strict=True)
    chronicles = [(en, zh) for en, zh in pairs if en.categories == ("chronicle",)]
    assert len(chronicles) == 40
    for en, zh in chronicles:
        named = [base.named(link.anchor) for link in en.links]
        assert {base.name_zh(number) for number in named if number is not None} == {link.anchor for link in zh.links}


def test_every_relation_and_word_has_its_chinese() -> None:
    words = [word for relation in RELATIONS for word in relation.words]
    assert set(WORDS_ZH) == set(words)
    assert len(set(WORDS_ZH.values())) == len(words)
    for relation in RELATIONS:
        assert len(set(relation.zh)) >= 2
        assert bool(relation.inverse_zh) == bool(relation.inverse)
        for form in (*relation.zh, *relation.inverse_zh):
            assert form.count("{o}") == form.count("{s}") + form.count("{p}") == 1


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


def name_words(base: KnowledgeBase) -> set[str]:
    """The words of all names and aliases, without those that names of a kind share."""
    shared = {word for kind in TYPES for form in kind.names for word in re.sub(r"{.}", "", form).split()}
    texts = [text for entity in base.entities() for text in (entity.name.partition(" (")[0], *entity.aliases)]
    return {word for text in texts for word in text.split()} - shared


def test_worlds_of_one_name_seed_and_other_words_share_no_word() -> None:
    one = knowledge(ClosedConfig(pages=700, seed=1, name_seed=9, langs=("en", "zh")))
    two = one.config.model_copy(update={"seed": 2, "first_word": one.words_used.stop})
    other = knowledge(two)
    assert other.words_used.start == one.words_used.stop
    assert not name_words(one) & name_words(other)
    assert not {one.name_zh(n) for n in range(one.count)} & {other.name_zh(n) for n in range(other.count)}
    words = {Words(9, "words").word(number).capitalize() for number in one.words_used}
    assert name_words(one) <= words
    # The same words in the same order where they are not moved, under facts of its own.
    same = knowledge(two.model_copy(update={"first_word": 0}))
    assert name_words(same) & name_words(one)
    assert [same.facts(n) for n in range(50)] != [one.facts(n) for n in range(50)]
    # Pages of one world hold no word of the other's names either.
    text = " ".join(document.text for document in itertools.islice(documents(two), 200))
    assert not set(re.findall(r"[A-Z]\w+", text)) & name_words(one)


def test_words_that_there_are_not_are_refused() -> None:
    config = ClosedConfig(pages=100, first_word=WORDS - knowledge(ClosedConfig(pages=100)).words_used.stop)
    assert knowledge(config).words_used.stop == WORDS
    with pytest.raises(ConfigError, match="there are 110,822,400"):
        knowledge(config.model_copy(update={"first_word": config.first_word + 1}))
    with pytest.raises(ValidationError):
        ClosedConfig(langs=("fr",))  # type: ignore[arg-type]


def test_entities_and_values_are_not_taken_for_one_another(base: KnowledgeBase) -> None:
    born = next(int(str(base.objects(n, "born")[0])) for n in base.domain("born"))
    assert base.subjects("born", str(born))
    assert base.subjects("born", born) == ()
    city = base.objects(0, "born_in")[0]
    assert base.subjects("born_in", city)
    assert base.subjects("born_in", str(city)) == ()
    for text in (f"0{born}", "9" * 30, "٣", "-1", ""):
        assert base.subjects("born", text) == ()


def test_a_million_pages_stream() -> None:
    """The knowledge base takes some 20 MB, and no page is kept: the peak does not grow with the pages taken."""
    began = time.process_time()
    tracemalloc.start()
    pages = documents(ClosedConfig(pages=1_000_000, seed=1))
    urls = {next(pages).url}
    started = tracemalloc.get_traced_memory()[1]
    urls |= {document.url for document in itertools.islice(pages, 500)}
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(urls) == 501
    assert peak < 120e6
    assert peak - started < 60e6
    assert time.process_time() - began < 20


@pytest.mark.parametrize("pages", [100, 2_000])
def test_there_are_as_many_pages_as_asked_for(pages: int) -> None:
    urls = [document.url for document in documents(ClosedConfig(pages=pages, seed=2))]
    assert len(urls) == len(set(urls)) == pages
