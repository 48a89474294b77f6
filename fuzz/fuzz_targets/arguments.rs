//! The arguments of every tool an agent can call, and what an operator is told about the result.
#![no_main]

use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use supervise_core::{Call, Context, Proposal, Slug, agent_tools, assess};

fuzz_target!(|data: &[u8]| {
    let Ok(Value::Object(arguments)) = serde_json::from_slice(data) else {
        return;
    };
    let slug: Slug = "dev".parse().expect("a slug");
    for tool in agent_tools() {
        let Ok(Call::Propose(ask)) = (tool.parse)(&arguments) else {
            continue;
        };
        let proposal = Proposal::new(&slug, ask.tool, ask.proposed_file, ask.justification);
        let again: Proposal = serde_json::from_value(serde_json::to_value(&proposal).expect("JSON"))
            .expect("what was written reads back");
        assert_eq!(again, proposal);
        for risk in assess(&proposal, &Context::default()) {
            assert!(!risk.text.contains('\n') && !risk.text.chars().any(char::is_control));
        }
    }
});
