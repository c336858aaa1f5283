"""From CSV, TSV and xlsx to text: runs in the parser process.

A table becomes an overview (rows, columns with their types, sample rows) and blocks of rows, parted by empty lines. A
block is a small Markdown table with the header repeated, so that each can be read by itself; where rows are too wide
for that, a block is one row as `column: value` lines. Rows beyond the limit are counted and typed, not kept.
"""

import csv
import io
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from fathom.core.errors import InputError
from fathom.corpus.ingest.encoding import decode
from fathom.corpus.ingest.office_text import cell_text, check_archive, damages

BLOCK_CHARS = 700  # below the size of a window of evidence (800), so that a block is cited whole
SHORT_CHARS = 4000  # a table whose rows take no more needs no overview
_WIDE_HEADER_CHARS, _WIDE_ROW_CHARS = 240, 500
_SAMPLES, _SAMPLE_CELL_CHARS = 3, 60
_MAX_COLUMNS = 1000
_SEPARATORS = ",\t;|"
_TYPES: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("integer", re.compile(r"[+-]?\d{1,30}")),
    ("number", re.compile(r"[+-]?(\d{1,40}\.?\d{0,40}|\.\d{1,40})([eE][+-]?\d{1,4})?%?")),
    ("number", re.compile(r"[+-]?\d{1,3}(,\d{3}){1,9}(\.\d{0,40})?%?")),
    ("date", re.compile(r"\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:?\d\d)?)?")),
    ("boolean", re.compile(r"true|false", re.IGNORECASE)),
)


def delimited(path: str, name: str, limit: int, file_bytes: int) -> Iterator[dict[str, Any]]:
    """One part, the text of a CSV or TSV file called `name`, rows up to `limit` characters in all. Raises `InputError`
    without a source, after the part where only a part of the file was kept."""
    with Path(path).open("rb") as file:
        data = file.read(file_bytes + 1)
    text = decode(data[:file_bytes])
    csv.field_size_limit(limit)
    table = _Table("", limit)
    reader = csv.reader(io.StringIO(text), delimiter=_separator(text, name))
    problem = ""
    try:
        for row in reader:
            table.add(row)
    except csv.Error as error:
        problem = f"line {reader.line_num}: {error}; the rows before it were kept"
    yield _written(name, [table], limit)
    if problem:
        raise InputError("", "corrupt", problem)
    if len(data) > file_bytes:
        raise InputError("", "oversized", f"longer than {file_bytes} bytes; the begin was kept")


def workbook(
    path: str, name: str, limit: int, members: int, total_bytes: int, ratio: int, free_bytes: int
) -> Iterator[dict[str, Any]]:
    """One part, the text of an xlsx file, its sheets one after the other. Raises `InputError` without a source."""
    check_archive(path, members, total_bytes, ratio, free_bytes)
    tables: list[_Table] = []
    problem = ""
    try:
        for sheet, rows in _sheets(path):
            table = _Table(sheet, limit - sum(len(known) for known in tables))
            tables.append(table)
            for row in rows:
                table.add(row)
    except damages("xlsx") as error:
        problem = f"not a whole xlsx file ({type(error).__name__}: {error})"[:300]
    if any(table.count for table in tables):
        yield _written(name, [table for table in tables if table.count], limit)
    if problem:
        raise InputError("", "corrupt", problem)


def _sheets(path: str) -> Iterator[tuple[str, Iterator[list[str]]]]:
    import openpyxl

    # Of a path openpyxl would refuse other endings than its own.
    with Path(path).open("rb") as file:
        book = openpyxl.load_workbook(file, read_only=True, data_only=True, keep_links=False)
        for sheet in book.worksheets:
            # A sheet may claim a size of 17 thousand million cells.
            sheet.reset_dimensions()
            yield sheet.title, ([cell_text(value) for value in row] for row in sheet.iter_rows(values_only=True))


def _separator(text: str, name: str) -> str:
    """The sign that parts most of the first lines into the same number of cells; a comma where none does."""
    if name.lower().endswith((".tsv", ".tab")):
        return "\t"
    lines = [line for line in text[:20_000].splitlines()[:20] if line.strip()]
    best, best_rank = ",", (0, 0)
    for sign in _SEPARATORS:
        try:
            counts = [len(row) for row in csv.reader(lines, delimiter=sign)]
        except csv.Error:
            continue
        usual = max(set(counts), key=counts.count, default=1)
        rank = (counts.count(usual), usual)
        if usual > 1 and rank > best_rank:
            best, best_rank = sign, rank
    return best


