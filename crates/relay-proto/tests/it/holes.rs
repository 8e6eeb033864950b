//! No hole without a word, whatever happens.

use std::collections::BTreeSet;

use anser_relay_proto::{Cursor, Cut, Epoch, Limits, Output, Reason, Refusal};
use proptest::prelude::*;

use crate::world::{World, tight, topic};

const TOPICS: usize = 5;
const CLIENTS: usize = 3;

#[derive(Clone, Debug)]
enum Step {
    Publish(usize),
    Open(usize),
    Close(usize),
    Watch(usize, usize),
    Unwatch(usize, usize),
    Take(usize, usize),
    Pass(u64),
    Restart(usize),
}

fn step() -> impl Strategy<Value = Step> {
    let (who, number) = (0..CLIENTS, 0..TOPICS);
    prop_oneof![
        8 => number.clone().prop_map(Step::Publish),
        2 => who.clone().prop_map(Step::Open),
        1 => who.clone().prop_map(Step::Close),
        2 => (who.clone(), number.clone()).prop_map(|(w, n)| Step::Watch(w, n)),
        1 => (who.clone(), number).prop_map(|(w, n)| Step::Unwatch(w, n)),
        6 => (who, 1..5_usize).prop_map(|(w, most)| Step::Take(w, most)),
        1 => (1..900_u64).prop_map(Step::Pass),
        1 => (0..12_usize).prop_map(Step::Restart),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_500, ..ProptestConfig::default() })]

    #[test]
    fn nobody_misses_an_event_unawares(steps in prop::collection::vec(step(), 1..120)) {
        let mut world = World::new(CLIENTS, tight());
        for step in steps {
            match step {
                Step::Publish(number) => world.publish(number),
                Step::Open(who) => world.open(who),
                Step::Close(who) => world.close(who),
                Step::Watch(who, number) => world.watch(who, number),
                Step::Unwatch(who, number) => world.unwatch(who, number),
                Step::Take(who, most) => {
                    world.take(who, most);
                }
                Step::Pass(ms) => {
                    world.now_ms += ms;
                    world.hub.expire(world.now_ms);
                }
                Step::Restart(kept) => world.restart(kept),
            }
        }
        world.settle();
        // Nothing is kept of those who left and of what nobody watches.
        for who in 0..CLIENTS {
            world.close(who);
        }
        world.hub.expire(world.now_ms + 10_000);
        prop_assert_eq!((world.hub.connections(), world.hub.topics()), (0, 0));
    }
}

#[test]
fn a_reader_that_comes_back_in_time_misses_nothing() {
    let mut world = World::new(1, Limits::default());
    world.open(0);
    world.watch(0, 0);
    world.publish(0);
    assert_eq!(world.take(0, 10), 1);
    world.close(0);
    for _ in 0..900 {
        world.publish(0);
        world.publish(1);
    }
    world.settle();
    assert_eq!(world.clients[0].told_of_holes, 0);
}

#[test]
fn a_hub_that_is_fed_anew_from_the_log_knows_what_it_lacks() {
    let mut world = World::new(2, Limits::default());
    for who in [0, 1] {
        world.open(who);
        world.watch(who, 0);
    }
    world.publish(0);
    world.take(0, 9);
    for _ in 0..4 {
        world.publish(0);
        world.publish(1);
    }
    // The log still has what client 0 lacks, but not what client 1 lacks.
    world.restart(8);
    world.settle();
    assert_eq!((world.clients[0].told_of_holes, world.clients[1].told_of_holes), (0, 1));
}

#[test]
fn one_that_comes_too_late_is_told_so() {
    let mut world = World::new(1, tight());
    world.open(0);
    world.watch(0, 0);
    world.close(0);
    for _ in 0..6 {
        world.publish(0);
    }
    world.open(0);
    assert_eq!(world.clients[0].told_of_holes, 1);
    assert_eq!(world.take(0, 10), 5, "what is held follows");
}

