"""`fathom serve`: a local model over HTTP."""

from typing import Annotated

import typer


def serve(
    model: Annotated[str, typer.Argument(help="A model folder as local:FOLDER.")],
    port: Annotated[int | None, typer.Option("--port", help="Port (8000); 0 takes any free one.")] = None,
    settings: Annotated[
        list[str] | None, typer.Option("--set", help="A setting, as slots=128; may be given several times.")
    ] = None,
) -> None:
    """Offer a model by token ids: POST /v1/completions as vLLM has it, with return_token_ids.

    Prints the base URL on standard output once it is up, and ends cleanly on Ctrl-C or SIGTERM. There are no keys: it
    listens on the loopback address unless --set host=ADDRESS says otherwise. Needs the extra `train`.
    """
    from fathom.core.config import resolve
    from fathom.recipes.serving import ServeConfig, serve_tokens

    asked = [] if port is None else [f"port={port}"]
    config = resolve(ServeConfig(), overrides=[*(settings or ()), *asked])
    serve_tokens(model, config, typer.echo)
