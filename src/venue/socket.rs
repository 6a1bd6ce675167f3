//! The socket: WebSocket frames on a byte stream, from the server's side.
//!
//! Frame by frame and not through a WebSocket library, because the stand-in must be able to do what
//! a library prevents: leave a ping unanswered, drop TCP without a close frame, send what is no
//! valid frame. Frame headers are read and written by tungstenite.
//!
//! A writer task of its own sends from bounded queues, so that a slow client costs the session
//! nothing but its place.
//!
//! Keeps: [bounded] [decode-is-total]

use bytes::{Buf, Bytes, BytesMut};
use std::io::{self, Cursor};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    sync::mpsc,
};
use tokio_tungstenite::tungstenite::protocol::frame::{
    FrameHeader,
    coding::{Control, Data, OpCode},
};
use tokio_util::task::AbortOnDropHandle;

/// Longest message a client may send; a subscription to all 855 markets takes 9,468 bytes.
const MAX_MESSAGE: usize = 256 * 1024;
/// Pongs and the like that wait while events are being written.
const CONTROL_QUEUE: usize = 64;
/// Bytes gathered before they are written.
const WRITE_BATCH: usize = 64 * 1024;

/// What a client sent.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Incoming {
    /// Text or binary; the venue reads both.
    Message(Bytes),
    Ping(Bytes),
    Pong,
    Close(Bytes),
}

/// The reading half.
pub(super) struct Reader<R> {
    io: R,
    buffer: BytesMut,
    /// What came of a message in several frames.
    partial: BytesMut,
}

impl<R: AsyncRead + Unpin> Reader<R> {
    pub(super) fn new(io: R) -> Self {
        Self { io, buffer: BytesMut::with_capacity(4096), partial: BytesMut::new() }
    }

    /// The next frame or message; `None` at the end. Losing the future loses nothing.
    ///
    /// # Errors
    /// What the stream says, or `InvalidData` for what is not WebSocket or too long.
    pub(super) async fn next(&mut self) -> io::Result<Option<Incoming>> {
        loop {
            if let Some((header, payload)) = self.take_frame()? {
                if let Some(incoming) = self.incoming(&header, payload)? {
                    return Ok(Some(incoming));
                }
            } else if self.io.read_buf(&mut self.buffer).await? == 0 {
                return Ok(None);
            }
        }
    }

    fn take_frame(&mut self) -> io::Result<Option<(FrameHeader, BytesMut)>> {
        let mut cursor = Cursor::new(&self.buffer);
        let Some((header, length)) = FrameHeader::parse(&mut cursor).map_err(io::Error::other)? else {
            return Ok(None);
        };
        let start = usize::try_from(cursor.position()).map_err(io::Error::other)?;
        let length = usize::try_from(length).map_err(io::Error::other)?;
        if length > MAX_MESSAGE {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "a frame too long"));
        }
        if self.buffer.len() < start + length {
            self.buffer.reserve(start + length - self.buffer.len());
            return Ok(None);
        }
        self.buffer.advance(start);
        let mut payload = self.buffer.split_to(length);
        if let Some(mask) = header.mask {
            payload.iter_mut().zip(mask.into_iter().cycle()).for_each(|(byte, key)| *byte ^= key);
        }
        Ok(Some((header, payload)))
    }

    fn incoming(&mut self, header: &FrameHeader, payload: BytesMut) -> io::Result<Option<Incoming>> {
        match header.opcode {
            OpCode::Control(Control::Ping) => Ok(Some(Incoming::Ping(payload.freeze()))),
            OpCode::Control(Control::Close) => Ok(Some(Incoming::Close(payload.freeze()))),
            OpCode::Control(_) => Ok(Some(Incoming::Pong)),
            OpCode::Data(_) if header.is_final && self.partial.is_empty() => {
                Ok(Some(Incoming::Message(payload.freeze())))
            }
            OpCode::Data(_) => {
                if self.partial.len() + payload.len() > MAX_MESSAGE {
                    return Err(io::Error::new(io::ErrorKind::InvalidData, "a message too long"));
                }
                self.partial.extend_from_slice(&payload);
                Ok(header.is_final.then(|| Incoming::Message(self.partial.split().freeze())))
            }
        }
    }
}

/// Appends one unmasked frame.
pub(super) fn put_frame(out: &mut Vec<u8>, opcode: OpCode, payload: &[u8]) {
    let header = FrameHeader { opcode, ..FrameHeader::default() };
    // Writing to a Vec does not fail.
    let _ = header.format(payload.len() as u64, out);
    out.extend_from_slice(payload);
}

fn frame(opcode: OpCode, payload: &[u8]) -> Bytes {
    let mut out = Vec::with_capacity(payload.len() + 10);
    put_frame(&mut out, opcode, payload);
    out.into()
}

/// All that the venue says of its own accord goes out as binary frames.
pub(super) fn binary(payload: &[u8]) -> Bytes {
    frame(OpCode::Data(Data::Binary), payload)
}

pub(super) fn ping(payload: &[u8]) -> Bytes {
    frame(OpCode::Control(Control::Ping), payload)
}

/// A binary message in fragments of one byte, with a ping after the first.
pub(super) fn fragments(payload: &[u8]) -> Bytes {
    let mut out = Vec::with_capacity(payload.len() * 3 + 2);
    for (n, byte) in payload.iter().enumerate() {
        let opcode = OpCode::Data(if n == 0 { Data::Binary } else { Data::Continue });
        let is_final = n + 1 == payload.len();
        let header = FrameHeader { opcode, is_final, ..FrameHeader::default() };
        // Writing to a Vec does not fail.
        let _ = header.format(1, &mut out);
        out.push(*byte);
        if n == 0 && !is_final {
            put_frame(&mut out, OpCode::Control(Control::Ping), b"");
        }
    }
    out.into()
}

