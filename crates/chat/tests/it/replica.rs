//! People with keys, and what one device holds of a conversation: the smallest program that uses
//! `Conversation` as a node does.

use std::collections::{BTreeMap, BTreeSet};

use anser_chat::{Conversation, Deed, Shape, Verdict};
use anser_proto::sign::Signed;
use anser_proto::{
    AccountId, Certificate, ConversationId, DeviceId, Event, EventId, Genesis, Keypair, Kind,
    WireEvent,
};

use crate::world::Dice;

pub struct Person {
    account: Keypair,
    devices: Vec<(Keypair, Signed)>,
}

impl Person {
    pub fn new(index: u8, devices: u8) -> Self {
        let account = Keypair::from_secret(&[index + 1; 32]);
        let certified = |device: u8| {
            let key = Keypair::from_secret(&[100 + 10 * index + device; 32]);
            let certificate = Certificate {
                account: AccountId(account.public()),
                device: DeviceId(key.public()),
                sealing: None,
                label: "desk".into(),
                created_ms: 1,
            };
            (key, certificate.sign(&account))
        };
        let devices = (0..devices).map(certified).collect();
        Self { account, devices }
    }

    pub fn account(&self) -> AccountId {
        AccountId(self.account.public())
    }
}

pub struct Cast {
    pub people: Vec<Person>,
    pub cheats: bool,
}

impl Cast {
    pub fn new(dice: &mut Dice, cheats: bool) -> Self {
        let people = (0..4).map(|index| Person::new(index, 1 + dice.below(2) as u8)).collect();
        Self { people, cheats }
    }

    /// Every device, each with the first event where there is one.
    pub fn writers(&self, group: bool, dice: &mut Dice) -> Vec<Writer> {
        let accounts: Vec<AccountId> = self.people.iter().map(Person::account).collect();
        let direct = Shape::Direct(accounts[0], accounts[1]);
        let (id, shape) = match group {
            true => (ConversationId([0; 32]), Shape::Group),
            false => (ConversationId::direct(&accounts[0], &accounts[1]), direct),
        };
        let blank = Replica::blank(id, shape);
        let speakers = if group { self.people.len() } else { 2 };
        let mut writers: Vec<Writer> = (0..speakers)
            .flat_map(|person| (0..self.people[person].devices.len()).map(move |d| (person, d)))
            .map(|(person, device)| Writer {
                person,
                device: self.people[person].devices[device].0.clone(),
                certificate: self.people[person].devices[device].1.clone(),
                replica: blank.clone(),
            })
            .collect();
        if group {
            let genesis = Genesis {
                title: "group".into(),
                members: accounts[1..2 + dice.below(3)].to_vec(),
                history: true,
                nonce: [7; 16].into(),
            };
            let body = anser_proto::codec::encode(&genesis);
            let first = &writers[0];
            let header = first.replica.conversation.next_header(
                first.device(),
                &first.certificate,
                1,
                Kind::Genesis,
            );
            let event = Event::sign(&first.device, header, body).unwrap();
            let blank = Replica::blank(event.conversation, shape);
            for writer in &mut writers {
                writer.replica = blank.clone();
            }
            writers[0].replica.receive_all(vec![event]);
        }
        writers
    }
}

/// A device that writes, by what it holds.
#[derive(Clone)]
pub struct Writer {
    person: usize,
    device: Keypair,
    certificate: Signed,
    pub replica: Replica,
}

impl Writer {
    pub fn device(&self) -> DeviceId {
        DeviceId(self.device.public())
    }

    /// Writes an event, if its own replica takes it. A cheat may write what it is not allowed to,
    /// date it wrongly, or say it has seen less than it has.
    pub fn write(&mut self, cast: &Cast, kind: Kind, body: Vec<u8>, dice: &mut Dice) {
        let conversation = &self.replica.conversation;
        let account = cast.people[self.person].account();
        let cheat = cast.cheats && dice.percent(30);
        let permitted = match Deed::decode(kind, &body) {
            Some(deed) => conversation.membership().permits(&account, &deed),
            None => conversation.may_write(&account, &self.device()),
        };
        if !permitted && !cheat {
            return;
        }
        let mut header = conversation.next_header(self.device(), &self.certificate, 5, kind);
        if cheat {
            match dice.below(4) {
                0 => header.lamport = header.seq.max(header.lamport.saturating_sub(3)),
                1 => header.lamport += 5,
                2 => header.seen.retain(|_| dice.percent(50)),
                _ => {}
            }
        }
        let event = Event::sign(&self.device, header, body).unwrap();
        if conversation.judge(&event, None) == Verdict::New {
            self.replica.receive_all(vec![event]);
        }
    }
}

