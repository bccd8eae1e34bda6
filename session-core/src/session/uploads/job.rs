//! One upload: the files that a client announced, and how far it is with them.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use serde::Deserialize;

use super::file::UploadedFile;
use super::folder::Space;
use crate::limits::Limits;

/// What a client says of a file before it sends it.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Announced {
    name: String,
    size: usize,
    #[serde(rename = "type")]
    media_type: String,
}

/// The longest name, and the longest media type, in bytes: no file system has longer ones.
const NAME: usize = 1024;
/// The longest ending of a name that ours gets as well.
const ENDING: usize = 16;

impl Announced {
    pub(super) fn check(&self, limits: &Limits) -> Result<(), String> {
        if self.name.len() > NAME || self.media_type.len() > NAME {
            return Err("the name of a file is too long".to_owned());
        }
        if self.size > limits.upload_file_bytes {
            let most = limits.upload_file_bytes;
            return Err(format!("a file has {} bytes, where {most} are allowed", self.size));
        }
        Ok(())
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) const fn size(&self) -> usize {
        self.size
    }

    pub(super) fn media_type(&self) -> String {
        if self.media_type.is_empty() {
            return mime_guess::from_path(&self.name).first_or_octet_stream().to_string();
        }
        self.media_type.clone()
    }

    /// A name for it on our disk: the client's has no say but in a harmless ending.
    pub(super) fn file_name(&self, index: usize) -> String {
        let ending = Path::new(&self.name).extension().and_then(|ending| ending.to_str());
        let is_harmless = |ending: &&str| {
            ending.len() <= ENDING && ending.bytes().all(|b| b.is_ascii_alphanumeric())
        };
        match ending.filter(is_harmless) {
            Some(ending) if !ending.is_empty() => format!("{index}.{ending}"),
            _ => index.to_string(),
        }
    }
}

#[derive(Debug)]
pub(crate) struct Job {
    pub(super) id: Box<str>,
    pub(super) announced: Arc<[Announced]>,
    pub(super) received: Vec<UploadedFile>,
    /// One of its files is on its way.
    pub(super) is_receiving: bool,
    /// When it counts as abandoned, unless it is receiving.
    pub(super) expires: Instant,
    /// For all of its files.
    pub(super) space: Arc<Space>,
}

impl Job {
    /// When it counts as abandoned; never while it is receiving.
    pub(super) fn deadline(&self) -> Option<Instant> {
        (!self.is_receiving).then_some(self.expires)
    }

    pub(super) fn is_complete(&self) -> bool {
        self.received.len() == self.announced.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(name: &str) -> Announced {
        Announced { name: name.to_owned(), size: 1, media_type: String::new() }
    }

    #[test]
    fn a_name_on_disk_has_nothing_of_the_clients_but_a_plain_ending() {
        for (name, expected) in [
            ("a.txt", "7.txt"),
            ("a.tar.gz", "7.gz"),
            ("../../etc/passwd", "7"),
            ("..", "7"),
            (".", "7"),
            ("", "7"),
            (".bashrc", "7"),
            ("a.", "7"),
            ("a.b/c", "7"),
            ("a.b\\c", "7"),
            ("a.tx t", "7"),
            ("a.t\0t", "7"),
            ("a.naïve", "7"),
            ("a.seventeencharacte", "7"),
            ("con.txt", "7.txt"),
        ] {
            assert_eq!(file(name).file_name(7), expected, "{name:?}");
        }
        assert_eq!(file(&format!("{}.csv", "x".repeat(300))).file_name(0), "0.csv");
    }

    #[test]
    fn a_media_type_that_the_client_does_not_tell_is_guessed() {
        assert_eq!(file("a.csv").media_type(), "text/csv");
        assert_eq!(file("a").media_type(), "application/octet-stream");
        let told = Announced { media_type: "x/y".to_owned(), ..file("a.csv") };
        assert_eq!(told.media_type(), "x/y");
    }
}