#[test]
fn one_that_reads_too_slowly_is_cut_and_goes_on() {
    let limits = Limits { ring_events: 100, ..tight() };
    let mut world = World::new(2, limits);
    for who in [0, 1] {
        world.open(who);
        world.watch(who, 0);
    }
    for _ in 0..7 {
        world.publish(0);
        world.take(1, 1);
    }
    assert_eq!((world.clients[0].cuts, world.clients[1].cuts), (1, 0));
    world.settle();
    assert_eq!(world.clients[0].told_of_holes, 0);
}

#[test]
fn the_newer_connection_of_a_session_fences_the_older() {
    let mut world = World::new(1, Limits::default());
    let news = BTreeSet::from([topic(0)]);
    world.hub.open(1, 7, None, news.clone()).unwrap();
    let (_, outputs) = world.hub.open(2, 7, None, news.clone()).unwrap();
    assert_eq!(outputs, [Output::Cut(1, Cut::Fenced)]);
    assert_eq!(world.hub.take(1, 1), Err(Refusal::Closed));
    // The older one's owner closing it late does not harm the newer.
    world.hub.close(1);
    world.publish(0);
    assert_eq!(world.hub.take(2, 9).unwrap().len(), 1);
}

#[test]
fn a_cursor_of_another_history_or_of_the_future_is_named() {
    let mut world = World::new(1, Limits::default());
    world.publish(0);
    let news = BTreeSet::from([topic(0)]);
    let head = world.hub.head().clone();
    let mut reason = |cursor: &Cursor, id| {
        let (hello, _) = world.hub.open(id, id, Some(cursor), news.clone()).unwrap();
        (hello.reason, hello.recovered, world.hub.take(id, 9).unwrap().len())
    };
    assert_eq!(reason(&Cursor::start(Epoch(1)), 1), (Reason::Ok, true, 1));
    assert_eq!(reason(&head, 2), (Reason::Ok, true, 0));
    assert_eq!(reason(&Cursor::start(Epoch(9)), 3), (Reason::Epoch, false, 1));
    let mut future = head.clone();
    future.advance(0, 1_000);
    assert_eq!(reason(&future, 4), (Reason::Future, false, 0));
    future = head;
    future.advance(9, 1);
    assert_eq!(reason(&future, 5), (Reason::Future, false, 0));
}

#[test]
fn more_watches_than_allowed_are_refused_and_change_nothing() {
    let mut world = World::new(1, tight());
    let topics = (0..5).map(topic).collect::<BTreeSet<_>>();
    assert_eq!(world.hub.open(1, 1, None, topics), Err(Refusal::TooManyWatches));
    assert_eq!((world.hub.connections(), world.hub.topics()), (0, 0));
    world.hub.open(1, 1, None, (0..4).map(topic).collect()).unwrap();
    assert_eq!(world.hub.watch(1, &topic(4)), Err(Refusal::TooManyWatches));
    assert_eq!(world.hub.watch(1, &topic(3)), Ok(None));
    world.hub.unwatch(1, &topic(3)).unwrap();
    assert_eq!(world.hub.watch(1, &topic(4)), Ok(None));
}

#[test]
fn a_reader_of_a_quiet_topic_stands_at_the_head() {
    let mut world = World::new(1, Limits::default());
    world.publish(0);
    let old = world.hub.head().clone();
    for _ in 0..5 {
        world.publish(1);
    }
    let quiet = BTreeSet::from([topic(0)]);
    world.hub.open(1, 1, Some(&old), quiet.clone()).unwrap();
    assert_eq!(world.hub.cursor(1), Some(world.hub.head()));
    // Not where something waits.
    world.hub.open(2, 2, Some(&Cursor::start(Epoch(1))), quiet).unwrap();
    assert_eq!(world.hub.cursor(2), Some(&Cursor::start(Epoch(1))));
}
