//! A log, a hub fed from it, and readers that note what they were given and promised.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use anser_relay_proto::{Cursor, Cut, Epoch, Event, Hub, Limits, Output, Reason, Refusal, Topic};

pub const SHARDS: u16 = 2;

pub fn topic(number: usize) -> Topic {
    format!("news/{number}").parse().unwrap()
}

/// Every topic has its shard.
pub fn shard(number: usize) -> u16 {
    u16::try_from(number).unwrap() % SHARDS
}

/// A client: what it watches, how far it processed, and what is promised to it.
#[derive(Clone)]
pub struct Client {
    pub connection: Option<u64>,
    pub cursor: Option<Cursor>,
    pub watches: BTreeSet<usize>,
    /// Of each topic, the last number it was given or told to be missing.
    pub upto: BTreeMap<usize, u64>,
    pub cuts: usize,
    pub told_of_holes: usize,
}

pub struct World {
    pub hub: Hub<u64>,
    pub log: Vec<(usize, Event<u64>)>,
    pub clients: Vec<Client>,
    pub now_ms: u64,
    next_connection: u64,
    heads: [u64; SHARDS as usize],
    limits: Limits,
}

pub fn tight() -> Limits {
    Limits { watches: 4, queued_events: 6, queued_bytes: 10_000, ring_events: 5, ring_ms: 1_000 }
}

impl World {
    pub fn new(clients: usize, limits: Limits) -> Self {
        let client = Client {
            connection: None,
            cursor: None,
            watches: BTreeSet::new(),
            upto: BTreeMap::new(),
            cuts: 0,
            told_of_holes: 0,
        };
        Self {
            hub: Hub::new(Cursor::start(Epoch(1)), limits),
            log: vec![],
            clients: vec![client; clients],
            now_ms: 1_000_000,
            next_connection: 1,
            heads: [0; SHARDS as usize],
            limits,
        }
    }

    /// The process ends and a new one is fed the latest events that the log still has.
    pub fn restart(&mut self, kept: usize) {
        for client in &mut self.clients {
            client.connection = None;
        }
        let (before, window) = self.log.split_at(self.log.len().saturating_sub(kept));
        let mut since = Cursor::start(Epoch(1));
        before.iter().for_each(|(_, event)| since.advance(event.shard, event.seq));
        self.hub = Hub::new(since, self.limits);
        for (_, event) in window {
            assert_eq!(self.hub.append(event.clone()), [], "nobody is there yet");
        }
    }

    pub fn publish(&mut self, number: usize) {
        let shard = shard(number);
        let head = &mut self.heads[usize::from(shard)];
        // Logs may leave numbers out.
        *head += 1 + (self.now_ms % 3 / 2);
        let previous = self.log.iter().rev().find(|(topic, _)| *topic == number);
        let event = Event {
            shard,
            seq: *head,
            topic: topic(number),
            kind: "note".into(),
            id: format!("{shard}-{head}").into(),
            previous: previous.map(|(_, event)| Arc::clone(&event.id)),
            taken_ms: self.now_ms,
            bytes: 100,
            data: *head,
        };
        self.log.push((number, event.clone()));
        let outputs = self.hub.append(event);
        self.obey(outputs);
    }

    pub fn obey(&mut self, outputs: Vec<Output>) {
        for output in outputs {
            if let Output::Cut(id, why) = output {
                let client = self.clients.iter_mut().find(|c| c.connection == Some(id)).unwrap();
                client.connection = None;
                client.cuts += usize::from(why == Cut::Slow);
            }
        }
    }

    /// Connects (anew) with the last cursor.
    pub fn open(&mut self, who: usize) {
        let id = self.next_connection;
        self.next_connection += 1;
        let client = self.clients[who].clone();
        let topics = client.watches.iter().map(|number| topic(*number)).collect();
        let session = who as u64;
        let (hello, outputs) = self.hub.open(id, session, client.cursor.as_ref(), topics).unwrap();
        self.obey(outputs);
        assert_eq!(hello.recovered, hello.reason == Reason::Ok);
        let heads = self.heads;
        let client = &mut self.clients[who];
        client.connection = Some(id);
        for number in &client.watches {
            let from = match (&client.cursor, hello.reason) {
                // From now on.
                (None, _) | (_, Reason::Future) => heads[usize::from(shard(*number))],
                (Some(_), Reason::Ok) => continue,
                // The hole that was told of ends here.
                (Some(_), _) => hello.oldest.seq(shard(*number)),
            };
            let upto = client.upto.entry(*number).or_default();
            *upto = (*upto).max(from);
        }
        client.told_of_holes += usize::from(!hello.recovered);
        client.cursor = Some(self.hub.cursor(id).unwrap().clone());
    }

    pub fn watch(&mut self, who: usize, number: usize) {
        let Some(id) = self.clients[who].connection else { return };
        if self.clients[who].watches.contains(&number)
            || self.hub.watch(id, &topic(number)).is_err()
        {
            return;
        }
        let head = self.heads[usize::from(shard(number))];
        let client = &mut self.clients[who];
        client.watches.insert(number);
        // Later than this it misses nothing; what is earlier it may be given once it goes on by an
        // older cursor.
        client.upto.insert(number, head);
    }

    pub fn unwatch(&mut self, who: usize, number: usize) {
        let Some(id) = self.clients[who].connection else { return };
        self.hub.unwatch(id, &topic(number)).unwrap();
        self.clients[who].watches.remove(&number);
        self.clients[who].upto.remove(&number);
    }

    /// Takes a few events and checks each: it is the next one of its topic.
    pub fn take(&mut self, who: usize, most: usize) -> usize {
        let Some(id) = self.clients[who].connection else { return 0 };
        let events = match self.hub.take(id, most) {
            Ok(events) => events,
            Err(refusal) => {
                assert_eq!(refusal, Refusal::Slow);
                self.obey(vec![Output::Cut(id, Cut::Slow)]);
                return 0;
            }
        };
        assert!(events.len() <= most);
        let log = &self.log;
        let client = &mut self.clients[who];
        for event in &events {
            let number = log.iter().find(|(_, e)| e == &**event).expect("it was published").0;
            assert!(client.watches.contains(&number), "not watched");
            let upto = client.upto.entry(number).or_default();
            if event.seq <= *upto {
                // Given again after going on by an older cursor: a client drops what it has seen.
                continue;
            }
            let next = log.iter().find(|(n, e)| *n == number && e.seq > *upto).unwrap();
            assert_eq!(next.1.seq, event.seq, "a hole of which nobody spoke, in topic {number}");
            *upto = event.seq;
        }
        if let Some(cursor) = self.hub.cursor(id) {
            client.cursor = Some(cursor.clone());
        }
        events.len()
    }

    pub fn close(&mut self, who: usize) {
        if let Some(id) = self.clients[who].connection.take() {
            self.hub.close(id);
        }
    }

    /// Everybody reads on to the end; then nobody may lack anything.
    pub fn settle(&mut self) {
        for who in 0..self.clients.len() {
            // Once more where what it had not read was let go while it was connected.
            for _ in 0..2 {
                if self.clients[who].connection.is_none() {
                    self.open(who);
                }
                while self.take(who, 3) > 0 {}
            }
            let client = &self.clients[who];
            assert!(client.connection.is_some(), "cut while it read as fast as it could");
            for number in &client.watches {
                let upto = client.upto.get(number).copied().unwrap_or(0);
                let lacking = self.log.iter().find(|(n, e)| n == number && e.seq > upto);
                assert!(lacking.is_none(), "client {who} lacks {lacking:?}");
            }
        }
    }
}
