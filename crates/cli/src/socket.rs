//! The local socket of a running node: `anser.sock` in its folder, a named pipe on Windows.

use std::io;
use std::path::Path;

use interprocess::local_socket::tokio::{Listener, Stream};
use interprocess::local_socket::traits::tokio::Stream as _;
use interprocess::local_socket::{ListenerOptions, Name};

/// Opens the socket for this user only. The caller holds the lock of the folder, so what lies
/// there was left behind by a program that was killed.
///
/// # Errors
/// What the system said.
#[cfg(unix)]
pub(crate) fn listen(folder: &Path) -> io::Result<Listener> {
    use interprocess::os::unix::local_socket::ListenerOptionsExt;
    match std::fs::remove_file(path(folder)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    ListenerOptions::new().name(name(folder)?).mode(0o600).create_tokio()
}

/// Opens the pipe; by the system's default only this user may write to it.
///
/// # Errors
/// What the system said.
#[cfg(windows)]
pub(crate) fn listen(folder: &Path) -> io::Result<Listener> {
    ListenerOptions::new().name(name(folder)?).create_tokio()
}

/// Connects to the node that runs with this folder.
///
/// # Errors
/// What the system said; most often that nobody listens.
pub(crate) async fn connect(folder: &Path) -> io::Result<Stream> {
    Stream::connect(name(folder)?).await
}

#[cfg(unix)]
fn path(folder: &Path) -> std::path::PathBuf {
    folder.join("anser.sock")
}

#[cfg(unix)]
fn name(folder: &Path) -> io::Result<Name<'static>> {
    use interprocess::local_socket::{GenericFilePath, ToFsName};
    path(folder).into_os_string().to_fs_name::<GenericFilePath>()
}

/// Pipes have a name space of their own: the folder's path makes the name.
#[cfg(windows)]
fn name(folder: &Path) -> io::Result<Name<'static>> {
    use interprocess::local_socket::{GenericNamespaced, ToNsName};
    use std::hash::{DefaultHasher, Hash, Hasher};
    let mut hasher = DefaultHasher::new();
    folder.canonicalize()?.hash(&mut hasher);
    format!("anser-{:016x}", hasher.finish()).to_ns_name::<GenericNamespaced>()
}
