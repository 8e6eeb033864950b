//! A disk in memory that answers a node's orders at once.

use std::collections::BTreeMap;

use anser_files::{Parts, TreeBuilder, tree};
use anser_node::{FileAnswer, FileCode, FileFailure, FileOrder, Resting};
use anser_proto::limits::PART_BYTES;

#[derive(Default)]
pub struct Disk {
    /// Files of the computer, by path.
    pub sources: BTreeMap<String, Vec<u8>>,
    /// What was written out, by path.
    pub saved: BTreeMap<String, Vec<u8>>,
    /// What rests here whole, by name on disk.
    pub whole: BTreeMap<[u8; 16], Vec<u8>>,
    /// What is here of other files.
    pub parts: BTreeMap<[u8; 16], BTreeMap<u64, Vec<u8>>>,
    /// Nothing more can be written.
    pub full: bool,
    /// What is read comes out wrong.
    pub lies: bool,
    /// How many parts were read for others.
    pub served: usize,
    /// How many parts were written.
    pub put: usize,
    jobs: BTreeMap<u64, Job>,
}

enum Job {
    Fetch(Resting),
    Pieces { name: [u8; 16], size_bytes: u64, bytes: Vec<u8> },
}

fn failed(job: u64, code: FileCode) -> FileAnswer {
    FileAnswer::Failed { job, failure: FileFailure { code, reason: format!("{code:?}.") } }
}

impl Disk {
    /// The program ended: what was under way is forgotten, what was written is not.
    pub fn restart(&mut self) {
        self.jobs.clear();
    }

    /// Everything that takes space.
    pub fn names(&self) -> usize {
        self.whole.len() + self.parts.len()
    }

    pub fn order(&mut self, order: FileOrder) -> Vec<FileAnswer> {
        match order {
            FileOrder::Take { job, rest, path } => match self.sources.get(&path) {
                None => vec![failed(job, FileCode::NotFound)],
                Some(_) if self.full => vec![failed(job, FileCode::DiskFull)],
                Some(bytes) => {
                    let bytes = bytes.clone();
                    let size_bytes = bytes.len() as u64;
                    let taken = self.keep(job, rest.name, bytes);
                    vec![FileAnswer::Sized { job, size_bytes }, taken]
                }
            },
            FileOrder::Begin { job, rest, size_bytes } => {
                if size_bytes == 0 {
                    return vec![self.keep(job, rest.name, vec![])];
                }
                let pieces = Job::Pieces { name: rest.name, size_bytes, bytes: vec![] };
                self.jobs.insert(job, pieces);
                vec![]
            }
            FileOrder::Append { job, bytes: more } => {
                let Some(Job::Pieces { name, size_bytes, mut bytes }) = self.jobs.remove(&job)
                else {
                    return vec![];
                };
                if self.full {
                    return vec![failed(job, FileCode::DiskFull)];
                }
                bytes.extend(more);
                let mut answers = vec![FileAnswer::Appended { job }];
                if bytes.len() as u64 == size_bytes {
                    answers.push(self.keep(job, name, bytes));
                } else {
                    self.jobs.insert(job, Job::Pieces { name, size_bytes, bytes });
                }
                answers
            }
            FileOrder::Fetch { job, resting } => {
                let mut held = Parts::none(tree::part_count(resting.size_bytes));
                for part in self.parts.entry(resting.rest.name).or_default().keys() {
                    held.insert(*part);
                }
                self.jobs.insert(job, Job::Fetch(resting));
                vec![FileAnswer::Found { job, held }]
            }
            FileOrder::Put { job, part, data } => {
                let Some(Job::Fetch(resting)) = self.jobs.get(&job) else { return vec![] };
                if self.full {
                    self.jobs.remove(&job);
                    return vec![failed(job, FileCode::DiskFull)];
                }
                let parts = self.parts.entry(resting.rest.name).or_default();
                assert!(parts.insert(part, data).is_none(), "a part is put twice");
                self.put += 1;
                vec![FileAnswer::Put { job, part }]
            }
            FileOrder::Finish { job } => {
                let Some(Job::Fetch(resting)) = self.jobs.remove(&job) else { return vec![] };
                let parts = self.parts.remove(&resting.rest.name).unwrap_or_default();
                let bytes: Vec<u8> = parts.into_values().flatten().collect();
                assert_eq!(tree::id_of(&bytes), resting.file, "a wrong byte was put");
                self.whole.insert(resting.rest.name, bytes);
                vec![FileAnswer::Finished { job }]
            }
            FileOrder::Pause { job } => {
                self.jobs.remove(&job);
                vec![]
            }
            FileOrder::Save { job, resting, path, name, overwrite } => {
                let path = if path.ends_with('/') { format!("{path}{name}") } else { path };
                if self.saved.contains_key(&path) && !overwrite {
                    return vec![failed(job, FileCode::Exists)];
                }
                let Some(bytes) = self.whole.get(&resting.rest.name) else {
                    return vec![failed(job, FileCode::Damaged)];
                };
                self.saved.insert(path.clone(), bytes.clone());
                vec![FileAnswer::Saved { job, path }]
            }
            FileOrder::Cancel { job } => {
                if let Some(Job::Fetch(resting)) = self.jobs.remove(&job) {
                    self.parts.remove(&resting.rest.name);
                }
                vec![]
            }
            FileOrder::Part { to, resting, part } => {
                let file = resting.file;
                let Some(bytes) = self.whole.get(&resting.rest.name) else {
                    return vec![FileAnswer::Lost { to, file }];
                };
                self.served += 1;
                let mut builder = TreeBuilder::default();
                bytes.chunks(PART_BYTES).for_each(|part| assert!(builder.push(part)));
                let proof = builder.finish().proof(part).unwrap();
                let mut data = bytes.chunks(PART_BYTES).nth(part as usize).unwrap().to_vec();
                data[0] ^= u8::from(self.lies);
                vec![FileAnswer::Part { to, file, part, data, proof }]
            }
            FileOrder::Read { call, resting, offset, limit } => {
                let file = resting.file;
                let result = match self.whole.get(&resting.rest.name) {
                    Some(bytes) => {
                        let from = offset as usize;
                        Ok(bytes[from..(from + limit as usize).min(bytes.len())].to_vec())
                    }
                    None => Err(FileFailure { code: FileCode::Damaged, reason: "Gone.".into() }),
                };
                vec![FileAnswer::Read { call, file, result }]
            }
            FileOrder::Remove { name } => {
                self.whole.remove(&name);
                vec![]
            }
            FileOrder::Keep { names } => {
                self.whole.retain(|name, _| names.contains(name));
                self.parts.retain(|name, _| names.contains(name));
                vec![]
            }
        }
    }

    fn keep(&mut self, job: u64, name: [u8; 16], bytes: Vec<u8>) -> FileAnswer {
        let (file, size_bytes) = (tree::id_of(&bytes), bytes.len() as u64);
        self.whole.insert(name, bytes);
        FileAnswer::Taken { job, file, size_bytes }
    }
}
