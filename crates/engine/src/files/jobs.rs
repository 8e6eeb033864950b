//! What takes longer than a moment: taking a file in, looking what is here of one, checking the whole,
//! writing one out. Each goes on a step at a time, so that others are served in between.

use std::fs::{self, File, Metadata};
use std::io::{self, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};
use std::time::Instant;

use anser_files::{Parts, TreeBuilder, name, tree};
use anser_node::{FileAnswer, FileFailure, Rest, Resting};
use anser_proto::FileId;
use anser_proto::limits::FILE_BYTES;

use super::failure;
use super::folder::{Folder, Sealed, Stage, sync_folder};

/// Parts handled in one step.
const STEP_PARTS: usize = 16;
/// After how many parts it is looked again whether there is room.
const ROOM_PARTS: u64 = 1_024;
/// How often progress is told at most.
const PROGRESS_MS: u128 = 100;
/// How many names are tried in a folder.
const NAMES: u32 = 10_000;

/// What a step led to.
pub(super) enum Step {
    /// There is more to do; so many bytes are done.
    More(u64),
    /// It waits for orders; this is to be told.
    Told(FileAnswer),
    /// It is over.
    Over(Result<FileAnswer, FileFailure>),
}

/// A job under way.
pub(super) enum Job {
    Take(Take),
    Pieces(Pieces),
    Fetch(Fetch),
    Save(Save),
}

impl Job {
    /// Goes on a little.
    pub(super) fn step(&mut self, job: u64, folder: &Folder) -> Step {
        match self {
            Self::Take(take) => take.step(job, folder),
            Self::Fetch(fetch) => fetch.step(job, folder),
            Self::Save(save) => save.step(job, folder),
            Self::Pieces(_) => Step::More(0),
        }
    }

    /// Removes what an unfinished job had begun.
    pub(super) fn discard(self, folder: &Folder) {
        let (rest, stage) = match &self {
            Self::Take(take) => (&take.resting.rest, Stage::New),
            Self::Pieces(pieces) => (&pieces.resting.rest, Stage::New),
            Self::Fetch(fetch) => (&fetch.resting.rest, Stage::Part),
            // It removes its own when it is dropped.
            Self::Save(_) => return,
        };
        let path = folder.file(&rest.name, stage);
        drop(self);
        // What cannot be removed now is at the next start.
        let _ = fs::remove_file(path);
    }
}

/// Tells when progress is due.
pub(super) struct Pace(Instant);

impl Pace {
    pub(super) fn new() -> Self {
        Self(Instant::now())
    }

    pub(super) fn is_due(&mut self) -> bool {
        let due = self.0.elapsed().as_millis() >= PROGRESS_MS;
        if due {
            self.0 = Instant::now();
        }
        due
    }
}

/// Takes a file of this computer in.
pub(super) struct Take {
    path: PathBuf,
    source: File,
    before: Metadata,
    resting: Resting,
    sealed: Sealed,
    tree: TreeBuilder,
}

impl Take {
    pub(super) fn begin(folder: &Folder, rest: Rest, path: &str) -> Result<Self, FileFailure> {
        let path = PathBuf::from(path);
        let told = |error: &io::Error| failure::source(&path, error);
        // Asked by name first: opening a pipe would wait for somebody to write to it.
        if !fs::metadata(&path).map_err(|error| told(&error))?.is_file() {
            return Err(failure::no_file(&path));
        }
        let source = File::open(&path).map_err(|error| told(&error))?;
        let before = source.metadata().map_err(|error| told(&error))?;
        if before.len() > FILE_BYTES {
            return Err(failure::too_large(&path));
        }
        let (file, size_bytes) = (FileId([0; 32]), before.len());
        let resting = Resting { rest, file, size_bytes };
        let kept = |error: &io::Error| failure::rest(folder.path(), error);
        let sealed = Sealed::begin(folder, &resting, Stage::New).map_err(|error| kept(&error))?;
        Ok(Self { path, source, before, resting, sealed, tree: TreeBuilder::default() })
    }

    pub(super) fn size_bytes(&self) -> u64 {
        self.resting.size_bytes
    }

