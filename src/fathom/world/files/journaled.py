"""`JournaledFiles`: files whose readings are a run's record, so that a run can be resumed and checked without them."""

from typing import Any

from fathom.core.budget import Meter
from fathom.core.errors import AccessDeniedError, PageNotFoundError
from fathom.core.events import Journal
from fathom.core.evidence import Page
from fathom.core.recorded import recorded
from fathom.world.files.protocol import FileReading, Files

_RAISED = {"not_found": PageNotFoundError, "denied": AccessDeniedError}


class JournaledFiles:
    """Wraps any `Files`. Texts are kept under their hash beside the log; pages read go into `pages`, by text hash."""

    def __init__(self, files: Files, journal: Journal, meter: Meter, pages: dict[str, Page] | None = None) -> None:
        self._files, self._journal, self._meter = files, journal, meter
        self._pages = {} if pages is None else pages

    async def read(self, asked: str) -> FileReading:
        request = {"file": asked}
        row = await recorded(self._journal, self._meter, "tool", request, lambda: self._kept(asked), _RAISED)
        reading = FileReading.model_validate(self._filled(row))
        for text in reading.texts:
            self._pages.setdefault(text.page.text_hash, text.page)
        return reading

    async def close(self) -> None:
        await self._files.close()

    async def _kept(self, asked: str) -> Any:
        """The reading as plain JSON, its texts kept and left out of it."""
        reading = await self._files.read(asked)
        for text in reading.texts:
            self._journal.keep(text.page.text)
        return reading.model_dump(mode="json", exclude={"texts": {"__all__": {"page": {"text"}}}})

    def _filled(self, row: Any) -> Any:
        """The reading with its texts put back."""
        texts = [
            {**text, "page": {**text["page"], "text": self._journal.recall(text["page"]["text_hash"])}}
            for text in row["texts"]
        ]
        return {**row, "texts": texts}
