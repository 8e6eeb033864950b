//! Transfers as shells see them: made, moved on, ended, forgotten.
//!
//! Must always hold: a change of state is told at once, progress at most about ten times a second a
//! transfer; ended transfers stay for some minutes, and so many only.

use anser_api::EventBody;
use anser_api::model::{self, TransferKind, TransferState};
use anser_proto::{ConversationId, EventId, FileId, to_base32};
use anser_store::Store;

use super::io::Rest;
use crate::node::Node;

/// How often progress is told at most.
const PROGRESS_MS: u64 = 100;
/// How long an ended transfer is remembered.
const ENDED_MS: u64 = 600_000;
/// Most ended transfers that are remembered.
const ENDED: usize = 256;
/// Most transfers under way that people asked for.
pub(crate) const TRANSFERS: usize = 512;

/// A transfer.
#[derive(Clone, Debug)]
pub(crate) struct Transfer {
    pub(crate) kind: TransferKind,
    pub(crate) state: TransferState,
    pub(crate) file: Option<FileId>,
    pub(crate) name: String,
    pub(crate) size_bytes: u64,
    pub(crate) done_bytes: u64,
    pub(crate) conversation: Option<ConversationId>,
    pub(crate) message: Option<EventId>,
    pub(crate) sources: u32,
    pub(crate) code: Option<&'static str>,
    pub(crate) reason: Option<String>,
    pub(crate) path: Option<String>,
    pub(crate) task: Task,
    ended_ms: Option<u64>,
    shown_ms: Option<u64>,
}

/// What a transfer needs beside what is shown.
#[derive(Clone, Debug)]
pub(crate) enum Task {
    /// Nothing.
    None,
    /// Take a file in.
    Add {
        /// Where it is to rest.
        rest: Rest,
        /// What to send it with.
        send: Option<SendPlan>,
        /// Content that comes by `file.write`: how much was given, and the calls that wait.
        given: Option<Given>,
    },
    /// Save it.
    Save {
        /// Whether a file may be replaced.
        overwrite: bool,
        /// Whether the file is fetched for nothing else.
        alone: bool,
    },
}

/// The message that a file goes with.
#[derive(Clone, Debug)]
pub(crate) struct SendPlan {
    pub(crate) conversation: String,
    pub(crate) text: String,
    pub(crate) reply_to: Option<String>,
}

/// Content that comes in pieces.
#[derive(Clone, Debug, Default)]
pub(crate) struct Given {
    pub(crate) bytes: u64,
    /// Ids of `file.write` commands that are not answered yet, oldest first.
    pub(crate) calls: std::collections::VecDeque<u64>,
}

impl Transfer {
    pub(crate) fn new(kind: TransferKind, name: String, size_bytes: u64) -> Self {
        Self {
            kind,
            state: TransferState::Running,
            file: None,
            name,
            size_bytes,
            done_bytes: 0,
            conversation: None,
            message: None,
            sources: 0,
            code: None,
            reason: None,
            path: None,
            task: Task::None,
            ended_ms: None,
            shown_ms: None,
        }
    }

    pub(crate) fn has_ended(&self) -> bool {
        !matches!(self.state, TransferState::Waiting | TransferState::Running)
    }

    pub(crate) fn view(&self, number: u64) -> model::Transfer {
        model::Transfer {
            transfer: transfer_text(number),
            kind: self.kind,
            state: self.state,
            file: self.file.map(|file| file.to_string()),
            name: self.name.clone(),
            size_bytes: self.size_bytes,
            done_bytes: self.done_bytes.min(self.size_bytes),
            conversation: self.conversation.map(|id| id.to_string()),
            message: self.message.map(|id| id.to_string()),
            sources: self.sources,
            code: self.code.map(Into::into),
            reason: self.reason.clone(),
            path: self.path.clone(),
        }
    }
}

