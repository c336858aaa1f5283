"""Charts: where values come to lie, what is drawn of hostile text, and of nothing."""

import math
from typing import Any

import pytest
from selectolax.lexbor import LexborHTMLParser, LexborNode

from fathom.evals.charts import COLOURS, graph_chart, line_chart, share_chart

# The plot of a chart reaches from 46 to 350 and, upwards, from 174 to 10.
HOSTILE = '</svg><script>alert(1)</script> "a" & b'


def drawn(html: str, selector: str) -> list[LexborNode]:
    return LexborHTMLParser(html).css(selector)


def numbers(node: LexborNode, *names: str) -> tuple[float, ...]:
    return tuple(float(node.attributes[name] or "nan") for name in names)


def points(html: str) -> list[list[tuple[float, float]]]:
    lines = [str(node.attributes["points"]).split() for node in drawn(html, "polyline")]
    return [[(float(x), float(y)) for x, y in (point.split(",") for point in line)] for line in lines]


def graph(*edges: tuple[str, str, str], **roles: str) -> dict[str, Any]:
    return {"nodes": [{"id": name, "label": name, "role": role} for name, role in roles.items()], "edges": edges}


def test_a_line_fills_the_plot() -> None:
    page = line_chart({"a": [(0, 0.0), (1, 5.0), (2, 10.0)]})
    assert points(page) == [[(46, 174), (198, 92), (350, 10)]]
    assert [node.text() for node in drawn(page, "text.tick")] == ["0", "2.5", "5", "7.5", "10", "0", "1", "2"]


def test_a_fixed_axis_places_lines_and_cuts_what_is_outside() -> None:
    line = [(0, 0.0), (1, 5.0), (2, 10.0)]
    assert points(line_chart({"a": line}, low=0.0, high=20.0)) == [[(46, 174), (198, 133), (350, 92)]]
    assert points(line_chart({"a": line}, low=5.0, high=7.5)) == [[(46, 174), (198, 174), (350, 10)]]


def test_lines_share_their_axes_and_are_told_apart_by_colour_and_name() -> None:
    page = line_chart({"first": [(0, 0.0), (4, 1.0)], "none": [], "second": [(2, 2.0), (3, 4.0)]})
    assert points(page) == [[(46, 174), (350, 133)], [(198, 92), (274, 10)]]
    assert [node.attributes["stroke"] for node in drawn(page, "polyline")] == list(COLOURS[:2])
    assert drawn(page, "p.legend")[0].text().split() == ["■", "first", "■", "second"]


def test_what_is_no_finite_number_is_left_out() -> None:
    line = [(0, 0.0), (1, math.nan), (2, math.inf), (3, -math.inf), (4, 8.0)]
    assert points(line_chart({"a": line})) == [[(46, 174), (350, 10)]]


@pytest.mark.parametrize("lines", [{}, {"a": []}, {"a": [(0, math.nan)]}])
def test_nothing_to_draw_is_said(lines: dict[str, list[tuple[float, float]]]) -> None:
    page = line_chart(lines)
    assert [node.text() for node in drawn(page, "p.none")] == ["no data"]
    assert not drawn(page, "svg")


def test_a_flat_line_and_a_single_point_are_seen() -> None:
    assert points(line_chart({"a": [(0, 3.0), (1, 3.0)]})) == [[(46, 174), (350, 174)]]
    (dot,) = drawn(line_chart({"a": [(7, 3.0)]}, low=0.0, high=6.0), "circle")
    assert numbers(dot, "cx", "cy") == (46, 92)


def test_a_long_line_is_drawn_as_means_of_neighbours() -> None:
    (line,) = points(line_chart({"a": [(n, float(n % 2)) for n in range(480)]}, low=0.0, high=1.0))
    assert len(line) == 240
    assert {y for _, y in line} == {92.0}


def test_names_of_lines_are_text() -> None:
    page = line_chart({HOSTILE: [(0, 1.0), (1, 2.0)], "b": [(0, 1.0), (1, 2.0)]})
    assert not drawn(page, "script")
    assert HOSTILE in drawn(page, "p.legend")[0].text()


def test_shares_are_stacked_to_the_whole() -> None:
    page = share_chart([(0, [1, 3]), (1, [0, 4]), (2, [0, 0])], ["none", "all"])
    bars = [numbers(node, "x", "y", "width", "height") for node in drawn(page, "rect")]
    third = pytest.approx(304 / 3, abs=0.01)
    assert bars == [
        (46, 133, third, 41),
        (46, 10, third, 123),
        (147.3, 174, third, 0),
        (147.3, 10, third, 164),
        (248.7, 174, third, 0),
        (248.7, 174, third, 0),
    ]
    assert [node.attributes["fill"] for node in drawn(page, "rect")] == list(COLOURS[:2]) * 3
    assert drawn(page, "p.legend")[0].text().split() == ["■", "none", "■", "all"]


def test_shares_of_many_steps_are_thinned_and_of_none_are_said() -> None:
    bars = drawn(share_chart([(n, [1]) for n in range(400)], ["a"]), "rect")
    assert len(bars) == 100
    assert numbers(bars[-1], "x")[0] + numbers(bars[-1], "width")[0] == pytest.approx(350, abs=0.1)
    assert [node.text() for node in drawn(share_chart([], ["a"]), "p.none")] == ["no data"]


def test_labels_of_shares_are_text() -> None:
    page = share_chart([(0, [1])], [HOSTILE])
    assert not drawn(page, "script")
    assert HOSTILE in drawn(page, "p.legend")[0].text()


def test_a_graph_leads_from_what_is_given_to_the_answer() -> None:
    page = graph_chart(graph(("A", "made", "X"), ("X", "born in", "B"), B="answer", X="unknown", A="given"))
    (svg,) = drawn(page, "svg.graph")
    assert svg.attributes["viewBox"] == "0 0 570 98"
    # A label's foot lies 4 below the middle of its box, where edges end.
    places = {node.text(): numbers(node, "x", "y") for node in drawn(page, "text.label")}
    assert places == {"A": (95, 47), "X": (285, 59), "B": (475, 47)}
    roles = [str(node.attributes["class"]).split()[-1] for node in drawn(page, "rect.node")]
    assert sorted(roles) == ["answer", "given", "unknown"]
    edges = [numbers(node, "x1", "y1", "x2", "y2") for node in drawn(page, "line")]
    assert edges == [(95, 43, 285, 55), (285, 55, 475, 43)]
    assert [node.text() for node in drawn(page, "text.edge")] == ["made", "born in"]


def test_a_graph_with_a_cycle_and_one_without_edges_are_drawn() -> None:
    cycle = graph(("A", "r", "B"), ("B", "s", "C"), ("C", "t", "A"), A="given", B="unknown", C="answer")
    assert (len(drawn(graph_chart(cycle), "rect.node")), len(drawn(graph_chart(cycle), "line"))) == (3, 3)
    assert len(drawn(graph_chart(graph(A="given", B="answer")), "rect.node")) == 2
    assert [node.text() for node in drawn(graph_chart(graph()), "p.none")] == ["no data"]


def test_names_in_a_graph_are_text() -> None:
    nodes = [{"id": "a", "label": "<b>&amp;", "role": '"><script>'}, {"id": "b", "label": HOSTILE, "role": "answer"}]
    page = graph_chart({"nodes": nodes, "edges": [("a", HOSTILE, "b")]})
    assert not drawn(page, "script")
    assert not drawn(page, "b")
    assert [node.text() for node in drawn(page, "text.label")] == ["<b>&amp;", HOSTILE[:25] + "…"]
    assert drawn(page, "text.edge")[0].text() == HOSTILE
