//! What leaves a node when the store works and when it does not.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use anser_api::params::{AccountCreate, AccountUpdate, Empty};
use anser_api::{ApiError, ErrorCode, EventBody, Reply};
use anser_net::Path;
use anser_store::{Batch, Entry, MemoryStore, Order as ScanOrder, Table};

use super::*;
use crate::events::{Feed, Source, Subscription};

type Log = Arc<Mutex<Vec<&'static str>>>;

/// Notes what is asked of it; full when told so.
struct RecordingStore {
    inner: MemoryStore,
    log: Log,
    full: Arc<AtomicBool>,
    tired: bool,
}

impl Store for RecordingStore {
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.inner.get(table, key)
    }
    fn scan(
        &self,
        table: Table,
        lower: &[u8],
        upper: Option<&[u8]>,
        order: ScanOrder,
        limit: usize,
    ) -> Result<Vec<Entry>, StoreError> {
        self.inner.scan(table, lower, upper, order, limit)
    }
    fn write(&mut self, batch: Batch) -> Result<(), StoreError> {
        self.log.lock().unwrap().push("write");
        self.inner.write(batch)
    }
    fn flush(&mut self) -> Result<(), StoreError> {
        if self.full.load(Ordering::Relaxed) {
            self.log.lock().unwrap().push("full");
            return Err(StoreError::Full);
        }
        self.log.lock().unwrap().push("flush");
        self.inner.flush()
    }
    fn wants_rest(&self) -> bool {
        self.tired
    }
    fn rest(&mut self) -> Result<(), StoreError> {
        self.log.lock().unwrap().push("rest");
        self.tired = false;
        Ok(())
    }
    fn tag(&self, domain: &'static str, bytes: &[u8]) -> [u8; 16] {
        self.inner.tag(domain, bytes)
    }
}

struct RecordingLink(Log);

impl Link for RecordingLink {
    fn send(&self, _: DeviceId, _: Vec<u8>) {
        self.0.lock().unwrap().push("send");
    }
    fn want(&self, _: DeviceId, _: Vec<String>) {}
    fn unwant(&self, _: DeviceId) {}
    fn disconnect(&self, _: DeviceId, _: &'static str) {
        self.0.lock().unwrap().push("disconnect");
    }
}

struct Bench {
    actor: Actor<RecordingStore, RecordingLink>,
    log: Log,
    full: Arc<AtomicBool>,
    events: Subscription,
}

impl Bench {
    fn new() -> Self {
        let (log, full) = (Log::default(), Arc::<AtomicBool>::default());
        let inner = MemoryStore::new();
        let store = RecordingStore { inner, log: log.clone(), full: full.clone(), tired: true };
        let clock = Clock::start();
        let node = Node::open(store, [7; 32], clock.now()).unwrap();
        let source = Source::new();
        let events = source.subscribe();
        let outlet = Outlet::new(RecordingLink(log.clone()), Feed::new(source), None);
        let actor =
            Actor::new(node, clock, outlet, watch::channel(Vec::new()).0, Box::new(|| true));
        log.lock().unwrap().clear();
        Self { actor, log, full, events }
    }

    /// One burst of commands and network events; gives the answers and what was done, in order.
    fn turn(
        &mut self,
        commands: Vec<Command>,
        news: Vec<NetEvent>,
    ) -> (Vec<Result<Reply, ApiError>>, Vec<&'static str>) {
        let mut burst = Vec::new();
        let mut answers = Vec::new();
        for command in commands {
            let (answer, answered) = oneshot::channel();
            burst.push(Work::Order(Order::Call { command, answer }));
            answers.push(answered);
        }
        burst.extend(news.into_iter().map(Work::Net));
        self.actor.turn(burst);
        let answers = answers.into_iter().map(|mut answered| answered.try_recv().unwrap());
        (answers.collect(), std::mem::take(&mut *self.log.lock().unwrap()))
    }
}

fn create() -> Command {
    Command::AccountCreate(AccountCreate { name: "Alice".into(), device_label: None })
}

fn rename(name: &str) -> Command {
    Command::AccountUpdate(AccountUpdate { name: Some(name.into()), ..AccountUpdate::default() })
}

