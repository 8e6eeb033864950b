//! What an engine is started with.

use std::path::PathBuf;

use zeroize::Zeroizing;

/// Where a profile is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Data {
    /// In this folder, for one process at a time.
    Folder(PathBuf),
    /// Nowhere: it ends with the process.
    Memory,
}

/// How the key of a new profile is kept. A profile that exists keeps the way it has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Protection {
    /// The keyring where there is one, else the passphrase where one is given, else a file.
    #[default]
    Automatic,
    /// The operating system's keyring.
    Keyring,
    /// A passphrase.
    Passphrase,
    /// A file beside the messages.
    File,
}

/// How to start an engine.
#[derive(Clone)]
pub struct Config {
    /// Where the profile is kept.
    pub data: Data,
    /// How its key is kept.
    pub protection: Protection,
    /// The passphrase, where one is used.
    pub passphrase: Option<Zeroizing<String>>,
    /// Multiaddrs to listen on; empty: every interface, TCP and QUIC, ports chosen by the system.
    pub listen: Vec<String>,
    /// Whether to find and be found on the local links.
    pub mdns: bool,
    /// Addresses to connect to at start, as multiaddrs.
    pub seeds: Vec<String>,
    /// Makes the account under this name if there is none yet.
    pub name: Option<String>,
    /// An admin's policy file that adds to all this.
    pub policy: Option<PathBuf>,
    /// What to call this device; `None`: the computer's name.
    pub device_label: Option<String>,
}

impl Config {
    /// The defaults for a profile in `data`.
    #[must_use]
    pub fn new(data: Data) -> Self {
        Self {
            data,
            protection: Protection::default(),
            passphrase: None,
            listen: Vec::new(),
            mdns: true,
            seeds: Vec::new(),
            name: None,
            policy: None,
            device_label: None,
        }
    }

    /// The folder as people see it; empty for a profile in memory.
    #[must_use]
    pub fn folder(&self) -> String {
        match &self.data {
            Data::Folder(path) => path.display().to_string(),
            Data::Memory => String::new(),
        }
    }
}

impl std::fmt::Debug for Config {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Config")
            .field("data", &self.data)
            .field("protection", &self.protection)
            .field("listen", &self.listen)
            .field("mdns", &self.mdns)
            .field("seeds", &self.seeds)
            .field("policy", &self.policy)
            .finish_non_exhaustive()
    }
}