/// A transfer's id as shells see it.
pub(crate) fn transfer_text(number: u64) -> String {
    to_base32(&number.to_be_bytes())
}

/// The transfer that a text names.
pub(crate) fn transfer_of(text: &str) -> Option<u64> {
    let bytes = anser_proto::from_base32(text).ok()?;
    Some(u64::from_be_bytes(bytes.try_into().ok()?))
}

impl<S: Store> Node<S> {
    /// Puts a new transfer into the list and tells of it.
    pub(crate) fn begin_transfer(&mut self, transfer: Transfer) -> u64 {
        let number = self.random.number();
        self.put_transfer(number, transfer);
        number
    }

    pub(crate) fn put_transfer(&mut self, number: u64, transfer: Transfer) {
        self.files.transfers.insert(number, transfer);
        self.tell_transfer(number);
    }

    pub(crate) fn transfer_view(&self, number: u64) -> Option<model::Transfer> {
        self.files.transfers.get(&number).map(|transfer| transfer.view(number))
    }

    /// Changes a transfer; tells at once when its state or reason is another than before.
    pub(crate) fn change_transfer(&mut self, number: u64, change: impl FnOnce(&mut Transfer)) {
        let now_ms = self.now.mono_ms;
        let Some(transfer) = self.files.transfers.get_mut(&number) else { return };
        let before = (transfer.state, transfer.code, transfer.file, transfer.message);
        change(transfer);
        if transfer.has_ended() && transfer.ended_ms.is_none() {
            transfer.ended_ms = Some(now_ms);
            transfer.sources = 0;
            transfer.task = Task::None;
        }
        let after = (transfer.state, transfer.code, transfer.file, transfer.message);
        let due_ms = transfer.shown_ms.map_or(0, |ms| ms.saturating_add(PROGRESS_MS));
        if before != after || due_ms <= now_ms {
            self.tell_transfer(number);
        } else {
            self.files.untold.insert((due_ms, number));
        }
        if before.0 != after.0 {
            self.forget_transfers();
        }
    }

    /// Ends a transfer in failure.
    pub(crate) fn fail_transfer(&mut self, number: u64, code: &'static str, reason: String) {
        self.change_transfer(number, |transfer| {
            transfer.state = TransferState::Failed;
            transfer.code = Some(code);
            transfer.reason = Some(reason);
        });
    }

    fn tell_transfer(&mut self, number: u64) {
        let now_ms = self.now.mono_ms;
        let Some(transfer) = self.files.transfers.get_mut(&number) else { return };
        if let Some(shown_ms) = transfer.shown_ms.replace(now_ms) {
            self.files.untold.remove(&(shown_ms.saturating_add(PROGRESS_MS), number));
        }
        let transfer = transfer.view(number);
        self.emit(EventBody::FileProgress { transfer });
    }

    /// Tells progress that was held back.
    pub(crate) fn tell_progress(&mut self) {
        while let Some((at_ms, number)) = self.files.untold.first().copied() {
            if at_ms > self.now.mono_ms {
                return;
            }
            self.files.untold.pop_first();
            self.tell_transfer(number);
        }
    }

    /// When progress that was held back is to be told.
    pub(crate) fn progress_due(&self) -> Option<u64> {
        self.files.untold.first().map(|(at_ms, _)| *at_ms)
    }

    /// Forgets what ended long ago, and the oldest of too many.
    pub(crate) fn forget_transfers(&mut self) {
        let old = self.now.mono_ms.saturating_sub(ENDED_MS);
        self.files.transfers.retain(|_, t| t.ended_ms.is_none_or(|at| at >= old));
        let mut ended: Vec<_> =
            self.files.transfers.iter().filter_map(|(n, t)| Some((t.ended_ms?, *n))).collect();
        ended.sort_unstable();
        let excess = ended.len().saturating_sub(ENDED);
        for (_, number) in ended.into_iter().take(excess) {
            self.files.transfers.remove(&number);
        }
    }
}
