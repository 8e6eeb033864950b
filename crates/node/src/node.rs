//! The machine itself: state, input, timers, output.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use anser_api::model::{PresenceState, Settings, Via};
use anser_api::{ApiError, Command, ErrorCode, Event, EventBody, Reply, model};
use anser_chat::Conversation;
use anser_e2ee::{Directory, Identity};
use anser_proto::sign::{Keypair, Signed};
use anser_proto::{AccountId, ConversationId, DeviceAddresses, DeviceId, Frame, PictureId};
use anser_store::{Batch, Store, StoreError};
use zeroize::Zeroizing;

use crate::files::Files;
use crate::invites::Joins;
use crate::io::{Input, Now, Output};
use crate::linking::Linking;
use crate::random::Random;
use crate::records::{ConversationRecord, PersonRecord};
use crate::session::Session;

/// A device of a person. See the crate's header.
pub struct Node<S> {
    pub(crate) store: S,
    pub(crate) now: Now,
    pub(crate) random: Random,
    pub(crate) key: Keypair,
    pub(crate) profile: Option<Profile>,
    pub(crate) settings: Settings,
    pub(crate) directory: Directory,
    pub(crate) people: BTreeMap<AccountId, PersonRecord>,
    pub(crate) devices: BTreeMap<DeviceId, Device>,
    pub(crate) numbers: Numbers,
    pub(crate) rooms: BTreeMap<ConversationId, Room>,
    pub(crate) sessions: BTreeMap<DeviceId, Session>,
    pub(crate) addresses: Vec<String>,
    /// Strangers on the network whose cards we still want.
    pub(crate) introductions: VecDeque<DeviceId>,
    pub(crate) introducing: BTreeSet<DeviceId>,
    pub(crate) wanted: BTreeSet<DeviceId>,
    pub(crate) files: Files,
    pub(crate) timers: BTreeSet<(u64, Timer)>,
    pub(crate) dirty_rooms: BTreeSet<ConversationId>,
    pub(crate) dirty_people: BTreeSet<AccountId>,
    pub(crate) dirty_receipts: BTreeSet<(ConversationId, AccountId)>,
    /// The highest counter of an own record's stamp.
    pub(crate) own_clock: u64,
    pub(crate) linking: Linking,
    pub(crate) joins: Joins,
    /// One's own devices as they were last shown.
    pub(crate) shown_devices: Vec<model::Device>,
    /// A backup is being read in: nothing is shown until it is whole.
    pub(crate) restoring: bool,
    pub(crate) outputs: VecDeque<Output>,
    pub(crate) revision: u64,
    pub(crate) counters: Counters,
    pub(crate) failed: Option<StoreError>,
}

/// One's own account.
pub(crate) struct Profile {
    pub(crate) identity: Identity,
    pub(crate) about: About,
    pub(crate) presence: PresenceState,
    pub(crate) version: u64,
    pub(crate) card: Signed,
}

/// What a person shows of themselves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct About {
    pub(crate) name: String,
    pub(crate) status: Option<String>,
    pub(crate) avatar: Option<PictureId>,
}

/// What is known of a device, connected or not.
#[derive(Clone, Debug, Default)]
pub(crate) struct Device {
    pub(crate) addresses: Vec<String>,
    pub(crate) via: BTreeSet<Via>,
    pub(crate) on_lan: bool,
}

impl Profile {
    /// The card as it travels in links: with addresses.
    pub(crate) fn card_with(&self, addresses: Vec<DeviceAddresses>) -> Signed {
        self.about.card(&self.identity, self.version, addresses)
    }
}

impl About {
    pub(crate) fn card(
        &self,
        identity: &Identity,
        version: u64,
        addresses: Vec<DeviceAddresses>,
    ) -> Signed {
        let (name, status) = (self.name.clone(), self.status.clone());
        identity.card(version, name, status, self.avatar, addresses)
    }
}

/// A conversation with what is kept beside its rules.
pub(crate) struct Room {
    pub(crate) number: u32,
    pub(crate) chat: Conversation,
    pub(crate) record: ConversationRecord,
    pub(crate) typing: BTreeMap<AccountId, u64>,
    /// Membership as it was when links and views were last brought in line with it.
    pub(crate) generation: u64,
}

/// Local numbers of devices, for keys.
#[derive(Debug, Default)]
pub(crate) struct Numbers {
    pub(crate) devices: BTreeMap<DeviceId, u32>,
    pub(crate) by_number: Vec<DeviceId>,
    pub(crate) conversations: BTreeMap<u32, ConversationId>,
    pub(crate) next_conversation: u32,
}

/// What is to be done later.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Timer {
    /// Send one's receipt.
    Receipt(ConversationId),
    /// Tell members a digest, so that third members' events and receipts spread.
    Gossip(ConversationId),
    /// Ask again for what is missing.
    Ask(ConversationId, DeviceId),
    /// Look whether what was sent was acknowledged.
    Lost(ConversationId, DeviceId),
    /// Nobody types for ever.
    Typing(ConversationId, AccountId),
    /// A stranger did not say hello in time.
    Introduction(DeviceId),
    /// The code that this device shows is no longer valid.
    LinkExpires,
    /// A device whose code was accepted did not take the account in time.
    Grant(DeviceId),
    /// An invitation was accepted; nobody let us in yet.
    Join([u8; 16]),
    /// A fetch waits too long, or progress is to be told.
    Files,
}

