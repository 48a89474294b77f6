//! A bottle whose routes and Dockerfile are files, put in force by a script that can be broken.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::PathBuf;

use supervise_core::{Proposal, Tool};
use supervise_store::State;

use crate::world::{Ran, World, slug};

pub(crate) const FILE: &str =
    "# by hand\nroutes:\n  - host: example.com  # docs\n    path_allowlist: [/v1/]\n";

const MODE: u32 = 0o640;

pub(crate) const CONFIG: &str = "operator = \"ada\"
[egress]
routes_file = \"egress/{slug}/routes.yaml\"
reload = [\"/bin/sh\", \"{root}/reload.sh\", \"{root}/egress/{slug}/routes.yaml\", \"in-force\"]
[capability]
dockerfile = \"bottles/{slug}/Dockerfile\"
rebuild = [\"/bin/sh\", \"{root}/reload.sh\", \"{root}/bottles/{slug}/Dockerfile\", \"built\"]
[notify]
command = [\"notify-send\", \"supervise\", \"{summary}\"]
";

/// While `broken` is there it refuses every second file it is given: the new one, not the old one after it.
const RELOAD: &str = "if [ -e broken ] && [ ! -e refused ]; then
  : > refused; printf 'reading\\nno\\033[2J good\\n'; exit 9
fi
rm -f refused
[ ! -e \"$1\" ] || cat \"$1\" > \"$2\"
echo done >> reloads
";

pub(crate) struct Bottle<'a> {
    world: &'a World,
}

impl<'a> Bottle<'a> {
    pub(crate) fn new(world: &'a World) -> Bottle<'a> {
        let bottle = Bottle { world };
        fs::create_dir_all(bottle.dir()).unwrap();
        fs::create_dir_all(bottle.root().join("bottles/dev")).unwrap();
        fs::write(bottle.routes(), FILE).unwrap();
        fs::set_permissions(bottle.routes(), fs::Permissions::from_mode(MODE)).unwrap();
        fs::write(bottle.root().join("supervise.toml"), CONFIG).unwrap();
        bottle.script(RELOAD);
        bottle
    }

    pub(crate) fn root(&self) -> PathBuf {
        self.world.root.path().to_owned()
    }

    pub(crate) fn dir(&self) -> PathBuf {
        self.root().join("egress/dev")
    }

    pub(crate) fn routes(&self) -> PathBuf {
        self.dir().join("routes.yaml")
    }

    pub(crate) fn dockerfile(&self) -> PathBuf {
        self.root().join("bottles/dev/Dockerfile")
    }

    pub(crate) fn text(&self) -> String {
        fs::read_to_string(self.routes()).unwrap()
    }

    /// Another script, which gets the file as `$1`.
    pub(crate) fn script(&self, script: &str) {
        fs::write(self.root().join("reload.sh"), script).unwrap();
    }

    pub(crate) fn break_reload(&self) {
        fs::write(self.root().join("broken"), "").unwrap();
    }

    pub(crate) fn mend_reload(&self) {
        fs::remove_file(self.root().join("broken")).unwrap();
    }

    pub(super) fn ask_capability(&self, dockerfile: &str) -> Proposal {
        let (bottle, tool) = (slug("dev"), Tool::CapabilityBlock);
        self.world
            .propose(Proposal::new(&bottle, tool, dockerfile, "the tests need it"))
    }

    pub(crate) fn in_force(&self) -> Option<String> {
        fs::read_to_string(self.root().join("in-force")).ok()
    }

    pub(crate) fn built(&self) -> Option<String> {
        fs::read_to_string(self.root().join("built")).ok()
    }

    pub(crate) fn reloads(&self) -> usize {
        let log = fs::read_to_string(self.root().join("reloads")).unwrap_or_default();
        log.lines().count()
    }

    /// Everything in the directory of the routes file.
    pub(crate) fn litter(&self) -> Vec<String> {
        let entries = fs::read_dir(self.dir()).unwrap();
        entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect()
    }

    /// Approves what can't be put in force: everything is as before, nobody was told, and the audit log says why.
    #[track_caller]
    pub(super) fn refuses(&self, proposal: &Proposal, said: &str) -> Ran {
        let ran = self.world.run(&["approve", &proposal.id]).expect(7);
        assert!(ran.err.contains(said), "{said:?}: {}", ran.err);
        assert!(ran.err.contains("is still pending"), "{said:?}: {}", ran.err);
        assert_eq!(self.answer(proposal), None, "{said:?}");
        let audit = self.world.audit();
        let entry = &audit.last().unwrap().entry;
        assert_eq!(entry.operator_action, "apply-failed", "{said:?}");
        assert!(entry.operator_notes.contains(said), "{said:?}: {audit:?}");
        ran
    }

    /// The routes file as it was made, byte for byte, with nothing beside it.
    #[track_caller]
    pub(super) fn is_as_before(&self) {
        let found = fs::metadata(self.routes()).unwrap();
        assert_eq!((self.text().as_str(), found.mode() & 0o7777), (FILE, MODE));
        assert!(self.litter().contains(&"routes.yaml".to_owned()));
        let left = |name: &String| name.contains("supervise-new");
        assert!(!self.litter().iter().any(left), "{:?}", self.litter());
    }

    /// What the agent is told, if it is answered: the status, and whether it was applied.
    pub(crate) fn answer(&self, proposal: &Proposal) -> Option<(String, Option<bool>)> {
        match self.world.find(proposal).state {
            State::Decided(answer) => Some((answer.response.status.name().to_owned(), answer.applied)),
            State::Pending => None,
            other => panic!("{other:?}"),
        }
    }
}
