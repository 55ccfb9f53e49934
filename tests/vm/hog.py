#!/usr/bin/python3
"""Takes memory until something ends it: `hog.py` at once, `hog.py mcp` as an MCP server when it gets SIGUSR1."""
import json
import signal
import sys

PIECE = 16 * 1024 * 1024


def eat(*_):
    held = []
    while True:
        held.append(b"\x5a" * PIECE)


def answer(request):
    method = request.get("method")
    if method == "initialize":
        version = request["params"]["protocolVersion"]
        info = {"name": "hog", "version": "1"}
        return {"protocolVersion": version, "capabilities": {"tools": {}}, "serverInfo": info}
    if method == "tools/list":
        return {"tools": [{"name": "nothing", "description": "Does nothing.", "inputSchema": {"type": "object"}}]}
    return {}


def serve():
    signal.signal(signal.SIGUSR1, eat)
    for line in sys.stdin:
        request = json.loads(line)
        if "id" in request:
            reply = {"jsonrpc": "2.0", "id": request["id"], "result": answer(request)}
            print(json.dumps(reply), flush=True)


serve() if sys.argv[1:] == ["mcp"] else eat()
