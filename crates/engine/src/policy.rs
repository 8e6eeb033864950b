//! An admin's policy file: what every installation of an organisation starts with.
//!
//! TOML; a name that is not known is an error, so that a misspelt rule is not silently none. It adds
//! to what the command line says and can forbid what that allows, never the other way round.
//!
//! ```toml
//! [network]
//! seeds = ["/ip4/10.1.0.5/tcp/4480", "/dns4/anser.example.org/tcp/4480"]   # connected to at start
//! listen = ["/ip4/0.0.0.0/tcp/4480"]   # where the command line names nothing
//! mdns = false                         # no multicast, whatever the command line says
//! ```

use std::path::Path;

use serde::Deserialize;

use crate::config::Config;

/// Largest policy file, in bytes.
const FILE_BYTES: u64 = 1024 * 1024;
/// Most addresses in a list.
const ADDRESSES: usize = 1_024;

/// The configuration with the policy that it names.
///
/// # Errors
/// [`PolicyError`].
pub(crate) fn followed(config: &Config) -> Result<Config, PolicyError> {
    let mut config = config.clone();
    if let Some(path) = &config.policy {
        Policy::read(path)?.apply(&mut config);
    }
    Ok(config)
}

/// What a policy file says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Policy {
    /// How people are found.
    #[serde(default)]
    pub(crate) network: Network,
}

/// How people are found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Network {
    /// Multiaddrs to connect to at start.
    #[serde(default)]
    pub(crate) seeds: Vec<String>,
    /// Multiaddrs to listen on where nothing else is said.
    #[serde(default)]
    pub(crate) listen: Vec<String>,
    /// `false` forbids multicast.
    pub(crate) mdns: Option<bool>,
}

/// A policy file that cannot be followed; the program must not start without it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("The policy file {path} cannot be followed: {reason}.")]
pub(crate) struct PolicyError {
    path: String,
    reason: String,
}

impl Policy {
    /// Reads a policy file.
    ///
    /// # Errors
    /// [`PolicyError`], a sentence that says where it is wrong.
    fn read(path: &Path) -> Result<Self, PolicyError> {
        let error = |reason: String| PolicyError { path: path.display().to_string(), reason };
        let size = std::fs::metadata(path).map_err(|e| error(e.to_string()))?.len();
        if size > FILE_BYTES {
            return Err(error("it is longer than 1 MiB".into()));
        }
        let text = std::fs::read_to_string(path).map_err(|e| error(e.to_string()))?;
        let policy: Self = toml::from_str(&text).map_err(|wrong| {
            let before = wrong.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
            let line = before.matches('\n').count().saturating_add(1);
            error(format!("line {line}: {}", wrong.message().trim().replace('\n', " ")))
        })?;
        if policy.network.seeds.len().max(policy.network.listen.len()) > ADDRESSES {
            return Err(error("it lists more than 1,024 addresses".into()));
        }
        Ok(policy)
    }

    /// Puts the policy over what the command line says.
    fn apply(self, config: &mut Config) {
        let Network { seeds, listen, mdns } = self.network;
        let more = seeds.into_iter().filter(|seed| !config.seeds.contains(seed));
        let more: Vec<_> = more.collect();
        config.seeds.extend(more);
        if config.listen.is_empty() {
            config.listen = listen;
        }
        config.mdns &= mdns.unwrap_or(true);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Data;

    fn read(text: &str) -> Result<Policy, PolicyError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("policy.toml");
        std::fs::write(&path, text).unwrap();
        Policy::read(&path)
    }

    #[test]
    fn a_policy_adds_seeds_and_can_forbid_but_not_allow() {
        let text = "[network]\nseeds = ['/ip4/10.0.0.1/tcp/1', '/ip4/10.0.0.2/tcp/1']\n\
                    listen = ['/ip4/0.0.0.0/tcp/4480']\nmdns = false\n";
        let mut config = Config::new(Data::Memory);
        config.seeds = vec!["/ip4/10.0.0.2/tcp/1".into()];
        read(text).unwrap().apply(&mut config);
        assert_eq!(config.seeds, ["/ip4/10.0.0.2/tcp/1", "/ip4/10.0.0.1/tcp/1"]);
        assert_eq!(config.listen, ["/ip4/0.0.0.0/tcp/4480"]);
        assert!(!config.mdns);

        let mut config = Config::new(Data::Memory);
        (config.mdns, config.listen) = (false, vec!["/ip4/127.0.0.1/tcp/0".into()]);
        let allowing = "[network]\nmdns = true\nlisten = ['/ip4/0.0.0.0/tcp/1']\n";
        read(allowing).unwrap().apply(&mut config);
        assert!(!config.mdns);
        assert_eq!(config.listen, ["/ip4/127.0.0.1/tcp/0"]);
        read("").unwrap().apply(&mut config);
    }

    #[test]
    fn what_is_misspelt_missing_or_malformed_is_said() {
        for (text, word) in [
            ("[network]\nsedes = []", "sedes"),
            ("[netwrok]", "netwrok"),
            ("[network]\nmdns = 'no'", "boolean"),
            ("[network]\n\nmdns = 7", "line 3"),
            ("[network", "line 1"),
        ] {
            let error = read(text).unwrap_err().to_string();
            assert!(error.contains(word), "{error}");
        }
        let missing = Policy::read(Path::new("/nowhere/policy.toml")).unwrap_err();
        assert!(missing.to_string().contains("/nowhere/policy.toml"));
    }
}
