//! People and devices, one's own and others'.

use serde::{Deserialize, Serialize};

word! {
    /// Where a peer is known from.
    #[derive(PartialOrd, Ord)]
    pub enum Via {
        /// Multicast DNS on this network.
        Mdns,
        /// A seed address.
        Seed,
        /// A relay.
        Relay,
        /// An address, link or code that somebody entered.
        Manual,
        /// Members of shared conversations.
        Exchange,
    }

    /// How sure we are that an account is who it says.
    pub enum Trust {
        /// First contact.
        Unverified,
        /// The safety number was compared.
        Verified,
        /// One's own.
        Own,
    }

    /// How one stands to a person.
    pub enum Relation {
        /// Never spoken with.
        Stranger,
        /// They wrote to us; we have not answered.
        Requested,
        /// We talk.
        Contact,
        /// We do not want to hear from them.
        Blocked,
    }

    /// How available a person is.
    pub enum PresenceState {
        /// At the desk.
        Available,
        /// Not at the desk.
        Away,
        /// Not to be disturbed.
        Busy,
        /// No device reachable.
        Offline,
    }

    /// How linking this device to an account stands.
    pub enum LinkStep {
        /// The code is shown; nobody has used it yet.
        Waiting,
        /// The other device has it and hands the account over.
        Receiving,
        /// This device belongs to the account.
        Done,
        /// The code is no longer valid.
        Expired,
        /// It failed; the message says why.
        Failed,
    }
}

model! {
    /// One's own account on this device.
    pub struct Account {
        /// Account id.
        pub account: String,
        /// This device's id.
        pub device: String,
        /// Shown name.
        pub name: String,
        /// Status line.
        pub status: Option<String>,
        /// Picture id, for `picture.get`; missing where there is none.
        pub avatar: Option<String>,
        /// How available one says to be.
        pub presence: PresenceState,
        /// Where this device listens.
        pub addresses: Vec<String>,
        /// Relays in use.
        pub relays: Vec<String>,
        /// The `anser:` link that carries one's card.
        pub link: String,
    }

    /// A device of one's own account.
    pub struct Device {
        /// Device id.
        pub device: String,
        /// What the person calls it.
        pub label: String,
        /// When it was certified.
        pub created_ms: u64,
        /// Whether it is this one.
        pub current: bool,
        /// Whether it is connected.
        pub online: bool,
    }

    /// A person on a device, as seen on the network or known from before.
    pub struct Peer {
        /// Account id.
        pub account: String,
        /// Device id.
        pub device: String,
        /// Shown name.
        pub name: String,
        /// Status line.
        pub status: Option<String>,
        /// Picture id, for `picture.get`; missing where there is none.
        pub avatar: Option<String>,
        /// Whether it can be reached now.
        pub online: bool,
        /// How available they say to be.
        pub presence: PresenceState,
        /// How it is known.
        pub via: Vec<Via>,
        /// Where it was reached.
        pub addresses: Vec<String>,
        /// How sure we are.
        pub trust: Trust,
        /// How we stand to them.
        pub relation: Relation,
        /// When it was last reachable; missing when never.
        pub last_seen_ms: Option<u64>,
    }

    /// A person one knows.
    pub struct Contact {
        /// Account id.
        pub account: String,
        /// Shown name.
        pub name: String,
        /// Status line.
        pub status: Option<String>,
        /// Picture id, for `picture.get`; missing where there is none.
        pub avatar: Option<String>,
        /// How sure we are.
        pub trust: Trust,
        /// How we stand to them.
        pub relation: Relation,
        /// Whether a device of theirs can be reached.
        pub online: bool,
        /// How available they say to be.
        pub presence: PresenceState,
        /// Number to compare aloud: 12 groups of 5 digits.
        pub safety_number: String,
        /// When a device of theirs was last reachable.
        pub last_seen_ms: Option<u64>,
    }

    /// The code that a new device shows.
    pub struct LinkCode {
        /// To be pasted or scanned on a device that has the account.
        pub code: String,
        /// Until when, by this device's clock.
        pub expires_ms: u64,
    }

    /// A link that lets somebody in.
    pub struct Invite {
        /// The `anser:invite/` link.
        pub link: String,
        /// Until when, by this device's clock.
        pub expires_ms: u64,
    }

    /// A list of peers.
    pub struct Peers {
        /// The peers, online first, then by name.
        pub peers: Vec<Peer>,
    }

    /// A page of contacts.
    pub struct Contacts {
        /// The contacts, by name.
        pub contacts: Vec<Contact>,
        /// Whether there are more.
        pub more: bool,
    }

    /// One's own devices.
    pub struct Devices {
        /// The devices.
        pub devices: Vec<Device>,
    }
}
