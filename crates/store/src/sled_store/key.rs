//! Where the data key is kept, and the small file that says so.
//!
//! Owns: `anser.key`, lines of `name value`: the store's id, a check value, the protection and what that
//! needs. Must always hold: the file is replaced whole or not at all, and no key in a keyring is ever
//! overwritten, since every store has an id of its own in the entry's name.

use std::collections::BTreeMap;

use argon2::{Algorithm, Argon2, Params, Version};
use data_encoding::HEXLOWER;
use zeroize::{Zeroize, Zeroizing};

use super::seal::{self, DataKey};
use super::{OpenError, keyring};

/// Where the key that seals the store comes from.
#[derive(Clone)]
pub enum DataKeySource {
    /// The operating system's keyring. The entry is `service` and `user` followed by the store's own id.
    Keyring {
        /// The program's name in the keyring.
        service: String,
        /// Whose key it is, for people who look into their keyring.
        user: String,
    },
    /// A passphrase, stretched with Argon2id, that wraps the key in a file beside the messages.
    Passphrase(Zeroizing<String>),
    /// A file beside the messages, readable by this user only. Whoever reads the disk reads the messages.
    File,
}

impl std::fmt::Debug for DataKeySource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Keyring { .. } => "Keyring",
            Self::Passphrase(_) => "Passphrase",
            Self::File => "File",
        })
    }
}

/// How an existing store is protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protection {
    /// There is no store yet: opening one creates it under the source given.
    Absent,
    /// Its key is in the operating system's keyring.
    Keyring,
    /// Its key is wrapped by a passphrase, which must be asked for.
    Passphrase,
    /// Its key lies in a file beside it: anyone who can read the disk can read the messages.
    File,
}

impl Protection {
    pub(super) fn how(self) -> &'static str {
        match self {
            Self::Absent => "by nothing yet",
            Self::Keyring => "by the system's keyring",
            Self::Passphrase => "by a passphrase",
            Self::File => "by a key file",
        }
    }
}

/// What one guess at a passphrase costs. Written beside the wrapped key, so it may grow later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KdfCost {
    /// Memory in KiB, 8 to 1,048,576.
    pub memory_kib: u32,
    /// Passes over that memory, 1 to 64.
    pub passes: u32,
}

impl Default for KdfCost {
    fn default() -> Self {
        Self { memory_kib: 64 * 1024, passes: 3 }
    }
}

impl KdfCost {
    fn stretch(self, passphrase: &str, salt: &[u8]) -> Result<Zeroizing<[u8; 32]>, OpenError> {
        let damaged =
            || OpenError::Damaged { reason: "anser.key asks for a senseless cost".into() };
        if self.memory_kib > 1024 * 1024 || self.passes > 64 {
            return Err(damaged());
        }
        let params =
            Params::new(self.memory_kib, self.passes, 1, Some(32)).map_err(|_| damaged())?;
        let mut key = Zeroizing::new([0; 32]);
        Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
            .hash_password_into(passphrase.as_bytes(), salt, key.as_mut_slice())
            .map_err(|_| damaged())?;
        Ok(key)
    }
}

/// What `anser.key` says.
pub(super) struct KeyFile {
    store_id: [u8; 16],
    check: [u8; 16],
    kept: Kept,
}

enum Kept {
    Keyring { service: String, user: String },
    Passphrase { cost: KdfCost, salt: [u8; 16], wrapped: Vec<u8> },
    File { key: DataKey },
}

const FIRST_LINE: &str = "anser-key 1";

impl KeyFile {
    /// Keeps `key` as `source` says; with a keyring, it is in there when this returns.
    pub(super) fn keep(
        key: &DataKey,
        source: &DataKeySource,
        cost: KdfCost,
    ) -> Result<Self, OpenError> {
        let mut store_id = [0; 16];
        seal::random(&mut store_id)?;
        let kept = match source {
            DataKeySource::Keyring { service, user } => {
                let user = format!("{user} {}", HEXLOWER.encode(&store_id));
                keyring::save(service, &user, key)?;
                Kept::Keyring { service: service.clone(), user }
            }
            DataKeySource::Passphrase(passphrase) => {
                let mut salt = [0; 16];
                seal::random(&mut salt)?;
                let wrapping = cost.stretch(passphrase, &salt)?;
                let wrapped = seal::wrap(&wrapping, &store_id, key)?;
                Kept::Passphrase { cost, salt, wrapped }
            }
            DataKeySource::File => {
                Kept::File { key: DataKey::from_slice(key.expose()).ok_or_else(|| damaged("key"))? }
            }
        };
        Ok(Self { store_id, check: key.check(), kept })
    }

