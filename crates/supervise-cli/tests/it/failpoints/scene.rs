//! A bottle with an agent that asks, an operator who decides and dies, and whoever looks next.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use supervise_core::Proposal;
use supervise_store::{Queue, StoreError};

use super::agent::{Call, Sidecar};
use super::kill::Point;
use crate::world::{Ran, World, block_on, slug};

const CONFIG: &str = "[egress]
routes_file = \"egress/{slug}/routes.yaml\"
reload = [\"/bin/sh\", \"{root}/reload.sh\", \"{root}/egress/{slug}/routes.yaml\", \"routes-in-force\"]
[capability]
dockerfile = \"bottles/{slug}/Dockerfile\"
rebuild = [\"/bin/sh\", \"{root}/reload.sh\", \"{root}/bottles/{slug}/Dockerfile\", \"dockerfile-in-force\"]
";
/// While `broken` is there it refuses a file that isn't in force yet.
const RELOAD: &str = "if [ -e broken ] && ! cmp -s \"$1\" \"$2\"; then exit 9; fi
cat \"$1\" > \"$2.new\" && mv \"$2.new\" \"$2\"
";
const ROUTES: &str = "# by hand\nroutes:\n  - host: example.com  # docs\n";
const DOCKERFILE: &str = "FROM debian:13\n";
const MODE: u32 = 0o640;

/// What is decided, and how it goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Course {
    Approve,
    Modify,
    Reject,
    Rebuild,
    /// The reload refuses the new file, and takes the old one.
    RollBack,
    /// The operator was killed with the file written; whoever finishes it is killed as well.
    Finish,
    /// The same, and the reload refuses the file by then.
    Undo,
}

impl Course {
    pub(super) const OTHERS: [Course; 6] = [
        Course::Modify,
        Course::Reject,
        Course::Rebuild,
        Course::RollBack,
        Course::Finish,
        Course::Undo,
    ];

    fn status(self) -> &'static str {
        match self {
            Course::Modify => "modified",
            Course::Reject => "rejected",
            _ => "approved",
        }
    }

    fn is_broken(self) -> bool {
        matches!(self, Course::RollBack | Course::Undo)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Killed {
    Yes,
    /// The point was not reached.
    No,
}

/// A file that is changed, and its copy that is in force.
struct Target {
    file: PathBuf,
    in_force: PathBuf,
}

pub(super) struct Scene {
    // First, so that it ends before its queue is taken away.
    sidecar: Sidecar,
    world: World,
    asked: u32,
}

impl Scene {
    pub(super) fn new() -> Scene {
        let world = World::new();
        world.run(&["prepare", "dev"]).expect(0);
        let sidecar = Sidecar::start(&world);
        let scene = Scene {
            sidecar,
            world,
            asked: 0,
        };
        fs::write(scene.path("supervise.toml"), CONFIG).unwrap();
        fs::write(scene.path("reload.sh"), RELOAD).unwrap();
        for (course, text) in [(Course::Approve, ROUTES), (Course::Rebuild, DOCKERFILE)] {
            let target = scene.target(course);
            fs::create_dir_all(target.file.parent().unwrap()).unwrap();
            fs::write(&target.file, text).unwrap();
            fs::set_permissions(&target.file, fs::Permissions::from_mode(MODE)).unwrap();
            fs::write(&target.in_force, text).unwrap();
        }
        scene
    }

    /// Whoever looks next. A queue that is being written, or a machine that is busy, costs a look.
    fn look(&self) -> Ran {
        let mut ran = self.world.run(&["list"]);
        for _ in 0..20 {
            let busy = ["locked by another program", "no answer within"];
            if ran.code == 0 || !busy.iter().any(|why| ran.err.contains(why)) {
                break;
            }
            ran = self.world.run(&["list"]);
        }
        ran.expect(0)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.world.root.path().join(name)
    }

    fn target(&self, course: Course) -> Target {
        let [file, in_force] = match course {
            Course::Rebuild => ["bottles/dev/Dockerfile", "dockerfile-in-force"],
            _ => ["egress/dev/routes.yaml", "routes-in-force"],
        };
        Target {
            file: self.path(file),
            in_force: self.path(in_force),
        }
    }

    /// An agent asks; the program is killed at `point`; whoever looks next settles it; what is pending then is
    /// decided in peace.
    pub(super) fn play(&mut self, course: Course, point: Point) -> Killed {
        let at = format!("{course:?} {point:?}");
        let target = self.target(course);
        let before = target.text();
        let (call, wanted) = self.ask(course);
        let proposal = self.arrival();
        let decide = self.decision(course, &proposal, &wanted);
        let decide: Vec<&str> = decide.iter().map(String::as_str).collect();
        if course.is_broken() {
            fs::write(self.path("broken"), "").unwrap();
        }
        let ended = match course {
            Course::Finish | Course::Undo => {
                self.interrupt(&decide);
                point.run(&self.world.command(&["list"]), &self.world.root)
            }
            _ => point.run(&self.world.command(&decide), &self.world.root),
        };
        let whole = target.text();
        assert!(
            whole == before || wanted.is_in(&whole, &before),
            "{at}: neither old nor new: {whole}"
        );
        let mut told = call.told();
        self.check_told(told.as_ref(), course, &wanted, &at);

        self.look();
        target.check(&at);
        told = told.or_else(|| call.told());
        self.check_told(told.as_ref(), course, &wanted, &at);

        let _ = fs::remove_file(self.path("broken"));
        if self.is_pending(&proposal) {
            assert_eq!(target.text(), before, "{at}: pending, and yet changed");
            self.world.run(&decide).expect(0);
        }
        let told = told.unwrap_or_else(|| call.wait());
        assert!(
            told.starts_with(&format!("status: {}\n", course.status())),
            "{at}: {told}"
        );
        self.check_told(Some(&told), course, &wanted, &at);
        target.check(&at);
        self.check_audit(course, &proposal, &at);
        assert!(!self.look().err.contains("interrupted"), "{at}");
        if ended.is_none() { Killed::Yes } else { Killed::No }
    }

    /// Whoever was told of an approval has it.
    fn check_told(&self, told: Option<&String>, course: Course, wanted: &Wanted, at: &str) {
        let Some(told) = told else { return };
        let target = self.target(course);
        let has = |path| wanted.is_part_of(&fs::read_to_string(path).unwrap());
        let in_force = has(&target.file) && has(&target.in_force);
        let rejected = told.starts_with("status: rejected");
        assert_eq!(in_force, !rejected, "{at}: {told}");
        assert_eq!(told.contains("applied: yes"), !rejected, "{at}: {told}");
    }

    /// The decision once, and before it nothing but failures.
    fn check_audit(&self, course: Course, proposal: &Proposal, at: &str) {
        let rows = self.world.audit();
        let about = rows
            .iter()
            .filter(|row| row.origin.proposal_id.as_ref() == Some(&proposal.id));
        let actions: Vec<_> = about.map(|row| row.entry.operator_action.as_str()).collect();
        let (last, others) = actions.split_last().unwrap();
        assert_eq!(*last, course.status(), "{at}: {actions:?}");
        assert!(
            others.iter().all(|action| *action == "apply-failed"),
            "{at}: {actions:?}"
        );
        assert!(others.len() <= 1, "{at}: {actions:?}");
    }

    /// Kills the program when the file is written and its command runs.
    fn interrupt(&self, decide: &[&str]) {
        let reload = format!("kill -9 $PPID\n{RELOAD}");
        fs::write(self.path("reload.sh"), reload).unwrap();
        let output = self.world.command(decide).output().unwrap();
        assert_eq!(output.status.code(), None, "{output:?}");
        fs::write(self.path("reload.sh"), RELOAD).unwrap();
    }

    fn ask(&mut self, course: Course) -> (Call, Wanted) {
        self.asked += 1;
        let number = self.asked;
        let host = format!("h{number}.example.org");
        if course == Course::Rebuild {
            let text = format!("{DOCKERFILE}RUN echo {number}\n");
            let arguments = json!({"dockerfile": text, "justification": "the tests need it"});
            return (
                self.sidecar.call("capability-block", &arguments),
                Wanted::Whole(text),
            );
        }
        let arguments = json!({"host": host, "justification": "the tests need it"});
        let call = self.sidecar.call("egress-allow", &arguments);
        let host = match course {
            Course::Modify => format!("narrower.{host}"),
            _ => host,
        };
        (call, Wanted::Host(host))
    }

    fn decision(&self, course: Course, proposal: &Proposal, wanted: &Wanted) -> Vec<String> {
        let id = proposal.id.clone();
        let words: Vec<&str> = match course {
            Course::Modify => {
                fs::write(self.path("edited"), wanted.payload()).unwrap();
                vec!["modify", &id, "--file"]
            }
            Course::Reject => vec!["reject", &id, "--notes", "no"],
            _ => vec!["approve", &id],
        };
        let mut words: Vec<String> = words.into_iter().map(str::to_owned).collect();
        if course == Course::Modify {
            words.push(self.path("edited").to_string_lossy().into_owned());
        }
        words
    }

    /// The one that is pending, once the sidecar has stored it.
    fn arrival(&self) -> Proposal {
        let give_up = Instant::now() + Duration::from_secs(20);
        let bottle = slug("dev");
        let dir = self.world.root.queue_dir(&bottle);
        loop {
            match block_on(Queue::page_of(&dir, &bottle)) {
                Ok(page) => {
                    if let Some(listed) = page.proposals.into_iter().next() {
                        return listed.proposal;
                    }
                }
                Err(StoreError::Busy) => {}
                Err(error) => panic!("{error}"),
            }
            assert!(Instant::now() < give_up, "the agent's call was not stored");
        }
    }

    fn is_pending(&self, proposal: &Proposal) -> bool {
        let bottle = slug("dev");
        let page = block_on(Queue::page_of(&self.world.root.queue_dir(&bottle), &bottle)).unwrap();
        assert!(!page.claimed, "a claim was left");
        page.proposals
            .iter()
            .any(|listed| listed.proposal.id == proposal.id)
    }

    /// The chain holds over everything that was killed.
    pub(super) fn close(self) {
        let anchor = fs::read_to_string(self.path("audit/chain.log")).unwrap_or_default();
        let (lines, entries) = (anchor.lines().count(), self.world.audit().len());
        assert!(
            lines == entries || lines + 1 == entries,
            "{lines} of {entries} are anchored"
        );
    }
}

impl Target {
    fn text(&self) -> String {
        fs::read_to_string(&self.file).unwrap()
    }

    /// Settled: what lies there is in force, as it should lie there, and nothing lies beside it.
    fn check(&self, at: &str) {
        assert_eq!(
            self.text(),
            fs::read_to_string(&self.in_force).unwrap(),
            "{at}: not in force"
        );
        assert_eq!(fs::metadata(&self.file).unwrap().mode() & 0o7777, MODE, "{at}");
        let beside = fs::read_dir(self.file.parent().unwrap()).unwrap().count();
        assert_eq!(beside, 1, "{at}: something was left beside the file");
    }
}

/// What the agent gets.
enum Wanted {
    Host(String),
    Whole(String),
}

impl Wanted {
    fn payload(&self) -> String {
        match self {
            Wanted::Host(host) => Value::from_iter([("host", host.as_str())]).to_string(),
            Wanted::Whole(text) => text.clone(),
        }
    }

    fn is_part_of(&self, text: &str) -> bool {
        match self {
            Wanted::Host(host) => text.lines().any(|line| line.trim() == format!("- host: {host}")),
            Wanted::Whole(whole) => text == whole,
        }
    }

    /// Whether `text` is the whole new file.
    fn is_in(&self, text: &str, before: &str) -> bool {
        match self {
            Wanted::Host(_) => text.starts_with(before) && self.is_part_of(text) && text.ends_with('\n'),
            Wanted::Whole(_) => self.is_part_of(text),
        }
    }
}
