//! JSON-RPC in the legacy revisions: codes, ids, notifications, methods.

use serde_json::{Value, json};

use crate::bottle::{Server, ask, is_error};

#[tokio::test]
async fn every_code_has_its_cases() {
    let server = Server::start().await;
    let long = "x".repeat(255);
    let deep = format!(
        r#"{{"jsonrpc":"2.0","id":1,"method":"ping","params":{}1{}}}"#,
        r#"{"a":"#.repeat(500),
        "}".repeat(500)
    );
    let long_id = format!(r#"{{"jsonrpc":"2.0","id":"{long}","method":"ping"}}"#);
    let long_token = format!(
        r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"check-proposal","_meta":{{"progressToken":"{long}"}}}}}}"#
    );
    let table = [
        ("", -32700, json!(null)),
        ("{", -32700, json!(null)),
        ("not json", -32700, json!(null)),
        (&deep, -32700, json!(null)),
        ("[]", -32600, json!(null)),
        (
            r#"[{"jsonrpc":"2.0","id":1,"method":"ping"}]"#,
            -32600,
            json!(null),
        ),
        ("1", -32600, json!(null)),
        (r#"{"id":1,"method":"ping"}"#, -32600, json!(null)),
        (r#"{"jsonrpc":"1.0","id":1,"method":"ping"}"#, -32600, json!(null)),
        (r#"{"jsonrpc":"2.0","id":1}"#, -32600, json!(null)),
        (r#"{"jsonrpc":"2.0","id":1,"method":null}"#, -32600, json!(null)),
        (
            r#"{"jsonrpc":"2.0","id":{},"method":"ping"}"#,
            -32600,
            json!(null),
        ),
        (
            r#"{"jsonrpc":"2.0","id":[],"method":"ping"}"#,
            -32600,
            json!(null),
        ),
        (
            r#"{"jsonrpc":"2.0","id":true,"method":"ping"}"#,
            -32600,
            json!(null),
        ),
        (&long_id, -32600, json!(null)),
        (
            r#"{"jsonrpc":"2.0","id":"a","method":"nope"}"#,
            -32601,
            json!("a"),
        ),
        (
            r#"{"jsonrpc":"2.0","id":1,"method":"server/discover"}"#,
            -32601,
            json!(1),
        ),
        (
            r#"{"jsonrpc":"2.0","id":1,"method":"resources/list"}"#,
            -32601,
            json!(1),
        ),
        (
            r#"{"jsonrpc":"2.0","id":1,"method":"notifications/initialized"}"#,
            -32601,
            json!(1),
        ),
        (
            r#"{"jsonrpc":"2.0","id":2,"method":"ping","params":[]}"#,
            -32602,
            json!(2),
        ),
        (
            r#"{"jsonrpc":"2.0","id":2,"method":"ping","params":"x"}"#,
            -32602,
            json!(2),
        ),
        (
            r#"{"jsonrpc":"2.0","id":2,"method":"tools/call"}"#,
            -32602,
            json!(2),
        ),
        (
            r#"{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":1}}"#,
            -32602,
            json!(2),
        ),
        (
            r#"{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"sudo"}}"#,
            -32602,
            json!(2),
        ),
        (
            r#"{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"gitleaks-allow"}}"#,
            -32602,
            json!(2),
        ),
        (
            r#"{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"egress-token-allow"}}"#,
            -32602,
            json!(2),
        ),
        (
            r#"{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"egress-allow","arguments":[]}}"#,
            -32602,
            json!(2),
        ),
        (
            r#"{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"egress-allow"}}"#,
            -32602,
            json!(2),
        ),
        (&long_token, -32602, json!(1)),
    ];
    for (body, code, id) in table {
        let response = server.post(body).await;
        assert_eq!(response.status, 200, "{body}");
        let answer = response.json();
        assert_eq!(
            (&answer["error"]["code"], &answer["id"]),
            (&json!(code), &id),
            "{body}"
        );
        assert!(answer["error"]["message"].is_string() && answer.get("result").is_none());
        assert_eq!(answer["jsonrpc"], "2.0");
    }
    assert!(server.bottle.pending().await.is_empty());
}

#[tokio::test]
async fn a_failing_store_is_an_internal_error() {
    let server = Server::start().await;
    std::fs::remove_dir_all(server.bottle.queue_dir()).unwrap();
    let answer = server.call("egress-allow", ask("api.example.com")).await;
    assert_eq!(
        answer["error"],
        json!({"code": -32603, "message": "internal error"})
    );
    assert_eq!(answer["id"], 1);
}

#[tokio::test]
async fn ids_come_back_byte_for_byte() {
    let server = Server::start().await;
    for id in [
        "0",
        "-1",
        "1.50",
        "1e2",
        "12345678901234567890123",
        "\"\"",
        "\"a\\u00e9\\n\"",
        "null",
    ] {
        let response = server
            .post(&format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"ping"}}"#))
            .await;
        assert_eq!(
            response.body,
            format!("{{\"jsonrpc\":\"2.0\",\"id\":{id},\"result\":{{}}}}\n")
        );
    }
}

#[tokio::test]
async fn a_notification_is_accepted_and_does_nothing() {
    let server = Server::start().await;
    let call = json!({"name": "egress-allow", "arguments": ask("api.example.com")});
    let table = [
        json!({"jsonrpc": "2.0", "method": "notifications/initialized"}),
        json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 9}}),
        json!({"jsonrpc": "2.0", "method": "notifications/cancelled"}),
        json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": {}}}),
        json!({"jsonrpc": "2.0", "method": "nope", "params": 1}),
        json!({"jsonrpc": "2.0", "method": "tools/list"}),
        json!({"jsonrpc": "2.0", "method": "tools/call", "params": call}),
    ];
    for notification in table {
        let response = server.post(&notification.to_string()).await;
        assert_eq!(
            (response.status, response.body.as_str()),
            (202, ""),
            "{notification}"
        );
        assert_eq!(response.header("content-type"), None);
    }
    assert!(server.bottle.pending().await.is_empty());
}

