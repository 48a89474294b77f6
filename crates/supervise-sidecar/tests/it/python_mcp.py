"""Plays an agent with the Python MCP SDK: python_mcp.py URL MODE.

Writes a JSON line before and after each call, so that the test beside it can decide in between.
"""

import asyncio
import json
import sys

from mcp import Client


def tell(**what):
    print(json.dumps(what), flush=True)


async def call(client, tool, arguments):
    tell(calls=tool)
    result = await client.call_tool(tool, arguments)
    assert result.structured_content is None
    [block] = result.content
    tell(text=block.text, is_error=result.is_error)
    return block.text


async def play(url, mode):
    async with Client(url, mode=mode) as client:
        tools = await client.list_tools()
        tell(tools=[tool.name for tool in tools.tools])
        ask = {"host": "api.example.com", "justification": "the tests need it"}
        for _ in ("approved", "modified", "rejected"):
            await call(client, "egress-allow", ask)
        pending = await call(client, "egress-allow", ask)
        proposal = pending.splitlines()[-1].removeprefix("proposal: ")
        await call(client, "check-proposal", {"proposal_id": proposal})


asyncio.run(play(*sys.argv[1:]))
