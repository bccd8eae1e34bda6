//! Uploads (decision 33): a request announces files, each comes as the body of an exchange, a request ends it.
//!
//! | file | what |
//! |---|---|
//! | `folder` | where they lie, and how they go |
//! | `job` | an upload that is under way |
//! | `exchange`, `receive` | one file on its way to the disk |
//! | `file`, `input` | what the app gets |

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use reactive::{Value, safe};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::message::codec;
use crate::name::{Id, InvalidId, Names, Namespace, Owned};
use crate::random::hex;
use crate::{AbsoluteId, Result, Session};

use folder::{Folder, SessionFolder};
use input::Files;
use job::{Announced, Job};

mod exchange;
pub(crate) mod file;
pub(crate) mod folder;
pub(crate) mod input;
mod job;
mod receive;

/// Announces files. `[[{name, size, type}, …]]`, and, if the client likes, the input that they are for: the upload then
/// belongs to that input's module, and ends with it.
const BEGIN: &str = "uploadInit";
/// Gives the files to an input: `[job, input]`.
const END: &str = "uploadEnd";

#[derive(Debug, Default)]
pub(crate) struct Uploads {
    jobs: Owned<Job>,
    by_id: BTreeMap<Box<str>, u64>,
    files: Names<Value<Files>>,
    /// Where the server keeps uploads; the system's folder for temporary files where it does not say.
    process: Option<Arc<Folder>>,
    /// There is one once files were announced.
    folder: Option<Arc<SessionFolder>>,
}

impl Uploads {
    pub(crate) fn keep_in(&mut self, folder: Arc<Folder>) {
        self.process = Some(folder);
    }

    pub(crate) fn jobs(&self) -> usize {
        self.jobs.len()
    }

    /// Whose each upload is, and the bytes that were promised to it.
    #[cfg(feature = "testing")]
    pub(crate) fn owners(&self) -> impl Iterator<Item = (&Namespace, usize)> {
        self.jobs.iter().map(|(_, owner, job)| (owner, job.space.bytes()))
    }

    /// The namespace of each file input, and what it holds.
    #[cfg(feature = "testing")]
    pub(crate) fn held(&self) -> impl Iterator<Item = (Namespace, Value<Files>)> {
        self.files.iter().map(|(name, files)| (Namespace::of(name), *files))
    }

    /// File inputs.
    pub(crate) fn inputs(&self) -> usize {
        self.files.len()
    }

    /// Files on the disk.
    #[cfg(feature = "testing")]
    pub(crate) fn files(&self) -> usize {
        self.folder.as_ref().map_or(0, |folder| folder.files())
    }

    /// When the next job counts as abandoned.
    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        self.jobs.iter().filter_map(|(_, _, job)| job.deadline()).min()
    }

    /// Takes out the jobs that were abandoned.
    #[must_use]
    pub(crate) fn take_expired(&mut self, now: Instant) -> Vec<Job> {
        let due = |job: &Job| job.deadline().is_some_and(|deadline| deadline <= now);
        let due: Vec<_> =
            self.jobs.iter().filter(|(_, _, job)| due(job)).map(|(key, ..)| key).collect();
        due.into_iter().filter_map(|key| self.remove(key)).collect()
    }

    /// Takes the jobs and the file inputs of a namespace out.
    #[must_use]
    pub(crate) fn remove_within(&mut self, within: &Namespace) -> (Vec<Job>, Vec<Value<Files>>) {
        let jobs = self.jobs.remove_within(within);
        for job in &jobs {
            self.by_id.remove(&job.id);
        }
        (jobs, self.files.remove_within(within))
    }

    /// What is to be removed at the end of the session.
    pub(crate) fn take_folder(&mut self) -> Option<Arc<SessionFolder>> {
        self.folder.take()
    }

    fn folder(&mut self) -> Arc<SessionFolder> {
        let process =
            self.process.get_or_insert_with(|| Arc::new(Folder::new(std::env::temp_dir())));
        let make = || Arc::new(SessionFolder::new(Arc::clone(process)));
        Arc::clone(self.folder.get_or_insert_with(make))
    }

    fn job(&mut self, id: &str) -> Option<(u64, &Namespace, &mut Job)> {
        let key = *self.by_id.get(id)?;
        let (owner, job) = self.jobs.get_mut(key)?;
        Some((key, owner, job))
    }

    fn remove(&mut self, key: u64) -> Option<Job> {
        let (_, job) = self.jobs.remove(key)?;
        self.by_id.remove(&job.id);
        Some(job)
    }
}

