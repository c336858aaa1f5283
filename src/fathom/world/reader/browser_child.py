"""The process that holds a browser for one page, and ends with all below it when its parent lets go.

It reads one job as a line of JSON, writes one line of JSON, and waits to be killed. Standard input that ends means that
the parent is gone.
"""

import json
import os
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
    threading.Thread(target=_end_with_parent, daemon=True).start()
    _browse(job, _tell)
    threading.Event().wait()


def _tell(outcome: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(outcome) + "\n")
    sys.stdout.flush()


def _end_with_parent() -> None:
    sys.stdin.buffer.read()
    kill_below(os.getpid())
    os._exit(1)


def _browse(job: dict[str, Any], tell: Callable[[dict[str, Any]], None]) -> None:
    """Tell `{"status", "url", "html"}`, or `{"error", "at"}`: what went wrong, and the address the page was at then. It
    is told while the browser still stands, which the parent ends faster than it would end itself."""
    from playwright.sync_api import Error, sync_playwright

    at = [job["url"]]
    try:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(
                executable_path=job["executable"],
                chromium_sandbox=job["sandbox"],
                proxy={"server": f"socks5://127.0.0.1:{job['port']}", "bypass": "<-loopback>"},
                args=[*_FLAGS, f"--js-flags=--max-old-space-size={job['heap_mb']}"],
                timeout=job["timeout_ms"],
            )
            context = browser.new_context(
                accept_downloads=False, service_workers="block", user_agent=job["user_agent"], locale="en-US"
            )
            context.add_init_script(_NO_WEBRTC)
            context.route("**/*", _pass_on)
            page = context.new_page()
            page.on("request", lambda request: at.append(request.url) if _leads(request, page) else None)
            reply = page.goto(job["url"], wait_until="domcontentloaded", timeout=job["timeout_ms"])
            _settle(page, job["settle_ms"])
            html = page.content()[: job["chars"]]
            tell({"status": reply.status if reply else 0, "url": page.url, "html": html})
            threading.Event().wait()
    except Error as error:
        tell({"error": error.message[:300], "at": at[-1]})


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
