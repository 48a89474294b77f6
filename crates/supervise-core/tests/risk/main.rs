//! Every risk has a case that fires and one that doesn't.
#![cfg(feature = "operator")]
#![allow(clippy::unwrap_used, reason = "a test that fails should panic where it fails")]

mod case;
mod dockerfiles;
mod hosts;
mod routes;
mod secrets;

use std::collections::HashSet;
use std::time::{Duration, Instant};

use case::Case;
use supervise_core::{Level, Risk, SafeLine, risk_codes};

/// A code, a case in which it fires, and one much like it in which it doesn't.
type Pair = (&'static str, Case, Case);

#[test]
fn every_code_fires_where_it_should_and_nowhere_else() {
    let pairs: Vec<Pair> = [
        routes::pairs(),
        hosts::pairs(),
        dockerfiles::pairs(),
        secrets::pairs(),
    ]
    .concat();
    for (code, fires, silent) in &pairs {
        let found = fires.codes();
        assert!(
            found.contains(code),
            "{code} should fire on {fires:?}, but {found:?} did"
        );
        assert!(
            !silent.codes().contains(code),
            "{code} should not fire on {silent:?}"
        );
    }
    let tested: HashSet<&str> = pairs.iter().map(|(code, ..)| *code).collect();
    let listed: Vec<&str> = risk_codes().map(|(code, _)| code).collect();
    let untested: Vec<&&str> = listed.iter().filter(|code| !tested.contains(**code)).collect();
    assert!(untested.is_empty(), "codes without a case: {untested:?}");
    assert_eq!(
        listed.iter().collect::<HashSet<_>>().len(),
        listed.len(),
        "a code is listed twice"
    );
}

#[test]
fn risks_are_lines_that_can_be_shown_the_worst_first() {
    for (_, case, _) in [
        routes::pairs(),
        hosts::pairs(),
        dockerfiles::pairs(),
        secrets::pairs(),
    ]
    .concat()
    {
        let risks = case.risks();
        assert!(risks.is_sorted_by(|a, b| a.level >= b.level), "{risks:?}");
        for Risk { text, .. } in risks {
            assert!(
                !text.contains(char::is_control) && text.chars().count() < 600,
                "{text:?}"
            );
        }
    }
}

#[test]
fn what_an_agent_wrote_is_escaped_and_shortened() {
    let payload = format!("{{\"host\": \"a\u{202e}{}\\u001b[31m\"}}", "x".repeat(500));
    let risks = Case::raw(&payload).risks();
    let text = risks
        .iter()
        .find(|risk| risk.code == "outside-the-rules")
        .map(|risk| risk.text.clone());
    assert!(text.is_some());
    for risk in risks {
        assert!(
            !risk.text.contains(['\u{202e}', '\u{1b}']) && risk.text.len() < 300,
            "{}",
            risk.text
        );
        assert_eq!(
            SafeLine::new(&risk.text.replace("<U+", "")).as_str(),
            risk.text.replace("<U+", "")
        );
    }
}

#[test]
fn hostile_texts_take_no_time() {
    let started = Instant::now();
    for part in [
        "sk-",
        "eyJ-",
        "ghp_",
        "://",
        "://a:",
        "-----BEGIN ",
        "Bearer ",
        "a.",
        "-",
        "a1",
        "<U+202E>",
    ] {
        let text = part.repeat((1 << 16) / part.len());
        Case::raw(&text).because(&text).risks();
        Case::raw(&format!("{{\"host\": \"{}\"}}", text.replace('"', ""))).risks();
    }
    for line in [
        "FROM a\n",
        "FROM a AS b\n",
        "RUN <<X\n",
        "RUN a \\\n",
        "ENV A=1\n",
        "COPY --from=a b c\n",
        "ARG ${\n",
        "\"\n",
    ] {
        let text = format!("FROM a AS a\n{}", line.repeat((1 << 16) / line.len()));
        Case::dockerfile("FROM a:1\n", &text).risks();
    }
    assert!(
        started.elapsed() < Duration::from_secs(30),
        "{:?}",
        started.elapsed()
    );
}

#[test]
fn json_has_the_three_members() {
    let risk = Risk {
        level: Level::Danger,
        code: "public-suffix",
        text: "x".into(),
    };
    assert_eq!(
        serde_json::to_string(&risk).unwrap(),
        r#"{"level":"danger","code":"public-suffix","text":"x"}"#
    );
    assert!(Level::Danger > Level::Warn && Level::Warn > Level::Info);
}
