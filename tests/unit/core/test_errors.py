"""The error tree: one line each, exit codes, what should be tried again."""

import inspect

import pytest

from fathom.core import errors
from fathom.core.errors import FathomError, InputError

CLASSES = [cls for _, cls in inspect.getmembers(errors, inspect.isclass) if issubclass(cls, FathomError)]


@pytest.mark.parametrize("cls", CLASSES)
def test_names_tell_who_should_act(cls: type[FathomError]) -> None:
    assert cls.__name__.endswith(("Error", "Fault"))
    assert cls.__doc__
    assert cls.exit_code in (1, 2)


@pytest.mark.parametrize(("offset", "where"), [(None, "a.zim: "), (0, "a.zim at byte 0: "), (12, "a.zim at byte 12: ")])
def test_input_errors_name_source_and_place(offset: int | None, where: str) -> None:
    error = InputError("a.zim", "truncated", "ends early", offset=offset, hint="fetch it again")
    assert str(error) == f"{where}truncated: ends early"
    assert (error.kind, error.offset, error.hint, error.exit_code) == ("truncated", offset, "fetch it again", 2)
