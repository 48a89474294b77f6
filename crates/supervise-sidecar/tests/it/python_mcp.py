"""Plays an agent with the Python MCP SDK: python_mcp.py URL MODE STORY.

Writes a JSON line before and after each call, so that the test beside it can decide in between; a line on stdin
cancels.
"""

import asyncio
import json
import sys

from mcp import Client

ASK = {"host": "api.example.com", "justification": "the tests need it"}


def tell(**what):
    print(json.dumps(what), flush=True)


async def line():
    return await asyncio.to_thread(sys.stdin.readline)


async def call(client, tool, arguments):
    tell(calls=tool)
    result = await client.call_tool(tool, arguments)
    assert result.structured_content is None
    [block] = result.content
    tell(text=block.text, is_error=result.is_error)
    return block.text


async def whole(client):
    tools = await client.list_tools()
    tell(tools=[tool.name for tool in tools.tools])
    for _ in ("approved", "modified", "rejected"):
        await call(client, "egress-allow", ASK)
    pending = await call(client, "egress-allow", ASK | {"host": "late.example.com"})
    proposal = pending.splitlines()[-1].removeprefix("proposal: ")
    await call(client, "check-proposal", {"proposal_id": proposal})


async def cancels(client):
    held = asyncio.create_task(call(client, "egress-allow", ASK))
    await line()
    held.cancel()
    [outcome] = await asyncio.gather(held, return_exceptions=True)
    tell(cancelled=isinstance(outcome, asyncio.CancelledError))
    await line()
    await call(client, "egress-allow", ASK)


async def asks(client):
    await call(client, "egress-allow", ASK)


async def play(url, mode, story):
    async with Client(url, mode=mode) as client:
        await {"whole": whole, "cancels": cancels, "asks": asks}[story](client)


async def crowd(url, mode):
    async def one(name):
        async with Client(url, mode=mode) as client:
            await call(client, "egress-allow", ASK | {"host": f"{name}.example.com"})

    await asyncio.gather(*(one("same" if at < 5 else f"host-{at}") for at in range(10)))


url, mode, story = sys.argv[1:]
asyncio.run(crowd(url, mode) if story == "crowd" else play(url, mode, story))
