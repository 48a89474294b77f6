//! Whether the machine has nothing else to do.

use std::fs;
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::command::say;

const SAMPLE: Duration = Duration::from_millis(500);
/// A desktop in use stays below; a compiler doesn't.
const QUIET_PERCENT: f64 = 10.0;
const PATIENCE: Duration = Duration::from_secs(60);

/// Waits a while for other programs to come to rest; says what they use of all cores by then, in percent.
pub(crate) fn wait_until_quiet() -> f64 {
    let give_up = Instant::now() + PATIENCE;
    loop {
        let busy = busy_percent();
        if busy <= QUIET_PERCENT {
            return busy;
        }
        if Instant::now() >= give_up {
            say(&format!(
                "      other programs use {busy:.0} % of the machine: these figures are too bad"
            ));
            return busy;
        }
    }
}

fn busy_percent() -> f64 {
    let (before, after) = (cpu_times(), {
        sleep(SAMPLE);
        cpu_times()
    });
    match (before, after) {
        (Some((idle_before, all_before)), Some((idle, all))) if all > all_before => {
            100.0 * (1.0 - (idle - idle_before) / (all - all_before))
        }
        _ => 0.0,
    }
}

/// Ticks of all cores since the start: without work, and in all.
fn cpu_times() -> Option<(f64, f64)> {
    let stat = fs::read_to_string("/proc/stat").ok()?;
    let fields: Vec<f64> = stat
        .lines()
        .next()?
        .split_whitespace()
        .flat_map(str::parse)
        .collect();
    // The fourth and fifth are idle and waiting for a disk.
    Some((fields.get(3)? + fields.get(4)?, fields.iter().take(8).sum()))
}
