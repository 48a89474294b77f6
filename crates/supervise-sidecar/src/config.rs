//! Settings: read once from the environment, through a lookup that tests can replace.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use supervise_core::{QUEUE_DIR_IN_CONTAINER, SafeLine, Slug};
use supervise_store::{Limits, QueueUrl, QueueUrlError};
use thiserror::Error;

use crate::exchange::Form;
use crate::routes::ProxyUrl;
use crate::settings::{
    ALLOWED_HOSTS, BIND, BOTTLE_SLUG, DEBUG, EGRESS_PROXY_URL, MAX_CONNECTIONS, MAX_PENDING, MAX_PER_MINUTE,
    MAX_QUEUE_BYTES, METRICS, PORT, QUEUE_DIR, QUEUE_URL, RESPONSE_TIMEOUT,
};

const DEFAULT_BIND: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
const DEFAULT_PORT: u16 = 9100;
const DEFAULT_MAX_CONNECTIONS: usize = 1024;
/// A year: beyond it a timeout is a typing error.
const LONGEST_TIMEOUT_SECONDS: f64 = 31_536_000.0;

/// Everything the sidecar can be told.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Config {
    /// The bottle.
    pub bottle: Slug,
    /// The queue's directory.
    pub queue_dir: PathBuf,
    /// The kind of the queue and its directory; `None`: as `queue_dir` is marked.
    pub queue_url: Option<QueueUrl>,
    /// The address to listen on.
    pub bind: IpAddr,
    /// The port to listen on.
    pub port: u16,
    /// Seconds a call is held; `None`: as long as the client can bear.
    pub response_timeout: Option<f64>,
    /// Whether every request is logged.
    pub debug: bool,
    /// What the queue may hold.
    pub limits: Limits,
    /// Open connections; 0 = no limit.
    pub max_connections: usize,
    /// The egress proxy.
    pub egress_proxy: ProxyUrl,
    /// Further good names, in lower case.
    pub allowed_hosts: Vec<String>,
    /// Where [`run`](crate::run) serves the metrics; an embedder gives
    /// [`serve_with_metrics`](crate::serve_with_metrics) a listener of its own.
    pub metrics: Option<SocketAddr>,
}

/// Why the environment is no configuration: the variable, and what it should hold.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// A required variable is unset or blank.
    #[error("{name} is not set: {expected}")]
    Missing {
        /// The variable.
        name: &'static str,
        /// What it should hold.
        expected: &'static str,
    },
    /// A variable holds something else.
    #[error("{name} is {value:?}: {expected}")]
    Bad {
        /// The variable.
        name: &'static str,
        /// What it holds, escaped and shortened.
        value: String,
        /// What it should hold.
        expected: &'static str,
    },
}

impl Config {
    /// The configuration of one bottle with every default.
    pub fn new(bottle: Slug, queue_dir: impl Into<PathBuf>) -> Self {
        Config {
            bottle,
            queue_dir: queue_dir.into(),
            queue_url: None,
            bind: DEFAULT_BIND,
            port: DEFAULT_PORT,
            response_timeout: None,
            debug: false,
            limits: Limits::default(),
            max_connections: DEFAULT_MAX_CONNECTIONS,
            egress_proxy: ProxyUrl::default(),
            allowed_hosts: Vec::new(),
            metrics: None,
        }
    }

    /// Reads every setting through `lookup`. Values are trimmed, blank ones count as unset.
    pub fn from_lookup(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let environment = Environment { lookup };
        let expected = "the bottle's slug, as in supervise prepare SLUG";
        let bottle = environment
            .parsed(BOTTLE_SLUG, "use 1 to 63 of a-z, 0-9, '.', '_' and '-', no '..'")?
            .ok_or(ConfigError::Missing {
                name: BOTTLE_SLUG,
                expected,
            })?;
        let queue_dir = environment.text(QUEUE_DIR);
        let mut config = Config::new(
            bottle,
            queue_dir.unwrap_or_else(|| QUEUE_DIR_IN_CONTAINER.to_owned()),
        );
        config.queue_url = environment.queue_url(QUEUE_URL, &config.queue_dir)?;
        (config.bind, config.port) = environment.address()?;
        config.read_limits(&environment)?;
        config.response_timeout = environment.seconds(RESPONSE_TIMEOUT)?;
        config.debug = environment.text(DEBUG).is_some();
        if let Some(url) = environment.parsed(EGRESS_PROXY_URL, "use http://host:port")? {
            config.egress_proxy = url;
        }
        config.allowed_hosts = environment.hosts(ALLOWED_HOSTS)?;
        config.metrics = environment.loopback(METRICS)?;
        Ok(config)
    }

