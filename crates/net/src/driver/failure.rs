//! What a failed dial means to people.

use std::error::Error;
use std::io::ErrorKind;

use libp2p::TransportError;
use libp2p::swarm;

use crate::address::device_of;
use crate::event::DialError;

/// The one cause that says most about a failed dial.
pub(crate) fn explain(error: &swarm::DialError) -> DialError {
    match error {
        swarm::DialError::LocalPeerId { .. } => DialError::SelfDial,
        swarm::DialError::WrongPeerId { obtained, .. } => DialError::WrongPeer {
            found: device_of(obtained).map_or_else(|| obtained.to_string(), |d| d.to_string()),
        },
        swarm::DialError::Denied { cause } => DialError::Denied { reason: deepest(cause) },
        swarm::DialError::Transport(causes) => {
            let all = causes.iter().map(|(_, cause)| explain_transport(cause));
            all.max_by_key(weight).unwrap_or_else(|| failed(error))
        }
        other => failed(other),
    }
}

fn failed(error: &dyn Error) -> DialError {
    DialError::Failed { reason: deepest(error) }
}

/// An answer from the host says more than silence, and silence more than having no way there.
fn weight(error: &DialError) -> u8 {
    match error {
        DialError::Refused => 3,
        DialError::Failed { .. } => 2,
        DialError::Timeout => 1,
        _ => 0,
    }
}

fn explain_transport(error: &TransportError<std::io::Error>) -> DialError {
    match error {
        TransportError::MultiaddrNotSupported(address) => {
            DialError::Failed { reason: format!("no transport takes {address}") }
        }
        TransportError::Other(error) => explain_io(error),
    }
}

/// The transports nest their errors in types of their own that hide the kind; what every one of
/// them keeps is the words, and in them the system's error number.
fn explain_io(error: &std::io::Error) -> DialError {
    let quic_silence = libp2p::quic::Error::HandshakeTimedOut.to_string();
    let mut cause: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(current) = cause {
        let words = current.to_string();
        let kind = os_error(&words).map(|number| std::io::Error::from_raw_os_error(number).kind());
        match kind {
            Some(ErrorKind::ConnectionRefused) => return DialError::Refused,
            Some(ErrorKind::TimedOut) => return DialError::Timeout,
            Some(
                ErrorKind::HostUnreachable
                | ErrorKind::NetworkUnreachable
                | ErrorKind::AddrNotAvailable
                | ErrorKind::NetworkDown,
            ) => return DialError::NoRoute,
            _ if words.contains(&quic_silence) || words.contains("Timeout has been reached") => {
                return DialError::Timeout;
            }
            _ => {}
        }
        cause = current.source();
    }
    failed(error)
}

/// The number in `… (os error 111)`.
fn os_error(words: &str) -> Option<i32> {
    let (_, rest) = words.split_once("(os error ")?;
    rest.split_once(')')?.0.parse().ok()
}

/// The innermost cause's words.
fn deepest(error: &dyn Error) -> String {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}
