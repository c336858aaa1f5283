"""Prompt texts, one file each."""

from importlib import resources


def prompt(name: str) -> str:
    """The text of `prompts/<name>.md`, without its last line break."""
    return resources.files(__name__).joinpath(f"{name}.md").read_text(encoding="utf-8").rstrip("\n")
