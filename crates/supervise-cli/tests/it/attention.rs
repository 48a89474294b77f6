//! The bell and the terminal's title in `review --follow`.

use std::thread;
use std::time::{Duration, Instant};

use supervise_core::Tool;

use crate::terminal::Terminal;
use crate::world::{ROUTE, World, fixed};

const KEPT: &str = "\u{1b}[22;2t";
const RESTORED: &str = "\u{1b}]2;\u{7}\u{1b}[23;2t";

fn title(text: &str) -> String {
    format!("\u{1b}]2;{text}\u{7}")
}

/// Bells, without the one that ends a title.
fn bells(screen: &str) -> usize {
    let titles = screen.matches("\u{1b}]2;").count();
    screen.matches('\u{7}').count() - titles
}

/// Waits for a title, which comes when it comes.
fn says(terminal: &Terminal, wanted: &str) {
    let give_up = Instant::now() + Duration::from_secs(20);
    while !terminal.screen().contains(&title(wanted)) {
        assert!(Instant::now() < give_up, "{:?}", terminal.screen());
        thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_burst_rings_once_and_the_title_counts() {
    let world = World::new();
    world.run(&["prepare", "dev"]).expect(0);
    let mut terminal = Terminal::start(&world, &["review", "--follow"], &[]);
    terminal.wait_for(KEPT);
    terminal.wait_for("waiting for proposals");
    says(&terminal, "supervise");
    for n in 0..3 {
        world.propose(fixed("dev", n, Tool::EgressAllow, ROUTE, "why"));
    }
    // While the question about the first is open.
    terminal.wait_for("skip or quit?");
    says(&terminal, "(3) supervise");
    terminal.type_in("r");
    terminal.wait_for("notes for the agent");
    terminal.type_in("no\r");
    says(&terminal, "(2) supervise");
    terminal.type_in("q");
    assert_eq!(terminal.wait(), 0);
    let screen = terminal.screen();
    assert_eq!(bells(&screen), 1, "{screen:?}");
    assert!(screen.ends_with(RESTORED), "{screen:?}");
}

#[test]
fn neither_on_a_dumb_terminal_nor_without_follow() {
    for (arguments, term) in [(&["review", "--follow"][..], "dumb"), (&["review"], "xterm")] {
        let world = World::new();
        world.ask("dev");
        let mut terminal = Terminal::start(&world, arguments, &[("TERM", term)]);
        terminal.wait_for("skip or quit?");
        terminal.type_in(if term == "dumb" { "q\r" } else { "q" });
        assert_eq!(terminal.wait(), 0);
        assert!(!terminal.screen().contains(['\u{1b}', '\u{7}']));
    }
}
