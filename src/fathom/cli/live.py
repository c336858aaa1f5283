"""What a person sees while a run goes on: every step in a line of its own, and what is being waited for, with the time.

Goes to stderr. On a terminal the current wait is a spinner line; elsewhere only the finished steps are printed.
"""

import time
from types import TracebackType
from typing import Any, Self

from rich.console import Console
from rich.markup import escape
from rich.status import Status

from fathom.llm.lenient_json import decode

_WIDTH = 150


class LiveView:
    """A listener that prints. Use as a context manager."""

    def __init__(self, *, enabled: bool = True) -> None:
        self._console = Console(stderr=True, quiet=not enabled, highlight=False)
        self._began = time.monotonic()
        self._status: Status | None = None
        self._calls: dict[str, str] = {}
        self._label = ""

    def __enter__(self) -> Self:
        self._status = self._console.status("starting")
        self._status.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._status is not None:
            self._status.stop()

    def waiting(self, what: str) -> None:
        """Say what is being waited for now."""
        if self._status is not None:
            self._status.update(escape(what))
        if not self._console.is_terminal:
            self.line("dim", "...", what)

    def progress(self, label: str, done: int, total: int) -> None:
        """Say how far a long preparation is; `total` 0 means it is not known."""
        share = f" {100 * done // total} %" if total else f" {done}" if done else ""
        if self._status is not None:
            self._status.update(escape(f"{label}{share}"))
        if not self._console.is_terminal and label != self._label:
            self.line("dim", "...", label)
        self._label = label

    def line(self, style: str, mark: str, text: str) -> None:
        """Print one finished step."""
        elapsed = time.monotonic() - self._began
        self._console.print(
            f"[dim]{elapsed:6.1f}s[/] [{style}]{escape(mark):<9}[/] {escape(_short(text))}", soft_wrap=True
        )

    def on_event(self, kind: str, body: Any) -> None:
        """The agent's events, see `fathom.agents.loop`."""
        if kind == "segment":
            self.waiting(f"the model: {body['role']}")
        elif kind == "turn":
            message = body["message"]
            thought = message.get("reasoning")
            if thought:
                self.line("dim", "think", thought)
            self.line("cyan", body["role"], message["content"] or "(calls)")
        elif kind == "left_out":
            self.line("red", "left out", f"{body['server']} {body['tool']}: {body['reason']}")
        elif kind == "call":
            self._calls[body["id"]] = body["name"]
            self.line("yellow", body["name"], _arguments(body["arguments"]))
            self.waiting(f"{body['name']}")
        elif kind == "observation":
            name = self._calls.get(body["call"]["id"], "tool")
            self.line("red" if body["error"] else "green", "  found", _told(name, body))
            self.waiting("the model")


def _arguments(arguments: dict[str, Any]) -> str:
    texts = []
    for key, value in arguments.items():
        shown = " | ".join(map(str, value)) if isinstance(value, list) else str(value)
        texts.append(shown if key in ("query", "url") else f"{key}: {shown}")
    return "; ".join(texts)


def _told(name: str, body: dict[str, Any]) -> str:
    result = body["result"]
    if body["error"]:
        return f"{body['error']}: {result['text']}"
    titles = ", ".join(result["titles"])
    if name == "visit":
        return f"{len(result['evidence'])} pieces of evidence in {titles}"
    return f"{len(result['urls'])} pages: {titles}" if result["urls"] else result["text"]


def _short(text: str) -> str:
    """One line, forms as their fields; without control characters, with which a page could move the cursor."""
    try:
        form = decode(text)
    except ValueError:
        form = None
    if isinstance(form, dict):
        text = "; ".join(f"{key}: {' | '.join(map(str, v)) if isinstance(v, list) else v}" for key, v in form.items())
    text = "".join(filter(str.isprintable, " ".join(text.split())))
    return text if len(text) <= _WIDTH else f"{text[: _WIDTH - 3]}..."
