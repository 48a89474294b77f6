//! SIGKILL at every system call of a decision that writes, waits or starts something: one effect or none,
//! explained, and no agent told otherwise. The program is the one that ships; `strace` does the killing.

mod agent;
mod kill;
mod scene;

use std::sync::Mutex;
use std::thread;

use kill::{Place, Point};
use scene::{Course, Killed, Scene};

/// Each series of points is gone through by one of these at a time.
const AT_ONCE: usize = 3;
/// A crash is a race with the disk, the agent and the command: each point gets as many chances.
const ROUNDS: u32 = 10;
/// Pages of the databases, of which there are many.
const PAGES: &str = "pwrite64";
/// Calls that change nothing by themselves, or are many: each point is tried once.
const ONCE: [&str; 2] = [PAGES, "openat"];
const MAX_POINTS: u32 = 200;

/// One system call in one place, and what is being decided meanwhile.
struct Series {
    course: Course,
    place: Place,
    syscall: &'static str,
}

impl Series {
    fn rounds(&self) -> u32 {
        let once = self.course != Course::Approve || ONCE.contains(&self.syscall);
        if once { 1 } else { ROUNDS }
    }

    /// Goes from the first such call to the last, each in all its rounds.
    fn run(&self) -> Tally {
        let mut scene = Scene::new();
        let mut tally = Tally::default();
        for nth in 1..MAX_POINTS {
            let point = Point {
                place: self.place,
                syscall: self.syscall,
                nth,
            };
            let killed = (0..self.rounds())
                .take_while(|_| scene.play(self.course, point) == Killed::Yes)
                .count();
            if killed == 0 {
                scene.close();
                return tally;
            }
            tally.points += 1;
            tally.runs += killed;
            tally.with_all_rounds += usize::from(killed == ROUNDS as usize);
        }
        panic!("there is no end to {}", self.syscall);
    }
}

#[derive(Debug, Default)]
struct Tally {
    points: usize,
    runs: usize,
    with_all_rounds: usize,
}

impl std::ops::AddAssign for Tally {
    fn add_assign(&mut self, more: Tally) {
        self.points += more.points;
        self.runs += more.runs;
        self.with_all_rounds += more.with_all_rounds;
    }
}

fn series() -> Vec<Series> {
    let all = |course: Course| {
        Place::ALL.into_iter().flat_map(move |place| {
            let calls = place.syscalls().iter();
            calls.map(move |syscall| Series {
                course,
                place,
                syscall,
            })
        })
    };
    // The pages are the same whatever is decided.
    let few = |course| all(course).filter(|series| series.syscall != PAGES);
    let others = Course::OTHERS.into_iter().flat_map(few);
    all(Course::Approve).chain(others).collect()
}

#[test]
#[ignore = "needs strace, and takes minutes"]
fn long_killed_at_every_call_there_is_one_effect_or_none() {
    let waiting = Mutex::new(series());
    let total = Mutex::new(Tally::default());
    thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                loop {
                    let next = waiting.lock().unwrap().pop();
                    let Some(series) = next else { return };
                    let tally = series.run();
                    let Series {
                        course,
                        place,
                        syscall,
                    } = series;
                    eprintln!("{course:?}, {place:?}, {syscall}: {} points", tally.points);
                    *total.lock().unwrap() += tally;
                }
            });
        }
    });
    let total = total.into_inner().unwrap();
    eprintln!("{total:?}");
    assert!(
        total.points >= 100 && total.with_all_rounds >= 20,
        "{total:?}: are all calls seen?"
    );
}