class _Table:
    """A table as its rows come. `count` is how many there were with anything in them, header included."""

    def __init__(self, name: str, room: int) -> None:
        self.name = name
        self.rows: list[list[str]] = []
        self.count = self.width = self.cut_columns = self._kept = 0
        self._room, self._full = max(0, room), False
        self._seen: list[set[str]] = []

    def __len__(self) -> int:
        return self._kept

    def add(self, row: Iterable[str]) -> None:
        cells = [" ".join(cell.split()) for cell in row]
        while cells and not cells[-1]:
            cells.pop()
        if not cells:
            return
        self.cut_columns = max(self.cut_columns, len(cells) - _MAX_COLUMNS)
        del cells[_MAX_COLUMNS:]
        self.count += 1
        self.width = max(self.width, len(cells))
        # The first row may be the header, which is judged when all is known.
        if self.count > 1:
            self._learn(cells)
        size = sum(map(len, cells)) + 3 * len(cells)
        if self._full or self._kept + size > self._room:
            self._full = True
            return
        self._kept += size
        self.rows.append(cells)

    def _learn(self, cells: list[str]) -> None:
        self._seen += [set() for _ in range(len(cells) - len(self._seen))]
        for known, cell in zip(self._seen, cells, strict=False):
            if cell and "text" not in known:
                known.add(_type(cell))

    @property
    def headed(self) -> bool:
        """Whether the first row names the columns: it is not alone, and nothing in it is a number or a date."""
        first = self.rows[0] if self.rows else []
        return self.count > 1 and all(not cell or _type(cell) == "text" for cell in first)

    def columns(self) -> list[tuple[str, str]]:
        """(name, type) of each column."""
        first = self.rows[0] if self.rows else []
        seen = [set(known) for known in self._seen] + [set() for _ in range(self.width - len(self._seen))]
        if not self.headed:
            for known, cell in zip(seen, first, strict=False):
                known.update({_type(cell)} if cell else ())
        names = first if self.headed else []
        names = names + [""] * (self.width - len(names))
        return [(name or f"column {at}", _joint(seen[at - 1])) for at, name in enumerate(names, 1)]


def _type(cell: str) -> str:
    return next((name for name, pattern in _TYPES if pattern.fullmatch(cell)), "text")


def _joint(seen: set[str]) -> str:
    if not seen:
        return "empty"
    if seen == {"integer", "number"}:
        return "number"
    return next(iter(seen)) if len(seen) == 1 else "text"


def _written(name: str, tables: list[_Table], limit: int) -> dict[str, Any]:
    """The part of a file: overviews of all its tables, then their rows; short ones each with its rows at once.
    `overview` is how many characters of the text the overviews take, `left_out` says what is not in it."""
    bodies: list[list[str]] = []
    left_out: list[str] = []
    for table in tables:
        blocks, rows = [], 0
        for block, count in _blocks(table):
            limit -= len(block) + 2
            if limit < 0:
                break
            blocks.append(block)
            rows += count
        bodies.append(blocks)
        left_out += _left_out(table, rows)
    short = sum(len(block) for blocks in bodies for block in blocks) <= SHORT_CHARS and not left_out
    overviews = [_overview(name, table, short=short) for table in tables]
    if short:
        each = zip(overviews, bodies, strict=True)
        text = "\n\n".join(part for head, rows in each for part in ("\n".join([head, *rows[:1]]), *rows[1:]))
        return {"text": text, "overview": 0, "left_out": ""}
    head = "\n\n".join(overviews)
    text = "\n\n".join([head, *(block for blocks in bodies for block in blocks)])
    return {"text": text, "overview": len(head), "left_out": "; ".join(left_out)}


def _overview(name: str, table: _Table, *, short: bool) -> str:
    columns = table.columns()
    title = f"{name}, sheet {table.name}" if table.name else name
    rows = table.count - table.headed
    size = f"{rows:,} {'row' if rows == 1 else 'rows'}, {len(columns):,} {'column' if len(columns) == 1 else 'columns'}"
    lines = [f"Table {title}: {size}."]
    if not short:
        lines.append("Columns: " + ", ".join(f"{column} ({type_})" for column, type_ in columns))
        samples = table.rows[table.headed :][:_SAMPLES]
        lines += [f"Sample row: {_sample(row)}" for row in samples]
    return "\n".join(lines)


def _sample(row: list[str]) -> str:
    return " | ".join(cell if len(cell) <= _SAMPLE_CELL_CHARS else f"{cell[:_SAMPLE_CELL_CHARS]}..." for cell in row)


def _left_out(table: _Table, kept: int) -> Iterator[str]:
    """What of the table is not in the text, which holds its first `kept` rows."""
    rows = table.count - table.headed
    where = f" of sheet {table.name}" if table.name else ""
    if kept < rows:
        yield f"rows {kept + 1:,} to {rows:,}{where} are counted but not in the text"
    if table.cut_columns:
        yield f"{table.cut_columns:,} columns{where} beyond the first {_MAX_COLUMNS:,} are left out"


def _blocks(table: _Table) -> Iterator[tuple[str, int]]:
    """The rows in blocks of about `BLOCK_CHARS`, each with the header and the number of its rows."""
    names = [name for name, _ in table.columns()]
    rows = table.rows[table.headed :]
    header = _markdown(names) + "\n|" + "---|" * len(names)
    if len(header) > _WIDE_HEADER_CHARS or any(sum(map(len, row)) > _WIDE_ROW_CHARS for row in rows):
        for number, row in enumerate(rows, 1):
            cells = (f"{column}: {cell}" for column, cell in zip(names, row, strict=False) if cell)
            yield "\n".join([_label(table, number, 1), *cells]), 1
        return
    lines: list[str] = []
    first, size = 1, len(header)
    for number, row in enumerate(rows, 1):
        line = _markdown(row + [""] * (len(names) - len(row)))
        if lines and size + len(line) > BLOCK_CHARS:
            yield "\n".join([_label(table, first, len(lines)), header, *lines]), len(lines)
            lines, first, size = [], number, len(header)
        lines.append(line)
        size += len(line) + 1
    if lines:
        yield "\n".join([_label(table, first, len(lines)), header, *lines]), len(lines)


def _label(table: _Table, first: int, count: int) -> str:
    rows = f"ows {first:,} to {first + count - 1:,}:" if count > 1 else f"ow {first:,}:"
    return f"Sheet {table.name}, r{rows}" if table.name else f"R{rows}"


def _markdown(cells: list[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
