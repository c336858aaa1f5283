"""A report as one HTML file: no script, no outside asset, readable offline, in the dark and on paper.

Everything a model or a page wrote is escaped, and a content security policy allows nothing but the file's own style
sheet (by its hash). Each citation shows the exact span in its surroundings when pointed at, and leads to it.
"""

import base64
import hashlib
import re
from collections.abc import Iterator
from html import escape
from importlib.resources import files
from typing import TYPE_CHECKING

from fathom.grading.citation import CheckedSentence, Verdict
from fathom.grading.report import Excerpt, Report, SourceEntry
from fathom.grading.report_markdown import (
    bare,
    reasons_text,
    run_rows,
    share_text,
    stop_text,
    web_address,
    without_reserved,
)
from fathom.grading.text import language

if TYPE_CHECKING:
    from markdown_it.token import Token

# Private-use characters stand for citations and marks until the Markdown is HTML; the answer's own are replaced.
_CITE, _MARK, _END = "\ue000", "\ue002", "\ue001"
_PLACEHOLDER = re.compile(f"([{_CITE}{_MARK}])(\\d+):([\\d,]*){_END}")
_LABELS: dict[Verdict, str] = {
    "supported": "supported",
    "wrong_source": "wrong source, corrected",
    "uncited": "no source",
    "unsupported": "unsupported",
}


