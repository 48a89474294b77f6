//! Every exit code of the contract that has a cause yet, each from a plain case.

use std::fs;

use crate::world::{World, slug};

#[test]
fn each_code_from_a_plain_case() {
    let world = World::new();
    let [first, second, third] = [world.ask("dev"), world.ask("dev"), world.ask("ci")];
    let at = |proposal: &supervise_core::Proposal, digest: &str| format!("{}@{digest}", proposal.id);

    world.run(&["approve", &first.id]).expect(0);
    fs::write(
        world.root.queue_db(&slug("ci")),
        "garbage, and not a database at all",
    )
    .unwrap();
    world.run(&["list"]).expect(1);
    world.run(&["approve"]).expect(2);
    world.run(&["show", "00000000", "--bottle", "dev"]).expect(3);
    world.run(&["reject", &first.id, "--notes", "x"]).expect(4);
    world.run(&["approve", &at(&second, "00000000")]).expect(5);
    world.run(&["reject", &second.id]).expect(6);
    let submit = |more: &[&str]| {
        let base = [
            "submit",
            "gitleaks-allow",
            "--bottle",
            "dev",
            "--file",
            "-",
            "--justification",
            "j",
            "--wait",
        ];
        world.run_with(&[&base[..], more].concat(), "x")
    };
    submit(&["--timeout", "0.05"]).expect(9);
    // 8 has its case in submit.rs, where somebody decides while it waits; 7 comes with effects.
    world.run(&["show", &third.id]).expect(1);
}

#[test]
fn the_wrong_command_line_is_2_and_talks_on_stderr() {
    let world = World::new();
    for arguments in [
        &["nonsense"][..],
        &["list", "--nonsense"],
        &[],
        &["list", "--bottle", "../x"],
        &["--color", "red", "list"],
    ] {
        let ran = world.run(arguments).expect(2);
        assert_eq!(ran.out, "", "{arguments:?}");
        assert!(!ran.err.is_empty(), "{arguments:?}");
    }
    let mut homeless = world.command(&["list"]);
    let ran = crate::world::Ran::of(
        homeless
            .env_remove("HOME")
            .env_remove("SUPERVISE_ROOT")
            .output()
            .unwrap(),
    );
    assert!(ran.expect(2).err.contains("SUPERVISE_ROOT"));
}
