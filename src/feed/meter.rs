//! A stream that counts what is read from it.
//!
//! The WebSocket library says when a message is whole and nothing before that; the count shows
//! that one is on its way, so that it can be given a limit of time. It can also hand the stream
//! back when the library drops it half-way through a handshake.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    sync::oneshot,
};

/// The stream and the count.
#[derive(Debug)]
pub(super) struct Meter<S> {
    /// Empty only in `drop`.
    inner: Option<S>,
    read: u64,
    hand_back: Option<oneshot::Sender<S>>,
}

impl<S> Meter<S> {
    /// The stream, and where it comes out again if it is dropped before [`Meter::keep`].
    pub(super) fn new(inner: S) -> (Self, oneshot::Receiver<S>) {
        let (hand_back, handed_back) = oneshot::channel();
        (Self { inner: Some(inner), read: 0, hand_back: Some(hand_back) }, handed_back)
    }

    /// From here on it is dropped like any other.
    pub(super) fn keep(&mut self) {
        self.hand_back = None;
    }

    /// How many bytes were read.
    pub(super) const fn read(&self) -> u64 {
        self.read
    }
}

impl<S> Drop for Meter<S> {
    fn drop(&mut self) {
        if let (Some(inner), Some(hand_back)) = (self.inner.take(), self.hand_back.take()) {
            // Nobody waits for it: then it is dropped here.
            let _ = hand_back.send(inner);
        }
    }
}

fn gone() -> io::Error {
    io::Error::from(io::ErrorKind::NotConnected)
}

impl<S: AsyncRead + Unpin> AsyncRead for Meter<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let Some(inner) = &mut self.inner else { return Poll::Ready(Err(gone())) };
        let result = Pin::new(inner).poll_read(cx, buffer);
        self.read += buffer.filled().len().saturating_sub(before) as u64;
        result
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Meter<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let Some(inner) = &mut self.inner else { return Poll::Ready(Err(gone())) };
        Pin::new(inner).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Some(inner) = &mut self.inner else { return Poll::Ready(Err(gone())) };
        Pin::new(inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Some(inner) = &mut self.inner else { return Poll::Ready(Err(gone())) };
        Pin::new(inner).poll_shutdown(cx)
    }
}
