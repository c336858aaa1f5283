"""Which mentions become links, and where they stand."""

from fathom.corpus.document import Document, Link
from fathom.corpus.link_features import FEATURES, find_candidates
from fathom.corpus.linker import WEIGHTS, LinkConfig, link_documents

ALL = LinkConfig(min_probability=0.0)


def page(title: str, text: str, lang: str = "en", links: tuple[Link, ...] = ()) -> Document:
    return Document(url=f"wiki/{title}", title=title, text=text, lang=lang, links=links)


def linked(*documents: Document, config: LinkConfig = ALL) -> dict[str, list[tuple[str, str, int]]]:
    return {
        document.title: [(link.anchor, link.target.removeprefix("wiki/"), link.offset) for link in document.links]
        for document in link_documents(documents, config)
    }


def test_a_page_links_to_another_once_at_its_first_mention_and_never_to_itself() -> None:
    oslo = page("Oslo", "Oslo is in Norway. Oslo is the capital of Norway.")
    links = linked(oslo, page("Norway", "Norway is a country."))
    assert links == {"Oslo": [("Norway", "Norway", 11)], "Norway": []}


def test_links_stand_in_the_order_of_the_text() -> None:
    links = linked(page("A road", "To Rome from Milan."), page("Milan", "A city."), page("Rome", "A city."))
    assert [target for _, target, _ in links["A road"]] == ["Rome", "Milan"]


def test_of_pages_of_one_name_the_likelier_is_linked() -> None:
    planets = "Jupiter, Saturn, Venus, Neptune"
    links = linked(
        page("Mercury (planet)", f"Mercury is a planet like {planets}."),
        page("Mercury (element)", "Mercury is a metal like Copper, Zinc and Lead."),
        page("Jupiter", f"A planet: Mercury, {planets}."),
        *(page(name, f"A planet: {planets}.") for name in ("Saturn", "Venus", "Neptune")),
        *(page(name, "A metal: Copper, Zinc and Lead.") for name in ("Copper", "Zinc", "Lead")),
    )
    assert [target for _, target, _ in links["Jupiter"] if target.startswith("Mercury")] == ["Mercury (planet)"]


def test_a_proper_name_is_not_linked_from_a_common_word() -> None:
    town = page("Reading", "Reading is a town. People of Reading live in Reading, and Reading has a port.")
    texts = [
        "He was reading in bed.",
        "She likes reading and hiking.",
        "A reading of the meter.",
        "They sail to Reading.",
    ]
    pages = [page(f"Page {number}x", text) for number, text in enumerate(texts)]
    candidates = find_candidates([town, *pages])
    agreement = candidates.features[:, FEATURES.index("log_case_agreement")]
    by_source = dict(zip(candidates.source.tolist(), agreement.tolist(), strict=True))
    assert max(by_source[1], by_source[2], by_source[3]) < by_source[4] - 1


def test_a_mention_inside_a_longer_name_is_not_free() -> None:
    oxford = page("Oxford", "A city.")
    texts = [
        "Printed by Oxford University Press.",
        "Made in Oxford by hand.",
        "In the South Oxford area.",
        "In Oxford.",
    ]
    candidates = find_candidates([oxford, *(page(f"Page {n}x", text) for n, text in enumerate(texts))])
    free = dict(zip(candidates.source.tolist(), candidates.features[:, FEATURES.index("free")].tolist(), strict=True))
    assert free == {1: 0.0, 2: 1.0, 3: 0.0, 4: 1.0}


def test_pages_with_links_of_their_own_and_of_other_languages_are_left_alone() -> None:
    own = (Link(target="elsewhere", anchor="Norway"),)
    documents = [
        page("Oslo", "Oslo is in Norway.", links=own),
        page("Norway", "Norway is in Europe."),
        page("Europe", "L'Europe et la Norway.", lang="fr"),
    ]
    after = list(link_documents(documents, ALL))
    assert after == documents


def test_chinese_titles_are_linked_without_blanks() -> None:
    links = linked(
        page("北京大学", "北京大学位于北京。", "zh"),
        page("北京", "北京是中国的首都。", "zh"),
        page("中国", "国家。", "zh"),
    )
    assert links["北京大学"] == [("北京", "北京", 6)]
    assert links["北京"] == [("中国", "中国", 3)]


def test_a_higher_bar_keeps_fewer_links() -> None:
    pages = [page("Oslo", "Oslo is in Norway, where time and water are."), page("Norway", "Norway is a country.")]
    pages += [page("Time", "The time is what clocks tell; time after time."), page("Water", "All water is wet.")]
    counts = [
        sum(len(document.links) for document in link_documents(pages, LinkConfig(min_probability=bar)))
        for bar in (0.0, 0.3, 0.6, 0.9, 1.0)
    ]
    assert counts == sorted(counts, reverse=True)
    assert counts[0] > counts[-1] == 0


def test_nothing_and_empty_pages_are_no_trouble() -> None:
    assert linked() == {}
    assert linked(page("", ""), page("Oslo", "")) == {"": [], "Oslo": []}
    assert linked(page("Oslo", "a \ud800 b Norway"), page("Norway", "x"))["Oslo"] == [("Norway", "Norway", 6)]


def test_every_feature_has_a_weight() -> None:
    assert tuple(WEIGHTS) == FEATURES
