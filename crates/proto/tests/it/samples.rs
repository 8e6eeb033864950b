//! One example of each thing that travels, under fixed keys: the same bytes every time.

use anser_proto::card::{DeviceAddresses, to_link};
use anser_proto::frame::{
    Ack, Digest, Digests, Events, Exchange, FileLack, FilePart, FileWant, Fork, Head, Held, Hello,
    Join, Joined, LinkGrant, LinkOffer, LinkReady, LinkTaken, Own, OwnDigest, Picture, PictureWant,
    Presence, Receipts, Typing, Vector, Want,
};
use anser_proto::invite::{Invitation, Ticket};
use anser_proto::linking::{LinkCode, OwnPerson, OwnRoom, Side, Stamp, link_proof};
use anser_proto::sign::{Domain, Signed};
use anser_proto::{
    AccountId, Card, Certificate, Change, Content, ConversationId, DeviceId, DeviceList, Event,
    EventId, FileId, FileRef, Frame, Genesis, Header, Keypair, Kind, PictureId, Position, Receipt,
    Revocation, Role, Seen, codec,
};

pub fn account() -> Keypair {
    Keypair::from_secret(&[1; 32])
}

pub fn device() -> Keypair {
    Keypair::from_secret(&[2; 32])
}

pub fn certificate() -> Signed {
    Certificate {
        account: AccountId(account().public()),
        device: DeviceId(device().public()),
        sealing: None,
        label: "desk".into(),
        created_ms: 1_700_000_000_000,
    }
    .sign(&account())
}

pub fn header(kind: Kind) -> Header {
    let genesis = kind == Kind::Genesis;
    Header {
        conversation: ConversationId(if genesis { [0; 32] } else { [3; 32] }),
        device: DeviceId(device().public()),
        seq: 1,
        prev: None,
        seen: vec![],
        lamport: 1,
        wall_ms: 1_700_000_000_001,
        kind: kind.into(),
        body_hash: [0; 32].into(),
        certificate: Some(certificate()),
    }
}

pub fn event(kind: Kind, body: Vec<u8>) -> Event {
    Event::sign(&device(), header(kind), body).unwrap()
}

pub fn message() -> Event {
    let content = Content { text: Some("hello".into()), ..Content::default() };
    event(Kind::Message, codec::encode(&content))
}

/// The second event of the log, with everything that the first has not.
pub fn reply() -> Event {
    let first = message();
    let content = Content {
        text: Some("👍".into()),
        target: Some(first.id),
        on: Some(true),
        ..Content::default()
    };
    let header = Header {
        seq: 2,
        prev: Some(first.id),
        seen: vec![Seen { device: DeviceId([9; 32]), seq: 4 }],
        lamport: 7,
        certificate: None,
        ..header(Kind::Reaction)
    };
    Event::sign(&device(), header, codec::encode(&content)).unwrap()
}

pub fn card() -> Signed {
    let list = DeviceList {
        account: AccountId(account().public()),
        version: 2,
        certificates: vec![certificate()],
        revoked: vec![Revocation { device: DeviceId([8; 32]), cuts: vec![] }],
    };
    Card {
        account: AccountId(account().public()),
        version: 3,
        name: "Alice".into(),
        status: Some("at the desk".into()),
        avatar: None,
        devices: list.sign(&account()),
        addresses: vec![addresses()],
        relays: None,
    }
    .sign(&account())
}

fn addresses() -> DeviceAddresses {
    let device = DeviceId(device().public());
    DeviceAddresses { device, addresses: vec!["/ip4/192.0.2.1/tcp/4001".into()] }
}

pub fn receipt() -> Signed {
    let own = DeviceId(device().public());
    Receipt {
        conversation: ConversationId([3; 32]),
        device: own,
        counter: 5,
        delivered: vec![Seen { device: DeviceId([9; 32]), seq: 4 }],
        read: Some(Position { lamport: 7, device: own, seq: 2 }),
        certificate: certificate(),
    }
    .sign(&device())
}

