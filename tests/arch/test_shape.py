"""The rules of style that a machine can check, over every source file."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCES = sorted((ROOT / "src" / "fathom").rglob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("*.py"))
SCRIPTS = sorted((ROOT / "scripts").rglob("*.py"))
MAX_LINES, MAX_BODY = 400, 60
VAGUE = {"utils", "util", "helpers", "helper", "common", "base", "misc"}
SKIPPING = re.compile(r"mock\.patch|pragma: no cover|raise NotImplementedError|\b(?:TODO|FIXME|XXX)\b")

each_source = pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT / "src" / "fathom")))


def parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def functions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def body_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines from the first statement behind the docstring to the end."""
    body = function.body[1:] if ast.get_docstring(function) is not None else function.body
    return 0 if not body else (function.end_lineno or 0) - body[0].lineno + 1


def undocumented(tree: ast.Module) -> list[str]:
    """Public functions and classes of the module. Methods may be documented by the protocol they fulfil."""
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    public = (node for node in tree.body if isinstance(node, kinds) and not node.name.startswith("_"))
    return [node.name for node in public if ast.get_docstring(node) is None]


@each_source
def test_module_has_a_docstring_and_is_short(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert ast.get_docstring(ast.parse(text))
    assert len(text.splitlines()) <= MAX_LINES


@each_source
def test_functions_are_short(path: Path) -> None:
    long = {function.name: body_lines(function) for function in functions(parse(path))}
    assert {name: lines for name, lines in long.items() if lines > MAX_BODY} == {}


@each_source
def test_what_is_public_has_a_docstring(path: Path) -> None:
    assert undocumented(parse(path)) == []


@each_source
def test_no_error_is_swallowed(path: Path) -> None:
    """No bare `except`, and no `except Exception` or `BaseException` unless it raises again."""
    broad = []
    for node in ast.walk(parse(path)):
        if isinstance(node, ast.ExceptHandler):
            names = {name.id for name in ast.walk(node.type) if isinstance(name, ast.Name)} if node.type else {""}
            raises = any(isinstance(inner, ast.Raise) for inner in ast.walk(node))
            if names & {"", "Exception", "BaseException"} and not raises:
                broad.append(node.lineno)
    assert broad == []


@each_source
def test_environment_is_read_in_one_place(path: Path) -> None:
    if path.relative_to(ROOT / "src" / "fathom").as_posix() != "core/config.py":
        assert re.findall(r"\bos\.(?:environ|getenv|putenv)\b|from os import [^\n]*\benviron\b", path.read_text()) == []


@each_source
def test_modules_only_define_at_import(path: Path) -> None:
    """A module's own statements are imports, definitions, assignments, and guards for types and for being run."""
    definitions = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    allowed = (ast.Import, ast.ImportFrom, *definitions, ast.Assign, ast.AnnAssign, ast.AugAssign)
    guards = ("TYPE_CHECKING", "__name__ == '__main__'")
    for node in parse(path).body:
        docstring = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        guard = isinstance(node, ast.If) and ast.unparse(node.test) in guards
        command = isinstance(node, ast.Expr) and ast.unparse(node.value).startswith("app.")
        assert isinstance(node, allowed) or docstring or guard or command, (
            f"line {node.lineno}: {ast.unparse(node)[:80]}"
        )


@pytest.mark.parametrize("path", SOURCES + TESTS + SCRIPTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_vague_name_and_nothing_left_undone(path: Path) -> None:
    assert path.stem not in VAGUE
    if path != Path(__file__):
        assert SKIPPING.findall(path.read_text(encoding="utf-8")) == []


def test_the_checks_see_what_they_are_for() -> None:
    tree = ast.parse('def f(): pass\nclass C: pass\ndef g():\n    """doc"""\n    a = 1\n    return a\n')
    assert undocumented(tree) == ["f", "C"]
    assert [body_lines(function) for function in functions(tree)] == [1, 2]
