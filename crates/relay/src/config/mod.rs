//! What an admin may set, with the defaults that a relay without any configuration runs on.
//!
//! Owns the names: the same key is `[http] listen` in the file, `ANSER_RELAY_HTTP__LISTEN` in the
//! environment and `--http.listen` as a flag (`sources.rs`). What must always hold: every key has a
//! default, and a configuration that is accepted here can be run on.

mod sources;

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use anser_relay_proto::Pattern;
use serde::{Deserialize, Serialize};

pub(crate) use sources::{Sources, keys};

/// Everything that can be set. An empty text means "none".
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Config {
    pub(crate) data: Data,
    pub(crate) http: Http,
    pub(crate) admin: Admin,
    pub(crate) registration: Registration,
    pub(crate) anonymous: Anonymous,
    pub(crate) devices: Devices,
    pub(crate) limits: Limits,
    pub(crate) storage: Storage,
    pub(crate) branding: Branding,
}

/// The folder that is the relay's own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Data(pub(crate) PathBuf);

impl Default for Data {
    fn default() -> Self {
        Self(PathBuf::from("./anser-relay-data"))
    }
}

/// Where clients come.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Http {
    pub(crate) listen: SocketAddr,
    /// Origins whose pages may use this relay from a browser, beside its own.
    pub(crate) origins: Vec<String>,
    pub(crate) tls_certificate: String,
    pub(crate) tls_key: String,
    /// Proxies whose `X-Forwarded-For` is believed.
    pub(crate) trusted_proxies: Vec<IpAddr>,
}

impl Default for Http {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8480)),
            origins: Vec::new(),
            tls_certificate: String::new(),
            tls_key: String::new(),
            trusted_proxies: Vec::new(),
        }
    }
}

/// Where admins come.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Admin {
    pub(crate) listen: SocketAddr,
}

impl Default for Admin {
    fn default() -> Self {
        Self { listen: SocketAddr::from(([127, 0, 0, 1], 8481)) }
    }
}

/// Which devices may open a session.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Registration {
    pub(crate) policy: Policy,
}

/// See [`Registration`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Policy {
    #[default]
    Open,
    Invitation,
    Organisation,
}

/// What a session without a device may watch.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Anonymous {
    pub(crate) topics: Vec<String>,
}

impl Default for Anonymous {
    fn default() -> Self {
        Self { topics: vec!["news/*".into()] }
    }
}

/// What a session of a device may do beside its mailbox.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Devices {
    /// Topics that it may watch.
    pub(crate) topics: Vec<String>,
    /// Topics that it may publish to and be present in.
    pub(crate) publish: Vec<String>,
}

impl Default for Devices {
    fn default() -> Self {
        Self { topics: vec!["*".into()], publish: vec!["room/*".into()] }
    }
}

/// Bounds. Sizes are of what a body decodes to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Limits {
    pub(crate) event_bytes: usize,
    pub(crate) envelope_bytes: usize,
    pub(crate) body_bytes: usize,
    pub(crate) watches: usize,
    pub(crate) connections: usize,
    pub(crate) connections_identity: usize,
    pub(crate) connections_address: usize,
    pub(crate) commands_burst: u32,
    pub(crate) commands_per_s: u32,
    pub(crate) publishes_burst: u32,
    pub(crate) publishes_per_s: u32,
    pub(crate) queued_events: usize,
    pub(crate) queued_bytes: usize,
    pub(crate) ring_events: usize,
    pub(crate) ring_s: u64,
    pub(crate) mailbox_days: u64,
    pub(crate) mailbox_bytes: u64,
    pub(crate) session_s: u64,
    pub(crate) sessions: usize,
    pub(crate) lifetime_s: u64,
    pub(crate) ping_s: u64,
    pub(crate) header_s: u64,
    pub(crate) body_s: u64,
    pub(crate) drain_s: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            event_bytes: 64 << 10,
            envelope_bytes: 256 << 10,
            body_bytes: 1 << 20,
            watches: 128,
            connections: 20_000,
            connections_identity: 10,
            connections_address: 30,
            commands_burst: 60,
            commands_per_s: 2,
            publishes_burst: 2_000,
            publishes_per_s: 1_000,
            queued_events: 1_000,
            queued_bytes: 1 << 20,
            ring_events: 1_000,
            ring_s: 600,
            mailbox_days: 14,
            mailbox_bytes: 64 << 20,
            session_s: 7 * 86_400,
            sessions: 100_000,
            lifetime_s: 600,
            ping_s: 25,
            header_s: 10,
            body_s: 20,
            drain_s: 10,
        }
    }
}

impl Limits {
    /// What the hub needs of them.
    pub(crate) fn hub(&self) -> anser_relay_proto::Limits {
        anser_relay_proto::Limits {
            watches: self.watches,
            queued_events: self.queued_events,
            queued_bytes: self.queued_bytes,
            ring_events: self.ring_events,
            ring_ms: self.ring_s.saturating_mul(1_000),
        }
    }

