//! How the program ends when it did not do what it was asked: one line on standard error and an
//! exit code.

use std::process::ExitCode;

use anser_api::{ApiError, ErrorCode};
use anser_engine::StartError;

use crate::output;

/// Why the program ends.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    /// 1: failed; 2: wrong usage.
    code: u8,
    /// One line for people.
    message: String,
}

impl Failure {
    /// It did not work.
    pub(crate) fn failed(message: impl Into<String>) -> Self {
        Self { code: 1, message: message.into() }
    }

    /// It was asked for in a wrong way.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self { code: 2, message: message.into() }
    }

    /// Says it, and gives the exit code.
    pub(crate) fn report(&self) -> ExitCode {
        output::error_line(&format!("anser: {}", self.message.replace('\n', " ")));
        ExitCode::from(self.code)
    }
}

impl From<StartError> for Failure {
    fn from(error: StartError) -> Self {
        match error.code {
            // Only an option can be an invalid argument before anything runs.
            ErrorCode::InvalidArgument => Self::usage(error.sentence()),
            _ => Self::failed(error.sentence()),
        }
    }
}

impl From<ApiError> for Failure {
    fn from(error: ApiError) -> Self {
        match error.code {
            ErrorCode::InvalidArgument | ErrorCode::UnknownMethod => Self::usage(error.message),
            _ => Self::failed(error.message),
        }
    }
}
