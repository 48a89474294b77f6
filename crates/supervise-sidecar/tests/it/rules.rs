//! What an agent may ask for: every rule once passing and once refused, through the wire.

use serde_json::{Value, json};

use crate::bottle::{Server, text};

async fn refused(server: &Server, tool: &str, arguments: Value, word: &str) {
    let answer = server.call(tool, arguments.clone()).await;
    let message = answer["error"]["message"].as_str().unwrap_or_default();
    assert_eq!(answer["error"]["code"], -32602, "{arguments}: {answer}");
    assert!(
        message.contains(word) && message.starts_with(tool),
        "{arguments}: {message}"
    );
}

async fn stored(server: &Server, tool: &str, arguments: Value) -> String {
    let answer = server.call(tool, arguments.clone()).await;
    assert!(
        answer["result"].is_object() && text(&answer).starts_with("status: pending"),
        "{arguments}: {answer}"
    );
    let id = crate::bottle::proposal_id(&answer);
    let pending = server.bottle.pending().await;
    let listed = pending
        .iter()
        .find(|one| one.proposal.id == id)
        .expect("not stored");
    listed.proposal.proposed_file.clone()
}

/// A server that answers at once and limits nothing.
async fn quick() -> Server {
    let change = |config: &mut supervise_sidecar::Config| {
        config.response_timeout = Some(0.001);
        (config.limits.max_pending, config.limits.max_per_minute) = (0, 0);
    };
    crate::bottle::Bottle::new().serve(change).await
}

#[tokio::test]
async fn hosts() {
    let server = quick().await;
    let longest = format!(
        "{}.{}.{}.{}",
        "a".repeat(63),
        "b".repeat(63),
        "c".repeat(63),
        "d".repeat(61)
    );
    let table = [
        ("api.example.com", "api.example.com"),
        ("API.Example.COM", "api.example.com"),
        ("www.example.com.", "www.example.com"),
        ("bücher.example", "xn--bcher-kva.example"),
        ("xn--bcher-kva.example", "xn--bcher-kva.example"),
        ("a_b.example.com", "a_b.example.com"),
        (&longest, &longest),
    ];
    for (host, expected) in table {
        let payload = stored(
            &server,
            "egress-allow",
            json!({"host": host, "justification": "j"}),
        )
        .await;
        assert_eq!(payload, format!("{{\n  \"host\": \"{expected}\"\n}}\n"));
    }
    let too_long = format!("{longest}.de");
    let table = [
        "",
        " ",
        "https://example.com",
        "//example.com",
        "example.com/",
        "example.com/v1",
        "example.com?x",
        "example.com#x",
        "example.com:443",
        "ada@example.com",
        "*.example.com",
        "*",
        "exa mple.com",
        "example.com\n",
        "127.0.0.1",
        "10.1",
        "2130706433",
        "0x7f000001",
        "0177.0.0.1",
        "127.1",
        "::1",
        "[::1]",
        "::ffff:127.0.0.1",
        "localhost",
        "LOCALHOST.",
        "x.localhost",
        "printer.local",
        "metadata.google.internal",
        "_egress.local",
        "intranet",
        "example..com",
        ".example.com",
        "exa$mple.com",
        &too_long,
    ];
    for host in table {
        let arguments = json!({"host": host, "justification": "j"});
        refused(&server, "egress-allow", arguments.clone(), "'host'").await;
        refused(&server, "egress-block", arguments, "'host'").await;
    }
    refused(
        &server,
        "egress-allow",
        json!({"justification": "j"}),
        "'host' is required",
    )
    .await;
    refused(
        &server,
        "egress-allow",
        json!({"host": 1, "justification": "j"}),
        "'host' must be a string",
    )
    .await;
}

