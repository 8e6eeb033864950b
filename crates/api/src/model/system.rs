//! The program itself: what it can do, its settings, its health, its relays.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Account, Conversation, Peer};

word! {
    /// How a check of `doctor.run` came out.
    pub enum CheckState {
        /// Fine.
        Ok,
        /// Works, but not as well as it could.
        Warning,
        /// Does not work.
        Failed,
    }

    /// What the program can do just now.
    pub enum AppState {
        /// Everything.
        Ready,
        /// `account.create` first.
        NoAccount,
        /// Another program uses the profile.
        Locked,
        /// The passphrase is needed.
        NeedsPassphrase,
        /// The profile cannot be opened; the message says why.
        Broken,
    }
}

model! {
    /// A relay.
    pub struct Relay {
        /// Its address.
        pub url: String,
        /// Its state.
        pub state: String,
        /// The transport in use.
        pub transport: Option<String>,
        /// Since when.
        pub since_ms: Option<u64>,
    }

    /// Relays.
    pub struct Relays {
        /// The relays.
        pub relays: Vec<Relay>,
    }

    /// What a person can set. `null` values in `settings.set` leave a setting as it is.
    pub struct Settings {
        /// Take message requests from people on this network without asking.
        pub accept_requests: bool,
        /// Tell others how far one has read.
        pub read_receipts: bool,
        /// Tell others that one is typing.
        pub typing: bool,
        /// Show system notifications.
        pub notifications: bool,
        /// Show the text in notifications.
        pub notification_preview: bool,
        /// Closing the window keeps the program in the tray.
        pub close_to_tray: bool,
        /// Start with the session.
        pub autostart: bool,
        /// Files up to this size are fetched by themselves; 0 for none.
        #[serde(default = "fetch_limit_bytes")]
        pub fetch_limit_bytes: u64,
        /// `system`, `light` or `dark`.
        pub theme: String,
        /// `system`, `en` or `zh-CN`.
        pub language: String,
    }

    /// One finding of `doctor.run`.
    pub struct Check {
        /// Stable word.
        pub id: String,
        /// How it came out.
        pub state: CheckState,
        /// Stable word for what was found, within `id`: shells translate by `check.ID.CASE`.
        pub case: String,
        /// What the sentences name, for translations.
        pub values: BTreeMap<String, String>,
        /// What was seen.
        pub what: String,
        /// What to do; empty when fine.
        pub advice: String,
    }

    /// All findings.
    pub struct Checks {
        /// The findings.
        pub checks: Vec<Check>,
    }

    /// What the program can do just now, and why not more.
    pub struct AppStatus {
        /// The state.
        pub state: AppState,
        /// Stable word for why; empty when nothing is wrong or a passphrase is only asked for.
        pub case: String,
        /// What happened.
        pub message: String,
        /// What to do.
        pub advice: String,
        /// Where the profile is.
        pub data_dir: String,
        /// `keyring`, `passphrase`, `file` or `memory`.
        pub protection: String,
        /// Version of the program.
        pub version: String,
    }

    /// Everything a shell shows first.
    pub struct Snapshot {
        /// The revision this is as of.
        pub revision: u64,
        /// The account; missing before `account.create`.
        pub account: Option<Account>,
        /// People on this network and known ones.
        pub peers: Vec<Peer>,
        /// Conversations, latest first; at most 500.
        pub conversations: Vec<Conversation>,
        /// The settings.
        pub settings: Settings,
        /// Relays in use.
        pub relays: Vec<Relay>,
    }

    /// Nothing to tell: it was done.
    pub struct Done {}

    /// The answer to `events.subscribe`.
    pub struct Subscribed {
        /// Events with higher revisions follow.
        pub revision: u64,
    }
}

/// 10 MiB: pictures and documents come by themselves, films on request.
fn fetch_limit_bytes() -> u64 {
    10 * 1024 * 1024
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            accept_requests: false,
            read_receipts: true,
            typing: true,
            notifications: true,
            notification_preview: true,
            close_to_tray: true,
            autostart: false,
            fetch_limit_bytes: fetch_limit_bytes(),
            theme: "system".into(),
            language: "system".into(),
        }
    }
}
