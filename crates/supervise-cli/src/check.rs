//! Whether a final text may become an answer: by the rules of what an operator may write, and the line that breaks one.

use serde::Deserialize;
use supervise_core::{Auth, Proposal, Route, RouteError, SafeLine, Tool};

use crate::error::CliError;
use crate::source::MAX_FILE_BYTES;
use crate::ui::line;

/// Checks what the operator made of the proposal.
pub(crate) fn check_final(proposal: &Proposal, text: &str) -> Result<(), CliError> {
    if text.trim().is_empty() {
        let error = CliError::usage("the final file is empty, so nothing was decided");
        return Err(error.hint("to refuse a proposal use `supervise reject`"));
    }
    if text.len() as u64 > MAX_FILE_BYTES {
        return Err(CliError::usage("the final file is over 1 MiB"));
    }
    if proposal.tool.asks_route() {
        check_route(text)
    } else {
        Ok(())
    }
}

fn check_route(text: &str) -> Result<(), CliError> {
    let Err(error) = Route::by_hand(text) else {
        return Ok(());
    };
    let (at, problem) = place(&error, text);
    Err(CliError::failed(line![
        "the final file is no route: line ",
        at,
        ": ",
        SafeLine::new(&problem)
    ])
    .hint("nothing was decided; mend that line and try again"))
}

/// The 1-based line that keeps a final text from being a route, and what is wrong there.
pub(crate) fn mistake(proposal: &Proposal, text: &str) -> Option<(usize, String)> {
    let error = Route::by_hand(text).err()?;
    proposal.tool.asks_route().then(|| place(&error, text))
}

/// The 1-based line that an error is about, and what is wrong there.
fn place(error: &RouteError, text: &str) -> (usize, String) {
    let shape = serde_json::from_str::<Shape>(text);
    match (error, shape) {
        (RouteError::Syntax { line, problem }, Ok(_)) => (*line, problem.clone()),
        (_, Err(syntax)) => (syntax.line().max(1), syntax.to_string()),
        (RouteError::Host(_) | RouteError::HostByHand, Ok(_)) => {
            (line_of(text, "\"host\""), error.to_string())
        }
        (RouteError::Path { at, .. }, Ok(shape)) => (line_of_path(text, &shape, *at), error.to_string()),
        (RouteError::TokenRef | RouteError::Token(_), Ok(_)) => {
            (line_of(text, "\"token_ref\""), error.to_string())
        }
        (_, Ok(_)) => (line_of(text, "\"path_allowlist\""), error.to_string()),
    }
}

/// What serde must find, so that its error names the line.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Shape {
    #[serde(rename = "host")]
    _host: String,
    path_allowlist: Option<Vec<String>>,
    #[serde(rename = "auth")]
    _auth: Option<Auth>,
}

fn line_of_path(text: &str, shape: &Shape, at: usize) -> usize {
    let path = shape.path_allowlist.as_ref().and_then(|paths| paths.get(at));
    let spelled = path.and_then(|path| serde_json::to_string(path).ok());
    spelled.map_or(1, |spelled| line_of(text, &spelled))
}

fn line_of(text: &str, needle: &str) -> usize {
    let before = text.find(needle).unwrap_or(0);
    text[..before].matches('\n').count() + 1
}

/// What kind of text it is, as an editor wants to know it from a file's name.
pub(crate) fn file_suffix(tool: Tool) -> &'static str {
    match tool {
        Tool::EgressAllow | Tool::EgressBlock => ".json",
        Tool::CapabilityBlock => ".Dockerfile",
        Tool::ListEgressRoutes | Tool::GitleaksAllow | Tool::EgressTokenAllow => ".txt",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Exit;

    fn checked(tool: Tool, text: &str) -> Result<(), (u8, String)> {
        let proposal = Proposal::new(&"dev".parse().unwrap(), tool, "x", "j");
        check_final(&proposal, text)
            .map_err(|error| (Exit::from(error.kind()).code(), error.explanation().plain()))
    }

    #[test]
    fn a_bad_route_is_named_with_its_line() {
        let table = [
            ("{\n\"host\": \"example.com\",\noops}", "line 3"),
            ("{\n\"host\": \"example.com\",\n\n\"port\": 1}", "line 4"),
            ("{\n\"host\": \"https://a.example\"}", "line 2"),
            (
                "{\n\"host\": \"a.example\",\n\"path_allowlist\": [\n\"/a\",\n\"b\"]}",
                "line 5",
            ),
            (
                "{\n\"host\": \"a.example\",\n\"auth\": {\"scheme\": \"token\",\n\"token_ref\": \"a-b\"}}",
                "line 4",
            ),
            ("{\n\"host\": 1}", "line 2"),
            ("[]", "line 1"),
        ];
        for (text, expected) in table {
            let (code, message) = checked(Tool::EgressAllow, text).unwrap_err();
            assert_eq!(code, 1);
            assert!(message.contains(expected), "{text}: {message}");
        }
        for fine in [
            "example.com\", \"auth\": null",
            "10.0.0.7",
            "localhost",
            "build-cache",
        ] {
            let text = format!("{{\"host\": \"{}\"}}", fine.replace(": null\"", ": null"));
            assert_eq!(
                checked(Tool::EgressBlock, &text.replace("null\"}", "null}")),
                Ok(()),
                "{text}"
            );
        }
    }

    #[test]
    fn an_empty_text_is_a_usage_error_for_every_tool() {
        for tool in Tool::ALL {
            assert_eq!(checked(tool, " \n").unwrap_err().0, 2);
        }
        assert_eq!(checked(Tool::CapabilityBlock, "FROM debian:13\n"), Ok(()));
    }
}
