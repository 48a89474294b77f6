//! The six steps of a decision, cut off by SIGKILL between each two: whoever looks next finishes or undoes it.

use std::process::Command;

use rustix::process::{Signal, getpid, kill_process};
use supervise_core::{Proposal, Root, Status, render_diff};
use supervise_store::{DecisionRequest, Host, Queue, State, Sticky, Verdict};

use crate::world::{World, block_on, slug};

const ROOT: &str = "CRASH_ROOT";
const ID: &str = "CRASH_ID";
const VERDICT: &str = "CRASH_VERDICT";
const STEPS: &str = "CRASH_STEPS";

const VERDICTS: [(&str, Status); 3] = [
    ("approve", Status::Approved),
    ("modify", Status::Modified),
    ("reject", Status::Rejected),
];

/// The steps after which the victim dies, by their number in the contract. The effect, 4, isn't there yet.
const CUTS: [(u8, Left); 5] = [
    (1, Left::Nothing),
    (2, Left::Claim),
    (3, Left::Word),
    (5, Left::Word),
    (6, Left::Answer),
];

/// What a crash leaves to whoever comes next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Left {
    Nothing,
    /// To be undone.
    Claim,
    /// The operator's word stands, and is carried out.
    Word,
    Answer,
}

/// Not a test of its own: run again as a process that kills itself in the middle of a decision.
#[test]
fn victim() {
    let Ok(root) = std::env::var(ROOT) else { return };
    let variable = |name| std::env::var(name).unwrap();
    block_on(decide_until(
        &Root::new(root),
        &variable(ID),
        &variable(VERDICT),
        variable(STEPS).parse().unwrap(),
    ));
}

async fn decide_until(root: &Root, id: &str, verdict: &str, steps: u8) {
    let die_at = |step: u8| {
        if step == steps {
            kill_process(getpid(), Signal::KILL).unwrap();
        }
    };
    let bottle = slug("dev");
    let host = Host::create(root).await.unwrap();
    let queue = Queue::open(&root.queue_dir(&bottle), &bottle).await.unwrap();
    let proposal = queue.proposal_find(id).await.unwrap().remove(0).listed.proposal;
    let lock = host.bottle_lock(&bottle).await.unwrap();
    die_at(1);
    let request = DecisionRequest {
        id: id.to_owned(),
        digest: proposal.digest(),
        verdict: match verdict {
            "approve" => Verdict::Approve,
            "modify" => Verdict::Modify {
                final_file: "{\"host\": \"example.org\"}".into(),
            },
            _ => Verdict::Reject,
        },
        notes: "from the victim".into(),
        sticky: Sticky::NONE,
        operator: "victim".into(),
        via: "a test".into(),
    };
    let claimed = host.decision_claim(lock, &queue, request).await.unwrap();
    die_at(2);
    let intended = claimed.intend(render_diff("", "x", "x"), None).await.unwrap();
    die_at(3);
    let audited = intended.audit(false).await.unwrap();
    die_at(5);
    audited.answer().await.unwrap();
    die_at(6);
}

fn crash(world: &World, proposal: &Proposal, verdict: &str, steps: u8) {
    let mut victim = Command::new(std::env::current_exe().unwrap());
    victim.args(["crash::victim", "--exact", "--test-threads=1"]);
    victim
        .env(ROOT, world.root.path())
        .env(ID, &proposal.id)
        .env(VERDICT, verdict);
    let output = victim.env(STEPS, steps.to_string()).output().unwrap();
    use std::os::unix::process::ExitStatusExt as _;
    assert_eq!(
        output.status.signal(),
        Some(9),
        "{}",
        String::from_utf8_lossy(&output.stdout)
    );
}

fn status(world: &World, proposal: &Proposal) -> Option<Status> {
    match world.find(proposal).state {
        State::Decided(answer) => Some(answer.response.status),
        State::Pending => None,
        other => panic!("{other:?}"),
    }
}

/// Every verdict, cut off at every step.
fn each_cut(then: impl Fn(&World, &Proposal, Status, Left)) {
    for (verdict, wanted) in VERDICTS {
        for (steps, left) in CUTS {
            let world = World::new();
            let proposal = world.ask("dev");
            crash(&world, &proposal, verdict, steps);
            then(&world, &proposal, wanted, left);
        }
    }
}

#[test]
fn list_finishes_or_undoes() {
    each_cut(|world, proposal, wanted, left| {
        let ran = world.run(&["list"]).expect(0);
        let at = format!("{wanted}, leaving {left:?}: {}", ran.err);
        let expected = match left {
            Left::Nothing | Left::Claim => None,
            Left::Word | Left::Answer => Some(wanted),
        };
        assert_eq!(status(world, proposal), expected, "{at}");
        assert_eq!(ran.out.contains(&proposal.id), expected.is_none(), "{at}");
        assert_eq!(world.audit().len(), usize::from(expected.is_some()), "{at}");
        let said = match left {
            Left::Nothing | Left::Answer => !ran.err.contains("interrupted"),
            Left::Claim => ran.err.contains(&format!(
                "undid an interrupted decision: {} is pending again",
                proposal.id
            )),
            Left::Word => ran.err.contains(&format!(
                "finished an interrupted decision: {} is {wanted}",
                proposal.id
            )),
        };
        assert!(said, "{at}");
        // Once: the next list has nothing left to settle.
        assert!(
            !world.run(&["list"]).expect(0).err.contains("interrupted"),
            "{at}"
        );
    });
}

#[test]
fn the_next_decision_finishes_or_undoes() {
    each_cut(|world, proposal, wanted, left| {
        let ran = world.run(&["reject", &proposal.id, "--notes", "from the next"]);
        let at = format!("{wanted}, leaving {left:?}: {}", ran.err);
        let (code, expected, operator_notes) = match left {
            Left::Nothing | Left::Claim => (0, Status::Rejected, "from the next"),
            Left::Word | Left::Answer => (4, wanted, "from the victim"),
        };
        assert_eq!(ran.code, code, "{at}");
        assert_eq!(status(world, proposal), Some(expected), "{at}");
        assert!(
            code == 0 || ran.err.contains(&format!("is already {wanted}")),
            "{at}"
        );
        let audit = world.audit();
        let [row] = audit.as_slice() else {
            panic!("{at}: {audit:?}")
        };
        assert_eq!(row.entry.operator_action, expected.name(), "{at}");
        assert_eq!(row.entry.operator_notes, operator_notes, "{at}");
    });
}

#[test]
fn a_decision_under_way_is_left_alone() {
    let world = World::new();
    let proposal = world.ask("dev");
    block_on(async {
        let bottle = slug("dev");
        let host = Host::create(&world.root).await.unwrap();
        let queue = Queue::open(&world.root.queue_dir(&bottle), &bottle)
            .await
            .unwrap();
        let lock = host.bottle_lock(&bottle).await.unwrap();
        let request = DecisionRequest {
            id: proposal.id.clone(),
            digest: proposal.digest(),
            verdict: Verdict::Approve,
            notes: String::new(),
            sticky: Sticky::NONE,
            operator: "somebody".into(),
            via: "a test".into(),
        };
        let claimed = host.decision_claim(lock, &queue, request).await.unwrap();
        let ran = world.run(&["list"]).expect(0);
        assert!(!ran.err.contains("interrupted"), "{}", ran.err);
        claimed
            .intend(String::new(), None)
            .await
            .unwrap()
            .audit(false)
            .await
            .unwrap()
            .answer()
            .await
            .unwrap();
    });
    assert_eq!(status(&world, &proposal), Some(Status::Approved));
}
