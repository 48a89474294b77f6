//! `cargo xtask image`: the sidecar as one static binary in an image that has nothing else.
//!
//! The image is written here, byte for byte, and only loaded by the engine: each engine's own build puts something
//! of its own into the result, so that two builds would differ.

pub(crate) mod archive;
pub(crate) mod binary;
pub(crate) mod engine;
mod libc;
mod origin;
mod sbom;
mod tar;

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use archive::{Archive, Contents, Health};
use binary::{Binary, Target};
use engine::Engine;
use origin::Origin;

use crate::command::{Failed, say, target_folder};

const SIDECAR: &str = "supervise-sidecar";
const TITLE: &str = "supervise-sidecar";
const DESCRIPTION: &str = "The MCP server beside an agent: holds each request until the operator has decided";
const LIMIT_BYTES: usize = 6 << 20;
/// Where the sidecar listens unless told otherwise.
const PORT: u16 = 9100;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// What loads the image; unset: the first of docker, podman, buildah that works
    #[arg(long, value_enum)]
    engine: Option<Engine>,
    /// Only writes the files, for a machine that has no engine
    #[arg(long, conflicts_with = "engine")]
    no_load: bool,
    /// The image's name
    #[arg(long, default_value = concat!("localhost/supervise-sidecar:", env!("CARGO_PKG_VERSION")))]
    tag: String,
    /// Compiles everything a second time, elsewhere, and compares
    #[arg(long)]
    check_reproducible: bool,
}

/// What one build comes to, before any engine has seen it.
struct Product {
    archive: Archive,
    sbom: String,
    binary_digest: String,
    binary: Vec<u8>,
    triple: String,
}

pub(crate) fn run(args: &Args) -> Result<(), Failed> {
    // Compiling takes minutes; a missing engine is said before.
    let engine = match args.no_load {
        true => None,
        false => Some(Engine::find(args.engine)?),
    };
    let target = Target::choose()?;
    let product = produce(&target, &target_folder()?, &args.tag)?;
    if args.check_reproducible {
        compare(&product, &produced_elsewhere(&target, &args.tag)?)?;
    }
    let path = keep(&product)?;
    if let Some(engine) = engine {
        engine.load(&path)?;
        say(&format!("loaded   {} by {engine}", args.tag));
    }
    report(&product, &path);
    Ok(())
}

/// Builds the sidecar's image and loads it under a name.
pub(crate) fn load_sidecar(engine: Engine, tag: &str) -> Result<(), Failed> {
    let product = produce(&Target::choose()?, &target_folder()?, tag)?;
    let path = keep(&product)?;
    engine.load(&path)?;
    report(&product, &path);
    Ok(())
}

fn produce(target: &Target, folder: &Path, tag: &str) -> Result<Product, Failed> {
    let binary = Binary::build(SIDECAR, SIDECAR, target, folder)?;
    let origin = Origin::read()?;
    let archive = Archive::new(&Contents {
        tag,
        program: SIDECAR,
        binary: &binary.bytes,
        architecture: target.architecture()?,
        created: origin.at,
        labels: &labels(&origin)?,
        port: Some(PORT),
        health: Some(Health {
            arguments: &["healthcheck"],
        }),
    })?;
    if archive.size > LIMIT_BYTES {
        return Err(Failed::new(format!(
            "the image has {} bytes, more than {LIMIT_BYTES}",
            archive.size
        )));
    }
    Ok(Product {
        archive,
        sbom: sbom::of(SIDECAR, target)?,
        binary_digest: tar::sha256(&binary.bytes),
        binary: binary.bytes,
        triple: target.triple().to_owned(),
    })
}

fn labels(origin: &Origin) -> Result<Vec<(&'static str, String)>, Failed> {
    Ok(vec![
        ("org.opencontainers.image.title", TITLE.to_owned()),
        ("org.opencontainers.image.description", DESCRIPTION.to_owned()),
        (
            "org.opencontainers.image.version",
            env!("CARGO_PKG_VERSION").to_owned(),
        ),
        (
            "org.opencontainers.image.licenses",
            env!("CARGO_PKG_LICENSE").to_owned(),
        ),
        (
            "org.opencontainers.image.source",
            env!("CARGO_PKG_REPOSITORY").to_owned(),
        ),
        ("org.opencontainers.image.revision", origin.revision.clone()),
        ("org.opencontainers.image.created", origin.created()?),
    ])
}

/// A second build that shares nothing with the first but the sources: another target folder, made anew.
fn produced_elsewhere(target: &Target, tag: &str) -> Result<Product, Failed> {
    let elsewhere = tempfile::Builder::new()
        .prefix("image-again-")
        .tempdir_in(target_folder()?)
        .map_err(|error| Failed::new(format!("making a folder for the second build: {error}")))?;
    produce(target, elsewhere.path(), tag)
}

fn compare(one: &Product, other: &Product) -> Result<(), Failed> {
    let pairs = [
        ("binary", &one.binary_digest, &other.binary_digest),
        ("image", &one.archive.id, &other.archive.id),
        ("archive", &one.archive.digest, &other.archive.digest),
        ("SBOM", &one.sbom, &other.sbom),
    ];
    for (what, first, second) in pairs {
        if first != second {
            return Err(Failed::new(format!(
                "two builds, two of the {what}: {first} and {second}"
            )));
        }
    }
    say(&format!(
        "built twice, the same image both times: {}",
        one.archive.id
    ));
    Ok(())
}

/// Writes the image, its bill of materials, the program in it and the name of its target to `target/image`, which is
/// where a release takes them from.
fn keep(product: &Product) -> Result<PathBuf, Failed> {
    let folder = target_folder()?.join("image");
    let archive = folder.join(format!("{SIDECAR}.tar"));
    let wrong = |error| Failed::new(format!("{}: {error}", folder.display()));
    fs::create_dir_all(&folder).map_err(wrong)?;
    fs::write(&archive, &product.archive.bytes).map_err(wrong)?;
    fs::write(folder.join(format!("{SIDECAR}.cdx.json")), &product.sbom).map_err(wrong)?;
    let program = folder.join(SIDECAR);
    fs::write(&program, &product.binary).map_err(wrong)?;
    fs::set_permissions(&program, Permissions::from_mode(0o755)).map_err(wrong)?;
    fs::write(folder.join("target"), format!("{}\n", product.triple)).map_err(wrong)?;
    Ok(archive)
}

fn report(product: &Product, path: &Path) {
    let mib = |bytes: usize| bytes as f64 / f64::from(1 << 20);
    say(&format!(
        "binary   {:.2} MiB, sha256:{}",
        mib(product.binary.len()),
        product.binary_digest
    ));
    say(&format!(
        "image    {:.2} MiB, sha256:{}",
        mib(product.archive.size),
        product.archive.id
    ));
    say(&format!(
        "archive  {}, sha256:{}",
        path.display(),
        product.archive.digest
    ));
    say(&format!("SBOM     {}", path.with_extension("cdx.json").display()));
}
