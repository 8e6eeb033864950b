//! Notifications on the screen, by the system's own means.
//!
//! One task owns what is shown: it takes [`Change`]s and gives the key of what was clicked. What
//! is worth showing is decided elsewhere. A system without notifications is no error: it is
//! logged once.

use tokio::sync::mpsc;

use crate::announce::Change;

#[cfg(target_os = "linux")]
#[path = "linux.rs"]
mod platform;
#[cfg(windows)]
#[path = "windows.rs"]
mod platform;
#[cfg(not(any(target_os = "linux", windows)))]
#[path = "none.rs"]
mod platform;

/// Changes and clicks that may wait.
const WAITING: usize = 64;

/// The two ends of the task that shows notifications.
#[derive(Debug)]
pub(crate) struct Notices {
    /// What to show.
    pub(crate) changes: mpsc::Sender<Change>,
    /// Keys of what was clicked.
    pub(crate) clicks: mpsc::Receiver<String>,
}

impl Notices {
    /// Starts the task for the program of this identifier; it ends when this is dropped.
    pub(crate) fn start(identifier: String) -> Self {
        let (changes, changes_out) = mpsc::channel(WAITING);
        let (clicks_in, clicks) = mpsc::channel(WAITING);
        tauri::async_runtime::spawn(platform::run(identifier, changes_out, clicks_in));
        Self { changes, clicks }
    }
}