pub(super) fn pong(payload: &[u8]) -> Bytes {
    frame(OpCode::Control(Control::Pong), payload)
}

/// A close frame; the reason is cut to what a control frame holds.
pub(super) fn close(code: u16, reason: &str) -> Bytes {
    let mut payload = code.to_be_bytes().to_vec();
    payload.extend(reason.bytes().take(123));
    frame(OpCode::Control(Control::Close), &payload)
}

/// The writing half: two bounded queues before a task that owns the stream. Dropping it ends the
/// stream with whatever is queued unsent.
pub(super) struct Writer {
    events: mpsc::Sender<Bytes>,
    control: mpsc::Sender<Bytes>,
    task: AbortOnDropHandle<()>,
}

/// A queue was full or the stream is gone: the client is to be dropped.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Overflow;

impl Writer {
    /// Starts the task; at most `queue` events wait.
    pub(super) fn spawn<W: AsyncWrite + Unpin + Send + 'static>(io: W, queue: usize) -> Self {
        let (events, event_queue) = mpsc::channel(queue.max(1));
        let (control, control_queue) = mpsc::channel(CONTROL_QUEUE);
        let task = AbortOnDropHandle::new(tokio::spawn(write_all(io, control_queue, event_queue)));
        Self { events, control, task }
    }

    /// Queues encoded frames behind the events.
    pub(super) fn event(&self, frames: Bytes) -> Result<(), Overflow> {
        self.events.try_send(frames).map_err(|_| Overflow)
    }

    /// Queues an encoded frame that overtakes events.
    pub(super) fn control(&self, frame: Bytes) -> Result<(), Overflow> {
        self.control.try_send(frame).map_err(|_| Overflow)
    }

    /// For a producer that waits instead of overflowing.
    pub(super) fn events(&self) -> mpsc::Sender<Bytes> {
        self.events.clone()
    }

    /// Resolves when the stream takes no more.
    pub(super) async fn closed(&self) {
        self.events.closed().await;
    }

    /// Sends what is queued, then ends the stream.
    pub(super) async fn finish(self) {
        let Self { events, control, task } = self;
        drop((events, control));
        // A panic in the task has been reported by the runtime; there is nothing left to end.
        let _ = task.await;
    }
}

async fn write_all<W: AsyncWrite + Unpin>(
    mut io: W,
    mut control: mpsc::Receiver<Bytes>,
    mut events: mpsc::Receiver<Bytes>,
) {
    let mut joined = Vec::new();
    loop {
        let first = tokio::select! {
            biased;
            Some(frame) = control.recv() => frame,
            frame = events.recv() => match frame {
                Some(frame) => frame,
                None => break,
            },
        };
        // What has gathered goes out in one write; a frame alone needs no copy.
        joined.clear();
        while joined.len() < WRITE_BATCH
            && let Ok(next) = events.try_recv()
        {
            joined.extend_from_slice(&next);
        }
        let sent = async {
            io.write_all(&first).await?;
            io.write_all(&joined).await?;
            io.flush().await
        };
        if sent.await.is_err() {
            return;
        }
    }
    // The client may be gone already; either way the stream has ended.
    let _ = io.shutdown().await;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn masked(first: u8, payload: &[u8]) -> Vec<u8> {
        let mut out = vec![first, 0x80 | u8::try_from(payload.len()).unwrap_or(0), 1, 2, 3, 4];
        out.extend(payload.iter().zip([1u8, 2, 3, 4].into_iter().cycle()).map(|(b, k)| b ^ k));
        out
    }

    /// Proves [decode-is-total] for client frames: cut anywhere, they read the same.
    #[tokio::test]
    async fn frames_read_the_same_however_they_are_cut() {
        let mut bytes = masked(0x81, b"hello");
        bytes.extend(masked(0x02, b"in "));
        bytes.extend(masked(0x89, b"p"));
        bytes.extend(masked(0x80, b"two"));
        bytes.extend(masked(0x88, b""));
        for cut in 1..bytes.len() {
            let (left, right) = bytes.split_at(cut);
            let mut reader = Reader::new(AsyncReadExt::chain(left, right));
            let mut got = Vec::new();
            while let Ok(Some(incoming)) = reader.next().await {
                got.push(incoming);
            }
            let expect = [
                Incoming::Message(Bytes::from_static(b"hello")),
                Incoming::Ping(Bytes::from_static(b"p")),
                Incoming::Message(Bytes::from_static(b"in two")),
                Incoming::Close(Bytes::new()),
            ];
            assert_eq!(got, expect, "cut at {cut}");
        }
    }

    #[tokio::test]
    async fn a_frame_that_announces_too_much_is_refused_before_it_is_read() {
        let bytes: &[u8] = &[0x82, 0xff, 0, 0, 1, 0, 0, 0, 0, 0, 1, 2, 3, 4];
        assert!(Reader::new(bytes).next().await.is_err());
    }

    /// Proves [bounded] for the queue before a client that does not read.
    #[tokio::test]
    async fn a_client_that_does_not_read_overflows_its_queue() {
        let (near, _far) = tokio::io::duplex(64);
        let writer = Writer::spawn(near, 4);
        let mut queued = 0;
        while writer.event(binary(&[0; 100])).is_ok() {
            queued += 1;
            assert!(queued < 1_000, "the queue has no end");
            tokio::task::yield_now().await;
        }
        assert!(queued >= 4);
    }
}
