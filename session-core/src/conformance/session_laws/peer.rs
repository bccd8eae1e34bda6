//! A scripted client: raw JSON over a link, each frame checked as the real client would.

use bytes::Bytes;
use serde_json::{Value as Json, json};

use crate::conformance::law::{AnyConnect, Failure, Verdict, ensure};
use crate::exchange::{Body, Response};
use crate::link::{CloseReason, Frame, Link, Receive, ReceiveExt, Transmit, TransmitExt};
use crate::testing::ClientModel;

pub(super) struct Peer {
    pub(super) receive: Box<dyn Receive>,
    pub(super) transmit: Box<dyn Transmit>,
    pub(super) model: ClientModel,
    /// Frames of bytes, in the order they came.
    pub(super) binary: Vec<Bytes>,
    /// Every frame of text, in the order they came.
    pub(super) frames: Vec<String>,
    /// What was said and heard, a line each.
    pub(super) transcript: Vec<String>,
    next_tag: u64,
}

impl Peer {
    /// Opens a link and waits for the session's config.
    pub(super) async fn open(connect: &dyn AnyConnect) -> Result<Self, Failure> {
        let (receive, transmit) = connect.link().await?.split();
        let mut peer = Self {
            receive,
            transmit,
            model: ClientModel::default(),
            binary: Vec::new(),
            frames: Vec::new(),
            transcript: Vec::new(),
            next_tag: 0,
        };
        peer.read().await?;
        ensure!(peer.model.session_id().is_some(), "the session does not begin with its config");
        Ok(peer)
    }

    /// Opens a link and begins a session with these inputs; it has settled.
    pub(super) async fn begin(connect: &dyn AnyConnect, inputs: Json) -> Result<Self, Failure> {
        let mut peer = Self::open(connect).await?;
        peer.say(&json!({ "method": "init", "data": inputs }).to_string()).await;
        peer.settle().await?;
        Ok(peer)
    }

    /// Sends a message; that there is no link any more shows when the answer is read.
    pub(super) async fn say(&mut self, text: &str) {
        self.transcript.push(format!("> {text}"));
        let _ = self.transmit.send(Frame::Text(text.to_owned().into())).await;
    }

    /// Sends inputs, and waits until the session has nothing more to say of them.
    pub(super) async fn update(&mut self, inputs: Json) -> Verdict {
        self.say(&json!({ "method": "update", "data": inputs }).to_string()).await;
        self.settle().await
    }

    /// Waits until everything that was said before is answered: a session takes one thing after another.
    pub(super) async fn settle(&mut self) -> Verdict {
        let answer = self.call("nothing", json!([])).await?;
        ensure!(answer == Ok(Json::Null), "a request for nothing gave {answer:?}");
        Ok(())
    }

    /// Sends a request, and gives its tag.
    pub(super) async fn ask(&mut self, method: &str, args: Json) -> Result<u64, Failure> {
        let tag = self.next_tag;
        self.next_tag += 1;
        let request = json!({ "method": method, "args": args, "tag": tag });
        self.say(&request.to_string()).await;
        Ok(tag)
    }

    /// Sends a request with blobs, in a frame of bytes as the Shiny client makes it, and gives its tag.
    pub(super) async fn ask_with_blobs(
        &mut self,
        method: &str,
        args: Json,
        blobs: &[&[u8]],
    ) -> Result<u64, Failure> {
        let tag = self.next_tag;
        self.next_tag += 1;
        let request = json!({ "method": method, "args": args, "tag": tag }).to_string();
        self.transcript.push(format!("> {request} and {} blobs", blobs.len()));
        let mut frame = 0x0102_0202_u32.to_le_bytes().to_vec();
        for block in std::iter::once(&request.as_bytes()).chain(blobs) {
            frame.extend(u32::try_from(block.len())?.to_le_bytes());
            frame.extend_from_slice(block);
        }
        let _ = self.transmit.send(Frame::Binary(frame.into())).await;
        Ok(tag)
    }

    /// Reads until the request with this tag is answered.
    pub(super) async fn answer(&mut self, tag: u64) -> Result<Result<Json, String>, Failure> {
        loop {
            let known = self.model.responses().iter().find(|(of, _)| *of == tag);
            if let Some((_, answer)) = known {
                return Ok(answer.clone());
            }
            self.read().await?;
        }
    }

    /// Sends a request, and waits for its answer.
    pub(super) async fn call(
        &mut self,
        method: &str,
        args: Json,
    ) -> Result<Result<Json, String>, Failure> {
        let tag = self.ask(method, args).await?;
        self.answer(tag).await
    }

    /// Sends a request that must be answered with this.
    pub(super) async fn expect(&mut self, method: &str, args: Json, value: Json) -> Verdict {
        let answer = self.call(method, args).await?;
        ensure!(answer.as_ref() == Ok(&value), "{method:?} gave {answer:?} instead of {value}");
        Ok(())
    }

