import random
from pathlib import Path

import pytest

from fathom.corpus.document import Document
from fathom.corpus.lexical import MAX_QUERY_CHARACTERS, LexicalIndex, write_index
from fathom.corpus.segment import segment
from fathom.corpus.snapshot import Snapshot, build_snapshot

WORDS = [f"w{number}" for number in range(60)]
HOSTILE = (
    "foo:bar",
    '"unbalanced',
    "a AND",
    "(",
    ")))",
    "~~~^^^",
    "title:",
    "body:[a TO",
    "*",
    "?",
    "\\",
    "-",
    "+w1 -w2",
    "NOT NOT",
    "",
    " \t\n",
    "\x00",
    "\ud800",
    "w1\ud800w2",
    "\u202ew1",
    "w" * 100_000,
    "w1 " * 10_000,
    "水",
    "e\u0301" * 600,
    "'; DROP TABLE documents; --",
    "%s%n%(x)s{}",
    "😀 w1",
)


def rows(count: int, seed: int = 0) -> list[tuple[int, str, str]]:
    stream = random.Random(seed)
    return [(number, "title", " ".join(stream.choices(WORDS, k=20))) for number in range(count)]


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> LexicalIndex:
    folder = tmp_path_factory.mktemp("lexical") / "index"
    write_index(folder, rows(300), 64)
    return LexicalIndex(folder)


@pytest.mark.parametrize("query", HOSTILE)
def test_any_text_is_a_query(index: LexicalIndex, query: str) -> None:
    assert len(index.search(query, 5)) <= 5


def test_what_comes_after_the_cap_does_not_count(index: LexicalIndex) -> None:
    assert index.search("w1" + " " * MAX_QUERY_CHARACTERS + "w2", 5) == index.search("w1", 5)


def test_two_builds_rank_alike(tmp_path: Path, index: LexicalIndex) -> None:
    again = tmp_path / "again"
    assert write_index(tmp_path / "first", rows(300), 64) == write_index(again, rows(300), 64)
    other = LexicalIndex(again)
    stream = random.Random(1)
    for _ in range(200):
        query = " ".join(stream.choices(WORDS, k=stream.randint(1, 8)))
        assert index.search(query, 10) == other.search(query, 10)


def test_ties_go_by_id_even_when_there_are_more_than_fit(tmp_path: Path) -> None:
    write_index(tmp_path / "i", [(number, "same", "the very same text") for number in range(500)], 64)
    hits = LexicalIndex(tmp_path / "i").search("text", 7)
    assert [number for number, _ in hits] == list(range(7))


def test_the_first_of_k_are_the_same_for_every_k(index: LexicalIndex) -> None:
    assert index.search("w1 w2 w3", 50)[:5] == index.search("w1 w2 w3", 5)
    assert index.search("w1", 0) == []


def test_stop_words_count_only_where_there_is_nothing_else(index: LexicalIndex) -> None:
    assert index.terms("Who was the W1 of it?") == ["w1"]
    assert index.terms("To be or not to be") == ["to", "be", "or", "not"]


def test_inflections_and_accents_do_not_matter(index: LexicalIndex) -> None:
    assert index.terms("Rivers RIVER Cafés café") == ["river", "cafe"]


def test_chinese_becomes_pairs_in_one_script() -> None:
    assert segment("東富山站在日本").split() == ["东富", "富山", "山站", "站在", "在日", "日本"]
    assert segment("於2024年").split() == ["于", "2024", "年"]
    assert segment("plain text") == "plain text"


def test_a_query_in_either_script_finds_the_page(tmp_path: Path) -> None:
    pages = [
        Document(url="a", title="東富山站", text="東富山站（）是隸屬於愛之風富山鐵道的鐵路車站。", lang="zh"),
        Document(url="b", title="白马寺", text="白马寺位于洛阳市，是佛教传入中国后兴建的第一座寺院。", lang="zh"),
    ]
    snapshot = build_snapshot(tmp_path / "c", "zh", pages)
    for query, url in (("东富山站", "a"), ("東富山站", "a"), ("白馬寺 洛陽", "b"), ("哪座是第一座寺院？", "b")):
        assert snapshot.search(query)[0].passage.url == url


def test_chinese_titles_are_found_among_four_hundred_pages(tmp_path: Path, shared_data: Path) -> None:
    import gzip
    import json

    import opencc

    with gzip.open(shared_data / "zhwiki" / "docs.jsonl.gz", "rt", encoding="utf-8") as lines:
        pages = [json.loads(next(lines)) for _ in range(400)]
    documents = [Document(url=page["url"], title=page["title"], text=page["text"], lang="zh") for page in pages]
    snapshot = build_snapshot(tmp_path / "c", "zh", documents)
    scripts = [opencc.OpenCC(name) for name in ("t2s", "s2t")]
    for script in scripts:
        found = sum(_finds(snapshot, script.convert(page["title"]), page["url"]) for page in pages)
        assert found >= 0.98 * len(pages)


def _finds(snapshot: Snapshot, query: str, url: str) -> bool:
    return url in {match.passage.url for match in snapshot.search(query)}
