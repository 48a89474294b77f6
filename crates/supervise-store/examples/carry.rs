//! One side of a queue, to be killed: a bottle that asks and is told, or a host that decides. Each says on stdout what
//! it was promised, a line each, and goes on where an earlier one was killed.
//!
//! `carry bottle ROOT SLUG` prints `asked ID` and `told ID STATUS`; `carry host ROOT SLUG` prints `decided ID STATUS`;
//! `carry last ROOT SLUG` asks for nothing, prints `told ID STATUS` of whatever nobody was told, and ends.

use std::io::{self, Write as _};
use std::path::PathBuf;
use std::time::Duration;

use supervise_core::{Ask, Root, Slug, Tool};
use supervise_store::{
    Asked, Backend, Checked, DecisionError, DecisionRequest, Host, Limits, Outcome, Place, Queue, QueueUrl,
    Sticky, StoreError, Verdict,
};

type Error = Box<dyn std::error::Error + Send + Sync>;

const CALLERS: usize = 16;
const NO_LIMITS: Limits = Limits {
    max_pending: 0,
    max_per_minute: 0,
    max_queue_bytes: 0,
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let [role, root, slug] = words[..] else {
        return Err("usage: carry bottle|host|last ROOT SLUG".into());
    };
    let (root, slug) = (Root::new(PathBuf::from(root)), slug.parse::<Slug>()?);
    match role {
        "bottle" => bottle(&root, &slug).await,
        "last" => last(&root, &slug).await,
        _ => host(&root, &slug).await,
    }
}

async fn bottle(root: &Root, slug: &Slug) -> Result<(), Error> {
    let queue = Queue::connect(&QueueUrl::find(&root.queue_dir(slug))?, slug).await?;
    let left = queue.proposal_undelivered().await?;
    let fresh = CALLERS.saturating_sub(left.len());
    let mut callers: Vec<_> = (0..fresh).map(|_| tokio::spawn(call(queue.clone()))).collect();
    for (number, left) in left.into_iter().enumerate() {
        let queue = queue.clone();
        callers.push(tokio::spawn(async move {
            if let Ok(checked) = queue.proposal_check(&left.id).await {
                hear(checked).await;
            }
            // As many as ever ask for something new, so that what is left over doesn't grow with every kill.
            if number < CALLERS {
                call(queue).await
            } else {
                Ok(())
            }
        }));
    }
    for caller in callers {
        caller.await??;
    }
    Ok(())
}

async fn last(root: &Root, slug: &Slug) -> Result<(), Error> {
    let queue = Queue::connect(&QueueUrl::find(&root.queue_dir(slug))?, slug).await?;
    for left in queue.proposal_undelivered().await? {
        hear(queue.proposal_check(&left.id).await?).await;
    }
    Ok(())
}

async fn call(queue: Queue) -> Result<(), Error> {
    loop {
        let ask = Ask {
            tool: Tool::EgressAllow,
            proposed_file: uuid::Uuid::new_v4().to_string(),
            justification: "the tests need it".to_owned(),
        };
        if let Asked::Held(hold) = queue.proposal_ask(ask, NO_LIMITS).await? {
            say(&format!("asked {}", hold.id()))?;
            hear(Checked::Held(hold)).await;
        }
    }
}

async fn hear(checked: Checked) {
    let delivery = match checked {
        Checked::Held(mut hold) => match hold.outcome().await {
            Outcome::Decided(delivery) => delivery,
            Outcome::Withdrawn | Outcome::StoreGone => return,
        },
        Checked::Decided(delivery) => delivery,
        Checked::Withdrawn | Checked::Unknown => return,
    };
    let response = &delivery.answer().response;
    let told = format!("told {} {}", response.proposal_id, response.status);
    if say(&told).is_ok() {
        delivery.delivered();
    }
}

async fn host(root: &Root, slug: &Slug) -> Result<(), Error> {
    let place = Place::new(root, slug, Backend::Files);
    let host = Host::create(root).await?;
    let queue = Queue::open_at(&place).await?;
    let lock = host.bottle_lock(slug).await?;
    host.recover(&lock, &queue).await?;
    drop(lock);
    loop {
        let page = match queue.proposal_page().await {
            Ok(page) => page,
            Err(StoreError::Busy) => continue,
            Err(error) => return Err(error.into()),
        };
        if page.proposals.is_empty() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        for listed in page.proposals {
            let reject = listed
                .proposal
                .proposed_file
                .as_bytes()
                .first()
                .is_some_and(|byte| byte % 4 == 0);
            let request = DecisionRequest {
                id: listed.proposal.id.clone(),
                digest: listed.proposal.digest(),
                verdict: if reject { Verdict::Reject } else { Verdict::Approve },
                notes: "as tossed".to_owned(),
                sticky: Sticky::NONE,
                operator: "carry".to_owned(),
                via: "carry".to_owned(),
            };
            match decide(&host, &queue, slug, request).await {
                Ok(status) => say(&format!("decided {} {status}", listed.proposal.id))?,
                Err(DecisionError::Already(_) | DecisionError::Withdrawn) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}

async fn decide(
    host: &Host,
    queue: &Queue,
    slug: &Slug,
    request: DecisionRequest,
) -> Result<supervise_core::Status, DecisionError> {
    let lock = host.bottle_lock(slug).await?;
    let claimed = host.decision_claim(lock, queue, request).await?;
    let audited = claimed
        .intend("a diff".to_owned(), None)
        .await?
        .audit(false)
        .await?;
    Ok(audited.answer().await?.status)
}

/// One write a line, so that a killed process leaves no half of one.
fn say(line: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(format!("{line}\n").as_bytes())?;
    out.flush()
}
