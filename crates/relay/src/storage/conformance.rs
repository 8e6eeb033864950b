//! What every storage engine must do, the same for all of them.

use anser_relay_proto::Topic;

use super::kv::Memory;
use super::sled_kv::SledKv;
use super::{Body, Books, Bounds, Deposited, Draft, Engine, Held, Seed, TokenRecord, WatchRecord};

const BOX: [u8; 32] = [7; 32];
const OTHER: [u8; 32] = [8; 32];
const TOKEN: [u8; 32] = [1; 32];

fn bounds() -> Bounds {
    Bounds {
        log_events: 5,
        log_bytes: 100_000,
        log_ms: 1_000,
        mailbox_bytes: 20_000,
        mailbox_ms: 10_000,
        once_ms: 500,
    }
}

fn topic(name: &str) -> Topic {
    name.parse().unwrap()
}

fn draft(text: &str) -> Draft {
    Draft { kind: "note".into(), body: Body::Json(text.into()), ttl_ms: 0, once: None }
}

fn bytes(length: usize) -> Draft {
    let body = Body::Bytes(vec![b'x'; length].into());
    Draft { kind: "mail".into(), body, ttl_ms: 0, once: None }
}

fn numbers(events: &[super::StoredEvent]) -> Vec<u64> {
    events.iter().map(|event| event.seq).collect()
}

fn the_log_is_numbered_bounded_and_says_from_where_it_is_whole(engine: &mut dyn Engine) {
    let (news, prices) = (topic("news/a"), topic("prices"));
    let first = engine.publish(&news, &draft("1"), false, 10).unwrap();
    assert_eq!((first.seq, first.epoch, engine.head()), (1, engine.epoch(), 1));
    assert_eq!(first.event.as_ref().unwrap().previous_id(), None);
    engine.publish(&prices, &draft("2"), false, 11).unwrap();
    let third = engine.publish(&news, &draft("3"), false, 12).unwrap().event.unwrap();
    assert_eq!(third.previous_id(), Some(first.event.unwrap().id()));
    let (since, log) = engine.log().unwrap();
    assert_eq!((since, numbers(&log)), (0, vec![1, 2, 3]));
    assert_eq!(
        (&*log[0].kind, &log[0].body, log[0].taken_ms),
        ("note", &Body::Json("1".into()), 10)
    );
    for at_ms in 20..25 {
        engine.publish(&news, &draft("4"), false, at_ms).unwrap();
    }
    let (since, log) = engine.log().unwrap();
    assert_eq!((log.first().unwrap().seq, log.last().unwrap().seq), (since + 1, 8));
    assert!(log.len() <= bounds().log_events + 1, "{}", log.len());
    while engine.sweep(5_000).unwrap() {}
    assert_eq!(engine.log().unwrap(), (8, vec![]));
    assert_eq!(engine.publish(&news, &draft("9"), false, 5_001).unwrap().seq, 9);
}

fn a_repeated_request_is_answered_as_before(engine: &mut dyn Engine) {
    let news = topic("news/a");
    let once = Draft { once: Some([5; 32]), ..draft("1") };
    let first = engine.publish(&news, &once, false, 10).unwrap();
    let again = engine.publish(&news, &once, false, 11).unwrap();
    assert_eq!((again.seq, again.event), (first.seq, None));
    assert_eq!(engine.head(), first.seq);
    while engine.sweep(1_000).unwrap() {}
    assert!(engine.publish(&news, &once, false, 1_001).unwrap().event.is_some(), "it is forgotten");

    engine.grant(&BOX, &[TOKEN]).unwrap();
    let once = Draft { once: Some([6; 32]), ..draft("1") };
    let stored = |new| Deposited::Stored { seq: 1, new };
    assert_eq!(engine.deposit(&BOX, &TOKEN, &once, 10).unwrap(), stored(true));
    assert_eq!(engine.deposit(&BOX, &TOKEN, &once, 11).unwrap(), stored(false));
    assert_eq!(engine.held(&BOX).unwrap().last, 1);
}

fn a_retained_value_is_the_last_and_lives_as_long_as_it_said(engine: &mut dyn Engine) {
    let price = topic("price");
    engine.publish(&price, &draft("1"), true, 10).unwrap();
    engine.publish(&price, &draft("2"), false, 11).unwrap();
    let body = |engine: &dyn Engine, at_ms| {
        engine.retained(&topic("price"), at_ms).unwrap().map(|event| event.body)
    };
    assert_eq!(body(engine, 12), Some(Body::Json("1".into())));
    engine.publish(&price, &Draft { ttl_ms: 100, ..draft("3") }, true, 20).unwrap();
    assert_eq!(body(engine, 119), Some(Body::Json("3".into())));
    assert_eq!(body(engine, 120), None);
    while engine.sweep(2_000).unwrap() {}
    assert_eq!(body(engine, 21), None, "swept away");
}

