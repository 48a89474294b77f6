//! A queue of files against a bottle that writes what it likes, a host that is interrupted, and a mount that hides news.

mod foreign;
mod mounted;

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use supervise_core::{Proposal, Status, Tool};
use supervise_store::{
    Asked, Backend, DecisionError, Limit, Limits, Outcome, Queue, State, StoreError, Verdict, Withdrawal,
};

use crate::fixture::{NO_LIMITS, ask, decided, held};
use crate::story::Scene;

fn scene() -> Scene {
    Scene::new(Backend::Files)
}

fn names(dir: PathBuf) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_withdrawal_and_a_decision_at_once_one_wins() {
    let scene = scene();
    let bottle = scene.bottle().await;
    let (mut withdrawn, mut decided) = (0, 0);
    // How long a decision takes here, so that some withdrawals come before its end and some behind it.
    let hold = held(&bottle, "alone").await;
    scene.until_pending(&[hold.id()]).await;
    let begun = Instant::now();
    scene.decide(hold.id(), Verdict::Approve).await.unwrap();
    let alone = begun.elapsed();
    for n in 0..60_u32 {
        let hold = held(&bottle, &n.to_string()).await;
        scene.until_pending(&[hold.id()]).await;
        let late = alone * n / 30;
        let (taken_back, outcome) = tokio::join!(
            async {
                tokio::time::sleep(late).await;
                bottle.proposal_withdraw(hold.id()).await.unwrap()
            },
            scene.decide(hold.id(), Verdict::Approve)
        );
        match (taken_back, outcome) {
            (Withdrawal::Withdrawn, Err(DecisionError::Withdrawn)) => withdrawn += 1,
            (Withdrawal::BeingDecided | Withdrawal::Decided(_), Ok(_)) => decided += 1,
            other => panic!("{other:?}"),
        }
        scene.until_pending(&[]).await;
    }
    assert!(
        withdrawn > 0 && decided > 0,
        "{withdrawn} withdrawn, {decided} decided"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_operator_saw_is_what_is_decided() {
    let scene = scene();
    let bottle = scene.bottle().await;
    let hold = held(&bottle, "shown").await;
    scene.until_pending(&[hold.id()]).await;
    let path = scene.place.dir.join("in").join(format!("{}.proposal", hold.id()));
    let text = fs::read_to_string(&path).unwrap().replace("shown", "swapped");
    fs::write(&path, text).unwrap();
    let page = Queue::page_at(&scene.place).await.unwrap();
    assert_eq!(page.proposals[0].proposal.proposed_file, "shown");
    scene.decide(hold.id(), Verdict::Approve).await.unwrap();
    let found = scene.operator().await.proposal_find(hold.id()).await.unwrap();
    let State::Decided(answer) = &found[0].state else {
        panic!("{found:?}")
    };
    assert_eq!(answer.response.final_file.as_deref(), Some("shown"));
    // And one whose file is gone is still there to be decided: what was acknowledged is never lost.
    let hold = held(&bottle, "kept").await;
    scene.until_pending(&[hold.id()]).await;
    fs::remove_file(scene.place.dir.join("in").join(format!("{}.proposal", hold.id()))).unwrap();
    scene.until_pending(&[hold.id()]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_can_not_be_written_is_not_acknowledged() {
    let scene = scene();
    let bottle = scene.bottle().await;
    let before = held(&bottle, "before").await;
    let inbox = scene.place.dir.join("in");
    fs::rename(&inbox, scene.place.dir.join("aside")).unwrap();
    fs::write(&inbox, "no directory").unwrap();
    let refused = bottle.proposal_ask(ask("x"), NO_LIMITS).await;
    assert!(refused.is_err(), "{refused:?}");
    assert!(bottle.check_health().await.is_err());
    assert!(Queue::page_at(&scene.place).await.is_err());
    fs::remove_file(&inbox).unwrap();
    fs::rename(scene.place.dir.join("aside"), &inbox).unwrap();
    bottle.check_health().await.unwrap();
    let after = held(&bottle, "after").await;
    scene.until_pending(&[before.id(), after.id()]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn limits_hold_and_joins_count_towards_none() {
    let scene = scene();
    let bottle = scene.bottle().await;
    let limits = Limits {
        max_pending: 2,
        ..NO_LIMITS
    };
    let _one = held(&bottle, "1").await;
    let _two = held(&bottle, "2").await;
    let third = bottle.proposal_ask(ask("3"), limits).await.unwrap();
    assert!(matches!(third, Asked::Refused(Limit::Pending(2))), "{third:?}");
    let joined = bottle.proposal_ask(ask("2"), limits).await.unwrap();
    assert!(matches!(joined, Asked::Held(_)));
    let proposals = names(scene.place.dir.join("in"));
    assert_eq!(
        proposals
            .iter()
            .filter(|name| name.ends_with(".proposal"))
            .count(),
        2
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn files_stay_few_however_much_is_asked() {
    let scene = scene();
    let bottle = scene.bottle().await;
    for n in 0..700 {
        let hold = held(&bottle, &n.to_string()).await;
        bottle.proposal_withdraw(hold.id()).await.unwrap();
        if n % 50 == 0 {
            scene.until_pending(&[]).await;
        }
    }
    let last = held(&bottle, "last").await;
    scene.until_pending(&[last.id()]).await;
    // Whoever asks next lets the bottle see that the ends are noted; then it forgets the oldest.
    let _ = held(&bottle, "another").await;
    let _ = Queue::page_at(&scene.place).await.unwrap();
    let (inside, outside) = (
        names(scene.place.dir.join("in")),
        names(scene.place.dir.join("out")),
    );
    assert!(inside.len() < 1400, "{} in", inside.len());
    assert!(outside.len() < 700, "{} out", outside.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interrupted_answer_is_told_once() {
    let scene = scene();
    let bottle = scene.bottle().await;
    let mut hold = held(&bottle, "x").await;
    let claimed = scene.claim(hold.id(), Verdict::Approve).await.unwrap();
    let intended = claimed.intend("diff".to_owned(), None).await.unwrap();
    let audited = intended.audit(false).await.unwrap();
    // As if the program had been killed between telling the bottle and its own commit.
    let response = serde_json::json!({
        "proposal_id": hold.id(), "status": "approved", "notes": "fine", "final_file": "x", "applied": false,
        "refused_at": null, "refused_until": null,
    });
    let path = scene
        .place
        .dir
        .join("out")
        .join(format!("{}.response", hold.id()));
    // What is there in part is nothing yet.
    fs::write(&path, "{").unwrap();
    tokio::time::sleep(Duration::from_millis(50)).await;
    fs::write(&path, response.to_string()).unwrap();
    drop(audited);
    let recovered = scene.recover().await;
    assert_eq!(recovered.len(), 1);
    assert_eq!(
        decided(&mut hold).await.answer().response.status,
        Status::Approved
    );
    assert!(
        !names(scene.place.dir.join("out"))
            .iter()
            .any(|name| name.ends_with(".claim"))
    );
    assert_eq!(scene.recover().await.len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_claim_that_a_crash_left_is_taken_away() {
    let scene = scene();
    let bottle = scene.bottle().await;
    let hold = held(&bottle, "x").await;
    scene.until_pending(&[hold.id()]).await;
    let claim = scene.place.dir.join("out").join(format!("{}.claim", hold.id()));
    fs::write(&claim, "").unwrap();
    assert!(matches!(
        bottle.proposal_withdraw(hold.id()).await.unwrap(),
        Withdrawal::BeingDecided
    ));
    scene.recover().await;
    assert!(!claim.exists());
    assert!(matches!(
        bottle.proposal_withdraw(hold.id()).await.unwrap(),
        Withdrawal::Withdrawn
    ));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_bottle_plants_is_no_proposal() {
    let scene = scene();
    let bottle = scene.bottle().await;
    let good = held(&bottle, "good").await;
    let inbox = scene.place.dir.join("in");
    let proposal = Proposal::new(&scene.place.slug, Tool::EgressAllow, "x", "why");
    let text = serde_json::to_string(&proposal).unwrap();
    let secret = scene.place.dir.join("secret");
    fs::write(&secret, &text).unwrap();
    let own = inbox.join(format!("{}.proposal", proposal.id));
    symlink(&secret, &own).unwrap();
    let other = |n: u8| inbox.join(format!("00000000-0000-4000-8000-0000000000{n:02x}.proposal"));
    fs::write(other(1), &text).unwrap();
    fs::write(other(2), "").unwrap();
    fs::write(other(3), [0xff, 0xfe]).unwrap();
    fs::create_dir(other(4)).unwrap();
    fs::write(other(5), vec![b'x'; 9 << 20]).unwrap();
    let web = text
        .replace("\"dev\"", "\"web\"")
        .replace(&proposal.id, "00000000-0000-4000-8000-000000000006");
    fs::write(other(6), web).unwrap();
    let tool = text
        .replace("egress-allow", "sudo")
        .replace(&proposal.id, "00000000-0000-4000-8000-000000000007");
    fs::write(other(7), tool).unwrap();
    assert!(
        std::process::Command::new("mkfifo")
            .arg(other(8))
            .status()
            .unwrap()
            .success()
    );
    fs::write(other(9), "[".repeat(1 << 20)).unwrap();
    // Answers and claims are the host's to write, wherever they lie.
    fs::write(inbox.join(format!("{}.response", good.id())), "{}").unwrap();
    fs::write(inbox.join(format!("{}.claim", good.id())), "").unwrap();
    fs::write(inbox.join(format!("{}.ended", good.id())), "").unwrap();
    scene.until_pending(&[good.id()]).await;
    scene.decide(good.id(), Verdict::Reject).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delivery_of_what_was_not_answered_changes_nothing() {
    let scene = scene();
    let bottle = scene.bottle().await;
    let hold = held(&bottle, "x").await;
    scene.until_pending(&[hold.id()]).await;
    fs::write(
        scene
            .place
            .dir
            .join("in")
            .join(format!("{}.delivered", hold.id())),
        "",
    )
    .unwrap();
    scene.until_pending(&[hold.id()]).await;
    scene.decide(hold.id(), Verdict::Approve).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flooded_directory_costs_the_host_little() {
    let scene = scene();
    let bottle = scene.bottle().await;
    let good = held(&bottle, "good").await;
    scene.until_pending(&[good.id()]).await;
    for n in 0..25_000 {
        let name = format!("00000000-0000-4000-8000-{n:012x}.proposal");
        fs::write(scene.place.dir.join("in").join(name), "").unwrap();
    }
    let page = Queue::page_at(&scene.place).await.unwrap();
    assert_eq!(page.proposals[0].proposal.id, good.id());
    scene.decide(good.id(), Verdict::Reject).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_directory_of_somebody_else_is_refused_and_a_wide_one_is_narrowed() {
    let scene = scene();
    let _bottle = scene.bottle().await;
    for name in ["in", "out"] {
        let dir = scene.place.dir.join(name);
        fs::set_permissions(&dir, fs::Permissions::from_mode(0o777)).unwrap();
        Queue::page_at(&scene.place).await.unwrap();
        assert_eq!(fs::metadata(&dir).unwrap().permissions().mode() & 0o777, 0o700);
        let aside = scene.place.dir.join("aside");
        fs::rename(&dir, &aside).unwrap();
        symlink(&aside, &dir).unwrap();
        let refused = Queue::page_at(&scene.place).await;
        assert!(matches!(refused, Err(StoreError::Refused { .. })), "{refused:?}");
        fs::remove_file(&dir).unwrap();
        let refused = Queue::page_at(&scene.place).await;
        assert!(matches!(refused, Err(StoreError::Refused { .. })), "{refused:?}");
        fs::rename(&aside, &dir).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_queue_that_was_prepared_anew_is_followed() {
    let scene = scene();
    let bottle = scene.bottle().await;
    let mut old = held(&bottle, "old").await;
    fs::rename(&scene.place.dir, scene.place.dir.with_extension("old")).unwrap();
    scene.place.prepare().unwrap();
    let new = held(&bottle, "new").await;
    assert!(matches!(old.outcome().await, Outcome::StoreGone));
    assert!(!new.has_joined());
    scene.until_pending(&[new.id()]).await;
}
