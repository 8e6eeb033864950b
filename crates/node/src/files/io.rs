//! What the node asks of whoever keeps files on disk, and what that one answers.
//!
//! The node names a file's rest and its key; where the folder is and how it is read and written is
//! not its affair. Jobs have the number of their transfer. Everything that is answered is answered
//! once, `Progress` excepted, and in any order between jobs.

use std::fmt;

use anser_files::Parts;
use anser_proto::{DeviceId, FileId};
use zeroize::Zeroizing;

/// Where a file rests, and what it is sealed with. Both are random, and made anew for each content.
#[derive(Clone, PartialEq, Eq)]
pub struct Rest {
    /// Its name on disk, which reveals nothing.
    pub name: [u8; 16],
    /// The key of its content.
    pub key: Zeroizing<[u8; 32]>,
}

impl fmt::Debug for Rest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rest").finish_non_exhaustive()
    }
}

/// A file that rests on this device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resting {
    /// Where.
    pub rest: Rest,
    /// What it is.
    pub file: FileId,
    /// How long it is.
    pub size_bytes: u64,
}

/// What to do with files on disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FileOrder {
    /// Take a file of this computer in: `Sized`, `Progress`, then `Taken` or `Failed`.
    Take {
        /// The job.
        job: u64,
        /// Where it is to rest.
        rest: Rest,
        /// Where it is.
        path: String,
    },
    /// Make room for content that follows by `Append`; without any, `Taken` comes at once.
    Begin {
        /// The job.
        job: u64,
        /// Where it is to rest.
        rest: Rest,
        /// How much will come.
        size_bytes: u64,
    },
    /// The next bytes of a `Begin`: `Appended`, and after the last ones `Taken` too.
    Append {
        /// The job.
        job: u64,
        /// Never more than is missing.
        bytes: Vec<u8>,
    },
    /// Open the rest of a file that is to be fetched: `Found` says what is there already.
    Fetch {
        /// The job.
        job: u64,
        /// Where it is to rest.
        resting: Resting,
    },
    /// A part of a `Fetch` that was checked: `Put`.
    Put {
        /// The job.
        job: u64,
        /// Which.
        part: u64,
        /// All of it.
        data: Vec<u8>,
    },
    /// Every part is put: make it durable and check the whole; `Finished` or `Failed`.
    Finish {
        /// The job.
        job: u64,
    },
    /// Let a `Fetch` be for now; what was put stays. Not answered.
    Pause {
        /// The job.
        job: u64,
    },
    /// Write a file out: `Progress`, then `Saved` or `Failed`.
    Save {
        /// The job.
        job: u64,
        /// The file.
        resting: Resting,
        /// Where to: a file, or a folder that is there.
        path: String,
        /// What it is called in a folder; a safe name.
        name: String,
        /// Whether a file may be replaced.
        overwrite: bool,
    },
    /// End a job, and remove what it had begun. Not answered; answers under way may still come.
    Cancel {
        /// The job.
        job: u64,
    },
    /// Read a part for a device: `Part`, `Lost` or `Unread`.
    Part {
        /// For whom.
        to: DeviceId,
        /// The file.
        resting: Resting,
        /// Which.
        part: u64,
    },
    /// Read a piece for a caller: `Read`.
    Read {
        /// The command's id.
        call: u64,
        /// The file.
        resting: Resting,
        /// From where.
        offset: u64,
        /// At most how much, in bytes.
        limit: u32,
    },
    /// Remove a file. Not answered.
    Remove {
        /// Its name on disk.
        name: [u8; 16],
    },
    /// Remove everything but these. Not answered; comes first of all.
    Keep {
        /// Names on disk.
        names: Vec<[u8; 16]>,
    },
}

/// Why a job failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileCode {
    /// There is no such file.
    NotFound,
    /// It cannot be read.
    Unreadable,
    /// It changed while it was read.
    Changed,
    /// There is a file already.
    Exists,
    /// It cannot be written there.
    Unwritable,
    /// The disk is full.
    DiskFull,
    /// It is over the limit.
    TooLarge,
    /// What rests on this device is not what was put there.
    Damaged,
}

impl FileCode {
    /// The stable word.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::NotFound => "not_found",
            Self::Unreadable => "unreadable",
            Self::Changed => "changed",
            Self::Exists => "exists",
            Self::Unwritable => "unwritable",
            Self::DiskFull => "disk_full",
            Self::TooLarge => "too_large",
            Self::Damaged => "damaged",
        }
    }
}

/// Why a job failed, for programs and for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileFailure {
    /// The word.
    pub code: FileCode,
    /// What happened and what to do.
    pub reason: String,
}

/// What became of an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FileAnswer {
    /// A file that is taken in has this size.
    Sized {
        /// The job.
        job: u64,
        /// Its size.
        size_bytes: u64,
    },
    /// So much is done; at most about ten a second.
    Progress {
        /// The job.
        job: u64,
        /// How much.
        done_bytes: u64,
    },
    /// Bytes of an `Append` are written.
    Appended {
        /// The job.
        job: u64,
    },
    /// A file was taken in: it rests here, durably.
    Taken {
        /// The job.
        job: u64,
        /// What it is.
        file: FileId,
        /// How long it is.
        size_bytes: u64,
    },
    /// What is there of a file that is fetched.
    Found {
        /// The job.
        job: u64,
        /// The parts.
        held: Parts,
    },
    /// A part is written.
    Put {
        /// The job.
        job: u64,
        /// Which.
        part: u64,
    },
    /// A fetched file rests here whole, durably.
    Finished {
        /// The job.
        job: u64,
    },
    /// A file was written out, durably.
    Saved {
        /// The job.
        job: u64,
        /// Where it is.
        path: String,
    },
    /// A job failed and is over. Of a fetch, what was put stays, unless it was damaged.
    Failed {
        /// The job.
        job: u64,
        /// Why.
        failure: FileFailure,
    },
    /// A part for a device.
    Part {
        /// For whom.
        to: DeviceId,
        /// The file.
        file: FileId,
        /// Which.
        part: u64,
        /// The bytes.
        data: Vec<u8>,
        /// The way to the root.
        proof: Vec<[u8; 32]>,
    },
    /// A file that was to be here whole is not, or is damaged.
    Lost {
        /// Who asked for a part.
        to: DeviceId,
        /// The file.
        file: FileId,
    },
    /// A part cannot be read just now.
    Unread {
        /// Who asked for it.
        to: DeviceId,
        /// The file.
        file: FileId,
    },
    /// A piece for a caller.
    Read {
        /// The command's id.
        call: u64,
        /// The file.
        file: FileId,
        /// The bytes.
        result: Result<Vec<u8>, FileFailure>,
    },
}
