//! What went wrong with a file, as a word and a sentence: on the side of the one who gives it, of the
//! profile that keeps it, or of the place it is written to.

use std::io;
use std::path::Path;

use anser_node::{FileCode, FileFailure};

/// A failure of a file that is taken in.
pub(super) fn source(path: &Path, error: &io::Error) -> FileFailure {
    match error.kind() {
        io::ErrorKind::NotFound => failure(
            FileCode::NotFound,
            format!("There is no file {}: check the path.", path.display()),
        ),
        _ => failure(
            FileCode::Unreadable,
            format!("{} cannot be read: {error}. Check its permissions.", path.display()),
        ),
    }
}

/// Something that is no file was to be taken in.
pub(super) fn no_file(path: &Path) -> FileFailure {
    let reason = match path.is_dir() {
        true => format!("{} is a folder: pack it into one file first.", path.display()),
        false => format!("{} is no ordinary file and cannot be sent.", path.display()),
    };
    failure(FileCode::Unreadable, reason)
}

/// A file was another one at the end of reading than at the beginning.
pub(super) fn changed(path: &Path) -> FileFailure {
    let reason = format!("{} changed while it was read: try again.", path.display());
    failure(FileCode::Changed, reason)
}

pub(super) fn too_large(path: &Path) -> FileFailure {
    failure(FileCode::TooLarge, format!("{} is larger than 64 GiB.", path.display()))
}

/// A failure of what rests in the profile.
pub(super) fn rest(folder: &Path, error: &io::Error) -> FileFailure {
    if is_full(error) {
        return full(folder);
    }
    let reason = format!(
        "The profile's files in {} cannot be read or written: {error}. Check that the disk is there \
         and may be written to.",
        folder.display()
    );
    failure(FileCode::Unwritable, reason)
}

/// The disk of the profile has no room.
pub(super) fn full(folder: &Path) -> FileFailure {
    let reason = format!("The disk with {} is full: free some space.", folder.display());
    failure(FileCode::DiskFull, reason)
}

/// What rests in the profile is not what was put there.
pub(super) fn damaged() -> FileFailure {
    let reason = "The file was damaged on this device's disk: fetch it again.";
    failure(FileCode::Damaged, reason.into())
}

/// A failure of the place that a file is written to.
pub(super) fn target(path: &Path, error: &io::Error) -> FileFailure {
    match error.kind() {
        io::ErrorKind::AlreadyExists => exists(path),
        io::ErrorKind::NotFound => failure(
            FileCode::Unwritable,
            format!("The folder for {} does not exist: make it first.", path.display()),
        ),
        _ if is_full(error) => failure(
            FileCode::DiskFull,
            format!("The disk is full: free some space to save {}.", path.display()),
        ),
        _ => failure(
            FileCode::Unwritable,
            format!("{} cannot be written: {error}. Choose another place.", path.display()),
        ),
    }
}

/// There is a file already.
pub(super) fn exists(path: &Path) -> FileFailure {
    let reason = format!("{} exists already: choose another name or overwrite it.", path.display());
    failure(FileCode::Exists, reason)
}

/// The node gave an order that cannot be: never seen by people.
pub(super) fn impossible() -> io::Error {
    io::Error::other("a block that there cannot be")
}

fn is_full(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge
    )
}

fn failure(code: FileCode, reason: String) -> FileFailure {
    FileFailure { code, reason }
}
