//! Opens the store of a profile in the way it is protected.

use std::path::Path;

use anser_store::sled_store::detect;
use anser_store::{DataKeySource, MemoryStore, OpenError, SledStore, Store};

use crate::config::{Config, Data, Protection};
use crate::error::StartError;
use crate::files::Folder;

/// The store of a running engine.
pub(crate) type AnyStore = Box<dyn Store + Send>;

/// The words for how a profile is protected, as `app.status` gives them.
pub(crate) const KEYRING: &str = "keyring";
pub(crate) const PASSPHRASE: &str = "passphrase";
pub(crate) const FILE: &str = "file";
pub(crate) const MEMORY: &str = "memory";

/// Opens or makes the store; tells how it is protected.
pub(crate) fn open(config: &Config) -> Result<(AnyStore, &'static str), StartError> {
    let Data::Folder(folder) = &config.data else {
        let mut key = [0; 32];
        fill(&mut key)?;
        return Ok((Box::new(MemoryStore::with_tag_key(key)), MEMORY));
    };
    let (store, protection) = open_folder(folder, config)?;
    Ok((Box::new(store), protection))
}

/// How the profile of `config` is protected, or would be, as far as that can be told unopened.
pub(crate) fn protection(config: &Config) -> &'static str {
    let Data::Folder(folder) = &config.data else {
        return MEMORY;
    };
    match detect(folder) {
        Ok(anser_store::Protection::Keyring) => KEYRING,
        Ok(anser_store::Protection::Passphrase) => PASSPHRASE,
        Ok(anser_store::Protection::File) => FILE,
        Ok(anser_store::Protection::Absent) | Err(_) => "",
    }
}

/// Free space where the profile is, in bytes; `None` when it cannot be told.
pub(crate) fn free_bytes(config: &Config) -> Option<u64> {
    match &config.data {
        Data::Folder(folder) => fs4::available_space(folder).ok(),
        Data::Memory => None,
    }
}

/// Where the files of a profile rest.
pub(crate) fn files(config: &Config) -> Result<Folder, StartError> {
    match &config.data {
        Data::Folder(folder) => Ok(Folder::lasting(folder.join("files"))),
        Data::Memory => {
            let mut name = [0; 16];
            fill(&mut name)?;
            Ok(Folder::passing(&name))
        }
    }
}

/// Fills `bytes` from the system's source of randomness.
pub(crate) fn fill(bytes: &mut [u8]) -> Result<(), StartError> {
    getrandom::fill(bytes).map_err(|error| {
        StartError::new(
            anser_api::ErrorCode::Internal,
            format!("The system gives no random numbers: {error}."),
        )
    })
}

fn open_folder(folder: &Path, config: &Config) -> Result<(SledStore, &'static str), StartError> {
    let found = detect(folder)?;
    let wanted = match (config.protection, found) {
        (Protection::Keyring, _) => KEYRING,
        (Protection::Passphrase, _) => PASSPHRASE,
        (Protection::File, _) => FILE,
        (Protection::Automatic, anser_store::Protection::Keyring) => KEYRING,
        (Protection::Automatic, anser_store::Protection::Passphrase) => PASSPHRASE,
        (Protection::Automatic, anser_store::Protection::File) => FILE,
        (Protection::Automatic, anser_store::Protection::Absent) => {
            return open_new(folder, config);
        }
    };
    let source = match wanted {
        KEYRING => keyring(),
        PASSPHRASE => passphrase(config).ok_or_else(StartError::no_passphrase)?,
        _ => DataKeySource::File,
    };
    Ok((SledStore::open(folder, source)?, wanted))
}

/// The best protection that this computer has for a new profile.
fn open_new(folder: &Path, config: &Config) -> Result<(SledStore, &'static str), StartError> {
    match SledStore::open(folder, keyring()) {
        Err(OpenError::NoKeyring { reason }) => {
            tracing::info!(%reason, "no keyring");
            match passphrase(config) {
                Some(source) => Ok((SledStore::open(folder, source)?, PASSPHRASE)),
                None => Ok((SledStore::open(folder, DataKeySource::File)?, FILE)),
            }
        }
        opened => Ok((opened?, KEYRING)),
    }
}

fn keyring() -> DataKeySource {
    DataKeySource::Keyring { service: "Anser".into(), user: "profile".into() }
}

fn passphrase(config: &Config) -> Option<DataKeySource> {
    config.passphrase.clone().map(DataKeySource::Passphrase)
}