#[tokio::test]
async fn path_prefixes() {
    let server = quick().await;
    let ask = |paths: Value| json!({"host": "example.com", "path_allowlist": paths, "justification": "j"});
    let longest = format!("/{}", "a".repeat(1023));
    for path in [
        "/",
        "/v1",
        "/v1/",
        "/.well-known/x",
        "/~a+b;c=d",
        "/%20",
        &longest,
    ] {
        let payload = stored(&server, "egress-allow", ask(json!([path]))).await;
        let expected =
            format!("{{\n  \"host\": \"example.com\",\n  \"path_allowlist\": [\n    \"{path}\"\n  ]\n}}\n");
        assert_eq!(payload, expected);
    }
    let kept = stored(&server, "egress-allow", ask(json!(["/b", "/a"]))).await;
    assert!(kept.find("/b") < kept.find("/a"));
    stored(&server, "egress-allow", ask(json!(vec!["/x"; 100]))).await;
    let bare = "{\n  \"host\": \"example.com\"\n}\n";
    assert_eq!(stored(&server, "egress-allow", ask(json!([]))).await, bare);
    assert_eq!(stored(&server, "egress-allow", ask(json!(null))).await, bare);

    let too_long = format!("{longest}a");
    let table = [
        "",
        "v1",
        " /v1",
        "https://example.com/",
        "/a b",
        "/a\t",
        "/a\n",
        "/é",
        "/..",
        "/a/../b",
        "/./x",
        "//x",
        "/a\\b",
        "/a?b",
        "/a#b",
        "/a%2fb",
        "/a%2Fb",
        "/a%2e",
        "/a%5C",
        "/a%25",
        "/a%00",
        &too_long,
    ];
    for path in table {
        refused(
            &server,
            "egress-allow",
            ask(json!(["/good", path])),
            "path_allowlist[1]",
        )
        .await;
    }
    refused(&server, "egress-allow", ask(json!("/")), "'path_allowlist'").await;
    refused(&server, "egress-allow", ask(json!([1])), "path_allowlist[0]").await;
    refused(
        &server,
        "egress-allow",
        ask(json!(vec!["/x"; 101])),
        "'path_allowlist'",
    )
    .await;
}

#[tokio::test]
async fn tokens() {
    let server = quick().await;
    let ask = |auth: Value| json!({"host": "example.com", "auth": auth, "justification": "j"});
    let longest = "T".repeat(128);
    for (scheme, token) in [
        ("Bearer", "API_KEY"),
        ("token", "_x9"),
        ("Bearer", longest.as_str()),
    ] {
        let payload = stored(
            &server,
            "egress-allow",
            ask(json!({"scheme": scheme, "token_ref": token})),
        )
        .await;
        let expected = format!(
            "{{\n  \"host\": \"example.com\",\n  \"auth\": {{\n    \"scheme\": \"{scheme}\",\n    \"token_ref\": \"{token}\"\n  }}\n}}\n"
        );
        assert_eq!(payload, expected);
    }
    assert!(
        !stored(&server, "egress-allow", ask(json!(null)))
            .await
            .contains("auth")
    );
    let too_long = "T".repeat(129);
    for token in ["", "9a", "a-b", "a b", "$KEY", "sk-live-0123", &too_long] {
        refused(
            &server,
            "egress-allow",
            ask(json!({"scheme": "token", "token_ref": token})),
            "token_ref",
        )
        .await;
    }
    for scheme in ["bearer", "Basic", ""] {
        refused(
            &server,
            "egress-allow",
            ask(json!({"scheme": scheme, "token_ref": "K"})),
            "auth.scheme",
        )
        .await;
    }
    refused(
        &server,
        "egress-allow",
        ask(json!({"token_ref": "K"})),
        "auth.scheme",
    )
    .await;
    refused(
        &server,
        "egress-allow",
        ask(json!({"scheme": "token"})),
        "token_ref",
    )
    .await;
    refused(&server, "egress-allow", ask(json!("K")), "'auth'").await;
    let extra = json!({"scheme": "token", "token_ref": "K", "value": "secret"});
    refused(&server, "egress-allow", ask(extra), "auth.value").await;
}

#[tokio::test]
async fn justifications_dockerfiles_and_unknown_arguments() {
    let server = quick().await;
    let ask = |justification: Value| json!({"host": "example.com", "justification": justification});
    stored(&server, "egress-allow", ask(json!("ü".repeat(4000)))).await;
    for wrong in [
        json!(null),
        json!(""),
        json!(" \n\t"),
        json!(1),
        json!("j".repeat(4001)),
    ] {
        refused(&server, "egress-allow", ask(wrong), "'justification'").await;
    }
    refused(
        &server,
        "egress-allow",
        json!({"host": "example.com"}),
        "'justification'",
    )
    .await;
    let unknown = json!({"host": "example.com", "justification": "j", "sudo": true});
    refused(&server, "egress-allow", unknown, "'sudo'").await;

    let dockerfile = "FROM debian:13\nRUN true";
    let arguments = json!({"dockerfile": dockerfile, "justification": "j"});
    assert_eq!(stored(&server, "capability-block", arguments).await, dockerfile);
    for wrong in [json!(null), json!(""), json!(" \n"), json!(["FROM x"])] {
        let arguments = json!({"dockerfile": wrong, "justification": "j"});
        refused(&server, "capability-block", arguments, "'dockerfile'").await;
    }
    refused(&server, "list-egress-routes", json!({"x": 1}), "'x'").await;
    refused(
        &server,
        "check-proposal",
        json!({"proposal_id": 1}),
        "'proposal_id'",
    )
    .await;
    refused(&server, "check-proposal", json!({"id": "x"}), "'id'").await;
    refused(&server, "withdraw-proposal", json!({}), "'proposal_id'").await;
}
