import pytest
from tests.reports import ANSWER, DANUBE, EVIDENCE, HEDWIG, PAGES, cite, page

from fathom.grading.citation import CheckedSentence, Unsupported, check_answer


def only(answer: str, evidence: tuple = EVIDENCE) -> CheckedSentence:  # type: ignore[type-arg]
    (sentence,) = check_answer(answer, evidence).sentences
    return sentence


def test_reasons_name_what_is_missing() -> None:
    assert only("The Danube is 2,580 km long [E2].").reasons == ("number 2,580 not in E2",)
    assert only("Hedwig married Bernhard of Lippe [E1].").reasons == ('name "Bernhard of Lippe" not in E1',)
    assert only('She said "I shall return" [E1].').reasons == ('quote "I shall return" not in E1',)
    assert only("She died in May 1287 [E1].").reasons == ("date may 1287 not in E1",)
    assert only("The Danube is 2,850 miles long [E2].").reasons == ("number 2,850 is mi, but km in E2",)
    assert "https://a.example/b" in only("It is at https://a.example/b [E2].").reasons[0]


def test_spans_are_the_sentences_of_the_page_that_bear_it_out() -> None:
    sentence = only("The Danube rises in the Black Forest [E2].")
    (span,) = sentence.spans
    assert PAGES[1].text[span.start : span.end] == "It rises in the Black Forest and flows into the Black Sea."
    assert (span.page_hash, span.fetched_at) == (PAGES[1].text_hash, PAGES[1].fetched_at)
    married_and_founded = only("She married Konrad of Rheda in 1264 and founded Marienhagen in 1271 [E1].")
    assert [HEDWIG[s.start : s.end][:7] for s in married_and_founded.spans] == ["In 1264", "She fou"]


def test_a_sentence_that_cites_the_wrong_source_gets_the_right_one() -> None:
    sentence = only("It rises in the Black Forest [E1].")
    assert (sentence.verdict, sentence.cited, sentence.citations) == ("wrong_source", ("E1",), ("E2",))
    assert sentence.reasons[0] == "E2 bears it out"


def test_a_sentence_without_markers_is_attributed_only_if_it_passes() -> None:
    found = only("The Danube is 2,850 km long.")
    assert (found.verdict, found.citations, found.attributed) == ("supported", ("E2",), True)
    lost = only("The Danube is 2,580 km long.")
    assert (lost.verdict, lost.citations, lost.attributed) == ("uncited", (), False)


def test_two_sources_may_bear_a_sentence_out_together() -> None:
    sentence = only("Hedwig died in 1287, and the Danube rises in the Black Forest.")
    assert (sentence.verdict, set(sentence.citations)) == ("supported", {"E1", "E2"})


def test_an_idle_citation_is_dropped_and_said() -> None:
    sentence = only("The Danube is 2,850 km long [E1, E2].")
    assert sentence.citations == ("E2",)
    assert sentence.reasons == ("E1 adds nothing to it",)


def test_unknown_ids_are_removed_and_named() -> None:
    checked = check_answer("The Danube is 2,850 km long [E2, E7].", EVIDENCE)
    assert checked.unknown_ids == ("E7",)
    assert checked.text == "The Danube is 2,850 km long [E2]."
    assert checked.sentences[0].reasons == ("there is no E7",)


@pytest.mark.parametrize(
    ("unsupported", "text"),
    [
        (
            "mark",
            "Hedwig of Altena died in March 1287 [E1]. She married Konrad of Rheda in 1264 [E1]. "
            "The Danube is 2,580 km long [E2]. [unsupported] It rises in the Black Forest [E2].\n\n"
            "- I could not find her date of birth.\n",
        ),
        (
            "cut",
            "Hedwig of Altena died in March 1287 [E1]. She married Konrad of Rheda in 1264 [E1]. "
            "It rises in the Black Forest [E2].\n\n- I could not find her date of birth.",
        ),
        (
            "keep",
            "Hedwig of Altena died in March 1287 [E1]. She married Konrad of Rheda in 1264 [E1]. "
            "The Danube is 2,580 km long [E2]. It rises in the Black Forest [E2].\n\n"
            "- I could not find her date of birth.\n",
        ),
    ],
)
def test_the_answer_as_shown(unsupported: Unsupported, text: str) -> None:
    checked = check_answer(ANSWER, EVIDENCE, unsupported=unsupported)
    assert checked.text == text
    assert (checked.supported, checked.claims, checked.share) == (2, 4, 0.5)


def test_cutting_leaves_no_empty_list_item() -> None:
    answer = "- The Danube is 2,580 km long [E2].\n- The Danube is 2,850 km long [E2].\n"
    assert check_answer(answer, EVIDENCE, unsupported="cut").text == "- The Danube is 2,850 km long [E2]."


def test_a_table_is_checked_by_rows() -> None:
    answer = "| River | Length | |\n|---|---|---|\n| Danube | 2,850 km | [E2] |\n| Danube | 2,580 km | [E2] |\n"
    checked = check_answer(answer, EVIDENCE)
    assert [s.verdict for s in checked.sentences] == ["no_claim", "supported", "unsupported"]
    assert "| Danube | 2,580 km | [E2] [unsupported] |\n" in checked.text


@pytest.mark.parametrize(
    "text",
    [
        "# The Danube in 2026",
        "How long is the Danube?",
        "I could not find it.",
        "In summary:",
        "```\nx = 1\n```",
        "---",
        "",
    ],
)
def test_what_claims_nothing_is_not_counted(text: str) -> None:
    assert check_answer(text, EVIDENCE).claims == 0


def test_a_claim_cannot_hide_behind_words_of_not_finding() -> None:
    assert only("I could not find its width, but it is 3,999 km long.").verdict == "uncited"


def test_a_bare_value_says_how_little_was_checked() -> None:
    sentence = only("1271 [E1]")
    assert (sentence.verdict, sentence.reasons) == (
        "supported",
        ("a value by itself: only that it occurs there was checked",),
    )


def test_without_evidence_nothing_is_supported() -> None:
    checked = check_answer("The Danube is 2,850 km long [E1].", ())
    assert (checked.supported, checked.claims, checked.unknown_ids) == (0, 1, ("E1",))


def test_a_full_name_known_from_other_evidence_may_stand_for_the_last_name() -> None:
    full = cite("E1", page("Marie Curie", "Marie Curie was a physicist."))
    short = cite("E2", page("Radium", "Curie found radium in 1898."))
    assert only("Marie Curie found radium in 1898 [E2].", (full, short)).verdict == "supported"
    assert only("Irène Curie found radium in 1898 [E2].", (full, short)).verdict == "unsupported"


def test_offsets_are_of_the_page_not_of_the_evidence() -> None:
    source = page("Danube", f"Rivers.\n\n{DANUBE}")
    item = cite("E1", source, 9)
    (span,) = only("The Danube is 2,850 km long [E1].", (item,)).spans
    assert source.text[span.start : span.end] == "The Danube is 2,850 km long."
