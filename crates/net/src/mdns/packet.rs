//! What is said on the link: a question for `_anser._udp.local.` and the answer of one device.
//!
//! DNS-SD (RFC 6763) over multicast DNS (RFC 6762): a PTR from the service to
//! `<device id>._anser._udp.local.`, and under that name a TXT with `b=<boot>` (random for each
//! start, so that a restart at the same address is news) and one `a=<multiaddr>` for each
//! address on that link. TTL 0 is goodbye. One packet stays below 1,232 bytes.

use anser_proto::DeviceId;
use hickory_proto::op::{Message, MessageType, OpCode, Query};
use hickory_proto::rr::rdata::{PTR, TXT};
use hickory_proto::rr::{Name, RData, Record, RecordType};

use crate::address::Dialable;

const SERVICE: &str = "_anser._udp.local.";
/// Addresses in one announcement; more are left out.
pub(crate) const MAX_ADDRESSES: usize = 8;
/// Announcements read from one packet.
const MAX_RECORDS: usize = 8;

/// A device's answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Announcement {
    pub(crate) device: DeviceId,
    /// Differs between starts of the device.
    pub(crate) boot: String,
    /// Without `/p2p`; empty means goodbye as well.
    pub(crate) addresses: Vec<Dialable>,
    /// Seconds for which it holds; zero is goodbye.
    pub(crate) ttl_s: u32,
}

/// What a packet says to us.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Packet {
    /// Who is there?
    Question,
    /// Some are there.
    Answer(Vec<Announcement>),
    /// Nothing of ours.
    Other,
}

/// A question.
pub(crate) fn question() -> Option<Vec<u8>> {
    let mut message = Message::new(0, MessageType::Query, OpCode::Query);
    message.add_query(Query::query(Name::from_ascii(SERVICE).ok()?, RecordType::PTR));
    message.to_vec().ok()
}

/// An answer.
pub(crate) fn answer(announcement: &Announcement) -> Option<Vec<u8>> {
    let service = Name::from_ascii(SERVICE).ok()?;
    let instance = Name::from_ascii(format!("{}.{SERVICE}", announcement.device)).ok()?;
    let mut strings = vec![format!("b={}", announcement.boot)];
    let addresses = announcement.addresses.iter().take(MAX_ADDRESSES);
    strings.extend(addresses.map(|a| format!("a={}", a.address)).filter(|s| s.len() < 128));
    let mut message = Message::new(0, MessageType::Response, OpCode::Query);
    message.metadata.authoritative = true;
    let ttl = announcement.ttl_s;
    message.add_answer(Record::from_rdata(service, ttl, RData::PTR(PTR(instance.clone()))));
    message.add_answer(Record::from_rdata(instance, ttl, RData::TXT(TXT::new(strings))));
    message.to_vec().ok()
}

/// Reads a packet; `None` when it is no DNS message.
pub(crate) fn read(bytes: &[u8]) -> Option<Packet> {
    let message = Message::from_vec(bytes).ok()?;
    if message.metadata.message_type == MessageType::Query {
        let ours = message.queries.iter().any(|q| is_service(q.name()));
        return Some(if ours { Packet::Question } else { Packet::Other });
    }
    let records = message.answers.iter().chain(&message.additionals);
    let heard: Vec<_> = records.filter_map(announcement).take(MAX_RECORDS).collect();
    Some(if heard.is_empty() { Packet::Other } else { Packet::Answer(heard) })
}

fn is_service(name: &Name) -> bool {
    name.to_ascii().eq_ignore_ascii_case(SERVICE)
}

fn announcement(record: &Record) -> Option<Announcement> {
    let RData::TXT(txt) = &record.data else { return None };
    let name = record.name.to_ascii().to_ascii_lowercase();
    let device = name.strip_suffix(SERVICE)?.strip_suffix('.')?.parse().ok()?;
    let mut boot = String::new();
    let mut addresses = Vec::new();
    for string in txt.txt_data.iter().take(MAX_ADDRESSES.saturating_add(4)) {
        let Ok(text) = std::str::from_utf8(string) else { continue };
        if let Some(value) = text.strip_prefix("b=") {
            boot = value.chars().take(16).collect();
        } else if let Some(value) = text.strip_prefix("a=") {
            // A kind that a later version announces is no fault.
            addresses.extend(Dialable::parse(value).ok().filter(|a| a.peer.is_none()));
        }
    }
    addresses.truncate(MAX_ADDRESSES);
    Some(Announcement { device, boot, addresses, ttl_s: record.ttl })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(ttl_s: u32) -> Announcement {
        let device = DeviceId([7; 32]);
        let addresses = (0..8)
            .map(|n| {
                let text =
                    format!("/ip6/fd00:1111:2222:3333:4444:5555:6666:777{n}/udp/60000/quic-v1");
                Dialable::parse(&text).unwrap()
            })
            .collect();
        Announcement { device, boot: "00ff00ff".into(), addresses, ttl_s }
    }

    #[test]
    fn answers_and_questions_survive_the_wire() {
        let bytes = answer(&sample(120)).unwrap();
        assert!(bytes.len() < 1_232, "{}", bytes.len());
        assert_eq!(read(&bytes), Some(Packet::Answer(vec![sample(120)])));
        assert_eq!(read(&answer(&sample(0)).unwrap()), Some(Packet::Answer(vec![sample(0)])));
        assert_eq!(read(&question().unwrap()), Some(Packet::Question));
    }

    #[test]
    fn cut_or_twisted_packets_never_read_as_somebody_else() {
        let bytes = answer(&sample(120)).unwrap();
        for end in 0..bytes.len() {
            assert!(!matches!(read(&bytes[..end]), Some(Packet::Answer(a)) if a == [sample(120)]));
        }
        for at in 0..bytes.len() {
            for bit in 0..8 {
                let mut twisted = bytes.clone();
                twisted[at] ^= 1 << bit;
                if let Some(Packet::Answer(heard)) = read(&twisted) {
                    assert!(heard.len() <= MAX_RECORDS);
                    assert!(heard.iter().all(|a| a.addresses.len() <= MAX_ADDRESSES));
                }
            }
        }
    }

    #[test]
    fn other_services_are_not_ours() {
        let mut message = Message::new(0, MessageType::Query, OpCode::Query);
        let name = Name::from_ascii("_http._tcp.local.").unwrap();
        message.add_query(Query::query(name, RecordType::PTR));
        assert_eq!(read(&message.to_vec().unwrap()), Some(Packet::Other));
        assert_eq!(read(b"hello"), None);
    }
}
