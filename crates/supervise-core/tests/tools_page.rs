//! Writes `docs/tools.md` from the catalogue; fails when the page that is checked in is stale.
#![allow(clippy::unwrap_used, reason = "a test that fails should panic where it fails")]

use std::fmt::Write as _;
use std::path::Path;

use supervise_core::{AgentTool, agent_tools, daemon_tools};

fn page() -> String {
    let mut page = String::from(
        "# Tools\n\nThis page is written from the catalogue in `supervise-core` by `cargo test -p supervise-core`; \
         edit the tool's file there.\n\n## Tools an agent can call\n",
    );
    for tool in agent_tools() {
        push_agent_tool(&mut page, tool);
    }
    page.push_str("\n## Tools that other programs on the host write proposals for\n\nAn agent can't call these; `supervise submit` queues them.\n");
    for tool in daemon_tools() {
        let _ = write!(
            page,
            "\n### `{}`: {}\n\n{}\n",
            tool.tool,
            tool.title.to_lowercase(),
            tool.description
        );
    }
    page
}

fn push_agent_tool(page: &mut String, tool: &AgentTool) {
    let hints = serde_json::to_value(tool.annotations).unwrap();
    let hints: Vec<String> = hints
        .as_object()
        .unwrap()
        .iter()
        .map(|(hint, value)| format!("{hint} {value}"))
        .collect();
    let schema = serde_json::to_string_pretty(&(tool.input_schema)()).unwrap();
    let _ = write!(
        page,
        "\n### `{}`: {}\n\n{}\n\nHints: {}.\n\n```json\n{schema}\n```\n",
        tool.name,
        tool.title.to_lowercase(),
        tool.description,
        hints.join(", "),
    );
}

#[test]
fn the_page_is_that_of_the_catalogue() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/tools.md");
    let page = page();
    if std::fs::read_to_string(&path).unwrap_or_default() != page {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, page).unwrap();
        panic!("docs/tools.md was stale and has been written anew: commit it");
    }
}
