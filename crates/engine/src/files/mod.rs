//! The thread that keeps a profile's files on disk: what the node orders, done in order, and answered.
//!
//! Owns the folder `files` of the profile and everything in it. Must always hold: what rests there is
//! sealed; a file has its final name only when it is whole and durable; nothing of the person's is
//! overwritten without their word; a job that takes long lets short orders pass. It knows nothing of
//! conversations, and decides nothing.

mod failure;
mod folder;
mod jobs;
mod seal;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, VecDeque};
use std::fs;
use std::io::{self, ErrorKind};
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, TrySendError, sync_channel};
use std::thread::JoinHandle;

use anser_files::Tree;
use anser_node::{FileAnswer, FileFailure, FileOrder, Resting};
use anser_proto::limits::PART_BYTES;
use tokio::sync::mpsc;

use folder::{Sealed, Stage};
use jobs::{Fetch, Job, Pace, Pieces, Save, Step, Take};

pub(crate) use folder::Folder;

/// Orders that may wait in the thread's queue; more wait with the sender.
const ORDERS: usize = 1_024;
/// Answers that may wait; when there are more, the thread waits.
pub(crate) const ANSWERS: usize = 256;
/// Orders done before a long job has its turn.
const TURN: usize = 32;
/// Files that are kept open for those who read them.
const OPEN: usize = 8;

/// The way to the thread. Dropped, it ends the thread and waits for it; whoever reads the answers must
/// have stopped before.
pub(crate) struct Files {
    orders: Option<SyncSender<FileOrder>>,
    waiting: VecDeque<FileOrder>,
    thread: Option<JoinHandle<()>>,
}

impl Files {
    /// Starts the thread.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub(crate) fn start(folder: Folder, answers: mpsc::Sender<FileAnswer>) -> io::Result<Self> {
        let (orders, inbox) = sync_channel(ORDERS);
        let thread = std::thread::Builder::new().name("anser-files".into()).spawn(move || {
            let (jobs, open) = (BTreeMap::new(), VecDeque::new());
            Worker { folder, answers, jobs, turns: VecDeque::new(), open }.run(&inbox);
        })?;
        Ok(Self { orders: Some(orders), waiting: VecDeque::new(), thread: Some(thread) })
    }

    /// Gives an order. Never blocks: what does not fit waits here; how much that can be is bounded by
    /// what the node orders before it is answered.
    pub(crate) fn order(&mut self, order: FileOrder) {
        self.waiting.push_back(order);
        self.pass();
    }

    /// Passes on what waits.
    pub(crate) fn pass(&mut self) {
        let Some(orders) = &self.orders else { return };
        while let Some(order) = self.waiting.pop_front() {
            match orders.try_send(order) {
                Ok(()) => {}
                Err(TrySendError::Full(order)) => {
                    self.waiting.push_front(order);
                    return;
                }
                Err(TrySendError::Disconnected(_)) => return,
            }
        }
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        self.orders = None;
        if let Some(thread) = self.thread.take() {
            // It ends after what it just does.
            let _ = thread.join();
        }
    }
}

/// A whole file that is open for reading, with its tree once somebody asked for a proof.
struct Open {
    resting: Resting,
    sealed: Sealed,
    tree: Option<Tree>,
}

struct Worker {
    folder: Folder,
    answers: mpsc::Sender<FileAnswer>,
    jobs: BTreeMap<u64, (Job, Pace)>,
    /// Jobs that have something to do, in the order of their turns.
    turns: VecDeque<u64>,
    open: VecDeque<Open>,
}

/// Why something that rests here cannot be read.
enum Unread {
    /// It is damaged, or not there although the folder is.
    Lost,
    /// The disk does not give it now.
    Failed(FileFailure),
}

impl Worker {
    fn run(mut self, inbox: &Receiver<FileOrder>) {
        loop {
            for _ in 0..TURN {
                let order = match self.turns.is_empty() {
                    true => inbox.recv().map_err(|_| TryRecvError::Disconnected),
                    false => inbox.try_recv(),
                };
                match order {
                    Ok(order) => self.order(order),
                    Err(TryRecvError::Empty) => break,
                    Err(TryRecvError::Disconnected) => return,
                }
            }
            if let Some(job) = self.turns.pop_front() {
                self.step(job);
            }
        }
    }