fn only_who_has_a_token_writes_into_a_mailbox(engine: &mut dyn Engine) {
    let try_with = |engine: &mut dyn Engine, mailbox, token: [u8; 32]| {
        engine.deposit(mailbox, &token, &draft("1"), 10).unwrap()
    };
    assert_eq!(try_with(engine, &BOX, TOKEN), Deposited::Refused);
    engine.grant(&BOX, &[TOKEN, [2; 32]]).unwrap();
    assert_eq!(try_with(engine, &BOX, [3; 32]), Deposited::Refused);
    assert_eq!(try_with(engine, &OTHER, TOKEN), Deposited::Refused);
    assert_eq!(try_with(engine, &BOX, [2; 32]), Deposited::Stored { seq: 1, new: true });
    engine.grant(&BOX, &[TOKEN]).unwrap();
    assert_eq!(try_with(engine, &BOX, [2; 32]), Deposited::Refused, "taken back");
    assert_eq!(engine.held(&BOX).unwrap().last, 1, "granting anew loses no mail");
}

fn mail_waits_in_order_until_it_is_acknowledged(engine: &mut dyn Engine) {
    engine.grant(&BOX, &[TOKEN]).unwrap();
    engine.grant(&OTHER, &[TOKEN]).unwrap();
    for _ in 0..5 {
        engine.deposit(&BOX, &TOKEN, &bytes(100), 10).unwrap();
    }
    engine.deposit(&OTHER, &TOKEN, &bytes(100), 10).unwrap();
    let page = |engine: &dyn Engine, after, most, most_bytes| {
        numbers(&engine.page(&BOX, after, most, most_bytes).unwrap())
    };
    assert_eq!(page(engine, 0, 3, 100_000), [1, 2, 3]);
    assert_eq!(page(engine, 3, 3, 100_000), [4, 5]);
    assert_eq!(page(engine, 0, 9, 1), [1], "one at least");
    assert_eq!(page(engine, 5, 9, 1), Vec::<u64>::new());
    engine.acknowledge(&BOX, 3).unwrap();
    assert_eq!(page(engine, 0, 9, 100_000), [4, 5]);
    assert_eq!(engine.held(&BOX).unwrap(), Held { acked: 3, gone: 0, last: 5 });
    engine.acknowledge(&BOX, 2).unwrap();
    engine.acknowledge(&BOX, 99).unwrap();
    assert_eq!(engine.held(&BOX).unwrap(), Held { acked: 5, gone: 0, last: 5 });
    assert_eq!(engine.page(&OTHER, 0, 9, 9_999).unwrap().len(), 1, "another's stays");
    assert_eq!(
        engine.deposit(&BOX, &TOKEN, &bytes(1), 10).unwrap(),
        Deposited::Stored { seq: 6, new: true }
    );
}

fn a_full_mailbox_takes_no_more_until_it_is_emptied(engine: &mut dyn Engine) {
    engine.grant(&BOX, &[TOKEN]).unwrap();
    assert!(matches!(
        engine.deposit(&BOX, &TOKEN, &bytes(15_000), 10).unwrap(),
        Deposited::Stored { .. }
    ));
    assert_eq!(engine.deposit(&BOX, &TOKEN, &bytes(15_000), 10).unwrap(), Deposited::Full);
    let large = engine.page(&BOX, 0, 9, 1).unwrap().remove(0);
    assert_eq!(large.body, Body::Bytes(vec![b'x'; 15_000].into()));
    engine.acknowledge(&BOX, 1).unwrap();
    assert_eq!(
        engine.deposit(&BOX, &TOKEN, &bytes(15_000), 10).unwrap(),
        Deposited::Stored { seq: 2, new: true }
    );
}

fn mail_that_is_too_old_goes_and_the_mailbox_says_so(engine: &mut dyn Engine) {
    engine.grant(&BOX, &[TOKEN]).unwrap();
    engine.deposit(&BOX, &TOKEN, &bytes(100), 1_000).unwrap();
    engine.deposit(&BOX, &TOKEN, &bytes(100), 5_000).unwrap();
    while engine.sweep(11_001).unwrap() {}
    assert_eq!(engine.held(&BOX).unwrap(), Held { acked: 0, gone: 1, last: 2 });
    assert_eq!(numbers(&engine.page(&BOX, 0, 9, 9_999).unwrap()), [2]);
}

