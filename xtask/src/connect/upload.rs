//! Files on their way to an input of the session: announced, sent one after the other, and then given to it.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail, ensure};
use bytes::Bytes;
use futures_util::{Stream, stream};
use http_body::Frame;
use http_body_util::StreamBody;
use serde::Deserialize;
use serde_json::{Value as Json, json};
use session_core::exchange::Body;
use session_core::link::Connect;
use tokio::io::AsyncReadExt;
use tokio::sync::watch;

use super::text::bytes;
use super::transfer::{Progress, refusal};

/// Bytes of a file that are read at once.
const PIECE: usize = 64 << 10;

/// Files for one input.
#[derive(Debug)]
pub(super) struct Upload {
    input: String,
    files: Vec<(PathBuf, u64)>,
    /// Once the server has taken the announcement.
    begun: Option<Begun>,
}

/// What the server says of an upload that begins.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Begun {
    job_id: String,
    upload_url: String,
}

impl Upload {
    /// Looks for the files, and how large they are.
    pub(super) fn of(input: String, files: Vec<PathBuf>) -> anyhow::Result<Self> {
        let sized = |path: PathBuf| {
            let cannot = || format!("cannot read {}", path.display());
            let found = std::fs::metadata(&path).with_context(cannot)?;
            ensure!(found.is_file(), "{} is no file", path.display());
            Ok((path, found.len()))
        };
        let files: anyhow::Result<_> = files.into_iter().map(sized).collect();
        Ok(Self { input, files: files?, begun: None })
    }

    pub(super) fn input(&self) -> &str {
        &self.input
    }

    /// The arguments of the request that announces it.
    pub(super) fn announcement(&self) -> [Json; 2] {
        let files: Vec<_> = self
            .files
            .iter()
            .map(|(path, size)| {
                let name = path.file_name().unwrap_or_default().to_string_lossy();
                json!({ "name": name, "size": size, "type": "" })
            })
            .collect();
        [files.into(), self.input.clone().into()]
    }

    /// Takes the answer to that.
    pub(super) fn begin(&mut self, answer: Json) -> anyhow::Result<()> {
        let begun =
            serde_json::from_value(answer).context("the answer tells no place to send to")?;
        self.begun = Some(begun);
        Ok(())
    }

    /// The arguments of the request that ends it.
    pub(super) fn conclusion(&self) -> [Json; 2] {
        let job = self.begun.as_ref().map(|begun| begun.job_id.clone());
        [job.into(), self.input.clone().into()]
    }

    /// `2 files, 1.5 kB`, for a person.
    pub(super) fn words(&self) -> String {
        let total = bytes(self.total());
        match self.files.len() {
            1 => format!("1 file, {total}"),
            count => format!("{count} files, {total}"),
        }
    }

    fn total(&self) -> u64 {
        self.files.iter().map(|(_, size)| size).sum()
    }

    /// Sends the files, each as the body of a request.
    pub(super) async fn send<C: Connect>(
        &self,
        remote: &C,
        progress: &watch::Sender<Progress>,
    ) -> anyhow::Result<()> {
        let Some(begun) = &self.begun else { bail!("the server was not told of it") };
        progress.send_modify(|progress| progress.begin(Some(self.total())));
        for (path, _) in &self.files {
            let body = StreamBody::new(pieces(path, progress.clone()).await?);
            let request = http::Request::post(format!("/{}", begun.upload_url));
            let request = request.header(http::header::CONTENT_TYPE, "application/octet-stream");
            let response = remote.exchange(request.body(Body::new(body))?).await?;
            let (head, body) = response.into_parts();
            if !head.status.is_success() {
                bail!("{}: {}{}", path.display(), head.status, refusal(body).await);
            }
        }
        Ok(())
    }
}

/// A file as the pieces of a body, as they are asked for.
async fn pieces(
    path: &Path,
    progress: watch::Sender<Progress>,
) -> anyhow::Result<impl Stream<Item = std::io::Result<Frame<Bytes>>> + Send + use<>> {
    let opened = tokio::fs::File::open(path).await;
    let file = opened.with_context(|| format!("cannot read {}", path.display()))?;
    Ok(stream::try_unfold((file, progress), |(mut file, progress)| async move {
        let mut piece = vec![0; PIECE];
        let count = file.read(&mut piece).await?;
        piece.truncate(count);
        progress.send_modify(|progress| progress.go_on(count));
        Ok((count > 0).then(|| (Frame::data(piece.into()), (file, progress))))
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_announced_by_their_names_and_sizes() {
        let folder = tempfile::tempdir().unwrap();
        let (one, other) = (folder.path().join("one.txt"), folder.path().join("other"));
        std::fs::write(&one, "abc").unwrap();
        std::fs::write(&other, "").unwrap();
        let mut upload = Upload::of("f".to_owned(), vec![one, other]).unwrap();
        let files = json!([
            { "name": "one.txt", "size": 3, "type": "" },
            { "name": "other", "size": 0, "type": "" },
        ]);
        assert_eq!(upload.announcement(), [files, json!("f")]);
        assert_eq!(upload.words(), "2 files, 3 bytes");
        upload.begin(json!({ "jobId": "j", "uploadUrl": "session/s/upload/j?w=" })).unwrap();
        assert_eq!(upload.conclusion(), [json!("j"), json!("f")]);
        assert!(upload.begin(json!(null)).is_err());
    }

    #[test]
    fn what_is_no_file_is_told_before_anything_is_announced() {
        let told = |path: &str| {
            format!("{:#}", Upload::of("f".to_owned(), vec![path.into()]).unwrap_err())
        };
        assert!(told("/no/such/file").starts_with("cannot read /no/such/file: "));
        assert_eq!(told("/"), "/ is no file");
    }
}
