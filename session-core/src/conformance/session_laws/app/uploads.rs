use std::path::PathBuf;

use crate::{Result, Session, UploadedFile};

/// Tells what was uploaded to the input `file`, and whether it is still there.
pub(super) fn requests(s: &Session<'_>) -> Result<()> {
    let files = s.file_input("file")?;
    s.output("names", move |s| {
        let files = files.get(s)?;
        Ok(files.iter().map(|file| file.name().to_owned()).collect::<Vec<_>>())
    })?;
    s.set_message_handler_async("uploaded", move |s, ()| {
        let files = files.get(s)?;
        Ok(async move {
            let mut told = Vec::new();
            for file in &*files {
                told.push(tell(file).await?);
            }
            Ok(told)
        })
    })?;
    s.set_message_handler("paths", move |s, ()| {
        Ok(files.get(s)?.iter().map(|file| file.path().to_owned()).collect::<Vec<_>>())
    })?;
    s.set_message_handler("is there", |_, (path,): (PathBuf,)| Ok(path.exists()))?;
    Ok(())
}

/// Name, size, media type, and a sum of its bytes.
async fn tell(file: &UploadedFile) -> Result<(String, u64, String, u64)> {
    let bytes = file.read().await?;
    Ok((file.name().to_owned(), file.size(), file.media_type().to_owned(), sum(&bytes)))
}

/// A sum in which every byte counts, and its place (FNV-1a).
pub(in crate::conformance::session_laws) fn sum(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |sum, byte| {
        (sum ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}