/// What one device holds.
#[derive(Clone)]
pub struct Replica {
    pub conversation: Conversation,
    pub held: BTreeMap<(DeviceId, u64), Event>,
    /// In the order of arrival.
    arrived: Vec<(DeviceId, u64)>,
    /// Came too early.
    pub pending: Vec<Event>,
    revoked: BTreeSet<(DeviceId, u64)>,
}

impl Replica {
    fn blank(id: ConversationId, shape: Shape) -> Self {
        Self {
            conversation: Conversation::new(id, shape),
            held: BTreeMap::new(),
            arrived: vec![],
            pending: vec![],
            revoked: BTreeSet::new(),
        }
    }

    /// One that holds nothing of the same conversation.
    pub fn new(like: &Replica) -> Self {
        Self::blank(like.conversation.id(), like.conversation.shape())
    }

    pub fn withheld(event: &Event) -> Event {
        if event.kind().is_authority() {
            return event.clone();
        }
        Event::reopen(WireEvent { body: None, ..event.wire.clone() }).unwrap()
    }

    pub fn revoke(&mut self, device: DeviceId, seq: u64) {
        self.conversation.revoke(device, seq);
        self.revoked.insert((device, seq));
    }

    /// Takes events in any order.
    pub fn receive_all(&mut self, events: Vec<Event>) {
        self.pending.extend(events);
        loop {
            let before = (self.held.len(), self.conversation.forks());
            for event in std::mem::take(&mut self.pending) {
                self.receive(event);
            }
            if before == (self.held.len(), self.conversation.forks()) {
                return;
            }
        }
    }

    fn receive(&mut self, event: Event) {
        let (device, seq) = (event.header.device, event.header.seq);
        match self.conversation.judge(&event, None) {
            Verdict::New => {
                let account = match &event.certificate {
                    Some(certificate) => certificate.account,
                    None => self.account_of(device),
                };
                self.conversation.admit(&event, account);
                self.held.insert((device, seq), event);
                self.arrived.push((device, seq));
            }
            Verdict::Held => match self.held.get(&(device, seq)) {
                Some(held) if held.id == event.id => {}
                Some(held) if held.header.prev == event.header.prev => {
                    self.conversation.split(device, seq, event.header.prev);
                }
                // The split is earlier: its proof comes with the events before this one.
                _ => self.pending.push(event),
            },
            Verdict::Early | Verdict::Refused(_) => self.pending.push(event),
            Verdict::Split => {}
        }
    }

    fn account_of(&self, device: DeviceId) -> AccountId {
        self.held[&(device, 1)].certificate.as_ref().unwrap().account
    }

    /// The same, read again from what a store keeps: the events that tell what their writers had
    /// seen, in the order of arrival, and the heads.
    pub fn restored(&self) -> Self {
        let mut restored = Self::new(self);
        let conversation = &mut restored.conversation;
        for key in &self.arrived {
            let event = &self.held[key];
            if event.kind().is_authority() || !event.header.seen.is_empty() || key.1 == 1 {
                conversation.admit(event, self.account_of(key.0));
            }
        }
        let heads: BTreeMap<DeviceId, &Event> =
            self.held.iter().map(|((device, _), event)| (*device, event)).collect();
        for (device, event) in heads {
            let (seq, lamport) = (event.header.seq, event.header.lamport);
            conversation.restore_log(device, self.account_of(device), seq, event.id, lamport);
        }
        for fork in self.conversation.forks() {
            let shared = self.held.get(&(fork.device, fork.seq - 1)).map(|e| e.id);
            conversation.split(fork.device, fork.seq, shared.or(None::<EventId>));
        }
        for (device, seq) in &self.revoked {
            conversation.revoke(*device, *seq);
        }
        restored.held.clone_from(&self.held);
        restored
    }
}
