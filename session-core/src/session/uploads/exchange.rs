//! The exchanges of uploads: which file a request brings, and what becomes of it.

use std::sync::Arc;

use http::{Method, StatusCode};
use tokio_util::task::AbortOnDropHandle;

use super::file::UploadedFile;
use super::folder::TempFile;
use super::job::Announced;
use super::receive::{Receipt, Refusal, receive};
use crate::exchange::{Request, Response, plain};
use crate::name::Namespace;
use crate::session::exchanges::{Reply, not_found};
use crate::session::tasks::Waiting;
use crate::{Result, Session};

/// A file that its upload waits for.
struct Awaited {
    job: u64,
    owner: Namespace,
    announced: Announced,
    receipt: Receipt,
}

/// Why an upload takes no file now.
enum Unready {
    /// There is none by that name.
    Unknown,
    Receiving,
    Complete,
}

impl Unready {
    fn into_response(self) -> Response {
        match self {
            Self::Unknown => not_found(),
            Self::Receiving => {
                plain(StatusCode::CONFLICT, "another file of this upload is on its way")
            }
            Self::Complete => plain(StatusCode::BAD_REQUEST, "all files of this upload have come"),
        }
    }
}

impl Session<'_> {
    /// Takes one file of an upload.
    pub(crate) fn receive_upload(&self, id: &str, request: Request, reply: Reply) {
        let awaited = match *request.method() {
            Method::POST => self.begin_file(id),
            _ => Err(Unready::Unknown),
        };
        let Awaited { job, owner, announced, receipt } = match awaited {
            Ok(awaited) => awaited,
            Err(unready) => return reply.respond(unready.into_response()),
        };
        self.state().begin_work();
        let tracker = receipt.space.folder().tracker().clone();
        let body = request.into_body();
        let receiving = async move {
            // In a task of its own: the session's goes on meanwhile, whatever is uploaded. With this future it ends.
            let task = AbortOnDropHandle::new(tracker.spawn(receive(receipt, body)));
            Ok(task.await.unwrap_or_else(|error| Err(error.into())))
        };
        self.at(&owner).spawn(Waiting::Exchange, receiving, move |s, received| {
            s.state().end_work();
            reply.respond(s.finish_file(job, &announced, received));
        });
    }

    /// The next file of an upload.
    fn begin_file(&self, id: &str) -> Result<Awaited, Unready> {
        let mut uploads = self.state().uploads.borrow_mut();
        let (key, owner, job) = uploads.job(id).ok_or(Unready::Unknown)?;
        if job.is_receiving {
            return Err(Unready::Receiving);
        }
        let index = job.received.len();
        let announced = job.announced.get(index).cloned().ok_or(Unready::Complete)?;
        job.is_receiving = true;
        let receipt = Receipt {
            space: Arc::clone(&job.space),
            name: announced.file_name(index),
            size: announced.size(),
            patience: self.state().limits.upload_timeout,
        };
        Ok(Awaited { job: key, owner: owner.clone(), announced, receipt })
    }

    fn finish_file(
        &self,
        job: u64,
        announced: &Announced,
        received: Result<Result<TempFile, Refusal>>,
    ) -> Response {
        let state = self.state();
        let mut uploads = state.uploads.borrow_mut();
        // Its job is there: it neither ends nor expires while it receives, and what destroys it drops this, too.
        let Some((_, job)) = uploads.jobs.get_mut(job) else {
            return Unready::Unknown.into_response();
        };
        job.is_receiving = false;
        job.expires = (state.clock)() + state.limits.upload_timeout;
        match received {
            Ok(Ok(file)) => {
                job.received.push(UploadedFile::new(announced, file));
                plain(StatusCode::OK, "OK")
            }
            Ok(Err(refusal)) => refusal.into_response(),
            Err(failure) => {
                tracing::error!(%failure, "an upload failed");
                plain(StatusCode::INTERNAL_SERVER_ERROR, "the server failed")
            }
        }
    }
}
