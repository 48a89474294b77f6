//! The names of the environment variables, and the table that `--help` prints.

use supervise_core::QUEUE_DIR_IN_CONTAINER;

use crate::routes::ProxyUrl;

/// The bottle this sidecar belongs to. Required.
pub const BOTTLE_SLUG: &str = "SUPERVISE_BOTTLE_SLUG";
/// The directory of the queue's database.
pub const QUEUE_DIR: &str = "SUPERVISE_QUEUE_DIR";
/// The kind of the queue, and where it is if not in that directory.
pub const QUEUE_URL: &str = "SUPERVISE_QUEUE_URL";
/// The TCP port to listen on; 0 takes a free one.
pub const PORT: &str = "SUPERVISE_PORT";
/// The IP address to listen on.
pub const BIND: &str = "SUPERVISE_BIND";
/// How many seconds a call is held, whatever the client can bear.
pub const RESPONSE_TIMEOUT: &str = "SUPERVISE_RESPONSE_TIMEOUT_SECONDS";
/// Anything but blank: a log line for every request.
pub const DEBUG: &str = "SUPERVISE_DEBUG";
/// How many agents' proposals may be pending.
pub const MAX_PENDING: &str = "SUPERVISE_MAX_PENDING";
/// How many proposals may be made within a minute.
pub const MAX_PER_MINUTE: &str = "SUPERVISE_MAX_PROPOSALS_PER_MINUTE";
/// How many bytes the queue may hold.
pub const MAX_QUEUE_BYTES: &str = "SUPERVISE_MAX_QUEUE_BYTES";
/// How many connections may be open.
pub const MAX_CONNECTIONS: &str = "SUPERVISE_MAX_CONNECTIONS";
/// The forward proxy that knows the egress routes.
pub const EGRESS_PROXY_URL: &str = "SUPERVISE_EGRESS_PROXY_URL";
/// Further names that are good in Host and Origin.
pub const ALLOWED_HOSTS: &str = "SUPERVISE_ALLOWED_HOSTS";
/// The loopback address on which the metrics are served.
pub const METRICS: &str = "SUPERVISE_METRICS";

/// One line of the settings table, for `--help`.
pub(crate) struct Setting {
    pub(crate) name: &'static str,
    pub(crate) default: &'static str,
    pub(crate) meaning: &'static str,
}

const fn setting(name: &'static str, default: &'static str, meaning: &'static str) -> Setting {
    Setting {
        name,
        default,
        meaning,
    }
}

pub(crate) const SETTINGS: [Setting; 14] = [
    setting(BOTTLE_SLUG, "required", "the bottle this sidecar belongs to"),
    setting(QUEUE_DIR, QUEUE_DIR_IN_CONTAINER, "directory of the queue"),
    setting(
        QUEUE_URL,
        "as marked",
        "sqlite: or files:, a directory may follow, or a fleet's postgres://…; unset: as the directory is marked",
    ),
    setting(PORT, "9100", "port to listen on; 0 takes a free one"),
    setting(BIND, "0.0.0.0", "IP address to listen on"),
    setting(
        RESPONSE_TIMEOUT,
        "30 to 290",
        "seconds a call is held; unset: what the client can bear",
    ),
    setting(DEBUG, "off", "any value: a log line for every request"),
    setting(MAX_PENDING, "50", "proposals that may be pending; 0 = no limit"),
    setting(MAX_PER_MINUTE, "60", "proposals within a minute; 0 = no limit"),
    setting(
        MAX_QUEUE_BYTES,
        "268435456",
        "size of the queue in bytes; 0 = no limit",
    ),
    setting(MAX_CONNECTIONS, "1024", "open connections; 0 = no limit"),
    setting(
        EGRESS_PROXY_URL,
        ProxyUrl::DEFAULT,
        "forward proxy that list-egress-routes asks",
    ),
    setting(
        ALLOWED_HOSTS,
        "none",
        "names good in Host and Origin, separated by commas",
    ),
    setting(
        METRICS,
        "off",
        "loopback address and port of GET /metrics, as 127.0.0.1:9101",
    ),
];
