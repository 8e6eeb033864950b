//! The command line.

use std::path::PathBuf;

use anser_engine::Protection;
use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::failure::Failure;

/// Anser without a window: a messenger for the local network that needs no server.
#[derive(Debug, Parser)]
#[command(name = "anser", version, about, max_term_width = 100)]
pub(crate) struct Options {
    /// The folder of the profile; one program at a time may use it [default: this user's own]
    #[arg(long, global = true, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) start: Start,
    #[command(subcommand)]
    pub(crate) verb: Verb,
}

/// How a node is started.
#[derive(Args, Debug, Default)]
pub(crate) struct Start {
    /// Make the account under this name if there is none yet
    #[arg(long, global = true)]
    pub(crate) name: Option<String>,
    /// Listen here instead of on every interface, as in /ip4/0.0.0.0/tcp/4001 (repeatable)
    #[arg(long, global = true, value_name = "MULTIADDR")]
    pub(crate) listen: Vec<String>,
    /// Neither find people by multicast nor be found by it
    #[arg(long, global = true)]
    pub(crate) no_mdns: bool,
    /// Connect here at start, as in /ip4/192.168.1.5/tcp/4001 (repeatable)
    #[arg(long, global = true, value_name = "MULTIADDR")]
    pub(crate) seed: Vec<String>,
    /// Use this relay (not supported yet)
    #[arg(long, global = true, value_name = "URL")]
    pub(crate) relay: Vec<String>,
    /// Follow this policy file of an admin (docs/guide/headless.md)
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) policy: Option<PathBuf>,
    /// How the key of a new profile is kept [default: the keyring, else ANSER_PASSPHRASE, else a file]
    #[arg(long, global = true, value_enum)]
    pub(crate) protection: Option<Kept>,
}

impl Start {
    /// Refuses what is known but cannot be done yet.
    pub(crate) fn check(&self) -> Result<(), Failure> {
        if !self.relay.is_empty() {
            return Err(Failure::failed(
                "unsupported: Relays come with a later version: start without --relay.",
            ));
        }
        Ok(())
    }
}

/// Where the key of a profile is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Kept {
    /// The operating system's keyring
    Keyring,
    /// A passphrase, from ANSER_PASSPHRASE or asked for
    Passphrase,
    /// A file beside the messages: whoever reads the disk reads them
    File,
}

impl From<Kept> for Protection {
    fn from(kept: Kept) -> Self {
        match kept {
            Kept::Keyring => Self::Keyring,
            Kept::Passphrase => Self::Passphrase,
            Kept::File => Self::File,
        }
    }
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// A node that speaks JSON-RPC 2.0 on standard input and output, one message a line, until the
    /// input ends
    Rpc,
    /// A node that runs until it is stopped and speaks JSON-RPC on a local socket in its folder
    Run,
    /// One call to a running node
    Call {
        /// As in message.send
        method: String,
        /// Parameters as one JSON object
        params: Option<String>,
    },
    /// What is reachable, what is not, and what to do about it
    Doctor,
    /// A chat in the terminal
    Chat,
    /// The app in a browser on this machine
    Ui {
        /// The port on the loopback; 0 lets the system choose
        #[arg(long, default_value_t = 0)]
        port: u16,
    },
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn options_may_stand_before_and_after_the_verb() {
        Options::command().debug_assert();
        for line in [
            "anser --data d --name Alice --seed /ip4/1.2.3.4/tcp/5 rpc",
            "anser rpc --data d --name Alice --seed /ip4/1.2.3.4/tcp/5",
        ] {
            let options = Options::try_parse_from(line.split(' ')).unwrap();
            assert_eq!(options.data, Some("d".into()));
            assert_eq!(options.start.name.as_deref(), Some("Alice"));
            assert_eq!(options.start.seed, ["/ip4/1.2.3.4/tcp/5"]);
        }
        assert_eq!(Options::try_parse_from(["anser"]).unwrap_err().exit_code(), 2);
    }

    #[test]
    fn what_comes_later_is_refused_with_a_sentence() {
        let options = Options::try_parse_from(["anser", "run", "--relay", "https://r"]).unwrap();
        assert!(options.start.check().is_err());
    }
}
