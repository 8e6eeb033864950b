//! `peer.dial`: reaches a device at an address, or the person whose link was given, and waits
//! until the node knows who it is.

use std::time::Duration;

use anser_api::model::Peer;
use anser_api::params::{ContactAdd, Empty};
use anser_api::{ApiError, Command, ErrorCode, EventBody, Reply};
use anser_net::DialError;
use tokio::time::timeout;

use crate::events::Subscription;
use crate::handle::Handle;

/// How long a reached device may take to say who it is, or a person's devices to answer.
const PATIENCE: Duration = Duration::from_secs(12);
const LINK: &str = "anser:";

pub(crate) async fn dial(handle: &Handle, address: String) -> Result<Reply, ApiError> {
    let address = address.trim().to_owned();
    // Subscribed before anything starts, so that no change is missed.
    let changes = handle.subscribe();
    let peer = if address.starts_with(LINK) {
        let added = handle.ask(Command::ContactAdd(ContactAdd { card: address })).await?;
        let Reply::ContactAdd(contact) = added else {
            return Err(ApiError::new(ErrorCode::Internal, "The node gave no contact."));
        };
        let wanted = |peer: &Peer| peer.account == contact.account && peer.online;
        let advice = format!(
            "{} was added, but no device of theirs answers. It is tried again by itself; ask \
             whether their Anser runs and is in a network that yours can reach.",
            contact.name
        );
        wait(handle, changes, wanted, &advice).await?
    } else {
        let device = handle.net.dial(address).await.map_err(unreachable)?.to_string();
        let wanted = |peer: &Peer| peer.device == device;
        let advice = "A device answered but did not say who it is. Somebody must make an account \
                      there first; then try again.";
        wait(handle, changes, wanted, advice).await?
    };
    Ok(Reply::PeerDial(Box::new(peer)))
}

/// The first peer that is as wanted, among those known and those that change.
async fn wait(
    handle: &Handle,
    mut changes: Subscription,
    wanted: impl Fn(&Peer) -> bool,
    advice: &str,
) -> Result<Peer, ApiError> {
    let Reply::PeerList(known) = handle.ask(Command::PeerList(Empty {})).await? else {
        return Err(ApiError::new(ErrorCode::Internal, "The node gave no list of peers."));
    };
    if let Some(peer) = known.peers.into_iter().find(|peer| wanted(peer)) {
        return Ok(peer);
    }
    let found = timeout(PATIENCE, async {
        while let Some(event) = changes.next().await {
            if let EventBody::PeerChanged { peer } = &event.body
                && wanted(peer)
            {
                return Some(peer.clone());
            }
        }
        None
    });
    match found.await {
        Ok(Some(peer)) => Ok(peer),
        Ok(None) | Err(_) => Err(ApiError::new(ErrorCode::Unreachable, advice)),
    }
}

fn unreachable(error: DialError) -> ApiError {
    let (code, advice) = match &error {
        DialError::Unparsable { .. } => (
            ErrorCode::InvalidArgument,
            "Write it like /ip4/192.168.1.5/tcp/4001, or paste an anser: link.",
        ),
        DialError::SelfDial => (ErrorCode::InvalidArgument, "Give the address of another device."),
        DialError::Timeout => (
            ErrorCode::Unreachable,
            "Check the address, and whether a firewall or the Wi-Fi keeps devices apart.",
        ),
        DialError::Refused => {
            (ErrorCode::Unreachable, "Check the port, and whether Anser runs there.")
        }
        DialError::NoRoute => {
            (ErrorCode::Unreachable, "Check that this computer is connected to that network.")
        }
        DialError::WrongPeer { .. } => {
            (ErrorCode::Refused, "The address belongs to somebody else now: ask for a new one.")
        }
        DialError::Denied { .. } => (ErrorCode::Refused, "Try again later."),
        DialError::Failed { .. } => (ErrorCode::Unreachable, "Check the address, then try again."),
        DialError::Closed => (ErrorCode::Internal, "Start the program again."),
    };
    let mut sentence = error.to_string();
    if let Some(first) = sentence.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    ApiError::new(code, format!("{sentence}. {advice}"))
}