    fn step(&mut self, job: u64, folder: &Folder) -> Step {
        for _ in 0..STEP_PARTS {
            let done = self.tree.size_bytes();
            let number = tree::part_count(done);
            let Some(length) = tree::part_bytes(self.resting.size_bytes, number) else {
                return Step::Over(self.end(job, folder));
            };
            let left = self.resting.size_bytes.saturating_sub(done);
            if number.is_multiple_of(ROOM_PARTS) && !folder.has_room(left) {
                return Step::Over(Err(failure::full(folder.path())));
            }
            let mut part = vec![0; length];
            match self.source.read_exact(&mut part) {
                Ok(()) => {}
                Err(error) if error.kind() == ErrorKind::UnexpectedEof => {
                    return Step::Over(Err(failure::changed(&self.path)));
                }
                Err(error) => return Step::Over(Err(failure::source(&self.path, &error))),
            }
            self.tree.push(&part);
            if let Err(error) = self.sealed.write(number, part) {
                return Step::Over(Err(failure::rest(folder.path(), &error)));
            }
        }
        Step::More(self.tree.size_bytes())
    }

    fn end(&mut self, job: u64, folder: &Folder) -> Result<FileAnswer, FileFailure> {
        let after = self.source.metadata().map_err(|e| failure::source(&self.path, &e))?;
        let more = self.source.read(&mut [0; 1]).map_err(|e| failure::source(&self.path, &e))?;
        let touched = after.modified().ok() != self.before.modified().ok();
        if more > 0 || touched || after.len() != self.before.len() {
            return Err(failure::changed(&self.path));
        }
        finish_new(job, folder, &self.resting, &mut self.sealed, std::mem::take(&mut self.tree))
    }
}

fn finish_new(
    job: u64,
    folder: &Folder,
    resting: &Resting,
    sealed: &mut Sealed,
    tree: TreeBuilder,
) -> Result<FileAnswer, FileFailure> {
    let tree = tree.finish();
    sealed
        .finish(folder, &resting.rest.name, Stage::New, &tree)
        .map_err(|error| failure::rest(folder.path(), &error))?;
    Ok(FileAnswer::Taken { job, file: tree.root(), size_bytes: tree.size_bytes() })
}

/// Takes content in that comes in pieces.
pub(super) struct Pieces {
    resting: Resting,
    sealed: Sealed,
    tree: TreeBuilder,
    rest: Vec<u8>,
}

impl Pieces {
    pub(super) fn begin(folder: &Folder, rest: Rest, size: u64) -> Result<Self, FileFailure> {
        let resting = Resting { rest, file: FileId([0; 32]), size_bytes: size };
        let told = |error: &io::Error| failure::rest(folder.path(), error);
        let sealed = Sealed::begin(folder, &resting, Stage::New).map_err(|error| told(&error))?;
        if !folder.has_room(size) {
            return Err(failure::full(folder.path()));
        }
        Ok(Self { resting, sealed, tree: TreeBuilder::default(), rest: Vec::new() })
    }

    /// Takes the next bytes; `Some` when they were the last.
    pub(super) fn append(
        &mut self,
        job: u64,
        folder: &Folder,
        bytes: &[u8],
    ) -> Result<Option<FileAnswer>, FileFailure> {
        self.rest.extend_from_slice(bytes);
        loop {
            let number = tree::part_count(self.tree.size_bytes());
            let Some(length) = tree::part_bytes(self.resting.size_bytes, number) else { break };
            if self.rest.len() < length {
                return Ok(None);
            }
            let left = self.rest.split_off(length);
            let part = std::mem::replace(&mut self.rest, left);
            self.tree.push(&part);
            self.sealed
                .write(number, part)
                .map_err(|error| failure::rest(folder.path(), &error))?;
        }
        let tree = std::mem::take(&mut self.tree);
        finish_new(job, folder, &self.resting, &mut self.sealed, tree).map(Some)
    }
}

/// Keeps what is fetched of a file.
pub(super) struct Fetch {
    resting: Resting,
    sealed: Sealed,
    doing: Doing,
}

enum Doing {
    /// Looks which parts are here.
    Looking { next: u64, held: Parts },
    /// Waits for parts.
    Waiting,
    /// Reads everything once more.
    Checking { tree: TreeBuilder },
}

