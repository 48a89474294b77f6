//! What was shown is remembered, in files of every age.

use supervise_core::{FieldHasher, Slug};
use supervise_store::{AuditFilter, Host, Shown, ShownFile, Verdict};

use crate::fixture::{Fixture, held, plain, sql};

fn shown(slug: &Slug, id: &str, form: &str) -> Shown {
    Shown {
        slug: slug.clone(),
        id: id.to_owned(),
        digest: FieldHasher::new(form.as_bytes()).finish(),
    }
}

fn file(text: &str) -> supervise_core::Digest {
    FieldHasher::new(text.as_bytes()).finish()
}

#[tokio::test]
async fn the_first_form_of_a_proposal_and_the_last_look_at_its_file() {
    let fixture = Fixture::new();
    let host = fixture.host().await;
    let (first, second) = (
        shown(&fixture.slug, "x", "first"),
        shown(&fixture.slug, "x", "second"),
    );
    assert_eq!(host.shown_file(&first).await.unwrap(), None);
    for shown in [&first, &second] {
        host.shown_record(vec![shown.clone()]).await.unwrap();
    }
    assert_eq!(
        host.shown_digest(&fixture.slug, "x").await.unwrap(),
        Some(first.digest)
    );
    for text in ["a", "a", "b"] {
        let shown = first.clone();
        let file = file(text);
        host.shown_file_record(ShownFile { shown, file }).await.unwrap();
        assert_eq!(host.shown_file(&first).await.unwrap(), Some(file));
    }
    // What was seen of one form says nothing of another.
    assert_eq!(host.shown_file(&second).await.unwrap(), None);
}

#[tokio::test]
async fn a_file_from_before_is_read_whole_and_completed() {
    let fixture = Fixture::new();
    let queue = fixture.queue().await;
    let hold = held(&queue, "a").await;
    fixture.decide(hold.id(), Verdict::Approve).await.unwrap();
    let mut connection = plain(fixture.root.host_db()).await;
    sql(&mut connection, "DROP TABLE supervise_shown_files")
        .await
        .unwrap();
    let host = Host::open_read_only(&fixture.root).await.unwrap().unwrap();
    let rows = host.audit_page(&AuditFilter::default()).await.unwrap();
    assert_eq!(rows[0].origin.operator.as_deref(), Some("ada"));
    let seen = shown(&fixture.slug, "x", "first");
    assert_eq!(host.shown_file(&seen).await.unwrap(), None);
    let host = fixture.host().await;
    let (shown, file) = (seen.clone(), file("a"));
    host.shown_file_record(ShownFile { shown, file }).await.unwrap();
    assert_eq!(host.shown_file(&seen).await.unwrap(), Some(file));
}
