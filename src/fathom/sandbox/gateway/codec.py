"""Answers of the gateway's cache as JSON."""

from typing import Any, Generic, TypeVar

from pydantic import TypeAdapter

A = TypeVar("A")


class JsonCodec(Generic[A]):
    """`Codec` for whatever pydantic knows: a record, a tuple of records."""

    def __init__(self, kind: Any) -> None:
        self._adapter: TypeAdapter[A] = TypeAdapter(kind)

    def dump(self, answer: A) -> bytes:
        return self._adapter.dump_json(answer)

    def load(self, data: bytes) -> A:
        """Raises `ValueError` for what is not of that kind."""
        return self._adapter.validate_json(data)
