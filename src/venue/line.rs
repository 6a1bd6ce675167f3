//! The line: a byte stream that can be made to misbehave below HTTP and WebSocket.
//!
//! Paces what is written byte by byte, and resets instead of closing when it is told to.
//!
//! Keeps: [bounded]

use std::{
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf},
    net::TcpStream,
    time::Sleep,
};

/// A stream that may know how to end without good manners.
pub(super) trait Stream: AsyncRead + AsyncWrite + Unpin + Send + 'static {
    /// Makes the coming end a reset, where there is such a thing.
    fn reset_on_end(&self) {}
}

impl Stream for TcpStream {
    fn reset_on_end(&self) {
        // Failing, the client sees an end of the stream, as with a plain drop.
        let _ = self.set_zero_linger();
    }
}

impl Stream for DuplexStream {}

/// Says that a line is to be reset when it ends.
#[derive(Clone, Debug, Default)]
pub(super) struct Reset(Arc<AtomicBool>);

impl Reset {
    pub(super) fn set(&self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// A stream with its misbehaviour.
pub(super) struct Line<S: Stream> {
    io: S,
    reset: Reset,
    trickle: Option<Duration>,
    pause: Option<Pin<Box<Sleep>>>,
}

impl<S: Stream> Line<S> {
    pub(super) const fn new(io: S, reset: Reset, trickle: Option<Duration>) -> Self {
        Self { io, reset, trickle, pause: None }
    }
}

impl<S: Stream> Drop for Line<S> {
    fn drop(&mut self) {
        if self.reset.0.load(Ordering::Relaxed) {
            self.io.reset_on_end();
        }
    }
}

impl<S: Stream> AsyncRead for Line<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(context, buffer)
    }
}

impl<S: Stream> AsyncWrite for Line<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let Some(every) = self.trickle else { return Pin::new(&mut self.io).poll_write(context, bytes) };
        if let Some(pause) = &mut self.pause {
            std::task::ready!(pause.as_mut().poll(context));
        }
        self.pause = Some(Box::pin(tokio::time::sleep(every)));
        let byte = bytes.get(..1).unwrap_or(bytes);
        Pin::new(&mut self.io).poll_write(context, byte)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(context)
    }
}
