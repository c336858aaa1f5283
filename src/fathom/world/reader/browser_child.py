"""The process that holds a browser for one page, and ends with all below it when its parent lets go.

It reads one job as a line of JSON, writes what became of it as a line of JSON, and waits to be killed. Before that it
writes `{"leads_to": address}` where the page leads somewhere else, and reads whether it may go there. Standard input
that ends means that the parent is gone.
"""

import contextlib
import json
import os
import queue
import sys
import threading
from collections.abc import Callable
from typing import Any

from fathom.sandbox.process_tree import become_subreaper, kill_below

# Nothing may leave but through the gate: no name is looked up here, nothing is fetched that no page asked for, and
# WebRTC, which would send packets past any proxy, is told not to.
_FLAGS = (
    "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1",
    "--force-webrtc-ip-handling-policy=disable_non_proxied_udp",
    "--webrtc-ip-handling-policy=disable_non_proxied_udp",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-domain-reliability",
    "--disable-sync",
    "--dns-prefetch-disable",
    "--no-pings",
    "--no-first-run",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-breakpad",
)
_LEFT_OUT = frozenset({"image", "media", "font"})
_NO_WEBRTC = "for (const name of ['RTCPeerConnection', 'webkitRTCPeerConnection']) delete window[name];"


def serve() -> None:
    """Do the job that standard input brings."""
    become_subreaper()
    job = json.loads(sys.stdin.buffer.readline())
    replies: queue.SimpleQueue[bool] = queue.SimpleQueue()
    threading.Thread(target=_hear, args=(replies,), daemon=True).start()

    def may(url: str) -> bool:
        _tell({"leads_to": url})
        return replies.get()

    _browse(job, _tell, may)
    threading.Event().wait()


def _tell(outcome: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(outcome) + "\n")
    sys.stdout.flush()


def _hear(replies: "queue.SimpleQueue[bool]") -> None:
    """Pass on what the parent says, and end with it."""
    for line in sys.stdin.buffer:
        replies.put(json.loads(line))
    kill_below(os.getpid())
    os._exit(1)


def _browse(job: dict[str, Any], tell: Callable[[dict[str, Any]], None], may: Callable[[str], bool]) -> None:
    """Tell `{"status", "url", "html"}`, or `{"error", "at", "started"}`: what went wrong, the address the page was at
    then, and whether there was a browser at all. It is told while the browser still stands, which the parent ends
    faster than it would end itself. `may` says whether an address that the page leads to may be opened."""
    from playwright.sync_api import Error, sync_playwright

    at, started = [job["url"]], False
    try:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(
                executable_path=job["executable"],
                chromium_sandbox=job["sandbox"],
                proxy={"server": f"socks5://127.0.0.1:{job['port']}", "bypass": "<-loopback>"},
                args=[*_FLAGS, f"--js-flags=--max-old-space-size={job['heap_mb']}"],
                timeout=job["timeout_ms"],
            )
            started = True
            context = browser.new_context(
                accept_downloads=False, service_workers="block", user_agent=job["user_agent"], locale="en-US"
            )
            context.add_init_script(_NO_WEBRTC)
            context.route("**/*", _pass_on)
            page = context.new_page()
            _Way(context.new_cdp_session(page), tell, may, gone=Error)
            page.on("request", lambda request: at.append(request.url) if _leads(request, page) else None)
            reply = page.goto(job["url"], wait_until="domcontentloaded", timeout=job["timeout_ms"])
            _settle(page, job["settle_ms"])
            html = page.content()[: job["chars"]]
            tell({"status": reply.status if reply else 0, "url": page.url, "html": html})
            threading.Event().wait()
    except Error as error:
        tell({"error": error.message[:300], "at": at[-1], "started": started})


class _Way:
    """Lets a page go to the address it is opened with, and from there only where it may. It stands at the protocol of
    the browser itself, as Playwright's routes are passed by where a server redirects. `gone` is raised for a request
    that is not there any more."""

    def __init__(
        self,
        cdp: Any,
        tell: Callable[[dict[str, Any]], None],
        may: Callable[[str], bool],
        *,
        gone: type[Exception] = RuntimeError,
    ) -> None:
        self._cdp, self._tell, self._may, self._gone, self._begun = cdp, tell, may, gone, False
        self._frame = cdp.send("Page.getFrameTree")["frameTree"]["frame"]["id"]
        cdp.on("Fetch.requestPaused", self.lead_on)
        cdp.send("Fetch.enable", {"patterns": [{"resourceType": "Document", "requestStage": "Request"}]})

    def lead_on(self, paused: dict[str, Any]) -> None:
        """Let a request go on."""
        leads = paused["frameId"] == self._frame
        if leads and self._begun and not self._may(paused["request"]["url"]):
            # Playwright waits for what comes of it even where it is made to fail, so it stays paused, and this is all.
            self._tell({"error": "it leads to an address that may not be opened", "at": "", "started": True})
            return
        self._begun = self._begun or leads
        with contextlib.suppress(self._gone):
            self._cdp.send("Fetch.continueRequest", {"requestId": paused["requestId"]})


def _pass_on(route: Any) -> None:
    if route.request.resource_type in _LEFT_OUT:
        route.abort()
    else:
        route.continue_()


def _leads(request: Any, page: Any) -> bool:
    return bool(request.is_navigation_request() and request.frame == page.main_frame)


def _settle(page: Any, milliseconds: int) -> None:
    """Give scripts time to build the page; pages that never come to rest are taken as they are then."""
    from playwright.sync_api import TimeoutError as StillBusy

    try:
        page.wait_for_load_state("networkidle", timeout=milliseconds)
    except StillBusy:
        return
