import json
from pathlib import Path

from tests.reports import DANUBE, HEDWIG

from fathom.bench import citations
from fathom.bench.harness import BenchOptions

PASSAGES = {
    "Hedwig of Altena": HEDWIG,
    "Danube": DANUBE,
    "Inger Holt": "Inger Holt (born 19 August 1921) was a director from Odense. She made The Glass Harbour in 1962.",
}


def test_a_small_corpus_is_measured(tmp_path: Path) -> None:
    folder = tmp_path / "twowiki"
    folder.mkdir()
    rows = [{"title": title, "text": text} for title, text in PASSAGES.items()]
    facts = [["Hedwig of Altena", "spouse", "Konrad of Rheda"], ["Danube", "spouse", "Inger Holt"]]
    (folder / "corpus.json").write_text(json.dumps(rows), encoding="utf-8")
    (folder / "questions_dev.json").write_text(json.dumps([{"evidence": facts}]), encoding="utf-8")
    lines: list[str] = []
    options = BenchOptions(quick=True, progress=lines.append, shared_data=tmp_path, scratch=tmp_path, home=tmp_path)
    figures = citations.run(options)
    assert figures["n_verbatim"] == 3
    assert (figures["false_alarm_verbatim"], figures["detected_wrong_source"]) == (0.0, 1.0)
    assert (figures["n_triple"], figures["detected_triple_swapped"]) == (2, 1.0)
    assert set(citations.GOALS) <= figures.keys()
