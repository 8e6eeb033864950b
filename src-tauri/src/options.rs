//! What the program is started with.
//!
//! Options and surroundings only; nothing here opens or starts anything. A profile in a folder of
//! its own is a program of its own: its own window state, page storage and single instance.

use std::path::{Path, PathBuf};

use anser_engine::{Config, Data};
use clap::Parser;

/// The identifier of the default profile's program; tauri.conf.json has the same.
const IDENTIFIER: &str = "app.anser.desktop";

/// Command line of the desktop program.
#[derive(Clone, Debug, Parser)]
#[command(name = "anser-desktop", version, about = "Anser: a messenger for people on one network")]
pub(crate) struct Options {
    /// Folder of the profile.
    #[arg(long, value_name = "DIR", env = "ANSER_DATA")]
    data: Option<PathBuf>,
    /// Multiaddr to listen on, instead of every interface; may be repeated.
    #[arg(long, value_name = "MULTIADDR")]
    listen: Vec<String>,
    /// Multiaddr to connect to at start; may be repeated.
    #[arg(long, value_name = "MULTIADDR")]
    seed: Vec<String>,
    /// Neither look for people on this network nor be found by them.
    #[arg(long)]
    no_mdns: bool,
    /// Policy file of an admin: where people are found.
    #[arg(long, value_name = "FILE", env = "ANSER_POLICY")]
    policy: Option<PathBuf>,
    /// Start in the tray, without a window.
    #[arg(long)]
    pub(crate) hidden: bool,
    /// `anser:` links to open.
    #[arg(value_name = "LINK")]
    pub(crate) links: Vec<String>,
}

impl Options {
    /// How to open the profile. The passphrase of the store, where one is used, may come from
    /// `ANSER_PASSPHRASE`; else the window asks for it.
    pub(crate) fn config(&self, standard: &Path) -> Config {
        let folder = self.data.clone().unwrap_or_else(|| standard.to_path_buf());
        let mut config = Config::new(Data::Folder(folder));
        config.listen = self.listen.clone();
        config.seeds = self.seed.clone();
        config.mdns = !self.no_mdns;
        config.passphrase = std::env::var("ANSER_PASSPHRASE").ok().map(Into::into);
        config.policy = self.policy.clone();
        config
    }

    /// Names the program that shows this profile: the same folder, the same name.
    pub(crate) fn identifier(&self, standard: &Path) -> String {
        match &self.data {
            Some(folder) if !same_folder(folder, standard) => {
                let path = absolute(folder);
                let hash = blake3::hash(path.as_os_str().as_encoded_bytes()).to_hex();
                // A D-Bus name's parts must not start with a digit.
                format!("{IDENTIFIER}.p{}", hash.get(..12).unwrap_or_default())
            }
            _ => IDENTIFIER.to_owned(),
        }
    }
}

/// Where the profile is when no folder is named.
///
/// # Errors
/// When this user has no home directory.
pub(crate) fn standard_folder() -> anyhow::Result<PathBuf> {
    // As for the headless program: both find the same profile.
    let dirs = directories::ProjectDirs::from("", "", "anser").ok_or_else(|| {
        anyhow::anyhow!("This user has no home directory. Name a folder: --data DIR.")
    })?;
    Ok(dirs.data_local_dir().to_owned())
}

fn same_folder(a: &Path, b: &Path) -> bool {
    absolute(a) == absolute(b)
}

/// The folder need not exist yet: then links in the path are followed no further than it goes.
fn absolute(path: &Path) -> PathBuf {
    path.canonicalize()
        .or_else(|_| std::path::absolute(path))
        .unwrap_or_else(|_| path.to_path_buf())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(arguments: &[&str]) -> Options {
        Options::try_parse_from([&["anser-desktop"], arguments].concat()).unwrap()
    }

    #[test]
    fn another_profile_is_another_program() {
        let standard = Path::new("/home/alice/.local/share/anser");
        let identifier = |arguments: &[&str]| options(arguments).identifier(standard);
        assert_eq!(identifier(&[]), IDENTIFIER);
        assert_eq!(identifier(&["--data", "/home/alice/.local/share/anser"]), IDENTIFIER);
        let one = identifier(&["--data", "/srv/one"]);
        assert_ne!(one, IDENTIFIER);
        assert_eq!(one, identifier(&["--data", "/srv/one"]));
        assert_ne!(one, identifier(&["--data", "/srv/two"]));
        assert!(one.rsplit('.').next().unwrap().starts_with('p'));
    }

    #[test]
    fn options_reach_the_engine() {
        let config = options(&["--data", "d", "--listen", "/ip4/127.0.0.1/tcp/0", "--no-mdns"])
            .config(Path::new("/standard"));
        assert_eq!(config.data, Data::Folder("d".into()));
        assert_eq!(config.listen, ["/ip4/127.0.0.1/tcp/0"]);
        assert!(!config.mdns);
        let config = options(&[]).config(Path::new("/standard"));
        assert_eq!(config.data, Data::Folder("/standard".into()));
        assert!(config.mdns && config.listen.is_empty());
        let config = options(&["--policy", "p.toml"]).config(Path::new("/standard"));
        assert_eq!(config.policy, Some("p.toml".into()));
    }

    #[test]
    fn the_configuration_has_the_same_identifier() {
        let text = include_str!("../tauri.conf.json");
        let value: serde_json::Value = serde_json::from_str(text).unwrap();
        assert_eq!(value["identifier"], IDENTIFIER);
    }
}
