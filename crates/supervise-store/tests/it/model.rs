//! The store against a model: several handles on one real file do random things, any operator dies at any
//! moment, and after each step the disk and every answer are what plain collections say they are.
//!
//! `SUPERVISE_MODEL_STEPS` makes it longer, `SUPERVISE_MODEL_SEED` another one.

mod agent;
mod compare;
mod course;
mod foreign;
mod operator;
mod seen;
mod tables;
mod world;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use seen::Seen;
use world::World;

/// Steps in a world of its own: enough for old rows and new ones to meet.
const STEPS_A_WORLD: usize = 250;
const STEPS: usize = 2_000;
/// So many come to every case that matters; in fewer the rare ones may be missing.
const MANY_STEPS: usize = 50_000;

/// One step. Numbers choose among what is there, counted from the newest.
#[derive(Debug, Clone)]
enum Step {
    /// An agent asks for one of a few payloads.
    Ask(u8, u8),
    Check(usize),
    Wait(usize),
    Undelivered,
    Withdraw(usize),
    /// What a call does that stops waiting.
    Leave(Leave, usize),
    /// An answer reaches its caller.
    Deliver(usize),
    /// An answer's caller has gone.
    Miss(usize),
    /// A daemon's proposal; with an id that is there already, or a new one.
    Submit(u8, Option<usize>),
    /// An operator takes the next of the six steps.
    Decide(usize, Choice),
    /// An operator turns back instead of taking the next step.
    TurnBack(usize, Back),
    /// An operator's program dies; with its handles or without.
    Crash(usize, bool),
    Lift(usize, usize),
    Prune(usize),
    /// The sidecar stops and another starts.
    Restart,
    Foreign(Foreign, usize),
    /// The hour of withdrawals and the time of refusals are over.
    TimePasses,
}

#[derive(Debug, Clone, Copy)]
enum Leave {
    Cancel,
    Drop,
    Tell,
    TimeOut,
}

/// How an operator goes on, whichever step is next.
#[derive(Debug, Clone, Copy)]
struct Choice {
    proposal: usize,
    verdict: u8,
    sticks: bool,
    has_effect: bool,
    /// Whether the proposal on the screen was another than the one that is there.
    is_stale: bool,
    back: Back,
}

#[derive(Debug, Clone, Copy)]
enum Back {
    No,
    Fail,
    Undo,
}

/// What another program writes in plain SQL.
#[derive(Debug, Clone, Copy)]
enum Foreign {
    Propose(u8),
    Respond(u8),
    Replace,
    Archive,
    Delete,
    Rewrite,
    Claim,
    Unclaim,
    /// Takes a claim away and answers in its place.
    Usurp(u8),
    Unsay,
}

fn step() -> impl Strategy<Value = Step> {
    let at = || 0..12_usize;
    let operator = || 0..2_usize;
    let leave = prop_oneof![
        3 => Just(Leave::Cancel), 2 => Just(Leave::Drop), 1 => Just(Leave::Tell), 2 => Just(Leave::TimeOut),
    ];
    prop_oneof![
        20 => (0..4_u8, 0..4_u8).prop_map(|(tool, file)| Step::Ask(tool, file)),
        4 => at().prop_map(Step::Check),
        2 => at().prop_map(Step::Wait),
        1 => Just(Step::Undelivered),
        4 => at().prop_map(Step::Withdraw),
        6 => (leave, at()).prop_map(|(leave, at)| Step::Leave(leave, at)),
        10 => at().prop_map(Step::Deliver),
        4 => at().prop_map(Step::Miss),
        3 => (0..6_u8, proptest::option::weighted(0.2, at())).prop_map(|(file, id)| Step::Submit(file, id)),
        90 => (operator(), choice()).prop_map(|(who, choice)| Step::Decide(who, choice)),
        3 => (operator(), back()).prop_map(|(who, back)| Step::TurnBack(who, back)),
        5 => (operator(), any::<bool>()).prop_map(|(who, whole)| Step::Crash(who, whole)),
        6 => (operator(), at()).prop_map(|(who, at)| Step::Lift(who, at)),
        1 => operator().prop_map(Step::Prune),
        2 => Just(Step::Restart),
        14 => (foreign(), at()).prop_map(|(what, at)| Step::Foreign(what, at)),
        1 => Just(Step::TimePasses),
    ]
}

fn choice() -> impl Strategy<Value = Choice> {
    let odds = (
        proptest::bool::weighted(0.7),
        proptest::bool::weighted(0.4),
        proptest::bool::weighted(0.05),
    );
    let verdict = prop_oneof![1 => Just(0_u8), 1 => Just(1), 2 => Just(2)];
    (0..6_usize, verdict, odds, back()).prop_map(|(proposal, verdict, odds, back)| Choice {
        proposal,
        verdict,
        sticks: odds.0,
        has_effect: odds.1,
        is_stale: odds.2,
        back,
    })
}

fn back() -> impl Strategy<Value = Back> {
    prop_oneof![2 => Just(Back::No), 1 => Just(Back::Fail), 1 => Just(Back::Undo)]
}

fn foreign() -> impl Strategy<Value = Foreign> {
    prop_oneof![
        3 => (0..6_u8).prop_map(Foreign::Propose),
        4 => (0..3_u8).prop_map(Foreign::Respond),
        1 => Just(Foreign::Replace),
        2 => Just(Foreign::Archive),
        1 => Just(Foreign::Delete),
        1 => Just(Foreign::Rewrite),
        1 => Just(Foreign::Claim),
        1 => Just(Foreign::Unclaim),
        2 => (0..3_u8).prop_map(Foreign::Usurp),
        1 => Just(Foreign::Unsay),
    ]
}

fn number(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name} is no number")))
}

fn runner(steps: usize) -> TestRunner {
    let mut seed = [0; 32];
    seed[..8].copy_from_slice(&number("SUPERVISE_MODEL_SEED").unwrap_or(1).to_le_bytes());
    let config = Config {
        cases: steps.div_ceil(STEPS_A_WORLD) as u32,
        max_shrink_iters: 400,
        failure_persistence: None,
        ..Config::default()
    };
    TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &seed))
}

#[test]
fn the_store_does_what_a_plain_model_says() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let length = number("SUPERVISE_MODEL_STEPS").map_or(STEPS, |steps| steps as usize);
    let steps = vec(step(), STEPS_A_WORLD);
    let seen = Seen::default();
    let passed = runner(length).run(&steps, |steps| {
        runtime.block_on(async {
            let mut world = World::new(seen.clone()).await;
            for step in steps {
                world.take(step).await;
            }
            world.end().await;
        });
        Ok(())
    });
    if let Err(failed) = passed {
        panic!("{failed}");
    }
    if length >= MANY_STEPS {
        assert_eq!(seen.missing(), [], "of all this: {seen:?}");
    }
}