/// Every frame by name.
pub fn frames() -> Vec<(&'static str, Vec<u8>)> {
    let conversation = ConversationId([3; 32]);
    let other = DeviceId([9; 32]);
    let heads = vec![Head { device: other, seq: 4, id: [7; 16].into() }];
    let seen = vec![Seen { device: other, seq: 4 }];
    let fork = event(Kind::Message, codec::encode(&Content::default()));
    let frames: Vec<(&'static str, Frame)> = vec![
        (
            "hello",
            Hello { version: 1, card: card(), addresses: addresses().addresses, session: Some(7) }
                .into(),
        ),
        (
            "digests",
            Digests {
                digests: vec![Digest {
                    conversation,
                    logs: [5; 16].into(),
                    receipts: [6; 16].into(),
                }],
            }
            .into(),
        ),
        (
            "vector",
            Vector { conversation, heads, forks: seen.clone(), receipts: seen, reply: true }.into(),
        ),
        ("events", Events { conversation, events: vec![message().wire, reply().wire] }.into()),
        ("ack", Ack { conversation, held: vec![Held { device: other, seq: 4 }] }.into()),
        ("want", Want { conversation, device: other, seq: 4 }.into()),
        ("fork", Fork { conversation, one: message().wire, other: fork.wire }.into()),
        ("receipts", Receipts { conversation, receipts: vec![receipt()] }.into()),
        ("typing", Typing { conversation, on: true }.into()),
        ("presence", Presence { state: 1 }.into()),
        ("exchange", Exchange { devices: vec![addresses()] }.into()),
        ("file-want", FileWant { file: FileId([10; 32]), parts: vec![0, 1, 1_048_575] }.into()),
        (
            "file-part",
            FilePart {
                file: FileId([10; 32]),
                part: 2,
                data: b"the last bytes".to_vec().into(),
                proof: vec![[11; 32].into(), [12; 32].into()],
            }
            .into(),
        ),
        ("file-lack", FileLack { file: FileId([10; 32]) }.into()),
    ];
    let frames = frames.into_iter().chain(own_frames());
    frames.map(|(name, frame)| (name, frame.encode())).collect()
}

/// What devices of one account, new devices and invited people say.
fn own_frames() -> Vec<(&'static str, Frame)> {
    let (own, other) = (DeviceId(device().public()), DeviceId([9; 32]));
    let conversation = ConversationId([3; 32]);
    let stamp = Some(Stamp { counter: 5, device: own });
    let secret = [6; 32];
    let grant = LinkGrant {
        secret: secret.into(),
        list: Signed::seal(&account(), Domain::DeviceList, &certificate()),
        name: "Alice".into(),
        status: None,
        avatar: Some(PictureId([7; 32])),
        version: 3,
    };
    let person = OwnPerson {
        account: AccountId([4; 32]),
        relation: 2,
        verified: true,
        card: Some(card()),
        stamp,
    };
    let room = OwnRoom {
        conversation,
        other: Some(AccountId([4; 32])),
        muted: true,
        archived: false,
        accepted: true,
        declined: false,
        read: Some(Position { lamport: 7, device: own, seq: 2 }),
        stamp,
    };
    vec![
        ("link-offer", LinkOffer { proof: link_proof(&secret, Side::Giver, &own, &other) }.into()),
        (
            "link-ready",
            LinkReady {
                proof: link_proof(&secret, Side::Taker, &own, &other),
                label: "Laptop".into(),
            }
            .into(),
        ),
        ("link-grant", grant.into()),
        ("link-taken", LinkTaken {}.into()),
        ("picture-want", PictureWant { picture: PictureId([7; 32]) }.into()),
        ("picture", Picture { bytes: b"\x89PNG\r\n\x1a\n".to_vec().into() }.into()),
        ("own-digest", OwnDigest { hash: [8; 32].into() }.into()),
        ("own", Own { people: vec![person], rooms: vec![room] }.into()),
        ("join", Join { ticket: ticket() }.into()),
        ("joined", Joined { nonce: [1; 16].into(), answer: 1 }.into()),
    ]
}

fn ticket() -> Ticket {
    Ticket::issue(&account(), Some(ConversationId([3; 32])), 1_700_000_000_000, [1; 16])
}

/// Everything else by name.
pub fn records() -> Vec<(&'static str, Vec<u8>)> {
    let bob = AccountId([4; 32]);
    let genesis = Genesis {
        title: "Office".into(),
        members: vec![bob],
        history: true,
        nonce: [5; 16].into(),
    };
    let remove =
        Change::Remove { account: bob, cuts: vec![Seen { device: DeviceId([9; 32]), seq: 4 }] };
    vec![
        ("message", codec::encode(&message().wire)),
        ("reaction", codec::encode(&reply().wire)),
        ("founding", codec::encode(&event(Kind::Genesis, codec::encode(&genesis)).wire)),
        ("genesis-body", codec::encode(&genesis)),
        ("remove-body", remove.encode()),
        ("role-body", Change::Role { account: bob, role: Role::Admin }.encode()),
        ("edit-body", {
            let (text, target) = (Some("new".into()), Some(EventId([6; 32])));
            codec::encode(&Content { text, target, ..Content::default() })
        }),
        ("files-body", {
            let file = FileRef {
                file: FileId([10; 32]),
                size_bytes: 131_086,
                name: "report.pdf".into(),
                media_type: Some("application/pdf".into()),
            };
            codec::encode(&Content { attachments: Some(vec![file]), ..Content::default() })
        }),
        ("certificate", codec::encode(&certificate())),
        ("card", codec::encode(&card())),
        ("receipt", codec::encode(&receipt())),
        ("link", to_link(&card()).into_bytes()),
        ("link-code", {
            let (device, secret) = (DeviceId([9; 32]), [6; 32].into());
            LinkCode { device, secret, addresses: addresses().addresses }.to_text().into_bytes()
        }),
        ("invitation", {
            let title = Some("Office".into());
            Invitation { card: card(), ticket: ticket(), title }.to_link().into_bytes()
        }),
    ]
}