/// What was counted since the start. A peer's bad input ends here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Counters {
    /// Frames that do not decode or break a limit.
    pub bad_frames: u64,
    /// Frames of a newer version.
    pub unknown_frames: u64,
    /// Events whose signature, body or limits do not hold.
    pub bad_events: u64,
    /// Events that can never belong where they were sent.
    pub refused_events: u64,
    /// Events that came twice.
    pub duplicate_events: u64,
    /// Events that came before what they follow.
    pub early_events: u64,
    /// Frames from somebody who may not send them.
    pub uninvited_frames: u64,
    /// Parts of files that do not belong to them.
    pub wrong_parts: u64,
    /// Parts of files that nobody asked for.
    pub unasked_parts: u64,
    /// Requests for files by somebody who may not have them.
    pub refused_files: u64,
    /// Parts that were asked for beyond what is read for one device at a time.
    pub unserved_parts: u64,
    /// Files that were here and turned out damaged or taken away.
    pub lost_files: u64,
    /// Proven forks.
    pub forks: u64,
    /// Events taken in.
    pub events: u64,
}

impl<S: Store> Node<S> {
    /// This device.
    pub fn device(&self) -> DeviceId {
        DeviceId(self.key.public())
    }

    /// The account this device belongs to; `None` before there is one.
    pub fn account(&self) -> Option<AccountId> {
        self.own_account()
    }

    /// The secret of this device's key: the network identity is made from it.
    pub fn device_secret(&self) -> Zeroizing<[u8; 32]> {
        self.key.secret()
    }

    /// The room with a local number.
    pub(crate) fn room_by_number(&self, number: u32) -> Option<&Room> {
        self.rooms.get(self.numbers.conversations.get(&number)?)
    }

    /// The store, as it is; what was not flushed may be lost by a crash.
    pub fn into_store(self) -> S {
        self.store
    }

    /// What was counted since the start.
    pub fn counters(&self) -> Counters {
        self.counters
    }

    /// Takes one input. Its outputs are to be taken after the next [`Node::flush`].
    pub fn handle(&mut self, input: Input, now: Now) {
        self.now = now;
        if let (Some(error), Input::Command { id, .. }) = (&self.failed, &input) {
            let result = Err(store_error(error));
            self.outputs.push_back(Output::Reply { id: *id, result });
            return;
        }
        if self.failed.is_some() {
            return;
        }
        let done = match input {
            Input::Command { id, command } if self.restoring && !is_quiet(&command) => {
                self.reply(id, Err(restoring()));
                Ok(())
            }
            // These wait for another device.
            Input::Command { id, command: Command::DeviceLinkAccept(params) } => {
                self.link_accept(id, &params)
            }
            Input::Command { id, command: Command::InviteAccept(params) } => {
                self.invite_accept(id, &params)
            }
            Input::Command { id, command } => {
                if let Some(answer) = self.answer(id, command) {
                    self.reply(id, answer);
                }
                Ok(())
            }
            Input::Connected { device, address } => self.connected(device, address),
            Input::Disconnected { device } => self.disconnected(device),
            // What is missed comes by sync.
            Input::Frame { .. } if self.restoring => Ok(()),
            Input::Frame { device, bytes } => self.frame(device, &bytes),
            Input::Discovered { device, addresses, via } => self.discovered(device, addresses, via),
            Input::Gone { device } => {
                self.gone(device);
                Ok(())
            }
            Input::Listening { addresses } => self.listening(addresses),
            Input::File(answer) => self.file_answer(answer),
        };
        if let Err(error) = done {
            self.fail(error);
        }
        self.settle_files();
    }

    /// Does what is due.
    pub fn handle_timeout(&mut self, now: Now) {
        self.now = now;
        while let Some((due, timer)) = self.timers.first().copied() {
            if due > now.mono_ms || self.failed.is_some() {
                break;
            }
            self.timers.pop_first();
            let done = match timer {
                Timer::Receipt(conversation) => self.send_receipt(conversation),
                Timer::Gossip(conversation) => {
                    self.gossip(conversation);
                    Ok(())
                }
                Timer::Ask(conversation, device) => {
                    self.ask(conversation, device, false);
                    Ok(())
                }
                Timer::Lost(conversation, device) => {
                    self.look_for_lost(conversation, device);
                    Ok(())
                }
                Timer::Typing(conversation, account) => {
                    self.typing_ended(conversation, account);
                    Ok(())
                }
                Timer::Introduction(device) => {
                    self.introduction_ended(device);
                    Ok(())
                }
                Timer::LinkExpires => {
                    self.link_expired();
                    Ok(())
                }
                Timer::Grant(device) => {
                    self.grant_ended(device);
                    Ok(())
                }
                Timer::Join(nonce) => {
                    self.join_waits(nonce);
                    Ok(())
                }
                Timer::Files => {
                    self.files_due();
                    Ok(())
                }
            };
            if let Err(error) = done {
                self.fail(error);
            }
            self.settle_files();
        }
    }

