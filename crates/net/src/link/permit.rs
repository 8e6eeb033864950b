//! Leave to read or to send, which a new connection is given a moment late.

use std::pin::Pin;
use std::task::Context;
use std::time::Duration;

use tokio::time::Sleep;

/// How long a new connection leaves the old one the chance to finish first.
const MOMENT: Duration = Duration::from_millis(150);

/// Something that is allowed, or will be in a moment.
pub(crate) enum Permit {
    No,
    Soon(Pin<Box<Sleep>>),
    Yes,
}

impl Permit {
    pub(crate) fn soon() -> Self {
        Self::Soon(Box::pin(tokio::time::sleep(MOMENT)))
    }

    /// Whether it is allowed; while it is not yet, a wake-up is arranged.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> bool {
        if let Self::Soon(sleep) = self
            && sleep.as_mut().poll(cx).is_ready()
        {
            *self = Self::Yes;
        }
        matches!(self, Self::Yes)
    }
}