#[tokio::test]
async fn initialize_answers_in_the_asked_revision() {
    let server = Server::start().await;
    let table = [
        (json!({"protocolVersion": "2024-11-05"}), "2024-11-05"),
        (json!({"protocolVersion": "2025-03-26"}), "2025-03-26"),
        (json!({"protocolVersion": "2025-06-18"}), "2025-06-18"),
        (json!({"protocolVersion": "2025-11-25"}), "2025-11-25"),
        (json!({"protocolVersion": "2026-07-28"}), "2025-11-25"),
        (json!({"protocolVersion": "1999-01-01"}), "2025-11-25"),
        (json!({"protocolVersion": 1}), "2025-11-25"),
        (json!({}), "2025-11-25"),
        (json!(null), "2025-11-25"),
    ];
    for (params, revision) in table {
        let request = json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": params});
        let result = &server.post(&request.to_string()).await.json()["result"];
        assert_eq!(result["protocolVersion"], revision);
        assert_eq!(result["capabilities"], json!({"tools": {"listChanged": false}}));
        let info = json!({"name": "bot-bottle-supervise", "version": env!("CARGO_PKG_VERSION")});
        assert_eq!(result["serverInfo"], info);
    }
}

#[tokio::test]
async fn the_version_header_may_be_absent_or_known() {
    let server = Server::start().await;
    let ping = r#"{"jsonrpc":"2.0","id":5,"method":"ping"}"#;
    for version in ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"] {
        let response = server
            .connect()
            .await
            .post(ping, &[("MCP-Protocol-Version", version)])
            .await;
        assert_eq!(response.status, 200, "{version}");
    }
    for version in ["2099-01-01", "", "2025-11-25, 2025-06-18"] {
        let response = server
            .connect()
            .await
            .post(ping, &[("MCP-Protocol-Version", version)])
            .await;
        let answer = response.json();
        assert_eq!(
            (response.status, &answer["error"]["code"]),
            (400, &json!(-32022)),
            "{version}"
        );
        assert_eq!(answer["id"], 5);
        assert_eq!(answer["error"]["data"]["requested"], version);
        assert!(
            answer["error"]["data"]["supported"]
                .as_array()
                .unwrap()
                .contains(&json!("2025-11-25"))
        );
    }
}

#[tokio::test]
async fn the_list_has_the_six_tools_and_nothing_else() {
    let server = Server::start().await;
    let request = r#"{"jsonrpc":"2.0","id":1,"method":"tools/list","params":null}"#;
    let answer = server.post(request).await.json();
    let tools = answer["result"]["tools"].as_array().unwrap();
    let names: Vec<&str> = tools.iter().map(|tool| tool["name"].as_str().unwrap()).collect();
    assert_eq!(
        names,
        [
            "egress-allow",
            "egress-block",
            "capability-block",
            "list-egress-routes",
            "check-proposal",
            "withdraw-proposal"
        ]
    );
    for tool in tools {
        assert!(tool["title"].is_string() && tool["description"].is_string());
        assert_eq!(tool["inputSchema"]["additionalProperties"], json!(false));
        for hint in [
            "readOnlyHint",
            "destructiveHint",
            "idempotentHint",
            "openWorldHint",
        ] {
            assert!(tool["annotations"][hint].is_boolean(), "{hint}");
        }
    }
    assert_eq!(
        answer["result"].as_object().unwrap().keys().collect::<Vec<_>>(),
        ["tools"]
    );
}

#[tokio::test]
async fn arguments_may_be_left_out_where_none_are_needed() {
    let server = Server::start().await;
    for arguments in [json!({}), Value::Null] {
        let answer = server.call("check-proposal", arguments).await;
        assert!(!is_error(&answer));
    }
}
