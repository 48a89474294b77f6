"""Writes the seeds of those targets whose input is a structure: seeds.py, from this folder.

The structure is read from both ends: values from the front, lengths of texts from the back. A seed that isn't
written so is noise to its target. `cargo fuzz fmt TARGET SEED` shows what one is read as.
"""

import json
from pathlib import Path

SEEDS = Path(__file__).parent / "seeds"


class Input:
    """What `arbitrary` reads back as the same values, in the same order."""

    def __init__(self):
        self.steps = []

    def raw(self, *values):
        self.steps.append(("raw", bytes(values)))
        return self

    def text(self, text):
        self.steps.append(("text", text.encode()))
        return self

    def some(self, text):
        return self.raw(1).text(text)

    def bytes(self):
        # From the last step back: how wide a length is depends on how much lies behind it.
        data = b""
        for kind, value in reversed(self.steps):
            if kind == "text":
                rest = len(value) + len(data)
                data = value + data + len(value).to_bytes(1 if rest + 1 <= 256 else 2, "big")
            else:
                data = value + data
        return data


def save(target, name, seed):
    folder = SEEDS / target
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(seed)


def message(name, body, method=None, tool=None, events=0):
    seed = Input()
    for value in (method, tool):
        seed = seed.raw(0) if value is None else seed.some(value)
    seed.raw(events).raw(*json.dumps({"jsonrpc": "2.0", **body}).encode())
    save("message", name, seed.bytes())


META = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientCapabilities": {},
    "progressToken": "t",
}
ROUTE = {"host": "api.example.com", "path_allowlist": ["/v1/"], "justification": "why"}

message("modern-discover", {"id": 1, "method": "server/discover", "params": {"_meta": META}}, "server/discover")
message("modern-list", {"id": "x", "method": "tools/list", "params": {"_meta": META}}, "tools/list")
for tool, arguments in (
    ("egress-allow", ROUTE),
    ("capability-block", {"dockerfile": "FROM debian:13\n", "justification": "why"}),
    ("check-proposal", {}),
    ("withdraw-proposal", {"proposal_id": "6f7d3a2e-9c41-4b8e-8f5a-2d1c0b9e7a63"}),
):
    call = {"id": 1, "method": "tools/call", "params": {"name": tool, "arguments": arguments, "_meta": META}}
    message(f"modern-{tool}", call, "tools/call", tool, events=1)
message("legacy-events", {"id": 1, "method": "tools/call", "params": {"name": "egress-allow", "arguments": ROUTE}}, events=1)

# A cell is one of five kinds, picked by four bytes: text, blob, integer, real, or what a good row has there.
GOOD = (0xFF, 0xFF, 0xFF, 0xFF)
INTEGER = (0x00, 0x00, 0x00, 0x80)
TEXT = (0, 0, 0, 0)


def row(name, cells, archived=0, response=None):
    seed = Input().raw(1)
    for cell in cells:
        seed = seed.raw(*TEXT).text(cell) if isinstance(cell, str) else seed.raw(*cell)
    seed.raw(archived).raw(0)
    seed = seed.raw(0) if response is None else seed.raw(1)
    for cell in response or ():
        seed = seed.raw(*TEXT).text(cell) if isinstance(cell, str) else seed.raw(*cell)
    save("row", name, seed.bytes())


row("good", [GOOD] * 7)
row("answered", [GOOD] * 7, response=[GOOD] * 4)
row("archived", [GOOD] * 7, archived=1)
row("another-bottle", [GOOD, "other"] + [GOOD] * 5)
row("another-tool", [GOOD, GOOD, "sudo"] + [GOOD] * 4)
row("upper-case-id", ["6F7D3A2E-9C41-4B8E-8F5A-2D1C0B9E7A63"] + [GOOD] * 6)
row("escapes", [GOOD, GOOD, GOOD, "\x1b[31m\u202e", "why\n\x07"] + [GOOD] * 2)
row("number-for-text", [GOOD, GOOD, GOOD, INTEGER + (7,) + (0,) * 7] + [GOOD] * 3)
row("odd-answer", [GOOD] * 7, response=[GOOD, "maybe", "n", GOOD])


def routes(name, host, paths, auth, file):
    save("routes", name, Input().raw(host, paths, auth).raw(*file.encode()).bytes())


routes("empty", 0, 0, 0, "")
routes("open", 0, 3, 0, "routes:\n  - host: api.example.com\n")
routes("flow", 1, 4, 1, "routes: [{host: crates.io, path_allowlist: [/a, '/b']}] # kept\n")
routes("indented", 2, 31, 0, "# top\nroutes:\n    - {host: a.b}\n    - host: xn--bcher-kva.example\n      x-own: 1\n")
