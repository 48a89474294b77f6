//! The Python original's operator answers a call that our sidecar holds. `SUPERVISE_ORIGINAL` names the
//! folder of its `supervise.py`.

use std::env;
use std::path::Path;

use tokio::process::Command;

use crate::bottle::{Server, ask, is_error, text};

/// Reads the one pending proposal with the original's own functions and answers it.
const OPERATOR: &str = "
import pathlib, sys
sys.path.insert(0, sys.argv[1])
import supervise
queue = pathlib.Path(sys.argv[2])
[proposal] = supervise.list_pending_proposals(queue)
final = {'approved': proposal.proposed_file, 'modified': 'edited\\n', 'rejected': None}[sys.argv[3]]
response = supervise.Response(proposal_id=proposal.id, status=sys.argv[3], notes='from python', final_file=final)
supervise.write_response(queue, response)
print(proposal.id, proposal.tool, proposal.bottle_slug)
";

async fn operate(queue_dir: &Path, status: &str) -> String {
    let original = env::var_os("SUPERVISE_ORIGINAL").expect("SUPERVISE_ORIGINAL is not set");
    let mut python = Command::new("python3");
    python
        .args(["-c", OPERATOR])
        .arg(original)
        .arg(queue_dir)
        .arg(status);
    let output = python.output().await.unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}

#[tokio::test]
#[ignore = "needs SUPERVISE_ORIGINAL"]
async fn original_operator_answers_a_held_call() {
    let server = Server::start().await;
    for (status, error) in [("approved", false), ("modified", false), ("rejected", true)] {
        let call = server.spawn_call("egress-block", ask("api.example.com"));
        let id = server.pending(1).await[0].proposal.id.clone();
        let seen = operate(&server.bottle.queue_dir(), status).await;
        assert_eq!(seen, format!("{id} egress-block dev\n"));
        let answer = call.await.unwrap();
        let lines: Vec<&str> = text(&answer).lines().collect();
        assert_eq!(
            lines[..2],
            [format!("status: {status}").as_str(), "notes: from python"]
        );
        assert_eq!(lines.last(), Some(&format!("proposal: {id}").as_str()));
        assert_eq!(
            text(&answer).contains("final config:\nedited\n"),
            status == "modified"
        );
        assert!(!text(&answer).contains("applied:"), "{answer}");
        assert_eq!(is_error(&answer), error);
    }
}
