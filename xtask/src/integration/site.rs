//! Everything one run makes on this machine, under one prefix, and its removal: at the end, after a failure, on a
//! signal, and by the next run if this one was killed.

use std::env;
use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustix::process::{getegid, geteuid};
use tempfile::TempDir;
use tokio::signal::unix::{SignalKind, signal};

use super::check::trouble;
use super::names::Names;
use super::operator::Operator;
use crate::command::{self, Failed, say, shell_line, target_folder};
use crate::image::engine::Engine;

const NAME: &str = "supervise-it";
/// Who decides, and whom the containers run as, where this program is root: the image's own user.
const NOBODYS: u32 = 65532;
pub(super) const BOTTLE: &str = "dev";

#[derive(Clone, Copy)]
pub(super) struct Account {
    pub(super) uid: u32,
    pub(super) gid: u32,
}

pub(super) struct Site {
    pub(super) engine: Engine,
    pub(super) account: Account,
    pub(super) names: Names,
    prefix: String,
    folder: TempDir,
    /// Held while something is made, so that a signal's clean-up comes after it.
    making: Arc<Mutex<()>>,
}

impl Site {
    pub(super) fn open(engine: Engine) -> Result<Site, Failed> {
        remove_left_behind(engine)?;
        let prefix = format!("{NAME}-{}", std::process::id());
        let folder = tempfile::Builder::new()
            .prefix(&format!("{prefix}-"))
            .tempdir()
            .map_err(trouble("making a folder"))?;
        let making = Arc::new(Mutex::new(()));
        remove_on_signal(engine, &prefix, folder.path(), &making)?;
        let mut site = Site {
            engine,
            account: account(),
            names: Names::Served,
            prefix,
            folder,
            making,
        };
        site.furnish()?;
        site.names = site.make_network()?;
        Ok(site)
    }

    fn make_network(&self) -> Result<Names, Failed> {
        let network = self.network();
        let mut create = self.engine_command(&["network", "create", "--internal"]);
        create.args(Names::network_flags(self.engine)).arg(&network);
        self.make(&mut create)?;
        if self.engine != Engine::Podman {
            return Ok(Names::Served);
        }
        let ranges = "{{range .Subnets}}{{.Subnet}}{{end}}";
        let inspect = ["network", "inspect", "--format", ranges, &network];
        Names::fixed(&self.make(&mut self.engine_command(&inspect))?)
    }

    /// The operator's home: its root, its configuration, and the program where any account may run it.
    fn furnish(&self) -> Result<(), Failed> {
        let wrong = trouble("furnishing the operator's folder");
        fs::set_permissions(self.folder(), Permissions::from_mode(0o711)).map_err(&wrong)?;
        fs::copy(target_folder()?.join("debug/supervise"), self.program()).map_err(&wrong)?;
        for folder in [self.root(), self.egress()] {
            fs::create_dir_all(&folder).map_err(&wrong)?;
        }
        fs::write(self.root().join("supervise.toml"), CONFIGURATION).map_err(&wrong)?;
        for name in ["routes.yaml", "in-force.yaml"] {
            fs::write(self.egress().join(name), "routes:\n  - host: crates.io\n").map_err(&wrong)?;
        }
        self.give_away(&self.root()).map_err(&wrong)?;
        Operator::of(self).run(&["prepare", BOTTLE])?.expect(0)?;
        Ok(())
    }

    fn give_away(&self, path: &Path) -> std::io::Result<()> {
        chown(path, Some(self.account.uid), Some(self.account.gid))?;
        if path.is_dir() {
            for entry in fs::read_dir(path)? {
                self.give_away(&entry?.path())?;
            }
        }
        Ok(())
    }

    pub(super) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(super) fn program(&self) -> PathBuf {
        self.folder().join("supervise")
    }

    pub(super) fn root(&self) -> PathBuf {
        self.folder().join("root")
    }

    pub(super) fn queue(&self) -> PathBuf {
        self.root().join("queue").join(BOTTLE)
    }

    /// Where the operator's program keeps the bottle's routes file.
    pub(super) fn egress(&self) -> PathBuf {
        self.root().join("egress").join(BOTTLE)
    }

    /// A name of this run, for a container.
    pub(super) fn name(&self, of: &str) -> String {
        format!("{}-{of}", self.prefix)
    }

    pub(super) fn network(&self) -> String {
        self.name("net")
    }

    pub(super) fn sidecar_image(&self) -> String {
        format!("localhost/{}:sidecar", self.prefix)
    }

    pub(super) fn agent_image(&self) -> String {
        format!("localhost/{}:agent", self.prefix)
    }

    pub(super) fn engine_command(&self, arguments: &[&str]) -> Command {
        let mut command = self.engine.command();
        command.args(arguments);
        command
    }

