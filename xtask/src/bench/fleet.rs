//! A fleet of one bottle, `bench`, in a cluster of its own.

use super::program;
use super::server::Ground;
use crate::cluster::Cluster;
use crate::command::{self, Failed};

/// The cluster ends with the value.
pub(super) struct Fleet {
    _cluster: Cluster,
    /// The sidecar's address, and the operators'.
    pub(super) bottle: String,
    pub(super) operators: String,
}

impl Fleet {
    pub(super) fn start(ground: &Ground) -> Result<Fleet, Failed> {
        let cluster = Cluster::start(&program::release_folder()?)?;
        let url = cluster.admin_url();
        let address = |arguments: &[&str]| {
            let mut supervise = program::built("supervise")?;
            supervise.arg("--root").arg(ground.root()).arg("fleet");
            supervise.args(arguments).args(["--url", &url]);
            Ok(command::read(&mut supervise)?.trim().to_owned())
        };
        Ok(Fleet {
            operators: address(&["init"])?,
            bottle: address(&["add-bottle", "bench"])?,
            _cluster: cluster,
        })
    }
}