fn get() -> Command {
    Command::AccountGet(Empty {})
}

fn connected() -> NetEvent {
    NetEvent::Connected {
        device: DeviceId([9; 32]),
        address: "/ip4/10.0.0.9/tcp/1".into(),
        outbound: false,
        path: Path::Tcp,
    }
}

#[test]
fn a_burst_is_flushed_once_and_before_anything_leaves() {
    let mut bench = Bench::new();
    let (answers, done) = bench.turn(vec![create(), rename("Bob"), get()], vec![connected()]);
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
    let flush = done.iter().position(|what| *what == "flush").expect("a flush");
    assert_eq!(done.iter().filter(|what| **what == "flush").count(), 1, "{done:?}");
    let (before, after) = done.split_at(flush);
    assert!(before.contains(&"write") && !before.contains(&"send"), "{done:?}");
    assert!(after.contains(&"send") && !after.contains(&"write"), "{done:?}");
}

#[tokio::test]
async fn on_a_full_disk_nothing_leaves_and_everything_follows_once_there_is_room() {
    let mut bench = Bench::new();
    bench.turn(vec![create()], vec![connected()]);
    let mut last = 0;
    while let Ok(event) = tokio::time::timeout(std::time::Duration::ZERO, bench.events.next()).await
    {
        last = event.unwrap().revision;
    }

    bench.full.store(true, Ordering::Relaxed);
    let (answers, done) = bench.turn(vec![rename("Bob")], vec![]);
    let error = answers[0].as_ref().unwrap_err();
    assert_eq!(error.code, ErrorCode::StoreFull);
    assert!(error.message.contains("do not repeat"), "{}", error.message);
    assert!(!done.contains(&"send") && done.contains(&"disconnect"), "{done:?}");
    let warning = bench.events.next().await.unwrap();
    assert_eq!(warning.revision, last + 1);
    assert!(matches!(&warning.body, EventBody::Warning { code, .. } if code == "store_full"));

    // Reading goes on, writing is refused without being done.
    let (answers, done) = bench.turn(vec![rename("Carol"), get()], vec![]);
    assert_eq!(answers[0].as_ref().unwrap_err().code, ErrorCode::StoreFull);
    assert!(matches!(&answers[1], Ok(Reply::AccountGet(account)) if account.name == "Bob"));
    assert!(!done.contains(&"write"), "{done:?}");
    assert!(bench.actor.deadline().is_some(), "nobody tries again");

    bench.full.store(false, Ordering::Relaxed);
    let (answers, done) = bench.turn(vec![rename("Dora")], vec![]);
    assert!(answers[0].is_ok() && done.contains(&"flush"), "{answers:?} {done:?}");
    for (revision, name) in [(last + 2, "Bob"), (last + 3, "Dora")] {
        let event = bench.events.next().await.unwrap();
        assert_eq!(event.revision, revision);
        let EventBody::AccountChanged { account } = &event.body else { panic!("{event:?}") };
        assert_eq!(account.name, name);
    }
}

#[test]
fn the_store_rests_when_nothing_came_for_a_while_and_only_then() {
    let mut bench = Bench::new();
    let (_, done) = bench.turn(vec![create()], vec![]);
    assert!(!done.contains(&"rest"), "{done:?}");
    let due = bench.actor.rest_ms.expect("it will rest");
    let (_, done) = bench.turn(vec![], vec![]);
    assert!(!done.contains(&"rest"), "too early: {done:?}");
    assert_eq!(bench.actor.rest_ms, Some(due), "a timer of the node puts it off");
    bench.actor.rest_ms = Some(0);
    let (_, done) = bench.turn(vec![get()], vec![]);
    assert!(!done.contains(&"rest"), "somebody waits: {done:?}");
    bench.actor.rest_ms = Some(0);
    let (_, done) = bench.turn(vec![], vec![]);
    assert!(done.contains(&"rest") && !done.contains(&"write"), "{done:?}");
    assert_eq!(bench.actor.rest_ms, None, "nothing is due, so nothing wakes it");
}
