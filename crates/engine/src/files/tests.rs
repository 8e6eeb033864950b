//! Files on a real disk: what goes in comes out, and nothing else.

use std::path::PathBuf;

use anser_files::{Parts, TreeBuilder, tree};
use anser_node::{FileCode, Rest};
use anser_proto::{DeviceId, FileId};

use super::*;

struct Bench {
    root: tempfile::TempDir,
    files: Option<Files>,
    answers: mpsc::Receiver<FileAnswer>,
    next: u8,
}

impl Bench {
    fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        let (files, answers) = Self::start(root.path());
        Self { root, files: Some(files), answers, next: 0 }
    }

    fn start(root: &std::path::Path) -> (Files, mpsc::Receiver<FileAnswer>) {
        let (answers_in, answers) = mpsc::channel(ANSWERS);
        let files = Files::start(Folder::lasting(root.join("files")), answers_in).unwrap();
        (files, answers)
    }

    fn restart(&mut self) {
        self.files = None;
        let (files, answers) = Self::start(self.root.path());
        (self.files, self.answers) = (Some(files), answers);
    }

    fn order(&mut self, order: FileOrder) {
        self.files.as_mut().unwrap().order(order);
    }

    /// The next answer that is no progress.
    fn answer(&mut self) -> FileAnswer {
        loop {
            match self.answers.blocking_recv().expect("the thread runs") {
                FileAnswer::Progress { .. } | FileAnswer::Sized { .. } => {}
                answer => return answer,
            }
        }
    }

    fn ask(&mut self, order: FileOrder) -> FileAnswer {
        self.order(order);
        self.answer()
    }

    fn code(&mut self, order: FileOrder) -> FileCode {
        match self.ask(order) {
            FileAnswer::Failed { failure, .. } => {
                assert!(failure.reason.ends_with('.'), "{}", failure.reason);
                failure.code
            }
            FileAnswer::Read { result: Err(failure), .. } => failure.code,
            other => panic!("{other:?}"),
        }
    }

    fn rest(&mut self) -> Rest {
        self.next += 1;
        Rest { name: [self.next; 16], key: [self.next; 32].into() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    fn text(&self, name: &str) -> String {
        self.path(name).to_str().unwrap().to_owned()
    }

    /// Takes bytes in from a file.
    fn take(&mut self, bytes: &[u8]) -> Resting {
        let rest = self.rest();
        std::fs::write(self.path("source"), bytes).unwrap();
        let take = FileOrder::Take { job: 1, rest: rest.clone(), path: self.text("source") };
        let size_bytes = bytes.len() as u64;
        let file = tree::id_of(bytes);
        assert_eq!(self.ask(take), FileAnswer::Taken { job: 1, file, size_bytes });
        Resting { rest, file, size_bytes }
    }

    fn save(&mut self, resting: &Resting, path: &str, overwrite: bool) -> FileOrder {
        let (resting, path) = (resting.clone(), self.text(path));
        FileOrder::Save { job: 9, resting, path, name: "a.txt".into(), overwrite }
    }

    /// Waits until everything ordered before is done.
    fn settle(&mut self) {
        let rest = self.rest();
        let resting = Resting { rest, file: FileId([0; 32]), size_bytes: 0 };
        self.ask(FileOrder::Read { call: 0, resting, offset: 0, limit: 1 });
    }

    fn in_folder(&self) -> Vec<String> {
        let Ok(entries) = std::fs::read_dir(self.path("files")) else { return vec![] };
        let mut names: Vec<_> =
            entries.map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

fn content(size: usize) -> Vec<u8> {
    (0..size).map(|at| (at.wrapping_mul(31) ^ (at >> 8) ^ (at >> 16)) as u8).collect()
}

fn read(resting: &Resting, offset: u64, limit: u32) -> FileOrder {
    FileOrder::Read { call: 5, resting: resting.clone(), offset, limit }
}

fn part(resting: &Resting, part: u64) -> FileOrder {
    FileOrder::Part { to: DeviceId([1; 32]), resting: resting.clone(), part }
}

#[test]
fn what_is_taken_in_is_read_proven_and_saved() {
    let mut bench = Bench::new();
    for size in [0, 1, PART_BYTES, PART_BYTES + 1, 5 * PART_BYTES - 3, 70 * PART_BYTES] {
        let bytes = content(size);
        let resting = bench.take(&bytes);
        for number in 0..tree::part_count(size as u64) {
            let FileAnswer::Part { data, proof, .. } = bench.ask(part(&resting, number)) else {
                panic!("no part {number} of {size}")
            };
            let proven = tree::verify(&resting.file, size as u64, number, &data, &proof);
            assert!(proven, "{number} of {size}");
        }
        let (offset, limit) = (size as u64 / 3, 150_000);
        let FileAnswer::Read { result, .. } = bench.ask(read(&resting, offset, limit)) else {
            panic!("no piece")
        };
        let end = (offset as usize + limit as usize).min(size);
        assert_eq!(result.unwrap(), &bytes[offset as usize..end]);
        let save = bench.save(&resting, "out", true);
        let path = bench.text("out");
        assert_eq!(bench.ask(save), FileAnswer::Saved { job: 9, path });
        assert_eq!(std::fs::read(bench.path("out")).unwrap(), bytes);
    }
}

#[test]
fn what_rests_shows_neither_names_nor_content() {
    let mut bench = Bench::new();
    let bytes = b"a secret that is easy to find ".repeat(5_000);
    bench.take(&bytes);
    let names = bench.in_folder();
    assert_eq!(names, ["01".repeat(16)]);
    let stored = std::fs::read(bench.path("files").join(&names[0])).unwrap();
    assert!(stored.len() > bytes.len());
    assert!(!stored.windows(8).any(|window| window == b"a secret"));
    let tree = tree_of(&bytes).to_bytes();
    assert!(!stored.windows(32).any(|window| window == &tree[..32]), "the tree lies open");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = |path: PathBuf| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(bench.path("files")), 0o700);
        assert_eq!(mode(bench.path("files").join(&names[0])), 0o600);
    }
}

fn tree_of(bytes: &[u8]) -> Tree {
    let mut builder = TreeBuilder::default();
    bytes.chunks(PART_BYTES).for_each(|part| assert!(builder.push(part)));
    builder.finish()
}

#[test]
fn content_comes_in_pieces_of_any_length() {
    let mut bench = Bench::new();
    let bytes = content(3 * PART_BYTES + 11);
    for piece in [1, 1_000, PART_BYTES, 190_000] {
        let (rest, size_bytes) = (bench.rest(), bytes.len() as u64);
        if piece == 1 {
            // One byte at a time, of few.
            bench.order(FileOrder::Begin { job: 2, rest, size_bytes: 3 });
            for byte in [1, 2, 3] {
                let append = FileOrder::Append { job: 2, bytes: vec![byte] };
                assert_eq!(bench.ask(append), FileAnswer::Appended { job: 2 });
            }
            let file = tree::id_of(&[1, 2, 3]);
            assert_eq!(bench.answer(), FileAnswer::Taken { job: 2, file, size_bytes: 3 });
            continue;
        }
        bench.order(FileOrder::Begin { job: 2, rest: rest.clone(), size_bytes });
        for piece in bytes.chunks(piece) {
            let append = FileOrder::Append { job: 2, bytes: piece.to_vec() };
            assert_eq!(bench.ask(append), FileAnswer::Appended { job: 2 });
        }
        let file = tree::id_of(&bytes);
        assert_eq!(bench.answer(), FileAnswer::Taken { job: 2, file, size_bytes });
        let resting = Resting { rest, file, size_bytes };
        assert!(matches!(bench.ask(part(&resting, 3)), FileAnswer::Part { .. }));
    }
    let rest = bench.rest();
    let empty = FileOrder::Begin { job: 3, rest, size_bytes: 0 };
    let file = tree::id_of(&[]);
    assert_eq!(bench.ask(empty), FileAnswer::Taken { job: 3, file, size_bytes: 0 });
}

#[test]
fn a_fetch_keeps_what_was_put_and_only_that() {
    let mut bench = Bench::new();
    let bytes = content(40 * PART_BYTES + 5);
    let (rest, file, size_bytes) = (bench.rest(), tree::id_of(&bytes), bytes.len() as u64);
    let resting = Resting { rest, file, size_bytes };
    let fetch = FileOrder::Fetch { job: 4, resting: resting.clone() };
    let none = Parts::none(41);
    assert_eq!(bench.ask(fetch.clone()), FileAnswer::Found { job: 4, held: none.clone() });
    let put = |number: u64| {
        let data = bytes.chunks(PART_BYTES).nth(number as usize).unwrap().to_vec();
        FileOrder::Put { job: 4, part: number, data }
    };
    let mut held = none;
    for number in [40, 3, 17, 0] {
        assert_eq!(bench.ask(put(number)), FileAnswer::Put { job: 4, part: number });
        held.insert(number);
    }
    bench.restart();
    bench.order(FileOrder::Keep { names: vec![resting.rest.name] });
    assert_eq!(bench.ask(fetch.clone()), FileAnswer::Found { job: 4, held: held.clone() });

    // A part that the disk has not kept as it was does not count.
    bench.restart();
    let path = bench.path("files").join(format!("{}.part", "01".repeat(16)));
    let mut stored = std::fs::read(&path).unwrap();
    stored[17 * (PART_BYTES + 16) + 100] ^= 1;
    std::fs::write(&path, &stored).unwrap();
    let FileAnswer::Found { held, .. } = bench.ask(fetch) else { panic!("not found") };
    assert!(held.has(3) && !held.has(17) && held.held() == 3);
    for number in (0..41).filter(|number| !held.has(*number)) {
        assert_eq!(bench.ask(put(number)), FileAnswer::Put { job: 4, part: number });
    }
    assert_eq!(bench.ask(FileOrder::Finish { job: 4 }), FileAnswer::Finished { job: 4 });
    assert_eq!(bench.in_folder(), ["01".repeat(16)]);
    let save = bench.save(&resting, "out", false);
    bench.ask(save);
    assert_eq!(std::fs::read(bench.path("out")).unwrap(), bytes);
}

#[test]
fn a_whole_that_is_not_what_its_id_says_never_counts_as_here() {
    let mut bench = Bench::new();
    let rest = bench.rest();
    let resting = Resting { rest, file: FileId([7; 32]), size_bytes: 10 };
    bench.ask(FileOrder::Fetch { job: 4, resting });
    bench.ask(FileOrder::Put { job: 4, part: 0, data: vec![0; 10] });
    assert_eq!(bench.code(FileOrder::Finish { job: 4 }), FileCode::Damaged);
    assert_eq!(bench.in_folder(), Vec::<String>::new());
}

#[test]
fn sources_that_cannot_be_taken_in_are_explained() {
    let mut bench = Bench::new();
    let take = |bench: &mut Bench, path: String| {
        let rest = bench.rest();
        bench.code(FileOrder::Take { job: 1, rest, path })
    };
    let missing = bench.text("missing");
    assert_eq!(take(&mut bench, missing), FileCode::NotFound);
    let folder = bench.root.path().to_str().unwrap().to_owned();
    assert_eq!(take(&mut bench, folder), FileCode::Unreadable);
    if cfg!(unix) {
        assert_eq!(take(&mut bench, "/dev/null".into()), FileCode::Unreadable);
    }
    let huge = std::fs::File::create(bench.path("huge")).unwrap();
    if huge.set_len(anser_proto::limits::FILE_BYTES + 1).is_ok() {
        let huge = bench.text("huge");
        assert_eq!(take(&mut bench, huge), FileCode::TooLarge);
    }
    assert_eq!(bench.in_folder(), Vec::<String>::new());
}

#[test]
fn a_source_that_changes_while_it_is_read_is_refused() {
    let root = tempfile::tempdir().unwrap();
    let folder = Folder::lasting(root.path().join("files"));
    let path = root.path().join("source");
    let changes: [fn(&std::path::Path); 3] = [
        |path| std::fs::write(path, content(40 * PART_BYTES)).unwrap(),
        |path| std::fs::write(path, content(50 * PART_BYTES + 1)).unwrap(),
        |path| {
            let file = std::fs::OpenOptions::new().write(true).open(path).unwrap();
            file.set_modified(std::time::SystemTime::UNIX_EPOCH).unwrap();
        },
    ];
    for change in changes {
        std::fs::write(&path, content(50 * PART_BYTES)).unwrap();
        let rest = Rest { name: [1; 16], key: [1; 32].into() };
        let take = Take::begin(&folder, rest, path.to_str().unwrap());
        let mut job = Job::Take(take.unwrap_or_else(|_| panic!("it begins")));
        assert!(matches!(job.step(1, &folder), Step::More(_)));
        change(&path);
        let failure = loop {
            match job.step(1, &folder) {
                Step::More(_) => {}
                Step::Over(Err(failure)) => break failure,
                _ => panic!("it was taken in"),
            }
        };
        assert_eq!(failure.code, FileCode::Changed);
        job.discard(&folder);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}

#[test]
fn saving_never_overwrites_by_itself_and_leaves_nothing_behind() {
    let mut bench = Bench::new();
    let bytes = content(100_000);
    let resting = bench.take(&bytes);
    std::fs::create_dir(bench.path("out")).unwrap();
    for name in ["a.txt", "a (2).txt", "a (3).txt"] {
        let save = bench.save(&resting, "out", false);
        let path = bench.text(&format!("out/{name}"));
        assert_eq!(bench.ask(save), FileAnswer::Saved { job: 9, path });
    }
    std::fs::write(bench.path("mine"), b"mine").unwrap();
    let save = bench.save(&resting, "mine", false);
    assert_eq!(bench.code(save), FileCode::Exists);
    assert_eq!(std::fs::read(bench.path("mine")).unwrap(), b"mine");
    let save = bench.save(&resting, "mine", true);
    assert!(matches!(bench.ask(save), FileAnswer::Saved { .. }));
    assert_eq!(std::fs::read(bench.path("mine")).unwrap(), bytes);
    let save = bench.save(&resting, "nowhere/b", false);
    assert_eq!(bench.code(save), FileCode::Unwritable);
    let save = bench.save(&resting, "mine/b", false);
    assert_eq!(bench.code(save), FileCode::Unwritable);
    #[cfg(unix)]
    {
        // A link that leads nowhere is somebody's too.
        std::os::unix::fs::symlink("/nowhere", bench.path("link")).unwrap();
        let save = bench.save(&resting, "link", false);
        assert_eq!(bench.code(save), FileCode::Exists);
    }
    bench.settle();
    for folder in [bench.root.path().to_owned(), bench.path("out")] {
        for entry in std::fs::read_dir(folder).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            assert!(!name.starts_with(".anser"), "{name}");
        }
    }
    assert_eq!(std::fs::read_dir(bench.path("out")).unwrap().count(), 3);
}

#[test]
fn a_damaged_or_vanished_file_gives_no_byte() {
    let mut bench = Bench::new();
    let resting = bench.take(&content(3 * PART_BYTES));
    let path = bench.path("files").join("01".repeat(16));
    let whole = std::fs::read(&path).unwrap();
    let lost = FileAnswer::Lost { to: DeviceId([1; 32]), file: resting.file };
    // A byte of the second part; a byte of the tree; its end missing.
    let mut second = whole.clone();
    second[PART_BYTES + 100] ^= 1;
    let mut in_tree = whole.clone();
    *in_tree.last_mut().unwrap() ^= 1;
    for stored in [&second, &in_tree, &whole[..PART_BYTES].to_vec()] {
        bench.restart();
        std::fs::write(&path, stored).unwrap();
        assert_eq!(bench.ask(part(&resting, 1)), lost);
    }
    std::fs::write(&path, &second).unwrap();
    bench.restart();
    assert_eq!(bench.code(read(&resting, 0, 500_000)), FileCode::Damaged);
    let save = bench.save(&resting, "out", false);
    assert_eq!(bench.code(save), FileCode::Damaged);
    assert!(!bench.path("out").exists());
    std::fs::remove_file(&path).unwrap();
    bench.restart();
    assert_eq!(bench.ask(part(&resting, 0)), lost);
    // When the whole folder is away, a disk is missing rather than a file.
    std::fs::remove_dir(bench.path("files")).unwrap();
    let unread = FileAnswer::Unread { to: DeviceId([1; 32]), file: resting.file };
    assert_eq!(bench.ask(part(&resting, 0)), unread);
    assert_eq!(bench.code(read(&resting, 0, 1)), FileCode::Unwritable);
}

#[test]
fn what_nothing_refers_to_is_removed_and_nothing_else() {
    let mut bench = Bench::new();
    let first = bench.take(&content(10));
    bench.take(&content(20));
    std::fs::write(bench.path("files/notes.txt"), b"mine").unwrap();
    std::fs::write(bench.path("files").join(format!("{}.new", "01".repeat(16))), b"").unwrap();
    bench.order(FileOrder::Keep { names: vec![first.rest.name] });
    bench.settle();
    assert_eq!(bench.in_folder(), ["01".repeat(16), "notes.txt".into()]);
    bench.order(FileOrder::Remove { name: first.rest.name });
    bench.settle();
    assert_eq!(bench.in_folder(), ["notes.txt"]);
}

#[test]
fn a_cancelled_job_leaves_nothing() {
    let mut bench = Bench::new();
    let rest = bench.rest();
    bench.order(FileOrder::Begin { job: 2, rest, size_bytes: 1_000_000 });
    bench.ask(FileOrder::Append { job: 2, bytes: vec![0; 500_000] });
    let rest = bench.rest();
    let resting = Resting { rest, file: FileId([1; 32]), size_bytes: 100 };
    bench.ask(FileOrder::Fetch { job: 3, resting });
    assert_eq!(bench.in_folder().len(), 2);
    bench.order(FileOrder::Cancel { job: 2 });
    bench.order(FileOrder::Cancel { job: 3 });
    bench.settle();
    assert_eq!(bench.in_folder(), Vec::<String>::new());
}

#[test]
fn short_orders_pass_a_long_one() {
    let mut bench = Bench::new();
    let small = bench.take(&content(10));
    std::fs::write(bench.path("source"), content(64 << 20)).unwrap();
    let (rest, path) = (bench.rest(), bench.text("source"));
    bench.order(FileOrder::Take { job: 1, rest, path });
    bench.order(part(&small, 0));
    assert!(matches!(bench.answer(), FileAnswer::Part { .. }), "the long one came first");
    assert!(matches!(bench.answer(), FileAnswer::Taken { .. }));
}

#[test]
fn a_folder_of_a_profile_in_memory_goes_with_it() {
    let folder = Folder::passing(b"for a test of this");
    let path = folder.path().to_owned();
    folder.ready().unwrap();
    assert!(path.is_dir());
    drop(folder);
    assert!(!path.exists());
}