    /// How many seconds a call is held. Clients give up after 55 s of silence, and after 60 s without
    /// progress; with progress they wait 300 s.
    pub(crate) fn patience(&self, form: Form, wants_progress: bool) -> f64 {
        let bearable = match (form, wants_progress) {
            (Form::Json, _) => 30.0,
            (Form::Events, false) => 50.0,
            (Form::Events, true) => 290.0,
        };
        self.response_timeout.unwrap_or(bearable)
    }

    fn read_limits<L: Fn(&str) -> Option<String>>(
        &mut self,
        environment: &Environment<L>,
    ) -> Result<(), ConfigError> {
        let limits = [
            (MAX_PENDING, &mut self.limits.max_pending),
            (MAX_PER_MINUTE, &mut self.limits.max_per_minute),
            (MAX_QUEUE_BYTES, &mut self.limits.max_queue_bytes),
        ];
        for (name, limit) in limits {
            if let Some(value) = environment.parsed(name, WHOLE_NUMBER)? {
                *limit = value;
            }
        }
        if let Some(value) = environment.parsed(MAX_CONNECTIONS, WHOLE_NUMBER)? {
            self.max_connections = value;
        }
        Ok(())
    }
}

const WHOLE_NUMBER: &str = "use a whole number, 0 for no limit";

/// Where the server listens, for those who ask nothing else.
pub(crate) fn read_address(lookup: impl Fn(&str) -> Option<String>) -> Result<(IpAddr, u16), ConfigError> {
    Environment { lookup }.address()
}

struct Environment<L> {
    lookup: L,
}

impl<L: Fn(&str) -> Option<String>> Environment<L> {
    fn text(&self, name: &str) -> Option<String> {
        let value = (self.lookup)(name)?;
        let value = value.trim();
        (!value.is_empty()).then(|| value.to_owned())
    }

    fn parsed<T: FromStr>(
        &self,
        name: &'static str,
        expected: &'static str,
    ) -> Result<Option<T>, ConfigError> {
        let Some(text) = self.text(name) else {
            return Ok(None);
        };
        text.parse().map(Some).map_err(|_| bad(name, &text, expected))
    }

    fn queue_url(&self, name: &'static str, dir: &Path) -> Result<Option<QueueUrl>, ConfigError> {
        let Some(text) = self.text(name) else {
            return Ok(None);
        };
        let url = QueueUrl::read(&text, dir).map_err(|error| {
            // What stands behind it may be a password.
            let kind = text.split(':').next().unwrap_or_default();
            bad(name, kind, expected_url(&error))
        })?;
        Ok(Some(url))
    }

    fn address(&self) -> Result<(IpAddr, u16), ConfigError> {
        let bind = self.parsed(BIND, "use an IP address such as 127.0.0.1")?;
        let port = self.parsed(PORT, "use a port from 0 to 65535")?;
        Ok((bind.unwrap_or(DEFAULT_BIND), port.unwrap_or(DEFAULT_PORT)))
    }

    /// Whoever may scrape shares this machine's or this container's loopback; an agent must not.
    fn loopback(&self, name: &'static str) -> Result<Option<SocketAddr>, ConfigError> {
        let expected = "use a loopback address and a port, as 127.0.0.1:9101";
        match self.parsed::<SocketAddr>(name, expected)? {
            Some(address) if !address.ip().is_loopback() => Err(bad(name, &address.to_string(), expected)),
            other => Ok(other),
        }
    }

    fn seconds(&self, name: &'static str) -> Result<Option<f64>, ConfigError> {
        let expected = "use seconds over 0, at most 31536000";
        let seconds = self.parsed::<f64>(name, expected)?;
        match seconds {
            // The comparison also refuses what is not a number.
            Some(value) if !(value > 0.0 && value <= LONGEST_TIMEOUT_SECONDS) => {
                Err(bad(name, &value.to_string(), expected))
            }
            other => Ok(other),
        }
    }

    fn hosts(&self, name: &'static str) -> Result<Vec<String>, ConfigError> {
        let text = self.text(name).unwrap_or_default();
        let names = text.split([',', ' ']).filter(|part| !part.is_empty());
        names
            .map(|host| {
                let plain = host
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b"-._".contains(&b));
                let good = plain.then(|| host.trim_end_matches('.').to_ascii_lowercase());
                good.ok_or_else(|| {
                    bad(
                        name,
                        host,
                        "use plain host names without port, separated by commas",
                    )
                })
            })
            .collect()
    }
}