    /// Runs a command of the engine; what it prints on stdout. Its stderr is for failures: without systemd podman
    /// complains about every health check.
    pub(super) fn make(&self, command: &mut Command) -> Result<String, Failed> {
        let _making = self.begin();
        say(&format!("$ {}", shell_line(command)));
        let output = command.output().map_err(trouble(&shell_line(command)))?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
        if output.status.success() {
            return Ok(text(&output.stdout));
        }
        Err(Failed::new(format!(
            "{}: {}\n{}",
            output.status,
            shell_line(command),
            text(&output.stderr)
        )))
    }

    pub(super) fn begin(&self) -> MutexGuard<'_, ()> {
        self.making.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        remove(self.engine, &self.prefix);
    }
}

/// The one account that both the queue and the containers belong to.
fn account() -> Account {
    if geteuid().is_root() {
        return Account {
            uid: NOBODYS,
            gid: NOBODYS,
        };
    }
    Account {
        uid: geteuid().as_raw(),
        gid: getegid().as_raw(),
    }
}

/// "Reloading" puts the routes where the proxy reads them.
const CONFIGURATION: &str = r#"operator = "integration"
[egress]
routes_file = "egress/{slug}/routes.yaml"
reload = ["cp", "egress/{slug}/routes.yaml", "egress/{slug}/in-force.yaml"]
"#;

/// At once: podman would wait for the program to end by itself, docker doesn't.
pub(super) fn removal(engine: Engine) -> Vec<&'static str> {
    match engine {
        Engine::Podman => vec!["rm", "--force", "--time", "0"],
        _ => vec!["rm", "--force"],
    }
}

/// Containers, then the network they are on, then their images. Whatever is gone already is no trouble.
fn remove(engine: Engine, prefix: &str) {
    let pattern = format!("name=^{prefix}-");
    let listed = quietly(
        engine,
        &["ps", "--all", "--filter", &pattern, "--format", "{{.Names}}"],
    );
    for name in listed.lines() {
        quietly(engine, &[&removal(engine), &["--volumes", name][..]].concat());
    }
    quietly(engine, &["network", "rm", &format!("{prefix}-net")]);
    for kind in ["sidecar", "agent"] {
        quietly(engine, &["rmi", "--force", &format!("localhost/{prefix}:{kind}")]);
    }
}

fn quietly(engine: Engine, arguments: &[&str]) -> String {
    let output = engine.command().args(arguments).output();
    output.map_or_else(
        |_| String::new(),
        |output| String::from_utf8_lossy(&output.stdout).into_owned(),
    )
}

/// Signals end the process without dropping anything, so the removal is done where they arrive.
fn remove_on_signal(
    engine: Engine,
    prefix: &str,
    folder: &Path,
    making: &Arc<Mutex<()>>,
) -> Result<(), Failed> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(trouble("watching for signals"))?;
    let (prefix, folder, making) = (prefix.to_owned(), folder.to_owned(), Arc::clone(making));
    let mut signals = {
        let _entered = runtime.enter();
        [
            SignalKind::interrupt(),
            SignalKind::terminate(),
            SignalKind::hangup(),
        ]
        .into_iter()
        .map(signal)
        .collect::<Result<Vec<_>, _>>()
        .map_err(trouble("watching for signals"))?
    };
    std::thread::spawn(move || {
        runtime.block_on(std::future::poll_fn(|context| {
            let came = signals
                .iter_mut()
                .any(|signal| signal.poll_recv(context).is_ready());
            if came {
                std::task::Poll::Ready(())
            } else {
                std::task::Poll::Pending
            }
        }));
        // Never given back: nothing more is made.
        let _making = making.lock().unwrap_or_else(PoisonError::into_inner);
        say("xtask: interrupted, cleaning up");
        remove(engine, &prefix);
        let _ = fs::remove_dir_all(folder);
        std::process::exit(130);
    });
    Ok(())
}

/// What runs left here that were killed: their process, whose number is in the name, is gone.
fn remove_left_behind(engine: Engine) -> Result<(), Failed> {
    let networks = command::read(engine.command().args(["network", "ls", "--format", "{{.Name}}"]))?;
    for name in networks.lines() {
        let number = name
            .strip_prefix(NAME)
            .and_then(|rest| rest.strip_prefix('-')?.strip_suffix("-net")?.parse::<u32>().ok());
        if let Some(number) = number.filter(|number| !Path::new("/proc").join(number.to_string()).exists()) {
            say(&format!("removing what run {number} left behind"));
            let prefix = format!("{NAME}-{number}");
            remove(engine, &prefix);
            remove_folders(&format!("{prefix}-"));
        }
    }
    Ok(())
}

fn remove_folders(prefix: &str) {
    let entries = fs::read_dir(env::temp_dir()).into_iter().flatten().flatten();
    for entry in entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(prefix)) {
        // Somebody else's is theirs to remove.
        let _ = fs::remove_dir_all(entry.path());
    }
}
