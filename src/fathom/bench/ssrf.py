"""`fathom bench ssrf`: addresses that must not be contacted, asked for in every way there is, and ordinary ones.

No socket is opened: the client gets a resolver and a connector that record. `connects` counts attempts to connect to
anything but the one public address a form may reach; `forms_answered` counts hostile forms that were not refused as
they should be though nothing was contacted.
"""

import asyncio
from collections.abc import Mapping

from fathom.bench.harness import BenchOptions, Figure, Goal
from fathom.bench.ssrf_forms import PUBLIC, Form, good, hostile
from fathom.core.errors import AccessDeniedError, FathomError, RunError

NAME = "ssrf"
SUMMARY = "hostile addresses, names and redirects against the guard of outgoing requests"
GOALS: Mapping[str, Goal] = {
    "forms": (">=", 150),
    "connects": ("==", 0),
    "forms_answered": ("==", 0),
    "good_refused": ("==", 0),
}

_PAGE = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi"


def run(options: BenchOptions) -> Mapping[str, Figure]:
    """All figures; the same with `quick`."""
    return asyncio.run(_run(options))


async def _run(options: BenchOptions) -> Mapping[str, Figure]:
    connects = answered = refused = 0
    for form in hostile():
        reached, error = await attempt(form)
        beyond = [place for place in reached if place[0] != PUBLIC]
        wrong = form.denied and not isinstance(error, AccessDeniedError)
        connects, answered = connects + len(beyond), answered + wrong
        if beyond or wrong:
            options.progress(f"{form.url!r} {form.answers} {form.location!r}: {beyond} {error!r}")
    for form in good():
        _, error = await attempt(form)
        refused += error is not None
        if error is not None:
            options.progress(f"{form.url!r} {form.answers} {form.location!r}: {error!r}")
    return {
        "forms": len(hostile()),
        "connects": connects,
        "forms_answered": answered,
        "good_forms": len(good()),
        "good_refused": refused,
    }


async def attempt(form: Form) -> tuple[list[tuple[str, int]], FathomError | None]:
    """Ask for a form: the places that were connected to, and what was raised. Other errors are the guard's own."""
    from fathom.sandbox.egress.client import EgressClient, EgressConfig
    from fathom.sandbox.egress.protocol import WebRequest
    from fathom.sandbox.egress.scripted import ScriptedConnector, ScriptedResolver

    moved = (
        f"HTTP/1.1 302 Found\r\nLocation: {form.location}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode()
    )
    connector = ScriptedConnector({PUBLIC: [moved, _PAGE] if form.location else [_PAGE], "*": [_PAGE]})
    resolver = ScriptedResolver({"*": form.answers})
    client = EgressClient(EgressConfig(scope=form.scope), resolver=resolver, connector=connector)
    try:
        reply = await client.fetch(WebRequest(form.url, max_redirects=3, timeout_s=5.0))
    except FathomError as error:
        return connector.connected, error
    finally:
        await client.close()
    if reply.body != b"hi":
        raise RunError(f"{form.url}: a reply that nobody gave")
    return connector.connected, None
