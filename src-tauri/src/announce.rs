//! Which messages become system notifications, and how many of them.
//!
//! Owns what was announced and not read yet. Must always hold: a conversation has at most one
//! notification; what is on screen, muted, read or switched off has none; however fast messages
//! come, notifications change at most once in [`BURST_MS`]. It neither shows anything nor knows
//! the time: it is told, and says what to show.

use std::collections::BTreeMap;

use anser_api::model::{
    Account, Conversation, ConversationKind, DeliveryState, Message, MessageKind, PresenceState,
    Settings,
};

use crate::words::Language;

/// After showing something, how long more is collected before the next change, in milliseconds.
pub(crate) const BURST_MS: u64 = 2_000;
/// Conversations announced one by one in one go; more become a single notification.
const ONE_BY_ONE: usize = 3;
/// Longest text shown, in characters.
const TEXT_CHARS: usize = 200;
/// The key of the notification that stands for many conversations.
pub(crate) const MANY: &str = "";

/// A notification: what to show, and under which key it replaces an older one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Notice {
    /// The conversation, or [`MANY`].
    pub(crate) key: String,
    /// First line.
    pub(crate) title: String,
    /// The rest, plain text.
    pub(crate) body: String,
}

/// What is to be done on the screen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// Show this, in place of what its key shows already.
    Show(Notice),
    /// Take away what this key shows.
    Withdraw(String),
}

/// What must be known of a conversation to announce its messages.
#[derive(Clone, Debug)]
struct Known {
    title: String,
    group: bool,
    muted: bool,
    request: bool,
}

/// Messages of one conversation that nobody has looked at.
#[derive(Clone, Debug, Default)]
struct Waiting {
    count: u64,
    name: String,
    text: String,
    fresh: bool,
}

/// Decides over notifications.
#[derive(Debug, Default)]
pub(crate) struct Announcer {
    language: Language,
    settings: Settings,
    busy: bool,
    looking_at: Option<String>,
    known: BTreeMap<String, Known>,
    waiting: BTreeMap<String, Waiting>,
    many_shown: bool,
    hold_until_ms: Option<u64>,
}

impl Announcer {
    /// The settings as they are now.
    pub(crate) fn set(&mut self, settings: Settings, language: Language) {
        self.settings = settings;
        self.language = language;
    }

    /// One's own account: whoever is busy is not disturbed.
    pub(crate) fn account(&mut self, account: &Account) {
        self.busy = account.presence == PresenceState::Busy;
    }

    /// The conversation on screen, if the window has the focus.
    pub(crate) fn look_at(&mut self, conversation: Option<String>) -> Vec<Change> {
        self.looking_at = conversation;
        match self.looking_at.clone() {
            Some(conversation) => self.seen(&conversation),
            None => Vec::new(),
        }
    }

    /// Whether messages of this conversation can be judged.
    pub(crate) fn knows(&self, conversation: &str) -> bool {
        self.known.contains_key(conversation)
    }

    /// A conversation as it is now; what was read in it needs no announcement.
    pub(crate) fn conversation(&mut self, conversation: &Conversation) -> Vec<Change> {
        let known = Known {
            title: conversation.title.clone(),
            group: conversation.kind == ConversationKind::Group,
            muted: conversation.muted,
            request: conversation.request,
        };
        let muted = known.muted;
        self.known.insert(conversation.conversation.clone(), known);
        if conversation.unread == 0 || muted {
            return self.seen(&conversation.conversation);
        }
        Vec::new()
    }

    /// A conversation is gone.
    pub(crate) fn removed(&mut self, conversation: &str) -> Vec<Change> {
        self.known.remove(conversation);
        self.seen(conversation)
    }

    /// A message is new here.
    pub(crate) fn message(&mut self, message: &Message) {
        let Some(known) = self.known.get(&message.conversation) else { return };
        let silent = message.own
            || message.deleted
            || message.kind != MessageKind::Text
            || message.state == DeliveryState::Read
            || known.muted
            || self.busy
            || !self.settings.notifications
            || self.looking_at.as_deref() == Some(&message.conversation);
        if silent {
            return;
        }
        let text = self.said_by(message);
        let waiting = self.waiting.entry(message.conversation.clone()).or_default();
        waiting.count = waiting.count.saturating_add(1);
        waiting.name = line(&message.name);
        waiting.text = text;
        waiting.fresh = true;
    }

    /// When [`Self::changes`] has something to say, in the milliseconds of its caller's clock.
    pub(crate) fn due_ms(&self) -> Option<u64> {
        let fresh = self.waiting.values().any(|waiting| waiting.fresh);
        fresh.then(|| self.hold_until_ms.unwrap_or(0))
    }

    /// What to show now.
    pub(crate) fn changes(&mut self, now_ms: u64) -> Vec<Change> {
        if self.due_ms().is_none_or(|due_ms| due_ms > now_ms) {
            return Vec::new();
        }
        self.hold_until_ms = Some(now_ms.saturating_add(BURST_MS));
        let fresh: Vec<(&String, &Waiting)> =
            self.waiting.iter().filter(|(_, waiting)| waiting.fresh).collect();
        let notices = if fresh.len() > ONE_BY_ONE {
            let messages = fresh.iter().map(|(_, waiting)| waiting.count).sum();
            self.many_shown = true;
            let title = self.language.many(messages, fresh.len());
            vec![Notice { key: MANY.into(), title, body: String::new() }]
        } else {
            fresh.into_iter().filter_map(|(key, waiting)| self.notice(key, waiting)).collect()
        };
        for waiting in self.waiting.values_mut() {
            waiting.fresh = false;
        }
        notices.into_iter().map(Change::Show).collect()
    }

    /// What a message says, in one line; files stand for the text that is not there.
    fn said_by(&self, message: &Message) -> String {
        let text = line(&message.text);
        match message.attachments.first() {
            Some(file) if text.is_empty() => {
                self.language.sent_files(&line(&file.name), message.attachments.len())
            }
            _ => text,
        }
    }

    fn notice(&self, key: &str, waiting: &Waiting) -> Option<Notice> {
        let known = self.known.get(key)?;
        let title = line(&known.title);
        let (title, body) = if known.request {
            // A stranger gets to say who they are, nothing more.
            (waiting.name.clone(), self.language.request().to_owned())
        } else if !self.settings.notification_preview {
            (title, self.language.new_messages(waiting.count))
        } else {
            let body = match known.group {
                true => self.language.said(&waiting.name, &waiting.text),
                false => waiting.text.clone(),
            };
            match waiting.count {
                0 | 1 => (title, body),
                count => (self.language.several(&title, count), body),
            }
        };
        Some(Notice { key: key.to_owned(), title, body })
    }

    fn seen(&mut self, conversation: &str) -> Vec<Change> {
        let mut changes = Vec::new();
        if self.waiting.remove(conversation).is_some() {
            changes.push(Change::Withdraw(conversation.to_owned()));
        }
        if self.waiting.is_empty() && std::mem::take(&mut self.many_shown) {
            changes.push(Change::Withdraw(MANY.into()));
        }
        changes
    }
}

/// One line of bounded length, whatever was written.
fn line(text: &str) -> String {
    let mut short = String::new();
    let mut left = TEXT_CHARS;
    for word in text.split_whitespace() {
        if !short.is_empty() {
            short.push(' ');
        }
        for c in word.chars().filter(|c| !c.is_control()) {
            if left == 0 {
                short.push('…');
                return short;
            }
            short.push(c);
            left = left.saturating_sub(1);
        }
    }
    short
}

#[cfg(test)]
#[path = "announce/tests.rs"]
mod tests;
