//! A stream that sends messages back between the frames that are written to it.
//!
//! What is written to it comes as whole frames (the feed's WebSocket library has no write buffer of
//! its own), so an echo can stand behind any write. The kind of a message, which the feed does not
//! tell its handler, is read off the frames as they pass.

use std::{
    collections::VecDeque,
    io,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

const TEXT: u8 = 1;
const BINARY: u8 = 2;
const FINAL: u8 = 0x80;
const MASKED: u8 = 0x80;

/// What is to be written, and the kinds of the messages that have begun to arrive.
#[derive(Clone, Debug, Default)]
pub(crate) struct Outbox(Arc<Mutex<Waiting>>);

#[derive(Debug, Default)]
struct Waiting {
    bytes: Vec<u8>,
    written: usize,
    kinds: VecDeque<u8>,
}

impl Outbox {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends a message back as what it came.
    pub(crate) fn echo(&self, payload: &[u8]) {
        let mut waiting = self.lock();
        let kind = waiting.kinds.pop_front().unwrap_or(BINARY);
        waiting.bytes.push(FINAL | kind);
        match (u8::try_from(payload.len()), u16::try_from(payload.len())) {
            (Ok(len @ ..=125), _) => waiting.bytes.push(MASKED | len),
            (_, Ok(len)) => {
                waiting.bytes.push(MASKED | 126);
                waiting.bytes.extend(len.to_be_bytes());
            }
            _ => {
                waiting.bytes.push(MASKED | 127);
                waiting.bytes.extend((payload.len() as u64).to_be_bytes());
            }
        }
        // A mask of zeros is one that changes nothing.
        waiting.bytes.extend([0; 4]);
        waiting.bytes.extend(payload);
    }
}

/// The stream.
#[derive(Debug)]
pub(crate) struct Echo<S> {
    inner: S,
    outbox: Outbox,
    frames: Frames,
}

impl<S> Echo<S> {
    /// Around a stream on which the handshake is still to come.
    pub(crate) fn new(inner: S, outbox: Outbox) -> Self {
        Self { inner, outbox, frames: Frames::Head(0) }
    }
}

impl<S: AsyncWrite + Unpin> Echo<S> {
    /// Writes what waits.
    fn poll_out(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut waiting = self.outbox.lock();
        while waiting.written < waiting.bytes.len() {
            let rest = waiting.bytes.get(waiting.written..).unwrap_or_default();
            match Pin::new(&mut self.inner).poll_write(cx, rest) {
                Poll::Ready(Ok(0)) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Poll::Ready(Ok(more)) => waiting.written += more,
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => return Poll::Pending,
            }
        }
        waiting.bytes.clear();
        waiting.written = 0;
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Echo<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        // Errors of writing show themselves in reading soon enough.
        let _ = self.poll_out(cx);
        let before = buffer.filled().len();
        let result = Pin::new(&mut self.inner).poll_read(cx, buffer);
        let this = &mut *self;
        for byte in buffer.filled().get(before..).unwrap_or_default() {
            if let Some(kind) = this.frames.byte(*byte) {
                this.outbox.lock().kinds.push_back(kind);
            }
        }
        result
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Echo<S> {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.outbox.lock().bytes.extend(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.poll_out(cx) {
            Poll::Ready(Ok(())) => Pin::new(&mut self.inner).poll_flush(cx),
            other => other,
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

/// Where in the frames of a server the stream stands. They are not masked.
#[derive(Clone, Copy, Debug)]
enum Frames {
    /// In the answer to the handshake, of whose end so many bytes were seen.
    Head(u8),
    First,
    Length,
    Extended {
        left: u8,
        length: u64,
    },
    Payload(u64),
}

impl Frames {
    /// The next byte; the kind of the message that begins with it.
    fn byte(&mut self, byte: u8) -> Option<u8> {
        let mut kind = None;
        *self = match *self {
            Self::Head(seen) => match (seen, byte) {
                (0 | 2, b'\r') | (1, b'\n') => Self::Head(seen + 1),
                (3, b'\n') => Self::First,
                (_, b'\r') => Self::Head(1),
                _ => Self::Head(0),
            },
            Self::First => {
                kind = Some(byte & 0x0f).filter(|opcode| [TEXT, BINARY].contains(opcode));
                Self::Length
            }
            Self::Length => match byte & !MASKED {
                126 => Self::Extended { left: 2, length: 0 },
                127 => Self::Extended { left: 8, length: 0 },
                length => Self::payload(u64::from(length)),
            },
            Self::Extended { left, length } => {
                let length = length << 8 | u64::from(byte);
                if left > 1 { Self::Extended { left: left - 1, length } } else { Self::payload(length) }
            }
            Self::Payload(left) => Self::payload(left - 1),
        };
        kind
    }

    fn payload(left: u64) -> Self {
        if left == 0 { Self::First } else { Self::Payload(left) }
    }
}
