//! Follows the node: hands its events to the page, and keeps tray, notifications, autostart and
//! frame as settings and messages want them.
//!
//! One task owns what is known here of the node. It must never hold up the node: events that it
//! is too slow for are lost to it, and after a gap in the revisions it asks for everything anew.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anser_api::model::{Account, Settings};
use anser_api::params::{ByConversation, Empty, PresenceSet};
use anser_api::{Command, Event, EventBody, Reply};
use anser_engine::{Profile, Subscription};
use tauri::{AppHandle, Emitter};
use tokio::sync::{mpsc, watch};

use crate::announce::{Announcer, Change, MANY};
use crate::autostart;
use crate::notices::Notices;
use crate::shell::{self, Opening, Signal};
use crate::tray::{self, Face};
use crate::window;
use crate::words::Language;

/// What is known of the node, and where it shows.
pub(crate) struct Follower {
    app: AppHandle,
    /// Whether this is the profile that starts with the session.
    standard: bool,
    face: Face,
    settings: watch::Sender<Settings>,
    announcer: Announcer,
    /// Of the last event.
    revision: Option<u64>,
    /// Times are counted from here.
    begun: Instant,
}

impl Follower {
    /// Knows nothing yet; the tray shows `face`.
    pub(crate) fn new(
        app: AppHandle,
        standard: bool,
        face: Face,
        settings: watch::Sender<Settings>,
    ) -> Self {
        let announcer = Announcer::default();
        Self { app, standard, face, settings, announcer, revision: None, begun: Instant::now() }
    }

    /// Runs until the profile is shut.
    pub(crate) async fn run(
        &mut self,
        profile: Profile,
        mut events: Subscription,
        mut signals: mpsc::Receiver<Signal>,
        mut notices: Notices,
    ) {
        let mut changes = self.refresh(&profile).await;
        loop {
            for change in changes.drain(..) {
                // The task that shows them ends with the program.
                let _ = notices.changes.send(change).await;
            }
            let due = self.announcer.due_ms().map(Duration::from_millis);
            let due = due.and_then(|since| self.begun.checked_add(since));
            changes = tokio::select! {
                event = events.next() => match event {
                    Some(event) => self.event(&profile, event).await,
                    None => return,
                },
                Some(signal) = signals.recv() => self.signal(&profile, signal).await,
                Some(key) = notices.clicks.recv() => {
                    let conversation = (key != MANY).then_some(Opening::Conversation(key));
                    shell::open(&self.app, conversation);
                    Vec::new()
                }
                () = sleep_until(due) => self.announcer.changes(self.now_ms()),
            };
        }
    }

    async fn event(&mut self, profile: &Profile, event: Arc<Event>) -> Vec<Change> {
        if let Err(error) = self.app.emit_to(window::LABEL, shell::EVENT, &*event) {
            tracing::warn!("an event did not reach the page: {error}");
        }
        let expected = self.revision.and_then(|revision| revision.checked_add(1));
        self.revision = Some(event.revision);
        let mut changes = Vec::new();
        if expected != Some(event.revision) {
            changes.extend(self.refresh(profile).await);
        }
        match &event.body {
            EventBody::MessageAdded { message } => {
                if !self.announcer.knows(&message.conversation) {
                    changes.extend(self.learn(profile, &message.conversation).await);
                }
                self.announcer.message(message);
            }
            EventBody::ConversationChanged { conversation } => {
                changes.extend(self.announcer.conversation(conversation));
            }
            EventBody::ConversationRemoved { conversation } => {
                changes.extend(self.announcer.removed(conversation));
            }
            EventBody::AccountChanged { account } => self.account(Some(account)),
            EventBody::SettingsChanged { settings } => self.apply(settings.clone()),
            _ => {}
        }
        changes
    }

    async fn signal(&mut self, profile: &Profile, signal: Signal) -> Vec<Change> {
        match signal {
            Signal::LookingAt(conversation) => return self.announcer.look_at(conversation),
            Signal::Refresh => return self.refresh(profile).await,
            Signal::Unread(unread) => {
                window::set_unread(&self.app, unread);
                self.face(Face { unread, ..self.face.clone() });
            }
            Signal::Presence(status) => {
                match profile.call(Command::PresenceSet(PresenceSet { status })).await {
                    Ok(Reply::PresenceSet(account)) => self.account(Some(&account)),
                    Ok(_) => {}
                    Err(error) => tracing::warn!("presence could not be set: {error}"),
                }
            }
        }
        Vec::new()
    }

    /// Asks for everything that is followed here.
    async fn refresh(&mut self, profile: &Profile) -> Vec<Change> {
        let command = Command::StateSnapshot(Empty {});
        let Ok(Reply::StateSnapshot(snapshot)) = profile.call(command).await else {
            // The window says why the profile is not open.
            return Vec::new();
        };
        self.account(snapshot.account.as_ref());
        self.apply(snapshot.settings);
        let conversations = snapshot.conversations.iter();
        conversations.flat_map(|found| self.announcer.conversation(found)).collect()
    }

    async fn learn(&mut self, profile: &Profile, conversation: &str) -> Vec<Change> {
        let by = ByConversation { conversation: conversation.to_owned() };
        match profile.call(Command::ConversationGet(by)).await {
            Ok(Reply::ConversationGet(conversation)) => self.announcer.conversation(&conversation),
            _ => Vec::new(),
        }
    }

    fn account(&mut self, account: Option<&Account>) {
        if let Some(account) = account {
            self.announcer.account(account);
        }
        let presence = account.map(|account| account.presence);
        self.face(Face { presence, ..self.face.clone() });
    }

    fn apply(&mut self, settings: Settings) {
        let language = Language::of_setting(&settings.language);
        self.announcer.set(settings.clone(), language);
        self.face(Face { language, ..self.face.clone() });
        window::set_theme(&self.app, &settings);
        let autostart = settings.autostart;
        let before = self.settings.send_replace(settings).autostart;
        if self.standard
            && autostart != before
            && let Err(error) = autostart::set(autostart)
        {
            tracing::warn!("starting with the session could not be arranged: {error:#}");
        }
    }

    fn face(&mut self, face: Face) {
        if face != self.face {
            tray::set(&self.app, Some(&self.face), &face);
            self.face = face;
        }
    }

    fn now_ms(&self) -> u64 {
        u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

/// Never, where there is nothing to wait for.
async fn sleep_until(moment: Option<Instant>) {
    match moment {
        Some(moment) => tokio::time::sleep_until(moment.into()).await,
        None => std::future::pending().await,
    }
}
