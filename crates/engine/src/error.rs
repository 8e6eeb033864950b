//! Why an engine did not start: a stable code, what happened, and what to do.

use anser_api::model::AppState;
use anser_api::{ApiError, ErrorCode};
use anser_store::{OpenError, StoreError};

use crate::policy::PolicyError;

/// Why an engine did not start. Nothing was lost, and nothing is left running.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct StartError {
    /// For programs.
    pub code: ErrorCode,
    /// Stable word for why, for translations; empty where a passphrase is only asked for.
    pub case: &'static str,
    /// What happened, as a sentence.
    pub message: String,
    /// What to do, where `message` does not say it already; may be empty.
    pub advice: String,
}

impl StartError {
    /// With the case `internal`, until a better one is set.
    pub(crate) fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { code, case: "internal", message: message.into(), advice: String::new() }
    }

    fn case(self, case: &'static str) -> Self {
        Self { case, ..self }
    }

    fn advice(self, advice: &str) -> Self {
        Self { advice: advice.into(), ..self }
    }

    /// Message and advice in one line.
    #[must_use]
    pub fn sentence(&self) -> String {
        format!("{} {}", self.message, self.advice).trim_end().to_owned()
    }

    /// The state a program is in that could not start for this reason.
    #[must_use]
    pub fn state(&self) -> AppState {
        match self.code {
            ErrorCode::StoreLocked => AppState::Locked,
            ErrorCode::Passphrase => AppState::NeedsPassphrase,
            _ => AppState::Broken,
        }
    }

    pub(crate) fn no_passphrase() -> Self {
        Self::new(ErrorCode::Passphrase, "This folder is protected by a passphrase.")
            .case("")
            .advice("Type it, or set ANSER_PASSPHRASE.")
    }

    pub(crate) fn thread(error: &std::io::Error) -> Self {
        Self::new(ErrorCode::Internal, format!("The system gave no thread to run on: {error}."))
            .advice("Close other programs, then start again.")
    }

    pub(crate) fn stopped() -> Self {
        Self::new(ErrorCode::Internal, "The node stopped while it started.")
            .advice("Start again with ANSER_LOG=debug and report what it says.")
    }
}

impl From<OpenError> for StartError {
    fn from(error: OpenError) -> Self {
        let (code, case) = match &error {
            OpenError::Locked { .. } => (ErrorCode::StoreLocked, "locked"),
            OpenError::TooNew { .. } => (ErrorCode::StoreTooNew, "too_new"),
            OpenError::Full => (ErrorCode::StoreFull, "full"),
            OpenError::WrongPassphrase => (ErrorCode::Passphrase, "passphrase"),
            OpenError::NoKeyring { .. } => (ErrorCode::NoKeyring, "no_keyring"),
            OpenError::Foreign { .. } => (ErrorCode::StoreBroken, "foreign"),
            OpenError::Unwritable { .. } => (ErrorCode::StoreBroken, "unwritable"),
            OpenError::OtherProtection { .. } => (ErrorCode::StoreBroken, "other_protection"),
            OpenError::KeyLost { .. } => (ErrorCode::StoreBroken, "key_lost"),
            OpenError::Damaged { .. } => (ErrorCode::StoreBroken, "damaged"),
            OpenError::Io { .. } => (ErrorCode::StoreBroken, "io"),
        };
        Self::new(code, error.to_string()).case(case)
    }
}

impl From<PolicyError> for StartError {
    fn from(error: PolicyError) -> Self {
        Self::new(ErrorCode::Unreadable, error.to_string())
            .case("policy")
            .advice("Ask your admin to mend it.")
    }
}

impl From<anser_net::StartError> for StartError {
    fn from(error: anser_net::StartError) -> Self {
        use anser_net::StartError as Net;
        let sentence = match &error {
            // These begin with the address, which stays as it was typed.
            Net::BadAddress { .. } | Net::PortTaken { .. } => format!("{error}."),
            Net::CannotListen { .. } | Net::Setup { .. } => {
                format!("{}.", capitalised(&error.to_string()))
            }
        };
        match error {
            Net::BadAddress { .. } => Self::new(ErrorCode::InvalidArgument, sentence)
                .case("bad_address")
                .advice("Write it like /ip4/192.168.1.5/tcp/4001."),
            Net::PortTaken { .. } => Self::new(ErrorCode::Refused, sentence)
                .case("port_taken")
                .advice("Choose another port, or port 0 to let the system choose."),
            Net::CannotListen { .. } => Self::new(ErrorCode::Refused, sentence)
                .case("cannot_listen")
                .advice("Choose an address of this computer."),
            Net::Setup { .. } => Self::new(ErrorCode::Internal, sentence)
                .case("setup")
                .advice("Start again; if it stays, report it."),
        }
    }
}

/// What a caller is told when the store failed under its command.
pub(crate) fn store_error(error: &StoreError) -> ApiError {
    let code = match error {
        StoreError::Full => ErrorCode::StoreFull,
        StoreError::Io { .. } | StoreError::Corrupt { .. } | StoreError::Sealed => {
            ErrorCode::StoreBroken
        }
    };
    ApiError::new(code, error.to_string())
}

fn capitalised(sentence: &str) -> String {
    let mut chars = sentence.chars();
    chars
        .next()
        .map_or_else(String::new, |first| first.to_uppercase().collect::<String>() + chars.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_failure_has_a_code_a_sentence_and_a_state() {
        let cases = [
            (
                OpenError::Locked { pid: Some(7) },
                ErrorCode::StoreLocked,
                "locked",
                AppState::Locked,
            ),
            (
                OpenError::TooNew { found: 9, supported: 1 },
                ErrorCode::StoreTooNew,
                "too_new",
                AppState::Broken,
            ),
            (
                OpenError::WrongPassphrase,
                ErrorCode::Passphrase,
                "passphrase",
                AppState::NeedsPassphrase,
            ),
            (OpenError::Full, ErrorCode::StoreFull, "full", AppState::Broken),
            (
                OpenError::NoKeyring { reason: "no service".into() },
                ErrorCode::NoKeyring,
                "no_keyring",
                AppState::Broken,
            ),
        ];
        for (error, code, case, state) in cases {
            let start = StartError::from(error);
            assert_eq!((start.code, start.case, start.state()), (code, case, state));
            assert!(start.sentence().ends_with('.'), "{}", start.sentence());
        }
        let taken = anser_net::StartError::PortTaken { address: "/ip4/0.0.0.0/tcp/1".into() };
        let taken = StartError::from(taken);
        assert_eq!(taken.case, "port_taken");
        assert_eq!(
            taken.sentence(),
            "/ip4/0.0.0.0/tcp/1 is already used by another program. \
             Choose another port, or port 0 to let the system choose."
        );
    }
}
