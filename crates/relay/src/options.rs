//! The command line.

use std::path::PathBuf;

use anyhow::Context;
use clap::{Arg, ArgMatches, Args, Command, FromArgMatches, Parser, Subcommand};

use crate::config::{Sources, keys};

/// Mail for the absent and notices for everybody, over four transports.
///
/// Starts with no configuration at all. Every key of the configuration is also a flag and a variable of
/// the environment: `[http] listen`, --http.listen=…, ANSER_RELAY_HTTP__LISTEN=…; flags win over the
/// environment, and that wins over the file. ANSER_RELAY_LOG says what is logged (info, debug …).
///
/// SIGTERM drains and ends; SIGHUP reads the configuration and certificates again.
#[derive(Debug, Parser)]
#[command(name = "anser-relay", version)]
pub(crate) struct Options {
    /// The configuration, a TOML file
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    #[command(subcommand)]
    pub(crate) verb: Option<Verb>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Serves until it is told to stop (what it does without a command too)
    Run,
    /// Prints the configuration that is in effect
    Config,
    /// Checks configuration, certificates and storage without serving, and says what is wrong
    Check,
    /// Tokens of other systems, for publishing
    #[command(subcommand)]
    Token(TokenVerb),
}

#[derive(Debug, Subcommand)]
pub(crate) enum TokenVerb {
    /// Makes one and prints it, this once; also while the relay runs
    Create(TokenName),
    /// Lists names, topics and dates
    List,
    /// Takes it back
    Remove {
        /// Its name
        name: String,
    },
}

#[derive(Debug, Args)]
pub(crate) struct TokenName {
    /// What to call it, such as the system that uses it
    pub(crate) name: String,
    /// A topic it may publish to, or with /* at its end all below one; again for more
    #[arg(long = "topic", default_value = "*")]
    pub(crate) topics: Vec<String>,
}

/// Reads the command line of this process.
///
/// # Errors
/// When the keys cannot be listed; wrong usage ends the process with a line that says why.
pub(crate) fn read() -> anyhow::Result<(Options, Sources)> {
    let keys = keys()?;
    let matches = with_keys(<Options as clap::CommandFactory>::command(), &keys).get_matches();
    let options = Options::from_arg_matches(&matches).context("the command line")?;
    let file = options
        .config
        .clone()
        .or_else(|| std::env::var_os("ANSER_RELAY_CONFIG").map(PathBuf::from));
    let text = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
        Some((name.into_string().ok()?, value.into_string().ok()?))
    };
    let environment = std::env::vars_os().filter_map(text);
    let sources = Sources::new(file, environment, flags(&matches, &keys));
    Ok((options, sources))
}

fn with_keys(command: Command, keys: &[(String, toml::Value)]) -> Command {
    let args = keys.iter().map(|(key, default)| {
        Arg::new(key.clone())
            .long(key.clone())
            .global(true)
            .value_name("VALUE")
            .help_heading("Configuration")
            .help(format!("[default: {default}]"))
    });
    command.args(args)
}

/// The keys that were given; also behind the command.
fn flags(matches: &ArgMatches, keys: &[(String, toml::Value)]) -> Vec<(String, String)> {
    let given = |(key, _): &(String, toml::Value)| {
        Some((key.clone(), matches.get_one::<String>(key)?.clone()))
    };
    keys.iter().filter_map(given).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_is_a_flag_before_and_behind_the_command() {
        let keys = keys().unwrap();
        let parse = |line: &str| {
            let command = with_keys(<Options as clap::CommandFactory>::command(), &keys);
            let matches = command.try_get_matches_from(line.split(' ')).unwrap();
            flags(&matches, &keys)
        };
        let expected = vec![("http.listen".to_owned(), "[::1]:1".to_owned())];
        assert_eq!(parse("anser-relay --http.listen=[::1]:1"), expected);
        assert_eq!(parse("anser-relay check --http.listen=[::1]:1"), expected);
        assert_eq!(parse("anser-relay --http.listen=[::1]:1 token list"), expected);
    }
}
