//! A connection whose server is verified.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use supervise_store::{FleetAdmin, FleetUrl, StoreError};

use super::cluster::{Cluster, slug};

/// A root, and what it certifies as the server of `localhost`.
fn certify(dir: &Path, root: &str, server: &str) {
    let path = |name: &str, end: &str| dir.join(format!("{name}.{end}"));
    let certificate = |name: &str, extension: &str| {
        let mut openssl = Command::new("openssl");
        openssl.args([
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
            "-nodes",
        ]);
        openssl.args(["-days", "2", "-subj", "/CN=a test", "-addext", extension]);
        openssl
            .arg("-keyout")
            .arg(path(name, "key"))
            .arg("-out")
            .arg(path(name, "crt"));
        openssl.stderr(Stdio::null());
        openssl
    };
    let mut own = certificate(root, "keyUsage=critical,keyCertSign");
    assert!(own.status().unwrap().success());
    let mut signed = certificate(server, "subjectAltName=DNS:localhost");
    signed.args(["-addext", "basicConstraints=critical,CA:FALSE"]);
    signed
        .arg("-CA")
        .arg(path(root, "crt"))
        .arg("-CAkey")
        .arg(path(root, "key"));
    assert!(signed.status().unwrap().success());
}

#[tokio::test]
#[ignore = "needs PostgreSQL"]
async fn postgres_tls_is_verified() {
    let dir = tempfile::tempdir().unwrap();
    certify(dir.path(), "root", "server");
    certify(dir.path(), "other", "unused");
    let from = dir.path().to_owned();
    let mut lines = String::from("ssl = on\n");
    for (key, file) in [("ssl_cert_file", "server.crt"), ("ssl_key_file", "server.key")] {
        lines.push_str(&format!("{key} = '../{file}'\n"));
    }
    let cluster = Cluster::configured(&lines, |to| {
        for file in ["server.crt", "server.key"] {
            fs::copy(from.join(file), to.join(file)).unwrap();
        }
    })
    .await;
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
