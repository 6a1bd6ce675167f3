//! One connection on which requests follow each other.
//!
//! Nothing drives it between requests: what the other side did meanwhile is found out by
//! [`Link::is_open`], or by the next request, which then fails.
//!
//! Keeps: [bounded]

use super::HttpError;
use bytes::{Bytes, BytesMut};
use http_body_util::{BodyExt, Full};
use hyper::{
    HeaderMap, Request, StatusCode,
    body::{Body, Incoming},
    client::conn::http1,
};
use hyper_util::rt::TokioIo;
use std::{
    fmt,
    future::{Future, pending},
    pin::Pin,
    task::{Context, Waker},
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    time::timeout,
};

/// For the body of an answer of which only the status counts.
const DRAIN: Duration = Duration::from_secs(1);
/// What is read of such a body, and of the head of any answer, at most.
const MAX_HEAD: usize = 64 * 1024;

/// An answer.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The whole body.
    pub body: Bytes,
}

type Driving = Pin<Box<dyn Future<Output = hyper::Result<()>> + Send>>;

/// A connection. Dropping it closes it.
pub struct Link {
    sender: http1::SendRequest<Full<Bytes>>,
    /// `None` when it is over.
    driving: Option<Driving>,
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link").field("over", &self.driving.is_none()).finish_non_exhaustive()
    }
}

fn network(error: &hyper::Error) -> HttpError {
    HttpError::Network(error.to_string())
}

impl Link {
    /// Over an open stream.
    ///
    /// # Errors
    /// When HTTP cannot be spoken on it.
    pub async fn new<S>(stream: S) -> Result<Self, HttpError>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let handshake = http1::Builder::new().max_buf_size(MAX_HEAD).handshake(TokioIo::new(stream));
        let (sender, connection) = handshake.await.map_err(|e| network(&e))?;
        Ok(Self { sender, driving: Some(Box::pin(connection)) })
    }

    /// Whether a request may be tried on it. The other side may close it in the very next moment.
    pub fn is_open(&mut self) -> bool {
        let Some(driving) = &mut self.driving else { return false };
        // Nobody has to be woken: this only lets it notice what has come.
        let seen = driving.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        if seen.is_ready() {
            self.driving = None;
        }
        self.driving.is_some() && self.sender.is_ready()
    }

    /// Sends a request and reads the answer, of whose body at most `limit` bytes are taken. Dropped
    /// before its end, it leaves a link that is of no further use.
    ///
    /// # Errors
    /// When there is no whole answer, or it is too long.
    pub async fn exchange(
        &mut self,
        request: Request<Full<Bytes>>,
        limit: usize,
    ) -> Result<Answer, HttpError> {
        let Self { sender, driving } = self;
        let talk = async {
            let response = sender.send_request(request).await.map_err(|e| network(&e))?;
            let (head, body) = response.into_parts();
            Ok(Answer { status: head.status, headers: head.headers, body: whole(body, limit).await? })
        };
        beside(driving, talk).await
    }

    /// Sends a request and yields the answer with the beginning of its body: at most `keep` bytes,
    /// and what comes within a second.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn beginning(
        &mut self,
        request: Request<Full<Bytes>>,
        keep: usize,
    ) -> Result<Answer, HttpError> {
        let Self { sender, driving } = self;
        let talk = async {
            let response = sender.send_request(request).await.map_err(|e| network(&e))?;
            let (head, body) = response.into_parts();
            let mut kept = BytesMut::new();
            // The status is the answer: a body that trickles in must not turn it into a failure.
            let _ = timeout(DRAIN, drain(body, keep, &mut kept)).await;
            Ok(Answer { status: head.status, headers: head.headers, body: kept.freeze() })
        };
        beside(driving, talk).await
    }
}

/// Drives the connection until `talk` is over.
async fn beside<T>(
    driving: &mut Option<Driving>,
    talk: impl Future<Output = Result<T, HttpError>>,
) -> Result<T, HttpError> {
    tokio::pin!(talk);
    let driven = async {
        match driving {
            Some(connection) => connection.as_mut().await,
            None => pending().await,
        }
    };
    let end = tokio::select! {
        biased;
        answer = &mut talk => return answer,
        end = driven => end,
    };
    *driving = None;
    match end {
        Ok(()) => talk.await,
        // An answer that came before the connection broke is an answer.
        Err(error) => talk.await.map_err(|_| network(&error)),
    }
}

/// The whole body, if it is not too long.
async fn whole(mut body: Incoming, limit: usize) -> Result<Bytes, HttpError> {
    let announced = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
    if announced > limit {
        return Err(HttpError::TooLarge);
    }
    // An announcement is only a word until the bytes are there.
    let mut read = BytesMut::with_capacity(announced.min(MAX_HEAD));
    while let Some(frame) = body.frame().await {
        if let Some(data) = frame.map_err(|e| network(&e))?.data_ref() {
            if read.len() + data.len() > limit {
                return Err(HttpError::TooLarge);
            }
            read.extend_from_slice(data);
        }
    }
    Ok(read.freeze())
}

/// Reads what a polite client reads, so that the receiver can finish; the status is known already.
async fn drain(mut body: Incoming, keep: usize, kept: &mut BytesMut) {
    let mut read = 0;
    while let Some(Ok(frame)) = body.frame().await {
        let Some(data) = frame.data_ref() else { continue };
        read += data.len();
        kept.extend_from_slice(data.get(..keep.saturating_sub(kept.len())).unwrap_or(data));
        if read > MAX_HEAD {
            return;
        }
    }
}