impl Fetch {
    pub(super) fn begin(folder: &Folder, resting: Resting) -> Result<Self, FileFailure> {
        let told = |error: &io::Error| failure::rest(folder.path(), error);
        let sealed = Sealed::begin(folder, &resting, Stage::Part).map_err(|error| told(&error))?;
        let length = sealed.length().map_err(|error| told(&error))?;
        if !folder.has_room(resting.size_bytes.saturating_sub(length)) {
            return Err(failure::full(folder.path()));
        }
        let held = Parts::none(tree::part_count(resting.size_bytes));
        let next = if length == 0 { held.count() } else { 0 };
        Ok(Self { resting, sealed, doing: Doing::Looking { next, held } })
    }

    pub(super) fn put(
        &mut self,
        folder: &Folder,
        part: u64,
        data: Vec<u8>,
    ) -> Result<(), FileFailure> {
        let told = |error: &io::Error| failure::rest(folder.path(), error);
        if part.is_multiple_of(ROOM_PARTS) && !folder.has_room(0) {
            return Err(failure::full(folder.path()));
        }
        if part >= self.sealed.seal.parts() {
            return Err(told(&failure::impossible()));
        }
        self.sealed.write(part, data).map_err(|error| told(&error))
    }

    pub(super) fn finish(&mut self) {
        self.doing = Doing::Checking { tree: TreeBuilder::default() };
    }

    fn step(&mut self, job: u64, folder: &Folder) -> Step {
        for _ in 0..STEP_PARTS {
            match &mut self.doing {
                Doing::Waiting => break,
                Doing::Looking { next, held } if *next >= held.count() => {
                    let held = held.clone();
                    self.doing = Doing::Waiting;
                    return Step::Told(FileAnswer::Found { job, held });
                }
                Doing::Looking { next, held } => {
                    // What was never written, or half, does not open.
                    if let Ok(Some(_)) = self.sealed.read(*next) {
                        held.insert(*next);
                    }
                    *next = next.saturating_add(1);
                }
                Doing::Checking { tree } => {
                    let number = tree::part_count(tree.size_bytes());
                    if tree.size_bytes() == self.resting.size_bytes {
                        return Step::Over(self.end(job, folder));
                    }
                    match self.sealed.read(number) {
                        Ok(Some(part)) if tree.push(&part) => {}
                        Ok(_) => return Step::Over(Err(failure::damaged())),
                        Err(error) => {
                            return Step::Over(Err(failure::rest(folder.path(), &error)));
                        }
                    }
                }
            }
        }
        Step::More(self.resting.size_bytes)
    }

    fn end(&mut self, job: u64, folder: &Folder) -> Result<FileAnswer, FileFailure> {
        let doing = std::mem::replace(&mut self.doing, Doing::Waiting);
        let Doing::Checking { tree } = doing else { return Err(failure::damaged()) };
        let tree = tree.finish();
        if tree.root() != self.resting.file {
            return Err(failure::damaged());
        }
        self.sealed
            .finish(folder, &self.resting.rest.name, Stage::Part, &tree)
            .map_err(|error| failure::rest(folder.path(), &error))?;
        Ok(FileAnswer::Finished { job })
    }

    /// Whether there is something to do without further orders.
    pub(super) fn is_busy(&self) -> bool {
        !matches!(self.doing, Doing::Waiting)
    }
}

/// Writes a file out, first under another name beside its target.
pub(super) struct Save {
    sealed: Sealed,
    parts: u64,
    next: u64,
    done_bytes: u64,
    target: Target,
    file: Option<File>,
    beside: PathBuf,
}

/// Where a file is to go.
struct Target {
    folder: PathBuf,
    name: String,
    /// The person named only the folder: then a name that is free is found.
    any_name: bool,
    overwrite: bool,
}

