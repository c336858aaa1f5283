"""The MCP server of `fathom bench soak`: says back what it is told, and dies when it is told to.

`python soak_mcp.py MARK`, where the mark is for whoever looks for it among the processes. It has a child
in its group, which does not end by itself.
"""

import json
import os
import subprocess
import sys
import time
from typing import Any

_SLOW_S = 3.0
_TOOL = {
    "name": "echo",
    "description": "Says it back.",
    "inputSchema": {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]},
}


def serve(mark: str) -> None:
    """Answer until standard input ends."""
    subprocess.Popen([sys.executable, "-S", "-c", "import time; time.sleep(600)", mark])
    for line in sys.stdin:
        message = json.loads(line)
        if "method" in message and "id" in message:
            said = _answer(message["method"], message.get("params") or {})
            sys.stdout.write(json.dumps({"jsonrpc": "2.0", "id": message["id"], **said}) + "\n")
            sys.stdout.flush()


def _answer(method: str, params: dict[str, Any]) -> dict[str, Any]:
    if method == "initialize":
        info = {"name": "soak", "version": "1"}
        return {"result": {"protocolVersion": params["protocolVersion"], "capabilities": {}, "serverInfo": info}}
    if method == "tools/list":
        return {"result": {"tools": [_TOOL]}}
    if method == "tools/call":
        text = params["arguments"]["text"]
        if text == "die":
            os._exit(3)
        if text == "slow":
            time.sleep(_SLOW_S)
        return {"result": {"content": [{"type": "text", "text": text}]}}
    return {"error": {"code": -32601, "message": "no such method"}}


if __name__ == "__main__":
    serve(sys.argv[1])
