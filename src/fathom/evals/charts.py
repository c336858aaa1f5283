"""Small charts as inline SVG: lines, stacked shares, and question graphs. No script, no library.

A chart is 360 x 200 units; colours are told apart without colour vision (Okabe and Ito's).
"""

import math
from collections.abc import Mapping, Sequence
from html import escape
from importlib import resources
from typing import Any

Series = Sequence[tuple[float, float]]

WIDTH, HEIGHT = 360, 200
_LEFT, _RIGHT, _TOP, _BOTTOM = 46, 10, 10, 26
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#777777")
_MAX_POINTS = 240
_NOTHING = '<p class="none">no data</p>'


def page_of(title: str, body: str) -> str:
    """A whole page with the style that the charts need."""
    style = resources.files("fathom.evals").joinpath("loop_report.css").read_text(encoding="utf-8")
    head = f'<meta charset="utf-8"><title>{escape(title)}</title><style>{style}</style>'
    return f'<!doctype html>\n<html lang="en"><head>{head}</head><body>{body}</body></html>\n'


def line_chart(lines: Mapping[str, Series], *, low: float | None = None, high: float | None = None) -> str:
    """Named lines over steps. Points that are no finite number are left out; `low` and `high` fix the axis."""
    clean = {
        name: _thin([(x, y) for x, y in line if math.isfinite(x) and math.isfinite(y)]) for name, line in lines.items()
    }
    clean = {name: line for name, line in clean.items() if line}
    if not clean:
        return _NOTHING
    xs = [x for line in clean.values() for x, _ in line]
    ys = [y for line in clean.values() for _, y in line]
    bottom, top = min(ys) if low is None else low, max(ys) if high is None else high
    left, right = min(xs), max(xs)
    top, right = (bottom + 1 if top <= bottom else top), (left + 1 if right <= left else right)
    parts = [_axes(left, right, bottom, top)]
    for colour, line in zip(_cycle(len(clean)), clean.values(), strict=True):
        points = " ".join(f"{_x(x, left, right):.1f},{_y(y, bottom, top):.1f}" for x, y in line)
        parts.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="1.6"/>')
        if len(line) == 1:  # a line of one point is not seen
            x, y = points.split(",")
            parts.append(f'<circle cx="{x}" cy="{y}" r="2.5" fill="{colour}"/>')
    legend = ""
    if len(clean) > 1:
        keys = zip(_cycle(len(clean)), clean, strict=True)
        legend = "".join(f'<span style="color:{colour}">&#9632;</span> {escape(name)} ' for colour, name in keys)
        legend = f'<p class="legend">{legend}</p>'
    return _svg("".join(parts)) + legend


