"""A report's three files in its run folder: `report.json`, `report.md`, `report.html`."""

import json
from pathlib import Path

from pydantic import ValidationError

from fathom.core.errors import InputError
from fathom.core.texts import write_durably
from fathom.grading.report import Report
from fathom.grading.report_html import render_html
from fathom.grading.report_markdown import render_markdown

REPORT_JSON, REPORT_MD, REPORT_HTML = "report.json", "report.md", "report.html"
MAX_REPORT_BYTES = 200_000_000  # a report is some hundred kB; anything near this is no report


def write_report(folder: Path, report: Report) -> Path:
    """Write the three files into `folder` and return the path of the JSON. Raises `StoreFault`."""
    for name, data in rendered(report).items():
        write_durably(folder / name, data)
    # Last, so that a folder with report.json has the others, too.
    text = json.dumps(report.model_dump(mode="json", by_alias=True), ensure_ascii=False, indent=1)
    write_durably(folder / REPORT_JSON, text.encode("utf-8", "surrogatepass") + b"\n")
    return folder / REPORT_JSON


def rendered(report: Report) -> dict[str, bytes]:
    """The files made from the report: name -> content. Lone surrogates, which UTF-8 cannot hold, become `?`."""
    renderings = {REPORT_MD: render_markdown(report), REPORT_HTML: render_html(report)}
    return {name: text.encode("utf-8", "replace") for name, text in renderings.items()}


def find_report(path: Path) -> Path:
    """The report's file for its path or its run folder. Raises `InputError`."""
    found = path / REPORT_JSON if path.is_dir() else path
    if not found.is_file():
        raise InputError(found, "missing", "there is no such report", hint="give a report.json or its run folder")
    return found


def read_report(path: Path) -> Report:
    """The report at `path`. Raises `InputError` naming the field that does not fit."""
    try:
        if path.stat().st_size > MAX_REPORT_BYTES:
            raise InputError(path, "oversized", f"more than {MAX_REPORT_BYTES:,} bytes")
        data = path.read_bytes()
    except OSError as error:
        raise InputError(path, "missing", error.strerror or "cannot be read") from None
    if not data.strip():
        raise InputError(path, "empty", "there is nothing in it")
    try:
        return Report.model_validate(json.loads(data.decode("utf-8", "surrogatepass")))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise InputError(path, "corrupt", f"{where}: {first['msg']}" if where else first["msg"]) from None
    except (ValueError, RecursionError) as error:
        raise InputError(path, "corrupt", f"not JSON ({error})") from None