/// The arguments of [`BEGIN`].
#[derive(Deserialize)]
struct Begin(Vec<Announced>, #[serde(default)] Option<String>);

/// The arguments of [`END`].
#[derive(Deserialize)]
struct End(String, String);

/// A request of an upload that is refused, in words for the client.
fn refuse<T>(text: impl Into<String>) -> Result<T> {
    Err(safe(text.into()).into())
}

fn arguments<'a, T: Deserialize<'a>>(args: &'a RawValue) -> Result<T> {
    serde_json::from_str(args.get())
        .map_err(|error| safe(format!("the arguments do not fit: {error}")).into())
}

/// Whether requests of this name are the session's own.
pub(crate) fn is_built_in(method: &str) -> bool {
    matches!(method, BEGIN | END)
}

impl Session<'_> {
    /// Answers a request that is the session's own (J15); `None` for any other.
    pub(crate) fn answer_upload(&self, method: &str, args: &RawValue) -> Option<Result<Vec<u8>>> {
        match method {
            BEGIN => Some(arguments(args).and_then(|begin| self.begin_upload(begin))),
            END => Some(arguments(args).and_then(|end| self.end_upload(&end))),
            _ => None,
        }
    }

    fn begin_upload(&self, Begin(announced, input): Begin) -> Result<Vec<u8>> {
        let limits = &self.state().limits;
        if announced.len() > limits.upload_files {
            return refuse(format!("more than {} files at once", limits.upload_files));
        }
        let mut bytes = 0_usize;
        for file in &announced {
            file.check(limits).or_else(refuse)?;
            bytes = bytes.saturating_add(file.size());
        }
        let owner = match &input {
            Some(input) => self.owner_of(input)?,
            None => Namespace::ROOT,
        };
        let id: Box<str> = hex::<12>()?.into();
        let mut uploads = self.state().uploads.borrow_mut();
        if uploads.jobs() >= limits.upload_jobs {
            return refuse(format!("more than {} uploads at once", limits.upload_jobs));
        }
        let Some(space) = uploads.folder().reserve(bytes, limits.upload_bytes) else {
            let most = limits.upload_bytes;
            return refuse(format!("with these files, more than {most} bytes were uploaded"));
        };
        let job = Job {
            id: id.clone(),
            announced: announced.into(),
            received: Vec::new(),
            is_receiving: false,
            expires: (self.state().clock)() + limits.upload_timeout,
            space: Arc::new(space),
        };
        let key = uploads.jobs.insert(&owner, job);
        uploads.by_id.insert(id.clone(), key);
        let url = format!("session/{}/upload/{id}?w=", self.id());
        Ok(codec::to_json(&serde_json::json!({ "jobId": id, "uploadUrl": url }))?)
    }

    fn end_upload(&self, End(id, input): &End) -> Result<Vec<u8>> {
        let limits = &self.state().limits;
        let mut uploads = self.state().uploads.borrow_mut();
        let Some((key, _, job)) = uploads.job(id) else {
            return refuse("there is no such upload");
        };
        if job.is_receiving || !job.is_complete() {
            return refuse("not all files of this upload have come");
        }
        let job = uploads.remove(key);
        let is_known = uploads.files.get(input).is_some();
        let is_full = !is_known && uploads.inputs() >= limits.inputs;
        drop(uploads);
        if input.len() > limits.name_bytes || is_full {
            return refuse("there is no room for such an input");
        }
        self.owner_of(input)?;
        // With the job goes what it was promised; the files keep theirs.
        let files = job.map(|job| job.received.into());
        self.set_files(input, files);
        Ok(b"null".to_vec())
    }

    /// The scope that an input on the wire is of. There must be such a scope, or somebody who has asked for the input: files
    /// would else be kept for nobody.
    fn owner_of(&self, input: &str) -> Result<Namespace> {
        let Some((module, _)) = input.rsplit_once('-') else { return Ok(Namespace::ROOT) };
        let owner = AbsoluteId::new(module).and_then(|id| id.resolve_module(&Namespace::ROOT));
        match owner {
            Ok(owner) if self.state().modules.borrow().get(owner.as_str()).is_some() => Ok(owner),
            _ if self.state().uploads.borrow().files.get(input).is_some() => Ok(Namespace::ROOT),
            Ok(_) | Err(InvalidId { .. }) => refuse("there is no such input any more"),
        }
    }
}
