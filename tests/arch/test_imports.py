"""What importing fathom costs, and that nothing happens at import."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
MODULES = sorted(
    ".".join(path.relative_to(ROOT / "src").with_suffix("").parts).removesuffix(".__init__")
    for path in (ROOT / "src" / "fathom").rglob("*.py")
)
HEAVY = (
    "torch transformers xllamacpp tantivy trafilatura lxml openai onnxruntime tokenizers faiss pypdfium2 docx pptx"
    " openpyxl rjieba ahocorasick_rs mwparserfromhell selectolax"
).split()

PROBE = """
import importlib, socket, subprocess, sys, threading
def refuse(*args, **kwargs):
    raise SystemExit("a module opened a socket or started a process at import")
socket.socket.connect = subprocess.Popen.__init__ = refuse
for module in sys.argv[1].split(","):
    importlib.import_module(module)
    if threading.active_count() != 1:
        raise SystemExit(module + " started a thread at import")
print(",".join(m for m in sys.argv[2].split(",") if m in sys.modules))
"""


def probe(modules: list[str], unwanted: list[str]) -> str:
    """Import `modules` in a fresh interpreter; which of `unwanted` are loaded after that."""
    command = [sys.executable, "-c", PROBE, ",".join(modules), ",".join(unwanted)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout.strip()


WITH_TORCH = ("fathom.train", "fathom.llm.local", "fathom.recipes.loop", "fathom.recipes.tuning", "fathom.bench.loop_")


def test_every_module_imports_quietly() -> None:
    modules = [module for module in MODULES if not module.endswith("__main__") and not module.startswith(WITH_TORCH)]
    assert probe(modules, ["torch", "transformers"]) == ""


def test_modules_with_torch_import_quietly_and_leave_transformers_to_who_needs_it() -> None:
    modules = [module for module in MODULES if module.startswith(WITH_TORCH)]
    assert probe(modules, ["transformers", "trl", "tensorboard"]) == ""


def test_commands_load_without_what_only_some_of_them_need() -> None:
    commands = [module for module in MODULES if module.startswith(("fathom.cli.", "fathom.bench.command"))]
    assert probe(commands, HEAVY) == ""


def test_vocabulary_and_protocols_need_pydantic_only() -> None:
    light = [module for module in MODULES if module.startswith("fathom.core") or module.endswith(".protocol")]
    assert probe(light, [*HEAVY, "numpy", "rich", "typer", "httpx2"]) == ""