    pub(crate) fn ping(&self) -> Duration {
        Duration::from_secs(self.ping_s.max(1))
    }
}

/// Where mail and topics are kept.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Storage {
    pub(crate) engine: EngineKind,
}

/// See [`Storage`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum EngineKind {
    #[default]
    Sled,
    /// Nothing outlives the process.
    Memory,
    Nats,
}

/// How the relay calls itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Branding {
    pub(crate) name: String,
}

impl Default for Branding {
    fn default() -> Self {
        Self { name: "Anser relay".into() }
    }
}

/// A configuration that cannot be run on.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{key}: {what}")]
pub(crate) struct Invalid {
    key: &'static str,
    what: String,
}

/// Patterns of topics, read.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rights {
    pub(crate) anonymous: Vec<Pattern>,
    pub(crate) devices: Vec<Pattern>,
    pub(crate) publish: Vec<Pattern>,
}

impl Config {
    /// Checks what the types do not say.
    ///
    /// # Errors
    /// [`Invalid`], with the key and what to do.
    pub(crate) fn rights(&self) -> Result<Rights, Invalid> {
        let wrong = |key, what: &str| Err(Invalid { key, what: what.to_owned() });
        if self.http.tls_certificate.is_empty() != self.http.tls_key.is_empty() {
            return wrong("http.tls_certificate", "give the certificate and its key, or neither");
        }
        for origin in &self.http.origins {
            let rest = origin.strip_prefix("https://").or_else(|| origin.strip_prefix("http://"));
            if rest.is_none_or(|rest| rest.is_empty() || rest.contains(['/', '*', ' '])) {
                return wrong(
                    "http.origins",
                    "an origin is like https://portal.example, without a path",
                );
            }
        }
        if self.registration.policy == Policy::Organisation {
            return wrong(
                "registration.policy",
                "organisation is not there yet: use open or invitation",
            );
        }
        if self.storage.engine == EngineKind::Nats {
            return wrong("storage.engine", "nats is not there yet: use sled");
        }
        let limits = &self.limits;
        if limits.event_bytes > limits.body_bytes
            || limits.envelope_bytes.saturating_mul(3) / 2 > limits.body_bytes
        {
            return wrong("limits.body_bytes", "must hold an event, and an envelope in base64");
        }
        if limits.queued_events == 0 || limits.ring_events == 0 || limits.watches == 0 {
            return wrong("limits", "queued_events, ring_events and watches are at least 1");
        }
        if limits.queued_events > limits.ring_events {
            return wrong("limits.queued_events", "must not be more than ring_events");
        }
        Ok(Rights {
            anonymous: patterns("anonymous.topics", &self.anonymous.topics)?,
            devices: patterns("devices.topics", &self.devices.topics)?,
            publish: patterns("devices.publish", &self.devices.publish)?,
        })
    }

    /// Which keys differ that need a new start of the program.
    pub(crate) fn needs_restart(&self, newer: &Self) -> Vec<&'static str> {
        [
            ("data", self.data != newer.data),
            ("http.listen", self.http.listen != newer.http.listen),
            ("admin.listen", self.admin.listen != newer.admin.listen),
            ("storage.engine", self.storage != newer.storage),
        ]
        .into_iter()
        .filter_map(|(key, differs)| differs.then_some(key))
        .collect()
    }
}

pub(crate) fn patterns(key: &'static str, texts: &[String]) -> Result<Vec<Pattern>, Invalid> {
    let read = |text: &String| {
        let what = || format!("{text:?} is none: a topic, or one with /* at its end, or *");
        text.parse().map_err(|_| Invalid { key, what: what() })
    };
    texts.iter().map(read).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_run_on_is_named() {
        assert!(Config::default().rights().is_ok());
        let key = |change: fn(&mut Config)| {
            let mut config = Config::default();
            change(&mut config);
            config.rights().unwrap_err().key
        };
        assert_eq!(key(|c| c.http.tls_key = "k.pem".into()), "http.tls_certificate");
        assert_eq!(key(|c| c.http.origins = vec!["https://a.example/x".into()]), "http.origins");
        assert_eq!(key(|c| c.http.origins = vec!["*".into()]), "http.origins");
        assert_eq!(key(|c| c.anonymous.topics = vec!["a/*/b".into()]), "anonymous.topics");
        assert_eq!(key(|c| c.limits.envelope_bytes = 1 << 20), "limits.body_bytes");
        assert_eq!(key(|c| c.limits.queued_events = 2_000), "limits.queued_events");
        assert_eq!(key(|c| c.storage.engine = EngineKind::Nats), "storage.engine");
    }
}
