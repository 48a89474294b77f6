//! A connection whose server is verified.

use supervise_store::{FleetAdmin, FleetUrl, StoreError};

use super::cluster::{Cluster, certify, slug};

#[tokio::test]
#[ignore = "needs PostgreSQL"]
async fn postgres_tls_is_verified() {
    let dir = tempfile::tempdir().unwrap();
    certify(dir.path(), "root", "server");
    certify(dir.path(), "other", "unused");
    let cluster = Cluster::encrypted("", dir.path()).await;
    let (mut admin, _) = cluster.fleet().await;
    let bottle = admin.bottle_add(&slug("dev")).await.unwrap();
    let with = |host: &str, query: String| -> FleetUrl {
        let url = bottle.expose().replace("127.0.0.1", host);
        format!("{url}?{query}").parse().unwrap()
    };
    let root = |name: &str| format!("sslrootcert={}", dir.path().join(name).display());
    for mode in ["require", "verify-ca", "verify-full"] {
        let url = with("localhost", format!("sslmode={mode}&{}", root("root.crt")));
        let encrypted = cluster.sql(&url).await.unwrap();
        drop(encrypted);
        FleetAdmin::connect(&url).await.unwrap();
    }
    // Another root, another name, none at all: nothing is sent.
    for url in [
        with("localhost", format!("sslmode=verify-ca&{}", root("other.crt"))),
        with("127.0.0.1", format!("sslmode=verify-full&{}", root("root.crt"))),
        with("localhost", "sslmode=verify-full".into()),
    ] {
        let refused = FleetAdmin::connect(&url).await.err();
        assert!(matches!(refused, Some(StoreError::Unreachable(_))), "{refused:?}");
    }
}
