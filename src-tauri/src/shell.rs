//! What the window's commands, the tray and the task that follows the node share.
//!
//! Values and channels only. The node is behind the profile, what was last known of it behind
//! `watch` channels; nothing here decides anything.

use anser_api::model::{PresenceState, Settings};
use anser_api::{ApiError, ErrorCode};
use anser_engine::Profile;
use serde::Serialize;
use tauri::{AppHandle, Emitter, Manager};
use tokio::sync::{mpsc, watch};

use crate::window;

/// The event that carries the node's events to the page.
pub(crate) const EVENT: &str = "anser";
/// The event that tells the page to ask for what to open.
const OPENING: &str = "opening";

/// What the window or the tray tells the task that follows the node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Signal {
    /// What is on screen, if the window has the focus.
    LookingAt(Option<String>),
    /// Unread messages, as the page counts them.
    Unread(u64),
    /// How available the person says to be.
    Presence(PresenceState),
    /// The profile may have become ready.
    Refresh,
}

/// What the page is to show.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Opening {
    /// A conversation.
    Conversation(String),
    /// An `anser:` link.
    Link(String),
}

/// The shared ends.
#[derive(Debug)]
pub(crate) struct Shell {
    /// The profile, once opening it has come to a result.
    pub(crate) profile: watch::Receiver<Option<Profile>>,
    /// To the task that follows the node.
    pub(crate) signals: mpsc::Sender<Signal>,
    /// The settings as last known.
    pub(crate) settings: watch::Receiver<Settings>,
    /// What the page has not asked for yet.
    pub(crate) opening: watch::Sender<Option<Opening>>,
}

impl Shell {
    /// The profile; waits while it is being opened.
    ///
    /// # Errors
    /// `internal` when the program ends meanwhile.
    pub(crate) async fn profile(&self) -> Result<Profile, ApiError> {
        let mut profile = self.profile.clone();
        let opened = profile.wait_for(Option::is_some).await.ok().and_then(|found| found.clone());
        opened.ok_or_else(|| ApiError::new(ErrorCode::Internal, "The program is ending."))
    }
}

/// Shows the window and has its page open something.
pub(crate) fn open(app: &AppHandle, opening: Option<Opening>) {
    window::show(app);
    if let Some(opening) = opening {
        app.state::<Shell>().opening.send_replace(Some(opening));
        if let Err(error) = app.emit_to(window::LABEL, OPENING, ()) {
            tracing::warn!("the page could not be told what to open: {error}");
        }
    }
}