fn watches_and_tokens_are_kept_until_they_are_over_or_taken_back(engine: &mut dyn Engine) {
    let names = ["news/a", "news/b", "news/c"].map(topic);
    for name in &names {
        engine.watch(&[1; 16], 900, name, true).unwrap();
        engine.watch(&[1; 16], 900, name, true).unwrap();
    }
    engine.watch(&[1; 16], 900, &names[1], false).unwrap();
    engine.watch(&[2; 16], 100, &names[0], true).unwrap();
    engine.watch(&[3; 16], 900, &names[0], true).unwrap();
    engine.watch(&[3; 16], 900, &names[0], false).unwrap();
    while engine.sweep(500).unwrap() {}
    let record = WatchRecord { expires_ms: 900, topics: vec!["news/a".into(), "news/c".into()] };
    assert_eq!(engine.watches().unwrap(), [([1; 16], record)]);

    let token = TokenRecord { name: "portal".into(), topics: vec!["news/*".into()], created_ms: 5 };
    engine.put_token(&TOKEN, Some(&token)).unwrap();
    assert_eq!(engine.tokens().unwrap(), [(TOKEN, token)]);
    engine.put_token(&TOKEN, None).unwrap();
    assert_eq!(engine.tokens().unwrap(), []);
}

fn seed(epoch: u64) -> Seed {
    Seed { epoch, secret: [9; 32] }
}

fn on_disk(folder: &std::path::Path, epoch: u64) -> Box<dyn Engine> {
    Box::new(Books::open(SledKv::open(folder).unwrap(), seed(epoch), bounds()).unwrap())
}

macro_rules! conformance {
    ($($case:ident)*) => {
        mod memory {
            $(#[test]
            fn $case() {
                let engine = super::Books::open(super::Memory::default(), super::seed(1), super::bounds());
                super::$case(&mut engine.unwrap());
            })*
        }
        mod sled {
            $(#[test]
            fn $case() {
                let folder = tempfile::tempdir().unwrap();
                super::$case(super::on_disk(folder.path(), 1).as_mut());
            })*
        }
    };
}

conformance! {
    the_log_is_numbered_bounded_and_says_from_where_it_is_whole
    a_repeated_request_is_answered_as_before
    a_retained_value_is_the_last_and_lives_as_long_as_it_said
    only_who_has_a_token_writes_into_a_mailbox
    mail_waits_in_order_until_it_is_acknowledged
    a_full_mailbox_takes_no_more_until_it_is_emptied
    mail_that_is_too_old_goes_and_the_mailbox_says_so
    watches_and_tokens_are_kept_until_they_are_over_or_taken_back
}

#[test]
fn what_is_on_disk_is_there_again_with_its_numbers_and_secret() {
    let folder = tempfile::tempdir().unwrap();
    let news = topic("news/a");
    {
        let mut engine = on_disk(folder.path(), 1);
        engine.grant(&BOX, &[TOKEN]).unwrap();
        engine.deposit(&BOX, &TOKEN, &bytes(9_000), 10).unwrap();
        engine.publish(&news, &draft("1"), true, 10).unwrap();
        engine.close().unwrap();
    }
    let mut engine = on_disk(folder.path(), 2);
    assert_eq!((engine.epoch(), engine.secret(), engine.head()), (1, [9; 32], 1));
    assert_eq!(engine.page(&BOX, 0, 9, 1).unwrap()[0].body.len(), 9_000);
    assert_eq!(engine.publish(&news, &draft("2"), false, 11).unwrap().seq, 2);
    assert_eq!(numbers(&engine.log().unwrap().1), [1, 2]);
}

#[test]
fn a_store_that_another_boot_left_open_begins_a_new_epoch() {
    let folder = tempfile::tempdir().unwrap();
    {
        let mut engine = on_disk(folder.path(), 1);
        engine.publish(&topic("a"), &draft("1"), false, 10).unwrap();
        engine.sync(false).unwrap();
    }
    // The same boot: the system has everything that was handed to it.
    assert_eq!(on_disk(folder.path(), 2).epoch(), 1);
    {
        let mut kv = SledKv::open(folder.path()).unwrap();
        let mut batch = super::kv::Batch::default();
        batch.put(b"Mrun".to_vec(), b"an earlier boot".to_vec());
        super::kv::Kv::apply(&mut kv, batch).unwrap();
        super::kv::Kv::sync(&mut kv, true).unwrap();
    }
    let engine = on_disk(folder.path(), 3);
    assert_eq!((engine.epoch(), engine.head()), (3, 1), "a new epoch, and no number given twice");
}

#[test]
fn one_folder_is_one_relays() {
    let folder = tempfile::tempdir().unwrap();
    let _held = on_disk(folder.path(), 1);
    let error = SledKv::open(folder.path()).err().unwrap();
    assert!(error.to_string().contains("in use"), "{error}");
}
