//! From options to an open profile.

use std::path::{Path, PathBuf};

use anser_api::Command;
use anser_api::params::AppUnlock;
use anser_engine::{Config, Data, Profile, Protection};
use zeroize::Zeroizing;

use crate::failure::Failure;
use crate::options::Options;
use crate::output;

const PASSPHRASE: &str = "ANSER_PASSPHRASE";
/// The file that exists when a folder holds a profile.
const KEY_FILE: &str = "anser.key";

/// The folder that is meant.
pub(crate) fn folder(options: &Options) -> Result<PathBuf, Failure> {
    if let Some(data) = &options.data {
        return Ok(data.clone());
    }
    directories::ProjectDirs::from("", "", "anser")
        .map(|folders| folders.data_local_dir().to_owned())
        .ok_or_else(|| Failure::usage("This user has no home: say which folder with --data DIR."))
}

/// How to start the profile that is meant.
pub(crate) fn config(options: &Options) -> Result<Config, Failure> {
    let start = &options.start;
    let mut config = Config::new(Data::Folder(folder(options)?));
    config.protection = start.protection.map_or_else(Protection::default, Protection::from);
    config.passphrase = std::env::var(PASSPHRASE).ok().map(Zeroizing::new);
    config.listen.clone_from(&start.listen);
    config.seeds.clone_from(&start.seed);
    config.mdns = !start.no_mdns;
    config.name.clone_from(&start.name);
    config.policy.clone_from(&start.policy);
    Ok(config)
}

/// Opens the profile, asking for its passphrase where that is needed and somebody can be asked.
///
/// # Errors
/// Why it cannot be opened.
pub(crate) async fn open(options: &Options) -> Result<Profile, Failure> {
    let config = config(options)?;
    let asked_for_file = config.protection == Protection::File;
    let folder = folder(options)?;
    let given = config.passphrase.is_some();
    let profile = Profile::open(config).await;
    let needs = profile.failure().is_some_and(|f| f.code == anser_api::ErrorCode::Passphrase);
    if needs
        && !given
        && let Some(passphrase) = ask(&folder).await?
    {
        profile.call(Command::AppUnlock(AppUnlock { passphrase: passphrase.to_string() })).await?;
    }
    if let Some(failure) = profile.failure() {
        return Err(failure.into());
    }
    let in_file = profile.engine().is_some_and(|engine| engine.protection() == "file");
    if in_file && !asked_for_file {
        output::error_line(
            "anser: warning: the key of the messages lies in a file beside them; whoever reads the \
             disk reads the messages.",
        );
    }
    Ok(profile)
}

/// Asks at the terminal; `None` when there is none. A new passphrase is asked for twice.
async fn ask(folder: &Path) -> Result<Option<Zeroizing<String>>, Failure> {
    let new = !folder.join(KEY_FILE).exists();
    let asked = tokio::task::spawn_blocking(move || {
        let first = rpassword::prompt_password("Passphrase: ").map(Zeroizing::new)?;
        let second = match new {
            true => rpassword::prompt_password("Once more: ").map(Zeroizing::new)?,
            false => first.clone(),
        };
        Ok::<_, std::io::Error>((first, second))
    });
    match asked.await {
        Ok(Ok((first, second))) if first == second => Ok(Some(first)),
        Ok(Ok(_)) => Err(Failure::failed("The two passphrases differ: start again.")),
        // No terminal: what the profile says about its passphrase is the answer.
        Ok(Err(_)) | Err(_) => Ok(None),
    }
}