    fn tell(&self, answer: FileAnswer) {
        // When nobody reads answers any more, the end of the orders is near.
        let _ = self.answers.blocking_send(answer);
    }

    fn order(&mut self, order: FileOrder) {
        match order {
            FileOrder::Take { job, rest, path } => {
                let begun = Take::begin(&self.folder, rest, &path);
                if let Ok(take) = &begun {
                    self.tell(FileAnswer::Sized { job, size_bytes: take.size_bytes() });
                }
                self.begin(job, begun.map(Job::Take));
            }
            FileOrder::Begin { job, rest, size_bytes } => {
                let begun = Pieces::begin(&self.folder, rest, size_bytes);
                self.begin(job, begun.map(Job::Pieces));
                if size_bytes == 0 {
                    self.append(job, &[]);
                }
            }
            FileOrder::Append { job, bytes } => self.append(job, &bytes),
            FileOrder::Fetch { job, resting } => {
                let begun = Fetch::begin(&self.folder, resting);
                self.begin(job, begun.map(Job::Fetch));
            }
            FileOrder::Put { job, part, data } => self.put(job, part, data),
            FileOrder::Finish { job } => {
                if let Some((Job::Fetch(fetch), _)) = self.jobs.get_mut(&job) {
                    fetch.finish();
                    self.turns.push_back(job);
                }
            }
            FileOrder::Pause { job } => self.forget(job),
            FileOrder::Save { job, resting, path, name, overwrite } => {
                let begun = Save::begin(&self.folder, &resting, &path, &name, overwrite);
                self.begin(job, begun.map(Job::Save));
            }
            FileOrder::Cancel { job } => self.discard(job),
            FileOrder::Part { to, resting, part } => {
                let file = resting.file;
                let answer = match self.part(&resting, part) {
                    Ok((data, proof)) => FileAnswer::Part { to, file, part, data, proof },
                    Err(Unread::Lost) => FileAnswer::Lost { to, file },
                    Err(Unread::Failed(failure)) => {
                        tracing::warn!(reason = failure.reason, "a file cannot be read");
                        FileAnswer::Unread { to, file }
                    }
                };
                self.tell(answer);
            }
            FileOrder::Read { call, resting, offset, limit } => {
                let file = resting.file;
                let result = self.piece(&resting, offset, limit).map_err(|unread| match unread {
                    Unread::Lost => failure::damaged(),
                    Unread::Failed(failure) => failure,
                });
                self.tell(FileAnswer::Read { call, file, result });
            }
            FileOrder::Remove { name } => {
                self.open.retain(|open| open.resting.rest.name != name);
                // What cannot be removed now is at the next start.
                let _ = fs::remove_file(self.folder.file(&name, Stage::Whole));
            }
            FileOrder::Keep { names } => self.folder.keep(&names),
        }
    }

    fn begin(&mut self, job: u64, begun: Result<Job, FileFailure>) {
        match begun {
            Ok(begun) => {
                if !matches!(begun, Job::Pieces(_)) {
                    self.turns.push_back(job);
                }
                self.jobs.insert(job, (begun, Pace::new()));
            }
            Err(failure) => self.tell(FileAnswer::Failed { job, failure }),
        }
    }

    fn forget(&mut self, job: u64) {
        self.jobs.remove(&job);
        self.turns.retain(|turn| *turn != job);
    }

    fn discard(&mut self, job: u64) {
        let removed = self.jobs.remove(&job);
        self.turns.retain(|turn| *turn != job);
        if let Some((removed, _)) = removed {
            removed.discard(&self.folder);
        }
    }

    /// A job failed. Of a fetch, what was put stays, unless it is damaged.
    fn fail(&mut self, job: u64, failure: FileFailure) {
        let fetch = matches!(self.jobs.get(&job), Some((Job::Fetch(_), _)));
        if fetch && failure.code != anser_node::FileCode::Damaged {
            self.forget(job);
        } else {
            self.discard(job);
        }
        self.tell(FileAnswer::Failed { job, failure });
    }