    /// Sends a request that must be answered with this error.
    pub(super) async fn expect_error(&mut self, method: &str, args: Json, error: &str) -> Verdict {
        let answer = self.call(method, args).await?;
        let expected = Err(error.to_owned());
        ensure!(answer == expected, "{method:?} gave {answer:?} instead of {expected:?}");
        Ok(())
    }

    /// A request whose answer is a URL.
    pub(super) async fn url(&mut self, method: &str, args: Json) -> Result<String, Failure> {
        let answer = self.call(method, args).await?;
        let url = answer.as_ref().ok().and_then(Json::as_str);
        url.map(str::to_owned)
            .ok_or_else(|| Failure::new(format!("{method:?} gave {answer:?} instead of a URL")))
    }

    /// What an output must show.
    pub(super) fn expect_shown(&self, output: &str, expected: Result<Json, &str>) -> Verdict {
        let (shown, expected) =
            (self.model.shows(output).map(|shown| shown.cloned()), Some(expected));
        ensure!(shown == expected, "{output:?} shows {shown:?} instead of {expected:?}");
        Ok(())
    }

    /// Takes the next frame, whatever it is.
    pub(super) async fn read(&mut self) -> Verdict {
        match self.receive.receive().await? {
            Some(frame) => self.take(frame),
            None => {
                let reason = self.receive.close_reason();
                Err(Failure::new(format!("the link ended, and so did the session: {reason:?}")))
            }
        }
    }

    fn take(&mut self, frame: Frame) -> Verdict {
        match frame {
            Frame::Text(text) => {
                self.transcript.push(format!("< {}", text.as_str()));
                self.model.take(text.as_str())?;
                self.frames.push(text.as_str().to_owned());
            }
            Frame::Binary(bytes) => {
                self.transcript.push(format!("< {} bytes {bytes:?}", bytes.len()));
                self.binary.push(bytes);
            }
        }
        Ok(())
    }

    /// Reads to the orderly end of the link, which must have this code; gives the text.
    pub(super) async fn expect_close(&mut self, code: u16) -> Result<String, Failure> {
        while let Some(frame) = self.receive.receive().await? {
            self.take(frame)?;
        }
        let Some(reason) = self.receive.close_reason() else {
            return Err(Failure::new(format!("the link ended without a reason instead of {code}")));
        };
        self.transcript.push(format!("< close {reason}"));
        ensure!(reason.code().get() == code, "the link ended with {reason} instead of {code}");
        Ok(reason.text().to_owned())
    }

    /// Ends the session as a client does that is through.
    pub(super) async fn close(
        self,
        reason: impl Into<CloseReason>,
    ) -> Result<Vec<String>, Failure> {
        let Self { mut receive, transmit, mut transcript, .. } = self;
        let reason = reason.into();
        transcript.push(format!("> close {reason}"));
        transmit.close(reason).await?;
        // The server may answer in kind, and knows before it does.
        while receive.receive().await.is_ok_and(|frame| frame.is_some()) {}
        Ok(transcript)
    }

    /// Asks beside the link.
    pub(super) async fn fetch(
        &mut self,
        connect: &dyn AnyConnect,
        url: &str,
    ) -> Result<Fetched, Failure> {
        self.transcript.push(format!("> GET {url}"));
        let fetched = fetch(connect, url).await?;
        self.transcript.push(format!("< {fetched:?}"));
        Ok(fetched)
    }
}

/// A response as far as it is the same whatever carried it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Fetched {
    pub(super) status: u16,
    pub(super) content_type: String,
    pub(super) body: String,
}

pub(super) async fn fetch(connect: &dyn AnyConnect, url: &str) -> Result<Fetched, Failure> {
    let request = http::Request::get(format!("/{url}")).body(Body::empty())?;
    fetched(connect.exchange(request).await?).await
}

pub(super) async fn fetched(response: Response) -> Result<Fetched, Failure> {
    let (parts, body) = response.into_parts();
    let content_type = parts.headers.get(http::header::CONTENT_TYPE);
    let content_type = content_type.and_then(|value| value.to_str().ok()).unwrap_or_default();
    let body = body.collect_up_to(1 << 20).await?;
    Ok(Fetched {
        status: parts.status.as_u16(),
        content_type: content_type.to_owned(),
        body: String::from_utf8_lossy(&body).into_owned(),
    })
}

/// What everything that is not there is answered with.
pub(super) fn not_found(fetched: &Fetched) -> Verdict {
    ensure!(
        (fetched.status, &*fetched.body) == (404, r#"{"detail":"Not Found"}"#),
        "{fetched:?} instead of not found"
    );
    Ok(())
}
