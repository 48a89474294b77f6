//! A fleet with two bottles, and what is said in it.

use supervise_core::{AuditEntry, Proposal, Response, Slug, Status, Tool, now_timestamp};
use uuid::Uuid;

use crate::audit::AuditOrigin;
use crate::fleet::audit::Record;
use crate::fleet::bottle::BottleLine;
use crate::fleet::cluster::{Cluster, slug};
use crate::fleet::operator::OperatorLine;
use crate::fleet::url::FleetUrl;
use crate::hold::Answer;
use crate::line::{Claiming, Given};

pub(super) struct Scene {
    pub(super) cluster: Cluster,
    pub(super) dev: FleetUrl,
    pub(super) operator: FleetUrl,
}

impl Scene {
    pub(super) async fn set() -> Scene {
        let cluster = Cluster::start().await;
        let (mut admin, operator) = cluster.fleet().await;
        let dev = admin.bottle_add(&slug("dev")).await.unwrap();
        admin.bottle_add(&slug("other")).await.unwrap();
        Scene {
            cluster,
            dev,
            operator,
        }
    }

    pub(super) async fn bottle(&self) -> BottleLine {
        BottleLine::connect(&self.dev, &dev()).await.unwrap()
    }

    pub(super) async fn operator(&self) -> OperatorLine {
        OperatorLine::connect(&self.operator).await.unwrap()
    }
}

pub(super) fn dev() -> Slug {
    slug("dev")
}

pub(super) fn proposal(file: &str) -> Proposal {
    Proposal::new(&dev(), Tool::EgressAllow, file.to_owned(), "why\0 not".to_owned())
}

pub(super) fn id(proposal: &Proposal) -> Uuid {
    Uuid::parse_str(&proposal.id).unwrap()
}

pub(super) fn approved(proposal: &Proposal) -> Given {
    given(proposal, Status::Approved)
}

pub(super) fn given(proposal: &Proposal, status: Status) -> Given {
    let response = Response {
        proposal_id: proposal.id.clone(),
        status,
        notes: "fine\0".to_owned(),
        final_file: (status != Status::Rejected).then(|| proposal.proposed_file.clone()),
    };
    let span = || (now_timestamp(), "2100-01-01T00:00:00.000000+00:00".to_owned());
    Given {
        answer: Answer {
            response,
            applied: Some(true),
        },
        refused: (status == Status::Rejected).then(span),
    }
}

pub(super) fn record(proposal: &Proposal, action: &str, operator: &str) -> Record {
    Record {
        entry: AuditEntry {
            timestamp: now_timestamp(),
            bottle_slug: proposal.bottle_slug.clone(),
            component: "egress".to_owned(),
            operator_action: action.to_owned(),
            operator_notes: "fine\0".to_owned(),
            justification: proposal.justification.clone(),
            diff: "+ x".to_owned(),
        },
        origin: AuditOrigin {
            proposal_id: Some(proposal.id.clone()),
            tool: Some(proposal.tool.name().to_owned()),
            operator: Some(operator.to_owned()),
            via: Some("a test".to_owned()),
            digest: Some(proposal.digest().to_string()),
        },
    }
}

/// Claims and answers; the entry's number.
pub(super) async fn decide(operator: &mut OperatorLine, proposal: &Proposal, status: Status) -> i64 {
    let claimed = operator
        .claim(&dev(), id(proposal), proposal.digest())
        .await
        .unwrap();
    assert_eq!(claimed, Claiming::Claimed);
    let record = record(proposal, status.name(), "ada");
    match operator
        .answer(&dev(), &given(proposal, status), &record)
        .await
        .unwrap()
    {
        crate::fleet::answer::Answering::Answered { audit_id } => audit_id,
        other => panic!("{other:?}"),
    }
}
