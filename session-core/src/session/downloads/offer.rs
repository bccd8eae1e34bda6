//! A download on offer: made anew for every request.

use futures_util::FutureExt;
use mime_guess::Mime;

use super::answer::Naming;
use super::content::Made;
use super::encoding::Charset;
use super::media_type::parse;
use crate::catch::{Catch, catch};
use crate::exchange::Request;
use crate::session::exchanges::Answer;
use crate::{Result, Session};

pub(super) type MakeContent = Box<dyn FnMut(&Session<'_>) -> Made + Send>;
pub(super) type MakeText = Box<dyn FnMut(&Session<'_>) -> Result<String> + Send>;

/// A download that can be offered.
pub(super) struct Offer {
    pub(super) content: MakeContent,
    pub(super) filename: Option<Text>,
    pub(super) media_type: MediaType,
    pub(super) charset: Charset,
}

pub(super) enum MediaType {
    Guessed,
    Fixed(Mime),
    Made(MakeText),
}

impl Offer {
    /// Answers a request for the download `id`.
    pub(super) fn answer(&mut self, s: &Session<'_>, id: &str, request: Request) -> Answer {
        let naming = match self.naming(s, id) {
            Ok(naming) => naming,
            Err(failure) => return Answer::Ready(Err(failure)),
        };
        let made = (self.content)(s);
        let (request, _) = request.into_parts();
        let mut response = Box::pin(Catch::new(async move {
            let content = made.content().await?;
            naming.answer(content, &request).await
        }));
        // What is at hand is answered even if the scope was destroyed by what made it (C19).
        match (&mut response).now_or_never() {
            Some(response) => Answer::Ready(response),
            None => Answer::Later(response),
        }
    }

    fn naming(&mut self, s: &Session<'_>, id: &str) -> Result<Naming> {
        let filename = self.filename.as_mut().map(|name| name.of(s)).transpose()?;
        let media_type = match &mut self.media_type {
            MediaType::Guessed => None,
            MediaType::Fixed(media_type) => Some(media_type.clone()),
            MediaType::Made(make) => Some(parse(&catch(|| make(s))?)?),
        };
        Ok(Naming { id: id.to_owned(), filename, media_type, charset: self.charset })
    }
}

/// A text that is the same for every request, or made for each.
pub(super) enum Text {
    Fixed(String),
    Made(MakeText),
}

impl Text {
    pub(super) fn made<T, F>(mut make: F) -> Self
    where
        T: Into<String>,
        F: FnMut(&Session<'_>) -> Result<T> + Send + 'static,
    {
        Self::Made(Box::new(move |s| Ok(make(s)?.into())))
    }

    fn of(&mut self, s: &Session<'_>) -> Result<String> {
        match self {
            Self::Fixed(text) => Ok(text.clone()),
            Self::Made(make) => catch(|| make(s)),
        }
    }
}
