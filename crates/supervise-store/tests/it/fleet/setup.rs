//! Setting a fleet up: twice is as good as once, and an address is to be had once.

use supervise_store::{FleetAdmin, FleetUrl, StoreError};

use super::cluster::{Cluster, run, slug};

#[tokio::test]
#[ignore = "needs PostgreSQL"]
async fn postgres_init_can_be_run_again() {
    let cluster = Cluster::start().await;
    let (mut admin, operator) = cluster.fleet().await;
    assert_eq!(admin.init(None).await.unwrap(), None);
    cluster.sql(&operator).await.unwrap();
    // A password of one's own replaces it.
    let chosen = admin.init(Some("a-chosen-one")).await.unwrap().unwrap();
    cluster.sql(&chosen).await.unwrap();
    assert!(cluster.sql(&operator).await.is_err());
}

#[tokio::test]
#[ignore = "needs PostgreSQL"]
async fn postgres_a_bottle_s_role_comes_and_goes() {
    let cluster = Cluster::start().await;
    let (mut admin, _) = cluster.fleet().await;
    let long = slug(&"a".repeat(63));
    let first = admin.bottle_add(&long).await.unwrap();
    let again = admin.bottle_add(&long).await;
    assert!(matches!(again, Err(StoreError::Exists { .. })), "{again:?}");
    let mut held = cluster.sql(&first).await.unwrap();
    let renewed = admin.bottle_renew(&long).await.unwrap().unwrap();
    assert!(run(&mut held, "SELECT 1").await.is_err());
    assert!(cluster.sql(&first).await.is_err());
    let mut held = cluster.sql(&renewed).await.unwrap();
    let listed = admin.bottle_list().await.unwrap();
    assert_eq!(
        (listed.len(), listed[0].connections, &listed[0].slug),
        (1, 1, &long)
    );
    assert!(admin.bottle_remove(&long).await.unwrap());
    assert!(!admin.bottle_remove(&long).await.unwrap());
    assert!(run(&mut held, "SELECT 1").await.is_err());
    assert!(cluster.sql(&renewed).await.is_err());
    assert_eq!(admin.bottle_list().await.unwrap()[0].role, None);
    let back = admin.bottle_add(&long).await.unwrap();
    cluster.sql(&back).await.unwrap();
}

#[tokio::test]
#[ignore = "needs PostgreSQL"]
async fn postgres_no_log_or_error_has_a_password() {
    let cluster = Cluster::start().await;
    let (mut admin, operator) = cluster.fleet().await;
    let bottle = admin.bottle_add(&slug("dev")).await.unwrap();
    let secret = |url: &FleetUrl| {
        let start = url.expose().split_once("//").unwrap().1;
        start
            .split_once('@')
            .unwrap()
            .0
            .split_once(':')
            .unwrap()
            .1
            .to_owned()
    };
    // The server's log has every statement, those that make roles as well.
    let log = cluster.log();
    assert!(log.contains("CREATE ROLE supervise_bottle_1"), "{log}");
    for url in [&operator, &bottle] {
        assert!(!log.contains(&secret(url)));
    }
    let wrong: FleetUrl = bottle.expose().replace("/fleet", "/nothing").parse().unwrap();
    let denied: FleetUrl = bottle
        .expose()
        .replace(&secret(&bottle), "not-the-secret")
        .parse()
        .unwrap();
    let nobody: FleetUrl = "postgres://ada:not-the-secret@127.0.0.1:1/fleet".parse().unwrap();
    let plain: FleetUrl = format!("{}?sslmode=require", bottle.expose()).parse().unwrap();
    for url in [wrong, denied, nobody, plain] {
        let error = FleetAdmin::connect(&url).await.err().unwrap();
        assert!(matches!(error, StoreError::Unreachable(_)), "{error:?}");
        let text = format!("{error} {error:?}");
        assert!(
            !text.contains("not-the-secret") && !text.contains(&secret(&bottle)),
            "{text}"
        );
    }
}

#[tokio::test]
#[ignore = "needs PostgreSQL"]
async fn postgres_init_refuses_who_can_t_take_locks_from_everybody() {
    let cluster = Cluster::start().await;
    let mut sql = cluster.admin_sql().await;
    for statement in [
        "CREATE ROLE half LOGIN CREATEROLE CREATEDB PASSWORD 'half'",
        "ALTER DATABASE fleet OWNER TO half",
    ] {
        run(&mut sql, statement).await.unwrap();
    }
    let half = format!("postgres://half:half@127.0.0.1:{}/fleet", cluster.port());
    let mut admin = FleetAdmin::connect(&half.parse().unwrap()).await.unwrap();
    let refused = admin.init(None).await;
    assert!(refused.is_err(), "{refused:?}");
    assert_eq!(
        run(&mut sql, "SELECT 1 FROM pg_namespace WHERE nspname = 'supervise'").await,
        Ok(0)
    );
}