    fn step(&mut self, job: u64) {
        let Some((work, pace)) = self.jobs.get_mut(&job) else { return };
        match work.step(job, &self.folder) {
            Step::More(done_bytes) => {
                let busy = !matches!(work, Job::Fetch(fetch) if !fetch.is_busy());
                let fetches = matches!(work, Job::Fetch(_));
                if busy {
                    self.turns.push_back(job);
                }
                if !fetches && pace.is_due() {
                    self.tell(FileAnswer::Progress { job, done_bytes });
                }
            }
            Step::Told(answer) => self.tell(answer),
            Step::Over(Ok(answer)) => {
                self.forget(job);
                self.tell(answer);
            }
            Step::Over(Err(failure)) => self.fail(job, failure),
        }
    }

    fn append(&mut self, job: u64, bytes: &[u8]) {
        let Some((Job::Pieces(pieces), _)) = self.jobs.get_mut(&job) else { return };
        match pieces.append(job, &self.folder, bytes) {
            Ok(last) => {
                if !bytes.is_empty() {
                    self.tell(FileAnswer::Appended { job });
                }
                if let Some(taken) = last {
                    self.forget(job);
                    self.tell(taken);
                }
            }
            Err(failure) => self.fail(job, failure),
        }
    }

    fn put(&mut self, job: u64, part: u64, data: Vec<u8>) {
        let Some((Job::Fetch(fetch), _)) = self.jobs.get_mut(&job) else { return };
        match fetch.put(&self.folder, part, data) {
            Ok(()) => self.tell(FileAnswer::Put { job, part }),
            Err(failure) => self.fail(job, failure),
        }
    }

    /// The file, open; the most recently used one is the last.
    fn opened(&mut self, resting: &Resting) -> Result<&mut Open, Unread> {
        match self.open.iter().position(|open| open.resting == *resting) {
            Some(at) => {
                let open = self.open.remove(at);
                self.open.extend(open);
            }
            None => {
                let sealed =
                    Sealed::open(&self.folder, resting).map_err(|error| self.unread(&error))?;
                if self.open.len() >= OPEN {
                    self.open.pop_front();
                }
                self.open.push_back(Open { resting: resting.clone(), sealed, tree: None });
            }
        }
        self.open.back_mut().ok_or(Unread::Lost)
    }

    fn unread(&self, error: &io::Error) -> Unread {
        if error.kind() == ErrorKind::NotFound && self.folder.is_there() {
            return Unread::Lost;
        }
        Unread::Failed(failure::rest(self.folder.path(), error))
    }

    fn block(&mut self, resting: &Resting, number: u64) -> Result<Vec<u8>, Unread> {
        let read = self.opened(resting)?.sealed.read(number);
        read.map_err(|error| self.unread(&error))?.ok_or(Unread::Lost)
    }

    fn part(&mut self, resting: &Resting, part: u64) -> Result<(Vec<u8>, Vec<[u8; 32]>), Unread> {
        let data = self.block(resting, part)?;
        let open = self.opened(resting)?;
        if open.tree.is_none() {
            let read = open.sealed.tree(resting);
            let tree = read.map_err(|error| self.unread(&error))?.ok_or(Unread::Lost)?;
            self.opened(resting)?.tree = Some(tree);
        }
        let open = self.opened(resting)?;
        let proof = open.tree.as_ref().and_then(|tree| tree.proof(part)).ok_or(Unread::Lost)?;
        Ok((data, proof))
    }

    fn piece(&mut self, resting: &Resting, offset: u64, limit: u32) -> Result<Vec<u8>, Unread> {
        let end = offset.saturating_add(u64::from(limit)).min(resting.size_bytes);
        let (mut bytes, mut at) = (Vec::new(), offset);
        // Opened also where nothing is to be read, so that a file that is gone is noticed.
        self.opened(resting)?;
        while at < end {
            let block = self.block(resting, at / PART_BYTES as u64)?;
            let from = usize::try_from(at % PART_BYTES as u64).unwrap_or(usize::MAX);
            let wanted = usize::try_from(end.saturating_sub(at)).unwrap_or(usize::MAX);
            let piece: Vec<u8> = block.into_iter().skip(from).take(wanted).collect();
            if piece.is_empty() {
                return Err(Unread::Lost);
            }
            at = at.saturating_add(u64::try_from(piece.len()).unwrap_or(u64::MAX));
            bytes.extend(piece);
        }
        Ok(bytes)
    }
}