def share_chart(rows: Sequence[tuple[float, Sequence[float]]], labels: Sequence[str]) -> str:
    """Shares over steps, stacked: one bar for each row, one colour for each label."""
    if not rows:
        return _NOTHING
    rows = rows[:: max(1, len(rows) // 90)]
    inner = WIDTH - _LEFT - _RIGHT
    step = inner / len(rows)
    first, last = rows[0][0], rows[-1][0]
    parts = [_axes(first, last if last > first else first + 1, 0.0, 1.0)]
    for at, (_, counts) in enumerate(rows):
        total = sum(counts) or 1
        base = 0.0
        for colour, count in zip(_cycle(len(labels)), counts, strict=True):
            y0, y1 = _y(base / total, 0, 1), _y((base + count) / total, 0, 1)
            parts.append(
                f'<rect x="{_LEFT + at * step:.1f}" y="{y1:.1f}" width="{step:.2f}" height="{max(0.0, y0 - y1):.1f}" '
                f'fill="{colour}"/>'
            )
            base += count
    keys = zip(_cycle(len(labels)), labels, strict=True)
    legend = "".join(f'<span style="color:{colour}">&#9632;</span> {escape(label)} ' for colour, label in keys)
    return _svg("".join(parts)) + f'<p class="legend">{legend}</p>'


def graph_chart(graph: Mapping[str, Any]) -> str:
    """A question's graph: given things on the left, the answer on the right, unknowns between, edges with names."""
    nodes = {node["id"]: node for node in graph["nodes"]}
    if not nodes:
        return _NOTHING
    columns = _columns(nodes, graph["edges"])
    rows = max(len(column) for column in columns)
    width, height = max(WIDTH, 190 * len(columns)), 34 + 64 * rows
    places: dict[str, tuple[float, float]] = {}
    for c, column in enumerate(columns):
        for r, name in enumerate(column):
            x = width * (c + 0.5) / len(columns)
            places[name] = (x, height * (r + 0.5) / len(column) + (6 if c % 2 else -6))
    parts = []
    for number, (left, relation, right) in enumerate(graph["edges"]):
        (x0, y0), (x1, y1) = places[left], places[right]
        at = 0.5 if number % 2 else 0.42
        parts.append(f'<line x1="{x0:.0f}" y1="{y0:.0f}" x2="{x1:.0f}" y2="{y1:.0f}" stroke="#999"/>')
        x, y = x0 + (x1 - x0) * at, y0 + (y1 - y0) * at - 4
        parts.append(f'<text x="{x:.0f}" y="{y:.0f}" class="edge">{escape(relation)}</text>')
    for name, (x, y) in places.items():
        role = escape(nodes[name].get("role", "unknown"))
        label = str(nodes[name]["label"])
        short = label if len(label) <= 26 else label[:25] + "…"
        half = 4 + 3.2 * len(short)
        parts.append(
            f'<rect x="{x - half:.0f}" y="{y - 10:.0f}" width="{2 * half:.0f}" height="20" rx="6" class="node {role}"/>'
            f'<text x="{x:.0f}" y="{y + 4:.0f}" class="label">{escape(short)}</text>'
        )
    return f'<svg viewBox="0 0 {width} {height}" class="graph" role="img">{"".join(parts)}</svg>'


def _columns(nodes: Mapping[str, Any], edges: Sequence[Sequence[str]]) -> list[list[str]]:
    """Nodes by their distance from the answer, farthest first."""
    answer = next((name for name, node in nodes.items() if node.get("role") == "answer"), next(iter(nodes)))
    distance = {answer: 0}
    frontier = [answer]
    while frontier:
        here = frontier.pop(0)
        for left, _, right in edges:
            for a, b in ((left, right), (right, left)):
                if a == here and b not in distance:
                    distance[b] = distance[here] + 1
                    frontier.append(b)
    far = max(distance.values())
    columns: list[list[str]] = [[] for _ in range(far + 1)]
    for name in nodes:
        columns[far - distance.get(name, far)].append(name)
    return [column for column in columns if column]


def _axes(left: float, right: float, bottom: float, top: float) -> str:
    lines = []
    for k in range(5):
        value = bottom + (top - bottom) * k / 4
        y = _y(value, bottom, top)
        lines.append(f'<line x1="{_LEFT}" y1="{y:.1f}" x2="{WIDTH - _RIGHT}" y2="{y:.1f}" class="grid"/>')
        lines.append(f'<text x="{_LEFT - 5}" y="{y + 3:.1f}" class="tick end">{_short(value)}</text>')
    for k in range(3):
        value = left + (right - left) * k / 2
        x = _x(value, left, right)
        lines.append(f'<text x="{x:.1f}" y="{HEIGHT - 8}" class="tick">{_short(value)}</text>')
    return "".join(lines)


def _short(value: float) -> str:
    if value and (abs(value) >= 10_000 or abs(value) < 0.001):
        return f"{value:.0e}"
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _x(value: float, left: float, right: float) -> float:
    return _LEFT + (value - left) / (right - left) * (WIDTH - _LEFT - _RIGHT)


def _y(value: float, bottom: float, top: float) -> float:
    inside = min(max(value, bottom), top)
    return HEIGHT - _BOTTOM - (inside - bottom) / (top - bottom) * (HEIGHT - _TOP - _BOTTOM)


def _thin(line: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """At most some hundred points, each the mean of those it stands for."""
    size = math.ceil(len(line) / _MAX_POINTS)
    blocks = [line[at : at + size] for at in range(0, len(line), size)] if line else []
    return [(sum(x for x, _ in b) / len(b), sum(y for _, y in b) / len(b)) for b in blocks]


def _cycle(count: int) -> list[str]:
    return [COLOURS[n % len(COLOURS)] for n in range(count)]


def _svg(inner: str) -> str:
    return f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" class="chart" role="img">{inner}</svg>'
