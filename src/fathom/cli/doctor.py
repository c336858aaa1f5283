"""`fathom doctor`: measure a model before the first run, store its profile, say what to do about each finding."""

import asyncio
import sys
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from pathlib import Path

    from fathom.llm.profile import ModelProfile

EXIT_CODES = {"usable": 0, "limited": 3, "unusable": 4}
_MARKS = {"ok": "ok  ", "warn": "WARN", "fail": "FAIL"}


def doctor(
    url: Annotated[str, typer.Option(help="Base URL of an OpenAI-compatible endpoint, mostly ending in /v1.")] = "",
    model: Annotated[str, typer.Option(help="The model's name there, or a spec: a .gguf file, MODEL@URL.")] = "",
    embedded: Annotated[bool, typer.Option("--embedded", help="Examine the embedded model.")] = False,
    max_context: Annotated[int, typer.Option(help="Longest prompt to try, in tokens.", min=1024)] = 131_072,
    tokens: Annotated[int, typer.Option(help="Most tokens to spend.", min=1000)] = 400_000,
    seconds: Annotated[float, typer.Option(help="Most seconds to spend.", min=1)] = 240.0,
    json_: Annotated[bool, typer.Option("--json", help="Print the profile as one JSON document.")] = False,
) -> None:
    """Measure what a model can really do. Exit code 0: usable; 3: usable within limits; 4: not usable.

    Without --url, --model or --embedded it examines what FATHOM_MODEL_URL and FATHOM_MODEL name, else the embedded
    model. FATHOM_API_KEY is sent to the endpoint.
    """
    from fathom.cli.live import LiveView
    from fathom.core.config import Environment
    from fathom.core.errors import ConfigError
    from fathom.llm.doctor.examine import examine
    from fathom.llm.doctor.subject import DoctorConfig
    from fathom.llm.profile import save_profile
    from fathom.recipes.models import model_spec, open_model

    if embedded and (url or model):
        raise ConfigError("--embedded goes without --url and --model")
    environment = Environment.read()
    spec = "embedded" if embedded else model_spec(environment, url=url, model=model)
    config = DoctorConfig(max_context_tokens=max_context, budget_tokens=tokens, budget_s=seconds)

    async def run() -> "ModelProfile":
        with LiveView() as view:
            view.waiting(f"opening {spec}")
            # Retries would hide what a probe is there to see.
            opened = open_model(spec, environment, retries=False, on_progress=view.progress)
            try:
                return await examine(opened, spec, config, tell=view.waiting)
            finally:
                await opened.close()

    profile = asyncio.run(run())
    # An endpoint that happens to be down keeps the profile it has.
    path = save_profile(environment.home, profile) if profile.reached else None
    if json_:
        _print_json(profile, path)
    else:
        _print_findings(profile, path)
    sys.stdout.flush()
    raise typer.Exit(EXIT_CODES[profile.verdict])


def _print_findings(profile: "ModelProfile", path: "Path | None") -> None:
    typer.echo(f"{profile.model or profile.spec}: {profile.verdict}")
    for finding in profile.findings:
        typer.echo(f"  {_MARKS[finding.level]}  {finding.what}")
        if finding.advice:
            typer.echo(f"        {finding.advice}")
    kept = f"; profile: {path}" if path else ""
    typer.echo(f"{profile.calls} requests, {profile.tokens} tokens, {profile.seconds:g} s{kept}", err=True)


def _print_json(profile: "ModelProfile", path: "Path | None") -> None:
    import json

    document = profile.model_dump(mode="json")
    document |= {"verdict": profile.verdict, "profile": str(path) if path else None}
    typer.echo(json.dumps(document, ensure_ascii=False, indent=2))
