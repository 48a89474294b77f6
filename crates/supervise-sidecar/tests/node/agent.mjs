// Plays an agent with an official TypeScript SDK: agent.mjs URL MODE STORY, as python_mcp.py beside it does.
// MODE is v1 (SDK 1.x), v2-legacy, v2-auto or a revision that SDK 2.x is pinned to.
//
// Writes a JSON line before and after each call, so that the test can decide in between; a line on stdin cancels.

import { createInterface } from "node:readline";

const ASK = { host: "api.example.com", justification: "the tests need it" };
const [url, mode, story] = process.argv.slice(2);
const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();

function tell(what) {
  process.stdout.write(`${JSON.stringify(what)}\n`);
}

async function connected() {
  const info = { name: "test", version: "1" };
  if (mode === "v1") {
    const { Client } = await import("@modelcontextprotocol/sdk/client/index.js");
    const { StreamableHTTPClientTransport } = await import("@modelcontextprotocol/sdk/client/streamableHttp.js");
    const client = new Client(info);
    await client.connect(new StreamableHTTPClientTransport(new URL(url)));
    return { client, call: (params, options) => client.callTool(params, undefined, options) };
  }
  const { Client, StreamableHTTPClientTransport } = await import("@modelcontextprotocol/client");
  const pin = mode.replace("v2-", "");
  const negotiation = ["legacy", "auto"].includes(pin) ? pin : { pin };
  const client = new Client(info, { versionNegotiation: { mode: negotiation } });
  await client.connect(new StreamableHTTPClientTransport(new URL(url)));
  return { client, call: (params, options) => client.callTool(params, options) };
}

async function call(agent, tool, args, signal) {
  tell({ calls: tool });
  // Progress keeps a held call alive for as long as the sidecar holds it.
  const options = { signal, onprogress: () => {}, resetTimeoutOnProgress: true };
  const result = await agent.call({ name: tool, arguments: args }, options);
  if (result.structuredContent !== undefined) throw new Error("structured content hides the text");
  const [block] = result.content;
  tell({ text: block.text, is_error: result.isError });
  return block.text;
}

const stories = {
  async whole(agent) {
    const tools = await agent.client.listTools();
    tell({ tools: tools.tools.map((tool) => tool.name) });
    for (const _ of ["approved", "modified", "rejected"]) await call(agent, "egress-allow", ASK);
    const pending = await call(agent, "egress-allow", { ...ASK, host: "late.example.com" });
    const proposal = pending.split("\n").at(-1).replace("proposal: ", "");
    await call(agent, "check-proposal", { proposal_id: proposal });
  },

  async cancels(agent) {
    const stop = new AbortController();
    const held = call(agent, "egress-allow", ASK, stop.signal).then(
      () => tell({ cancelled: false }),
      () => tell({ cancelled: true }),
    );
    await lines.next();
    stop.abort();
    await held;
    await lines.next();
    await call(agent, "egress-allow", ASK);
  },

  async asks(agent) {
    await call(agent, "egress-allow", ASK);
  },

  async crowd() {
    const hosts = Array.from({ length: 10 }, (_, at) => (at < 5 ? "same" : `host-${at}`));
    await Promise.all(
      hosts.map(async (name) => call(await connected(), "egress-allow", { ...ASK, host: `${name}.example.com` })),
    );
  },
};

await stories[story](story === "crowd" ? undefined : await connected());
process.exit(0);
