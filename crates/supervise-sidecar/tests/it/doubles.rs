//! A key that stands in an object twice could be read in two ways.

use serde_json::{Value, json};

use crate::bottle::{Server, borrowed, modern_headers, modern_params};

const ARGUMENTS: &str = r#"{"host":"a.example.com","justification":"why"}"#;

/// What `params` may hold beside the name and a good `arguments`, with a key twice somewhere.
const DOUBLES: [(&str, &str); 6] = [
    ("the arguments", r#""arguments":{},"#),
    ("the name", r#""name":"check-proposal","#),
    ("escaped", r#""n\u0061me":"check-proposal","#),
    ("deep", r#""more":[{"a":{"b":1,"b":1}}],"#),
    ("unknown", r#""x":1,"x":1,"#),
    ("in _meta", r#""_meta":{"progressToken":1,"progressToken":2},"#),
];

fn body(params: &str) -> String {
    format!(r#"{{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{params}}}"#)
}

fn check(what: &str, answer: &Value) {
    assert_eq!(answer["error"]["code"], -32602, "{what}: {answer}");
    assert_eq!(answer["id"], 7, "{what}");
    let message = answer["error"]["message"].as_str().unwrap();
    assert!(message.contains("twice"), "{what}: {message}");
}

#[tokio::test]
async fn a_legacy_request_with_a_key_twice_is_refused() {
    let server = Server::start().await;
    let arguments = r#"{"host":"a.example.com","host":"b.example.com","justification":"why"}"#;
    let hosts = format!(r#"{{"name":"egress-allow","arguments":{arguments}}}"#);
    let others = DOUBLES.map(|(what, double)| {
        let params = format!(r#"{{{double}"name":"egress-allow","arguments":{ARGUMENTS}}}"#);
        (what, params)
    });
    for (what, params) in others.into_iter().chain([("two hosts", hosts)]) {
        let response = server.post(&body(&params)).await;
        assert_eq!(response.status, 200, "{what}");
        check(what, &response.json());
    }
    assert!(server.bottle.pending().await.is_empty());
}

#[tokio::test]
async fn a_modern_request_with_a_key_twice_is_refused() {
    let server = Server::start().await;
    let meta = modern_params()["_meta"].to_string();
    let mut headers = modern_headers("tools/call");
    headers.push(("Mcp-Name", "egress-allow".to_owned()));
    for (what, double) in DOUBLES {
        let params = format!(r#"{{{double}"name":"egress-allow","arguments":{ARGUMENTS},"_meta":{meta}}}"#);
        // With the header, and with nothing but the body to tell the generation.
        for headers in [borrowed(&headers), Vec::new()] {
            let response = server.connect().await.post(&body(&params), &headers).await;
            assert_eq!(response.status, 400, "{what}");
            check(what, &response.json());
        }
    }
    assert!(server.bottle.pending().await.is_empty());
}

#[tokio::test]
async fn a_cancel_with_a_key_twice_cancels_nothing() {
    let server = Server::start().await;
    let held = server.spawn_call("egress-allow", crate::bottle::ask("a.example.com"));
    server.pending(1).await;
    let cancel =
        r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":9,"requestId":1}}"#;
    assert_eq!(server.post(cancel).await.status, 202);
    server.decide(supervise_store::Verdict::Approve, "").await;
    let answer = held.await.unwrap();
    assert_eq!(answer["result"]["isError"], json!(false), "{answer}");
}