    /// The data key, when `source` is the way it is kept and fits.
    pub(super) fn unlock(&self, source: &DataKeySource) -> Result<DataKey, OpenError> {
        let key = match (&self.kept, source) {
            (Kept::Keyring { service, user }, DataKeySource::Keyring { .. }) => {
                keyring::load(service, user)?.ok_or_else(|| OpenError::KeyLost {
                    reason: format!("the keyring has no entry {service}, {user}"),
                })?
            }
            (Kept::Passphrase { cost, salt, wrapped }, DataKeySource::Passphrase(passphrase)) => {
                let wrapping = cost.stretch(passphrase, salt)?;
                seal::unwrap(&wrapping, &self.store_id, wrapped)
                    .ok_or(OpenError::WrongPassphrase)?
            }
            (Kept::File { key }, DataKeySource::File) => {
                DataKey::from_slice(key.expose()).ok_or_else(|| damaged("key"))?
            }
            _ => return Err(OpenError::OtherProtection { found: self.protection() }),
        };
        if key.check() == self.check {
            Ok(key)
        } else {
            Err(OpenError::KeyLost { reason: "the key found belongs to another folder".into() })
        }
    }

    pub(super) fn protection(&self) -> Protection {
        match self.kept {
            Kept::Keyring { .. } => Protection::Keyring,
            Kept::Passphrase { .. } => Protection::Passphrase,
            Kept::File { .. } => Protection::File,
        }
    }

    /// Removes what the keyring holds for this file, once another file has taken its place.
    pub(super) fn forget(&self) -> Result<(), OpenError> {
        match &self.kept {
            Kept::Keyring { service, user } => keyring::remove(service, user),
            Kept::Passphrase { .. } | Kept::File { .. } => Ok(()),
        }
    }

    pub(super) fn to_text(&self) -> Zeroizing<String> {
        let hex = |bytes: &[u8]| HEXLOWER.encode(bytes);
        let mut text = Zeroizing::new(String::with_capacity(512));
        text.push_str(FIRST_LINE);
        let mut line = |name: &str, value: &str| {
            text.push('\n');
            text.push_str(name);
            text.push(' ');
            text.push_str(value);
        };
        line("store", &hex(&self.store_id));
        line("check", &hex(&self.check));
        match &self.kept {
            Kept::Keyring { service, user } => {
                line("protection", "keyring");
                line("service", service);
                line("user", user);
            }
            Kept::Passphrase { cost, salt, wrapped } => {
                line("protection", "passphrase");
                line("argon2id-memory-kib", &cost.memory_kib.to_string());
                line("argon2id-passes", &cost.passes.to_string());
                line("salt", &hex(salt));
                line("wrapped", &hex(wrapped));
            }
            Kept::File { key } => {
                line("protection", "file");
                let mut key = hex(key.expose());
                line("key", &key);
                key.zeroize();
            }
        }
        text.push('\n');
        text
    }

    pub(super) fn from_text(text: &str) -> Result<Self, OpenError> {
        let mut lines = text.lines();
        if lines.next() != Some(FIRST_LINE) {
            return Err(OpenError::Foreign { reason: "anser.key is not a key file".into() });
        }
        let fields = Fields(lines.filter_map(|line| line.split_once(' ')).collect());
        let kept = match fields.text("protection")? {
            "keyring" => Kept::Keyring {
                service: fields.text("service")?.to_owned(),
                user: fields.text("user")?.to_owned(),
            },
            "passphrase" => Kept::Passphrase {
                cost: KdfCost {
                    memory_kib: fields.number("argon2id-memory-kib")?,
                    passes: fields.number("argon2id-passes")?,
                },
                salt: fields.array("salt")?,
                wrapped: fields.bytes("wrapped")?,
            },
            "file" => {
                let key = Zeroizing::new(fields.bytes("key")?);
                Kept::File { key: DataKey::from_slice(&key).ok_or_else(|| damaged("key"))? }
            }
            _ => return Err(damaged("protection")),
        };
        Ok(Self { store_id: fields.array("store")?, check: fields.array("check")?, kept })
    }
}

struct Fields<'a>(BTreeMap<&'a str, &'a str>);

impl<'a> Fields<'a> {
    fn text(&self, name: &str) -> Result<&'a str, OpenError> {
        self.0.get(name).copied().ok_or_else(|| damaged(name))
    }

    fn number(&self, name: &str) -> Result<u32, OpenError> {
        self.text(name)?.parse().map_err(|_| damaged(name))
    }

    fn bytes(&self, name: &str) -> Result<Vec<u8>, OpenError> {
        HEXLOWER.decode(self.text(name)?.as_bytes()).map_err(|_| damaged(name))
    }

    fn array<const N: usize>(&self, name: &str) -> Result<[u8; N], OpenError> {
        self.bytes(name)?.try_into().map_err(|_| damaged(name))
    }
}

fn damaged(field: &str) -> OpenError {
    OpenError::Damaged { reason: format!("anser.key lacks its {field}") }
}
