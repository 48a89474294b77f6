//! `supervise completions`, and help.

use crate::world::World;

#[test]
fn every_shell_gets_a_script_in_plain_characters() {
    let world = World::new();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let ran = world.run(&["completions", shell]).expect(0);
        assert!(
            ran.out.contains("supervise") && ran.out.contains("approve"),
            "{shell}"
        );
        // Escaping would have left its mark if the script held anything to escape.
        assert!(!ran.out.contains("<U+"), "{shell}");
    }
    world.run(&["completions", "tcsh"]).expect(2);
}

#[test]
fn every_verb_explains_itself_with_examples() {
    let world = World::new();
    let verbs: &[&[&str]] = &[
        &[],
        &["list"],
        &["show"],
        &["review"],
        &["approve"],
        &["reject"],
        &["modify"],
        &["reopen"],
        &["watch"],
        &["audit", "list"],
        &["audit", "export"],
        &["prepare"],
        &["prune"],
        &["submit"],
        &["doctor"],
        &["demo"],
        &["completions"],
    ];
    for verb in verbs {
        let ran = world.run(&[verb, &["--help"][..]].concat()).expect(0);
        assert!(
            ran.out.contains("Examples:\n  supervise "),
            "{verb:?}: {}",
            ran.out
        );
        assert_eq!(ran.err, "");
    }
    assert!(
        world
            .run(&["--version"])
            .expect(0)
            .out
            .starts_with("supervise 0.")
    );
}