fn expected_url(error: &QueueUrlError) -> &'static str {
    match error {
        QueueUrlError::Unknown => "use sqlite: or files:, a directory may follow, or postgres://…",
        QueueUrlError::WithoutPostgres => {
            "this program was built without PostgreSQL; build it with --features postgres"
        }
        _ => "the address that `supervise fleet add-bottle` printed can't be read; copy it whole",
    }
}

fn bad(name: &'static str, value: &str, expected: &'static str) -> ConfigError {
    let short: String = value.chars().take(80).collect();
    ConfigError::Bad {
        name,
        value: SafeLine::new(&short).to_string(),
        expected,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;
    use crate::settings::SETTINGS;

    fn read(pairs: &[(&str, &str)]) -> Result<Config, ConfigError> {
        let values: HashMap<&str, &str> = pairs.iter().copied().collect();
        Config::from_lookup(|name| values.get(name).map(|value| (*value).to_owned()))
    }

    fn read_with_slug(name: &str, value: &str) -> Result<Config, ConfigError> {
        read(&[(BOTTLE_SLUG, "dev"), (name, value)])
    }

    #[test]
    fn blank_counts_as_unset_and_values_are_trimmed() {
        let config = read(&[
            (BOTTLE_SLUG, " dev\n"),
            (PORT, "  "),
            (BIND, " ::1 "),
            (DEBUG, " "),
            (RESPONSE_TIMEOUT, "\t0.5 "),
            (ALLOWED_HOSTS, " Gateway.example, other "),
        ])
        .unwrap();
        assert_eq!(config.bottle.as_str(), "dev");
        assert_eq!((config.port, config.debug), (9100, false));
        assert_eq!(config.bind.to_string(), "::1");
        assert_eq!(config.response_timeout, Some(0.5));
        assert_eq!(config.allowed_hosts, ["gateway.example", "other"]);
        assert!(read_with_slug(DEBUG, "0").unwrap().debug);
        assert_eq!(read_with_slug(METRICS, " ").unwrap().metrics, None);
        assert!(read_with_slug(METRICS, " [::1]:0 ").unwrap().metrics.is_some());
        assert_eq!(read_with_slug(MAX_CONNECTIONS, "0").unwrap().max_connections, 0);
    }

    #[test]
    fn a_missing_or_bad_value_is_named() {
        assert!(
            read(&[])
                .unwrap_err()
                .to_string()
                .starts_with("SUPERVISE_BOTTLE_SLUG is not set")
        );
        assert!(read(&[(BOTTLE_SLUG, " ")]).is_err());
        assert!(read(&[(BOTTLE_SLUG, "../x")]).is_err());
        let table = [
            (QUEUE_URL, "redis:"),
            (QUEUE_URL, "files"),
            (QUEUE_URL, "postgres://bottle_1:hunter2@host/x?nonsense=1"),
            (PORT, "65536"),
            (PORT, "http"),
            (PORT, "-1"),
            (BIND, "localhost"),
            (RESPONSE_TIMEOUT, "0"),
            (RESPONSE_TIMEOUT, "-1"),
            (RESPONSE_TIMEOUT, "nan"),
            (RESPONSE_TIMEOUT, "inf"),
            (RESPONSE_TIMEOUT, "31536001"),
            (RESPONSE_TIMEOUT, "30s"),
            (MAX_PENDING, "-1"),
            (MAX_PER_MINUTE, "1.5"),
            (MAX_QUEUE_BYTES, "256M"),
            (MAX_CONNECTIONS, "x"),
            (EGRESS_PROXY_URL, "https://proxy:1"),
            (EGRESS_PROXY_URL, "proxy:9099"),
            (ALLOWED_HOSTS, "http://x"),
            (METRICS, "9101"),
            (METRICS, "localhost:9101"),
            (METRICS, "127.0.0.1"),
            (METRICS, "0.0.0.0:9101"),
            (METRICS, "10.0.0.1:9101"),
            (METRICS, "[::]:9101"),
        ];
        for (name, value) in table {
            let error = read_with_slug(name, value).unwrap_err().to_string();
            assert!(error.starts_with(&format!("{name} is ")), "{error}");
            assert!(!error.contains("hunter2"), "{error}");
            assert_eq!(error.lines().count(), 1);
        }
    }

    #[test]
    fn the_table_names_every_variable_that_is_read() {
        let asked = std::cell::RefCell::new(Vec::new());
        let lookup = |name: &str| {
            asked.borrow_mut().push(name.to_owned());
            (name == BOTTLE_SLUG).then(|| "dev".to_owned())
        };
        Config::from_lookup(lookup).unwrap();
        let mut read = asked.into_inner();
        let mut listed: Vec<_> = SETTINGS.iter().map(|setting| setting.name.to_owned()).collect();
        read.sort();
        listed.sort();
        assert_eq!(read, listed);
    }
}
