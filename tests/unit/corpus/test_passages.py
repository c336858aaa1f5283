from fathom.corpus.passages import PassageConfig, count_words, split_passages

SENTENCE = "One two three four five six seven eight nine ten. "


def _texts(text: str, **sizes: int) -> list[str]:
    return [text[start:end] for start, end in split_passages(text, PassageConfig(**sizes))]


def test_sentences_are_packed_until_a_passage_is_full() -> None:
    assert [count_words(passage) for passage in _texts(SENTENCE * 31)] == [150, 160]


def test_a_passage_ends_with_its_paragraph_once_it_is_long_enough() -> None:
    paragraph = (SENTENCE * 5).strip()
    first, second = _texts(f"{paragraph}\n\n{paragraph}\n\n{paragraph}")
    assert first == f"{paragraph}\n\n{paragraph}"
    assert second == paragraph


def test_a_short_rest_joins_the_passage_before_it() -> None:
    (only,) = _texts(SENTENCE * 15 + "The end.")
    assert only.endswith("The end.")


def test_closing_quotes_stay_with_their_sentence() -> None:
    assert _texts('He said "go." She went. “Why?” “So.” Fine.', target_words=1, max_words=3) == [
        'He said "go."',
        "She went. “Why?”",
        "“So.” Fine.",
    ]


def test_chinese_is_cut_at_its_own_full_stops_and_counted_in_characters() -> None:
    sentence = "东富山站是隶属于爱之风富山铁道及日本货物铁道的铁路车站。"
    passages = _texts(sentence * 25)
    assert all(passage.endswith("。") for passage in passages)
    assert len(passages) == 3


def test_text_without_any_border_is_cut_all_the_same() -> None:
    passages = _texts("x" * 100_000)
    assert "".join(passages) == "x" * 100_000
    assert max(map(len, passages)) <= 1560
    words = _texts("word " * 1000)
    assert max(map(count_words, words)) <= 175


def test_blank_text_has_no_passages() -> None:
    assert split_passages("") == split_passages(" \n\t\u3000") == []