def render_html(report: Report) -> str:
    """The report as a self-contained HTML document."""
    css = files("fathom.grading").joinpath("report.css").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(css.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    lang = language(report.answer.answer or report.question)
    body = "\n".join(part for part in _parts(report) if part)
    return (
        f'<!doctype html>\n<html lang="{lang}">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="referrer" content="no-referrer">\n'
        f"<title>{_text(report.question)}</title>\n<style>{css}</style>\n</head>\n<body>\n<main>\n"
        f"{body}\n</main>\n</body>\n</html>\n"
    )


def _parts(report: Report) -> Iterator[str]:
    facts = (report.run.date, report.model, report.agent, report.run.world, stop_text(report.stop))
    yield f'<header>\n<h1 dir="auto">{_text(report.question)}</h1>'
    yield '<ul class="facts">' + "".join(f"<li>{_text(fact)}</li>" for fact in facts if fact) + "</ul>"
    yield _share(report) + "\n</header>"
    yield f'<article class="answer" dir="auto">\n{_answer(report)}</article>'
    if report.sources:
        rows = "\n".join(_source(report, source) for source in report.sources)
        yield f'<section>\n<h2>Sources</h2>\n<ol class="sources">\n{rows}\n</ol>\n</section>'
    yield _checks(report)
    yield _plain_list("Not found", [bare(text) for text in report.not_found])
    yield _plain_list("Searched", report.searched)
    yield _plain_list("Read", report.read)
    rows = "\n".join(f"<tr><td>{_text(name)}</td><td>{_text(value)}</td></tr>" for name, value in run_rows(report))
    yield f'<section>\n<h2>Run</h2>\n<table class="run">\n{rows}\n</table>\n</section>'
    yield (
        "<footer>Every citation was checked by code against the stored page. "
        "<code>fathom verify</code> with this report's folder repeats the check, offline.</footer>"
    )


def _text(text: str) -> str:
    return escape(" ".join(text.split()))


def _share(report: Report) -> str:
    """The share of supported sentences as a sentence, a bar and its legend."""
    sentences = report.answer.sentences
    counts = {verdict: sum(s.verdict == verdict for s in sentences) for verdict in _LABELS}
    total, left, bars = sum(counts.values()), 0.0, []
    for verdict, count in counts.items():
        width = 100 * count / total if total else 0.0
        if count:
            bars.append(f'<rect class="{verdict}" x="{left:.2f}" y="0" width="{width:.2f}" height="1"/>')
        left += width
    legend = "".join(
        f'<li><span class="dot {verdict}"></span>{count} {_LABELS[verdict]}</li>'
        for verdict, count in counts.items()
        if count
    )
    bar = f'<svg viewBox="0 0 100 1" preserveAspectRatio="none" aria-hidden="true">{"".join(bars)}</svg>'
    drawn = f'{bar}<ul class="legend">{legend}</ul>' if total else ""
    return f'<div class="share"><p>{_text(share_text(report))}</p>{drawn}</div>'


def _answer(report: Report) -> str:
    from markdown_it import MarkdownIt

    if not report.answer.answer.strip():
        return "<p>There is no answer.</p>\n"
    numbers = report.number_of

    def cite(index: int, ids: tuple[str, ...]) -> str:
        cited = dict.fromkeys(str(numbers[identity]) for identity in ids if identity in numbers)
        return f"{_CITE}{index}:{','.join(cited)}{_END}" if cited else ""

    text = without_reserved(report, _CITE + _MARK + _END, cite, lambda index: f"{_MARK}{index}:{_END}")
    # Addresses come from the sources alone, so nothing the model writes becomes a link or an image.
    parser = MarkdownIt("commonmark", {"html": False})
    parser.enable("table").disable(["link", "image", "autolink", "html_inline", "html_block", "reference", "entity"])
    tokens = parser.parse(text)
    for token in tokens:
        if token.children is not None:
            token.children = [piece for child in token.children for piece in _replaced(report, child)]
        elif token.type in ("fence", "code_block"):
            token.content, token.info = _PLACEHOLDER.sub("", token.content), ""
    return str(parser.renderer.render(tokens, parser.options, {}))


def _replaced(report: Report, token: "Token") -> "Iterator[Token]":
    """The token with its placeholders become citations and marks; elsewhere than in running text they are dropped."""
    from markdown_it.token import Token

    if token.type != "text":
        token.content = _PLACEHOLDER.sub("", token.content)
        yield token
        return
    at = 0
    for match in _PLACEHOLDER.finditer(token.content):
        yield Token("text", "", 0, content=token.content[at : match.start()].rstrip(" "))
        index = int(match[2])
        html = _pill(report, index) if match[1] == _MARK else _cites(report, index, match[3])
        yield Token("html_inline", "", 0, content=html)
        at = match.end()
    yield Token("text", "", 0, content=token.content[at:])


def _pill(report: Report, index: int) -> str:
    verdict = report.answer.sentences[index].verdict
    reasons = escape(reasons_text(report, report.answer.sentences[index].reasons))
    return f' <a class="pill {verdict}" href="#sentence-{index + 1}" title="{reasons}">{_LABELS[verdict]}</a>'


def _cites(report: Report, index: int, numbers: str) -> str:
    html = []
    for number in filter(None, numbers.split(",")):
        source = report.sources[int(number) - 1]
        own = [e for e in report.excerpts if e.source == source.number and index in e.sentences]
        target = _anchor(own[0]) if own else f"source-{number}"
        spans = "".join(f'<span dir="auto">{_excerpt_text(excerpt, 160)}</span> ' for excerpt in own[:2])
        pop = f'<span class="pop" role="note"><b>{_text(source.title or source.url)}</b>{spans}</span>' if own else ""
        html.append(f'<span class="cite"><a href="#{target}">{number}</a>{pop}</span>')
    return "".join(html)


def _anchor(excerpt: Excerpt) -> str:
    return f"span-{excerpt.source}-{excerpt.start}-{excerpt.end}"


def _excerpt_text(excerpt: Excerpt, around: int) -> str:
    before, after = excerpt.before[-around:], excerpt.after[:around]
    # Cut at a blank, where the script has any.
    if excerpt.start > len(before) and " " in before[:-1]:
        before = "… " + before.split(" ", 1)[1]
    if len(excerpt.after) >= around and " " in after[1:]:
        after = after.rsplit(" ", 1)[0] + " …"
    return (
        f'<span class="around">{escape(before)}</span><mark>{escape(excerpt.text)}</mark>'
        f'<span class="around">{escape(after)}</span>'
    )


def _source(report: Report, source: SourceEntry) -> str:
    title = _text(source.title or source.url)
    address = web_address(source.url)
    if address:
        title = f'<a href="{escape(address)}" rel="noopener noreferrer">{title}</a>'
    meta = [_text(source.url), _text(source.licence), f"read {_text(source.fetched_at)}" if source.fetched_at else ""]
    meta.append(f'page\u00a0<span class="hash">{_text(source.page_hash[:16])}</span>')
    excerpts = "\n".join(_excerpt(report, e) for e in report.excerpts if e.source == source.number)
    return (
        f'<li id="source-{source.number}">\n<h3 dir="auto"><span class="number">{source.number}</span>{title}</h3>\n'
        f'<p class="meta">{" · ".join(part for part in meta if part)}</p>\n{excerpts}\n</li>'
    )


def _excerpt(report: Report, excerpt: Excerpt) -> str:
    links = ", ".join(f'<a href="#sentence-{index + 1}">sentence {index + 1}</a>' for index in excerpt.sentences)
    return (
        f'<div class="excerpt" id="{_anchor(excerpt)}"><p dir="auto">{_excerpt_text(excerpt, 240)}</p>'
        f'<p class="where">characters {excerpt.start}–{excerpt.end}, for {links}</p></div>'
    )


def _checks(report: Report) -> str:
    if not report.answer.sentences:
        return ""
    rows = "\n".join(_check(report, index, sentence) for index, sentence in enumerate(report.answer.sentences))
    return (
        "<section>\n<h2>Every sentence, checked</h2>\n<details open><summary>What the check found</summary>\n"
        f'<ol class="checks">\n{rows}\n</ol>\n</details>\n</section>'
    )


def _check(report: Report, index: int, sentence: CheckedSentence) -> str:
    numbers = report.number_of
    cited = sorted({numbers[identity] for identity in sentence.citations if identity in numbers})
    told = [_LABELS.get(sentence.verdict, "claims nothing")]
    if cited:
        found = ", found by code" if sentence.attributed else ""
        told.append(f"source{'s' if len(cited) > 1 else ''} {', '.join(map(str, cited))}{found}")
    told.extend(filter(None, [reasons_text(report, sentence.reasons)]))
    reasons = f'<span class="reasons">{_text("; ".join(told))}</span>'
    return (
        f'<li id="sentence-{index + 1}"><span class="dot {sentence.verdict}"></span>'
        f'<span dir="auto">{_text(bare(sentence.text))}{reasons}</span></li>'
    )


def _plain_list(title: str, items: "tuple[str, ...] | list[str]") -> str:
    if not items:
        return ""
    rows = "".join(f'<li dir="auto">{_text(item)}</li>' for item in items)
    return f'<section>\n<h2>{title}</h2>\n<ul class="plain">{rows}</ul>\n</section>'