impl Save {
    pub(super) fn begin(
        folder: &Folder,
        resting: &Resting,
        path: &str,
        file_name: &str,
        overwrite: bool,
    ) -> Result<Self, FileFailure> {
        let sealed = match Sealed::open(folder, resting) {
            Ok(sealed) => sealed,
            Err(error) if error.kind() == ErrorKind::NotFound && folder.is_there() => {
                return Err(failure::damaged());
            }
            Err(error) => return Err(failure::rest(folder.path(), &error)),
        };
        let target = Target::of(Path::new(path), file_name, overwrite)?;
        let mut random = [0; 8];
        let drawn = getrandom::fill(&mut random).map_err(|e| io::Error::other(e.to_string()));
        drawn.map_err(|error| failure::target(Path::new(path), &error))?;
        let hidden = format!(".anser-{:016x}.tmp", u64::from_be_bytes(random));
        let beside = target.folder.join(hidden);
        let file = File::create_new(&beside)
            .map_err(|error| failure::target(&target.folder.join(&target.name), &error))?;
        let parts = sealed.seal.parts();
        let (next, done_bytes) = (0, 0);
        Ok(Self { sealed, parts, next, done_bytes, target, file: Some(file), beside })
    }

    fn step(&mut self, job: u64, folder: &Folder) -> Step {
        let told = |target: &Target, error: &io::Error| {
            Step::Over(Err(failure::target(&target.folder.join(&target.name), error)))
        };
        for _ in 0..STEP_PARTS {
            if self.next >= self.parts {
                return match self.end() {
                    Ok(path) => Step::Over(Ok(FileAnswer::Saved { job, path })),
                    Err(error) => told(&self.target, &error),
                };
            }
            let part = match self.sealed.read(self.next) {
                Ok(Some(part)) => part,
                Ok(None) => return Step::Over(Err(failure::damaged())),
                Err(error) => return Step::Over(Err(failure::rest(folder.path(), &error))),
            };
            let Some(file) = &mut self.file else {
                return told(&self.target, &failure::impossible());
            };
            if let Err(error) = file.write_all(&part) {
                return told(&self.target, &error);
            }
            self.next = self.next.saturating_add(1);
            let bytes = u64::try_from(part.len()).unwrap_or(u64::MAX);
            self.done_bytes = self.done_bytes.saturating_add(bytes);
        }
        Step::More(self.done_bytes)
    }

    fn end(&mut self) -> io::Result<String> {
        if let Some(file) = self.file.take() {
            file.sync_all()?;
        }
        let path = self.target.place(&self.beside)?;
        sync_folder(&self.target.folder)?;
        Ok(path.display().to_string())
    }
}

impl Drop for Save {
    fn drop(&mut self) {
        // After success it is there no more.
        let _ = fs::remove_file(&self.beside);
    }
}

impl Target {
    fn of(path: &Path, file_name: &str, overwrite: bool) -> Result<Self, FileFailure> {
        // Once more: whatever was handed in, it stays in the folder.
        let safe = name::safe(file_name);
        if path.is_dir() {
            let folder = path.to_owned();
            return Ok(Self { folder, name: safe, any_name: !overwrite, overwrite });
        }
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
        let folder = match path.parent() {
            Some(parent) if parent.as_os_str().is_empty() => PathBuf::from("."),
            Some(parent) => parent.to_owned(),
            None => PathBuf::from("/"),
        };
        let target = Self { folder, name: name.unwrap_or(safe), any_name: false, overwrite };
        if !overwrite && path.symlink_metadata().is_ok() {
            return Err(failure::exists(path));
        }
        Ok(target)
    }

    /// Gives the written file its name; never that of another one without `overwrite`.
    fn place(&self, beside: &Path) -> io::Result<PathBuf> {
        let tries = if self.any_name { NAMES } else { 1 };
        for number in 1..=tries {
            let path = self.folder.join(name::numbered(&self.name, number));
            if self.overwrite {
                return fs::rename(beside, &path).map(|()| path);
            }
            match place_new(beside, &path) {
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                placed => return placed.map(|()| path),
            }
        }
        Err(ErrorKind::AlreadyExists.into())
    }
}

/// Gives a file a name that is free. A link does it in one move; where there are none, the name is
/// taken first.
fn place_new(beside: &Path, path: &Path) -> io::Result<()> {
    match fs::hard_link(beside, path) {
        Ok(()) => fs::remove_file(beside),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Err(error),
        Err(_) => {
            drop(File::create_new(path)?);
            fs::rename(beside, path)
        }
    }
}
