//! `cargo xtask integration`: the image beside an agent's container on an internal network, the operator on the host,
//! and the whole story between them.

mod agent;
mod check;
mod container;
mod files;
mod inside;
mod isolation;
mod load;
mod names;
mod operator;
mod sidecar;
mod site;
mod story;

use std::fs;
use std::time::Instant;

use crate::command::{self, Failed, cargo, say, target_folder};
use crate::image;
use crate::image::archive::{Archive, Contents};
use crate::image::binary::{Binary, Target};
use crate::image::engine::Engine;
use site::Site;

#[derive(clap::Args, Default)]
pub(crate) struct Args {
    /// What runs the containers; unset: the first of docker and podman that works
    #[arg(long, value_enum)]
    engine: Option<Engine>,
}

pub(crate) fn run(args: &Args) -> Result<(), Failed> {
    // Compiling takes minutes; a missing engine is said before.
    let engine = Engine::find_runner(args.engine)?;
    command::run(cargo("build").args(["--locked", "--package", "supervise-cli", "--bin", "supervise"]))?;
    let site = Site::open(engine)?;
    image::load_sidecar(engine, &site.sidecar_image())?;
    load_agent(&site)?;

    timed("story", || story::play(&site))?;
    timed("isolation", || isolation::check(&site))?;
    timed("load", || load::check(&site))?;
    // Last: its bottle has nothing that approving could change, of which doctor would complain.
    timed("files", || files::check(&site))
}

fn timed(name: &str, part: impl FnOnce() -> Result<(), Failed>) -> Result<(), Failed> {
    say(&format!("\n-- {name}"));
    let start = Instant::now();
    part()?;
    say(&format!(
        "-- {name}: passed in {:.1} s",
        start.elapsed().as_secs_f32()
    ));
    Ok(())
}

/// The agent's program in an image like the sidecar's, loaded under the site's name for it.
fn load_agent(site: &Site) -> Result<(), Failed> {
    let target = Target::choose()?;
    let folder = target_folder()?;
    let binary = Binary::build("xtask-agent", "agent", &target, &folder)?;
    let archive = Archive::new(&Contents {
        tag: &site.agent_image(),
        program: "agent",
        binary: &binary.bytes,
        architecture: target.architecture()?,
        created: 0,
        labels: &[],
        port: None,
        health: None,
    })?;
    let path = site.folder().join("agent.tar");
    fs::write(&path, &archive.bytes).map_err(|error| Failed::new(format!("{}: {error}", path.display())))?;
    site.engine.load(&path)
}