    /// When [`Node::handle_timeout`] is due, on the monotonic clock.
    pub fn poll_timeout(&self) -> Option<u64> {
        self.timers.first().map(|(due, _)| *due)
    }

    /// Puts everything on disk; outputs may be taken when this returns `Ok`.
    ///
    /// # Errors
    /// [`StoreError`]: nothing of what is waiting in the outputs may be sent or shown.
    pub fn flush(&mut self) -> Result<(), StoreError> {
        if let Some(error) = &self.failed {
            return Err(error.clone());
        }
        self.store.flush()?;
        self.announce()
    }

    /// Whether [`Node::rest`] has something to do.
    pub fn wants_rest(&self) -> bool {
        self.failed.is_none() && self.store.wants_rest()
    }

    /// Upkeep of the store for a moment when nobody waits; see [`Store::rest`].
    ///
    /// # Errors
    /// As [`Node::flush`].
    pub fn rest(&mut self) -> Result<(), StoreError> {
        self.store.rest()
    }

    /// The next thing to do for this node.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// Writes a batch; it is on disk after the next flush.
    pub(crate) fn commit(&mut self, batch: Batch) -> Result<(), StoreError> {
        if batch.is_empty() { Ok(()) } else { self.store.write(batch) }
    }

    /// After a storage error memory and disk may differ, so the node does nothing more.
    fn fail(&mut self, error: StoreError) {
        self.failed = Some(error);
    }

    pub(crate) fn fail_command(&mut self, error: StoreError) -> ApiError {
        let shown = store_error(&error);
        self.fail(error);
        shown
    }

    /// Shows an event that comes from around the node, in order with its own.
    pub fn tell(&mut self, body: EventBody) {
        self.revision = self.revision.saturating_add(1);
        let event = Event { revision: self.revision, body };
        self.outputs.push_back(Output::Event(Box::new(event)));
    }

    pub(crate) fn reply(&mut self, id: u64, result: Answer) {
        let result = result.map(Box::new);
        self.outputs.push_back(Output::Reply { id, result });
    }

    pub(crate) fn emit(&mut self, body: EventBody) {
        if self.restoring {
            return;
        }
        self.tell(body);
    }

    pub(crate) fn send(&mut self, device: DeviceId, frame: impl Into<Frame>) {
        let frame = frame.into().encode();
        self.outputs.push_back(Output::Send { device, frame });
    }

    pub(crate) fn after(&mut self, ms: u64, timer: Timer) {
        if !self.timers.iter().any(|(_, waiting)| *waiting == timer) {
            self.timers.insert((self.now.mono_ms.saturating_add(ms), timer));
        }
    }

    /// Emits what changed during the burst, once each.
    fn announce(&mut self) -> Result<(), StoreError> {
        if self.restoring {
            return Ok(());
        }
        for account in std::mem::take(&mut self.dirty_people) {
            if Some(account) == self.own_account() {
                let devices = self.devices_view().devices;
                if devices != self.shown_devices {
                    self.shown_devices.clone_from(&devices);
                    self.emit(EventBody::DevicesChanged { devices });
                }
            }
            for peer in self.peers_of(&account) {
                self.emit(EventBody::PeerChanged { peer });
            }
        }
        for (id, account) in std::mem::take(&mut self.dirty_receipts) {
            let Some(room) = self.rooms.get(&id) else { continue };
            let (delivered_position, read_position) = self.least_positions(room)?;
            self.emit(EventBody::ReceiptChanged {
                conversation: id.to_string(),
                account: account.to_string(),
                delivered_position,
                read_position,
            });
        }
        for id in std::mem::take(&mut self.dirty_rooms) {
            if let Some(conversation) = self.conversation_view(&id)? {
                self.emit(EventBody::ConversationChanged { conversation: Box::new(conversation) });
            }
        }
        Ok(())
    }
}

/// The error a person sees when the store fails.
pub(crate) fn store_error(error: &StoreError) -> ApiError {
    let code = match error {
        StoreError::Full => ErrorCode::StoreFull,
        StoreError::Io { .. } | StoreError::Corrupt { .. } | StoreError::Sealed => {
            ErrorCode::StoreBroken
        }
    };
    ApiError::new(code, error.to_string())
}

/// Whether a command is answered while a backup is read in.
fn is_quiet(command: &Command) -> bool {
    matches!(
        command,
        Command::SettingsGet(_) | Command::EventsSubscribe(_) | Command::DeviceLinkCancel(_)
    )
}

fn restoring() -> ApiError {
    ApiError::new(ErrorCode::NoAccount, "A backup is being read in: wait until it is done.")
}

/// The result of a command.
pub(crate) type Answer = Result<Reply, ApiError>;
