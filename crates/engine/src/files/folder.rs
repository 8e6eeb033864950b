//! The folder in which a profile's files rest, and one sealed file in it.
//!
//! A whole file is called by 32 hexadecimal digits that say nothing; one that is being taken in ends
//! in `.new`, one that is being fetched in `.part`. Only these are ever removed. The folder is made
//! when it is first needed; that of a profile in memory goes with the program.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use anser_files::Tree;
use anser_node::Resting;
use anser_proto::limits::PART_BYTES;

use super::failure;
use super::seal::Seal;

/// Space that is left to the store, in bytes.
const RESERVE_BYTES: u64 = 16 << 20;

/// How far a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// Being taken in.
    New,
    /// Being fetched.
    Part,
    /// Whole.
    Whole,
}

/// The folder.
#[derive(Debug)]
pub(crate) struct Folder {
    path: PathBuf,
    passing: bool,
}

impl Folder {
    /// The folder of a profile.
    pub(crate) fn lasting(path: PathBuf) -> Self {
        Self { path, passing: false }
    }

    /// A folder that goes when this is dropped.
    pub(crate) fn passing(name: &[u8]) -> Self {
        let name = format!("anser-{}", hex(name));
        Self { path: std::env::temp_dir().join(name), passing: true }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Whether the folder is there at all.
    pub(super) fn is_there(&self) -> bool {
        self.path.is_dir()
    }

    pub(super) fn file(&self, name: &[u8; 16], stage: Stage) -> PathBuf {
        let ending = match stage {
            Stage::New => ".new",
            Stage::Part => ".part",
            Stage::Whole => "",
        };
        self.path.join(format!("{}{ending}", hex(name)))
    }

    /// Makes the folder where it is not there yet.
    pub(super) fn ready(&self) -> io::Result<()> {
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(&self.path)
    }

    /// Whether so much more fits, as far as the system tells.
    pub(super) fn has_room(&self, bytes: u64) -> bool {
        let needed = bytes.saturating_add(RESERVE_BYTES);
        fs4::available_space(&self.path).map_or(true, |free| free >= needed)
    }

    /// Makes the names in the folder durable.
    pub(super) fn sync(&self) -> io::Result<()> {
        sync_folder(&self.path)
    }

    /// Removes everything of ours but these whole and unfinished files.
    pub(super) fn keep(&self, names: &[[u8; 16]]) {
        let kept: std::collections::BTreeSet<String> = names.iter().map(|n| hex(n)).collect();
        let Ok(entries) = fs::read_dir(&self.path) else { return };
        for entry in entries.flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            let (digits, ending) = name.split_once('.').unwrap_or((&name, ""));
            let ours = digits.len() == 32
                && digits.bytes().all(|digit| digit.is_ascii_hexdigit())
                && ["", "new", "part"].contains(&ending);
            if ours && (ending == "new" || !kept.contains(digits)) {
                // What cannot be removed now is tried again at the next start.
                let _ = fs::remove_file(entry.path());
            }
        }
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if self.passing {
            // Nobody needs it, and the system clears its temporary folder by itself.
            let _ = fs::remove_dir_all(&self.path);
        }
    }
}

/// Makes the names in a folder durable, where the system can.
pub(super) fn sync_folder(path: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(path)?.sync_all() } else { Ok(()) }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A sealed file that is open.
pub(super) struct Sealed {
    file: File,
    pub(super) seal: Seal,
}

impl Sealed {
    /// Opens a whole file.
    pub(super) fn open(folder: &Folder, resting: &Resting) -> io::Result<Self> {
        let file = File::open(folder.file(&resting.rest.name, Stage::Whole))?;
        Ok(Self { file, seal: Seal::new(resting) })
    }

    /// Opens, or makes, one that is not whole yet.
    pub(super) fn begin(folder: &Folder, resting: &Resting, stage: Stage) -> io::Result<Self> {
        folder.ready()?;
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(stage == Stage::New);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(folder.file(&resting.rest.name, stage))?;
        Ok(Self { file, seal: Seal::new(resting) })
    }

    /// How long it is on disk, in bytes.
    pub(super) fn length(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.len())
    }

    /// Seals a block and writes it to its place.
    pub(super) fn write(&mut self, number: u64, mut block: Vec<u8>) -> io::Result<()> {
        if !self.seal.seal(number, &mut block)
            || self.seal.sealed_bytes(number) != Some(block.len())
        {
            return Err(failure::impossible());
        }
        self.file.seek(SeekFrom::Start(self.seal.offset(number)))?;
        self.file.write_all(&block)
    }

    /// Reads a block; `None` when it is not the one that was written.
    pub(super) fn read(&mut self, number: u64) -> io::Result<Option<Vec<u8>>> {
        let Some(length) = self.seal.sealed_bytes(number) else {
            return Err(failure::impossible());
        };
        let mut block = vec![0; length];
        self.file.seek(SeekFrom::Start(self.seal.offset(number)))?;
        match self.file.read_exact(&mut block) {
            Ok(()) => Ok(self.seal.open(number, &mut block).then_some(block)),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Writes the tree behind the parts and makes everything durable under the whole file's name.
    pub(super) fn finish(
        &mut self,
        folder: &Folder,
        name: &[u8; 16],
        stage: Stage,
        tree: &Tree,
    ) -> io::Result<()> {
        let mut number = self.seal.parts();
        for block in tree.to_bytes().chunks(PART_BYTES) {
            self.write(number, block.to_vec())?;
            number = number.saturating_add(1);
        }
        self.file.sync_all()?;
        fs::rename(folder.file(name, stage), folder.file(name, Stage::Whole))?;
        folder.sync()
    }

    /// The tree behind the parts; `None` when it is not the one that was written.
    pub(super) fn tree(&mut self, resting: &Resting) -> io::Result<Option<Tree>> {
        let mut bytes = Vec::new();
        for number in self.seal.parts()..self.seal.blocks() {
            let Some(block) = self.read(number)? else { return Ok(None) };
            bytes.extend(block);
        }
        Ok(Tree::from_bytes(resting.file, resting.size_bytes, &bytes))
    }
}
