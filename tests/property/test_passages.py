"""Laws of cutting: exact spans, in order, apart, trimmed, of bounded size, and nothing that is not blank is lost."""

from hypothesis import given, settings
from hypothesis import strategies as st

from fathom.corpus.passages import PassageConfig, count_words, split_passages

ODD = st.text(alphabet=st.sampled_from(list("ab1 .\n!。，一东カ\"')”» \t=-\u3000\x00é\u2028\ud800")), max_size=400)


@settings(max_examples=300, deadline=None)
@given(st.one_of(ODD, st.text(max_size=400)), st.integers(2, 30), st.integers(1, 30))
def test_passages_cover_the_text(text: str, max_words: int, target_words: int) -> None:
    config = PassageConfig(target_words=target_words, max_words=max_words)
    position = 0
    for start, end in split_passages(text, config):
        passage = text[start:end]
        assert position <= start < end <= len(text)
        assert not text[position:start].strip()
        assert passage == passage.strip() != ""
        assert count_words(" ".join(passage.split())) <= max_words + target_words / 4 + 1e-6
        position = end
    assert not text[position:].strip()
