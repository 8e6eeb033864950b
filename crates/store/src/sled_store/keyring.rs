//! The operating system's keyring: Secret Service on Unix, Credential Manager on Windows.
//!
//! Every call runs on a thread of its own: the Secret Service client blocks on a runtime inside, which a
//! caller that is itself inside an asynchronous runtime may not do.

use keyring_core::api::CredentialStoreApi;
use keyring_core::{Entry, Error};
use zeroize::Zeroizing;

use super::OpenError;
use super::seal::DataKey;

/// The key stored for `service` and `user`; `None` when the keyring works but has no such entry.
///
/// # Errors
/// [`OpenError::NoKeyring`].
pub(super) fn load(service: &str, user: &str) -> Result<Option<DataKey>, OpenError> {
    on_own_thread(service, user, |entry| match entry.get_secret() {
        Ok(secret) => DataKey::from_slice(&Zeroizing::new(secret)).map(Some).ok_or_else(|| {
            OpenError::KeyLost { reason: "the keyring's entry is not a key".into() }
        }),
        Err(Error::NoEntry) => Ok(None),
        Err(error) => Err(no_keyring(&error)),
    })
}

/// Stores `key` for `service` and `user` and reads it back, since some keyrings accept and forget.
///
/// # Errors
/// [`OpenError::NoKeyring`].
pub(super) fn save(service: &str, user: &str, key: &DataKey) -> Result<(), OpenError> {
    let secret = Zeroizing::new(*key.expose());
    on_own_thread(service, user, move |entry| {
        entry.set_secret(secret.as_slice()).map_err(|error| no_keyring(&error))?;
        let kept = Zeroizing::new(entry.get_secret().map_err(|error| no_keyring(&error))?);
        if kept.as_slice() == secret.as_slice() {
            Ok(())
        } else {
            Err(OpenError::NoKeyring { reason: "it did not keep what it was given".into() })
        }
    })
}

/// Removes the entry; an absent one is no error.
///
/// # Errors
/// [`OpenError::NoKeyring`].
pub(super) fn remove(service: &str, user: &str) -> Result<(), OpenError> {
    on_own_thread(service, user, |entry| match entry.delete_credential() {
        Ok(()) | Err(Error::NoEntry) => Ok(()),
        Err(error) => Err(no_keyring(&error)),
    })
}

fn on_own_thread<T: Send + 'static>(
    service: &str,
    user: &str,
    work: impl FnOnce(Entry) -> Result<T, OpenError> + Send + 'static,
) -> Result<T, OpenError> {
    let (service, user) = (service.to_owned(), user.to_owned());
    let thread = std::thread::Builder::new()
        .name("keyring".into())
        .spawn(move || work(entry(&service, &user)?))?;
    thread.join().unwrap_or_else(|_| Err(OpenError::NoKeyring { reason: "it failed".into() }))
}

#[cfg(all(unix, not(target_os = "macos")))]
fn entry(service: &str, user: &str) -> Result<Entry, OpenError> {
    let store =
        zbus_secret_service_keyring_store::Store::new().map_err(|error| no_keyring(&error))?;
    store.build(service, user, None).map_err(|error| no_keyring(&error))
}

#[cfg(windows)]
fn entry(service: &str, user: &str) -> Result<Entry, OpenError> {
    let store = windows_native_keyring_store::Store::new().map_err(|error| no_keyring(&error))?;
    store.build(service, user, None).map_err(|error| no_keyring(&error))
}

#[cfg(not(any(windows, all(unix, not(target_os = "macos")))))]
fn entry(_service: &str, _user: &str) -> Result<Entry, OpenError> {
    Err(OpenError::NoKeyring { reason: "this system's keyring is not supported".into() })
}

fn no_keyring(error: &Error) -> OpenError {
    OpenError::NoKeyring { reason: error.to_string() }
}
