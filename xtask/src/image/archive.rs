//! An image as a file that `docker load` and its kind read: one layer with one program, and its configuration in
//! Docker's form, since OCI's knows no health check.

use std::time::Duration;

use serde_json::{Value, json};

use super::origin::rfc3339;
use super::tar::{self, File, sha256};
use crate::command::Failed;

/// Neither root nor anybody's account; whoever mounts a queue chooses its owner instead.
const USER: &str = "65532:65532";
const EVERY: Duration = Duration::from_secs(10);
const TIME_LIMIT: Duration = Duration::from_secs(3);

/// What goes into an image.
pub(crate) struct Contents<'a> {
    pub(crate) tag: &'a str,
    pub(crate) program: &'a str,
    pub(crate) binary: &'a [u8],
    /// As Go names it: `amd64`, `arm64`.
    pub(crate) architecture: &'static str,
    /// Seconds since 1970, the time of everything in it.
    pub(crate) created: u64,
    pub(crate) labels: &'a [(&'static str, String)],
    pub(crate) port: Option<u16>,
    pub(crate) health: Option<Health<'a>>,
}

/// The program itself, asked how the server beside it is.
pub(crate) struct Health<'a> {
    pub(crate) arguments: &'a [&'a str],
}

pub(crate) struct Archive {
    pub(crate) bytes: Vec<u8>,
    /// SHA-256 of the bytes.
    pub(crate) digest: String,
    /// What engines call the image's id: the SHA-256 of its configuration, which names the layer's.
    pub(crate) id: String,
    /// Bytes of the layer, which is all that an image takes once it is loaded.
    pub(crate) size: usize,
}

impl Archive {
    pub(crate) fn new(contents: &Contents<'_>) -> Result<Archive, Failed> {
        let layer = layer(contents)?;
        let layer_id = sha256(&layer);
        let config = config(contents, &layer_id)?.to_string();
        let id = sha256(config.as_bytes());
        let names = (format!("{id}.json"), format!("{layer_id}.tar"));
        let manifest =
            json!([{"Config": names.0, "Layers": [names.1], "RepoTags": [contents.tag]}]).to_string();
        let file = |name, bytes| File {
            name,
            mode: 0o444,
            bytes,
        };
        let files = [
            file(names.0.as_str(), config.as_bytes()),
            file(names.1.as_str(), layer.as_slice()),
            file("manifest.json", manifest.as_bytes()),
        ];
        let bytes = tar::write(&files, contents.created)?;
        Ok(Archive {
            digest: sha256(&bytes),
            id,
            size: layer.len(),
            bytes,
        })
    }
}

fn layer(contents: &Contents<'_>) -> Result<Vec<u8>, Failed> {
    let program = File {
        name: contents.program,
        mode: 0o555,
        bytes: contents.binary,
    };
    tar::write(&[program], contents.created)
}

fn config(contents: &Contents<'_>, layer_id: &str) -> Result<Value, Failed> {
    let created = rfc3339(contents.created)?;
    let program = format!("/{}", contents.program);
    let labels: serde_json::Map<_, _> = contents
        .labels
        .iter()
        .map(|(name, value)| ((*name).to_owned(), json!(value)))
        .collect();
    let mut config = json!({
        "User": USER,
        // So that `docker exec` finds the program by its name.
        "Env": ["PATH=/"],
        "Entrypoint": [program],
        "WorkingDir": "/",
        "StopSignal": "SIGTERM",
        "Labels": labels,
    });
    if let Some(port) = contents.port {
        config["ExposedPorts"] = json!({format!("{port}/tcp"): {}});
    }
    if let Some(health) = &contents.health {
        config["Healthcheck"] = health_check(&program, health);
    }
    Ok(json!({
        "architecture": contents.architecture,
        "os": "linux",
        "created": created,
        "config": config,
        "rootfs": {"type": "layers", "diff_ids": [format!("sha256:{layer_id}")]},
        "history": [{"created": created, "created_by": "cargo xtask image"}],
    }))
}

/// Durations are nanoseconds.
fn health_check(program: &str, health: &Health<'_>) -> Value {
    let command = ["CMD", program].into_iter();
    let test: Vec<_> = command.chain(health.arguments.iter().copied()).collect();
    json!({
        "Test": test,
        "Interval": EVERY.as_nanos() as u64,
        "Timeout": TIME_LIMIT.as_nanos() as u64,
        "StartPeriod": EVERY.as_nanos() as u64,
        "StartInterval": 1_000_000_000,
        "Retries": 3,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn archive(binary: &[u8], created: u64) -> Archive {
        Archive::new(&Contents {
            tag: "localhost/example:1",
            program: "example",
            binary,
            architecture: "amd64",
            created,
            labels: &[("org.opencontainers.image.title", "example".to_owned())],
            port: Some(9100),
            health: Some(Health {
                arguments: &["healthcheck"],
            }),
        })
        .unwrap()
    }

    #[test]
    fn the_same_contents_make_the_same_image() {
        let (one, other) = (archive(b"program", 7), archive(b"program", 7));
        assert_eq!((&one.id, &one.digest), (&other.id, &other.digest));
    }

    #[test]
    fn other_contents_or_another_time_make_another_image() {
        let one = archive(b"program", 7);
        assert_ne!(one.id, archive(b"Program", 7).id);
        assert_ne!(one.id, archive(b"program", 8).id);
    }

    #[test]
    fn the_program_asks_for_its_own_health_and_is_not_root() {
        let contents = Contents {
            tag: "",
            program: "example",
            binary: b"",
            architecture: "arm64",
            created: 0,
            labels: &[],
            port: None,
            health: Some(Health {
                arguments: &["healthcheck"],
            }),
        };
        let config = config(&contents, "0").unwrap();
        assert_eq!(
            config["config"]["Healthcheck"]["Test"],
            json!(["CMD", "/example", "healthcheck"])
        );
        assert_eq!(config["config"]["User"], json!("65532:65532"));
        assert_eq!(config["created"], json!("1970-01-01T00:00:00Z"));
    }
}
