//! Errors: a stable code for programs, a sentence for people.

use serde::{Deserialize, Serialize};

/// What went wrong, as a stable word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(ts_rs::TS, schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum ErrorCode {
    /// No account was made here yet: `account.create` comes first.
    NoAccount,
    /// There is an account already.
    AlreadyExists,
    /// What was named is not there.
    NotFound,
    /// A parameter is missing, of the wrong type or out of its range.
    InvalidArgument,
    /// There is no such method.
    UnknownMethod,
    /// The request is not JSON-RPC 2.0.
    InvalidRequest,
    /// The account is not, or no longer, in this conversation.
    NotAMember,
    /// One's role does not allow this.
    Forbidden,
    /// A text, list or file is over its limit.
    TooLarge,
    /// Another program uses the store.
    StoreLocked,
    /// The store was written by a newer version.
    StoreTooNew,
    /// The store cannot be read or written.
    StoreBroken,
    /// The disk is full.
    StoreFull,
    /// The store is sealed with a passphrase that was not given or is wrong.
    Passphrase,
    /// The system's keyring could not be used.
    NoKeyring,
    /// Nobody answers at that address.
    Unreachable,
    /// The other side, or a rule, refused.
    Refused,
    /// The person ended it.
    Cancelled,
    /// A file cannot be read, or is not what it should be.
    Unreadable,
    /// A file cannot be written.
    Unwritable,
    /// Too often in a short time.
    RateLimited,
    /// This program cannot do that (yet).
    Unsupported,
    /// A fault of this program.
    Internal,
}

/// An error as every transport carries it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[cfg_attr(feature = "schema", derive(ts_rs::TS, schemars::JsonSchema))]
#[error("{message}")]
pub struct ApiError {
    /// For programs.
    pub code: ErrorCode,
    /// For people: what happened and what to do; never holds secrets.
    pub message: String,
    /// More, where a code has more to say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", ts(optional, type = "unknown"))]
    pub data: Option<serde_json::Value>,
}

impl ApiError {
    /// An error with its sentence.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), data: None }
    }

    /// `not_found`: "there is no WHAT with this id".
    pub fn not_found(what: &str) -> Self {
        Self::new(ErrorCode::NotFound, format!("There is no {what} with this id."))
    }

    /// `invalid_argument` with its sentence.
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::InvalidArgument, message)
    }
}
