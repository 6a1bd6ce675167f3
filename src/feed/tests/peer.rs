//! The venue's end of a connection, byte by byte, so that it can do what no library would.

use std::time::Duration;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream},
    time::Instant,
};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

pub(super) const TEXT: u8 = 1;
pub(super) const BINARY: u8 = 2;
pub(super) const CLOSE: u8 = 8;
pub(super) const PING: u8 = 9;
pub(super) const PONG: u8 = 10;

pub(super) struct Peer<S = DuplexStream> {
    io: S,
}

/// The answer that accepts `request`.
pub(super) fn acceptance(request: &str) -> String {
    let key = request.lines().find_map(|line| line.strip_prefix("Sec-WebSocket-Key: ")).unwrap();
    let accept = derive_accept_key(key.as_bytes());
    format!(
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: {accept}\r\n\r\n"
    )
}

impl<S: AsyncRead + AsyncWrite + Unpin> Peer<S> {
    pub(super) fn new(io: S) -> Self {
        Self { io }
    }

    /// The stream below, to do with it what one must.
    pub(super) fn into_inner(self) -> S {
        self.io
    }

    /// The request, with its headers, as it came.
    pub(super) async fn request(&mut self) -> String {
        let mut request = Vec::new();
        while !request.ends_with(b"\r\n\r\n") {
            request.push(self.io.read_u8().await.unwrap());
        }
        String::from_utf8(request).unwrap()
    }

    /// Accepts the handshake and takes the subscription, which it returns.
    pub(super) async fn subscribed(&mut self) -> String {
        let request = self.request().await;
        self.write(acceptance(&request).as_bytes()).await;
        let (opcode, text) = self.receive().await.unwrap();
        assert_eq!(opcode, TEXT);
        String::from_utf8(text).unwrap()
    }

    /// Answers the request with something else.
    pub(super) async fn refuse(mut self, status: &str, headers: &str, body: &str) {
        self.request().await;
        let length = body.len();
        let answer = format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\n{headers}\r\n{body}");
        self.write(answer.as_bytes()).await;
    }

    /// Writes bytes as they are; whether anybody takes them is no matter.
    pub(super) async fn write(&mut self, bytes: &[u8]) -> bool {
        self.io.write_all(bytes).await.is_ok()
    }

    /// Writes bytes one at a time, with a pause after each; whether all were taken.
    pub(super) async fn trickle(&mut self, bytes: &[u8], pause: Duration) -> bool {
        for byte in bytes {
            if !self.write(&[*byte]).await {
                return false;
            }
            tokio::time::sleep(pause).await;
        }
        true
    }

    /// Sends one frame; `first` is its first byte, with or without the final bit.
    pub(super) async fn frame(&mut self, first: u8, payload: &[u8]) -> bool {
        let mut bytes = vec![first];
        match u16::try_from(payload.len()) {
            Ok(len @ 0..=125) => bytes.push(len as u8),
            Ok(len) => {
                bytes.push(126);
                bytes.extend(len.to_be_bytes());
            }
            Err(_) => {
                bytes.push(127);
                bytes.extend((payload.len() as u64).to_be_bytes());
            }
        }
        bytes.extend(payload);
        self.write(&bytes).await
    }

    /// Sends a whole message.
    pub(super) async fn send(&mut self, opcode: u8, payload: &[u8]) -> bool {
        self.frame(0x80 | opcode, payload).await
    }

    /// The next frame of the client: its opcode and payload; `None` when it is gone.
    pub(super) async fn receive(&mut self) -> Option<(u8, Vec<u8>)> {
        let first = self.io.read_u8().await.ok()?;
        let second = self.io.read_u8().await.ok()?;
        assert_eq!((first & 0x70, second & 0x80), (0, 0x80), "no extension, and masked");
        let len = match second & 0x7f {
            126 => usize::from(self.io.read_u16().await.ok()?),
            127 => self.io.read_u64().await.ok()? as usize,
            len => usize::from(len),
        };
        let mut mask = [0; 4];
        self.io.read_exact(&mut mask).await.ok()?;
        let mut payload = vec![0; len];
        self.io.read_exact(&mut payload).await.ok()?;
        payload.iter_mut().zip(mask.iter().cycle()).for_each(|(byte, mask)| *byte ^= mask);
        Some((first & 0x0f, payload))
    }

    /// Answers pings until `end` or until the client is gone; when each of them came.
    pub(super) async fn answer(&mut self, start: Instant, end: Duration) -> Vec<Duration> {
        let mut pings = Vec::new();
        while let Ok(Some((opcode, payload))) = tokio::time::timeout_at(start + end, self.receive()).await {
            if opcode == PING {
                pings.push(start.elapsed());
                self.send(PONG, &payload).await;
            }
        }
        pings
    }

    /// As [`Peer::answer`], while `payload` is sent every `pause`.
    pub(super) async fn answer_under_load(
        &mut self,
        start: Instant,
        end: Duration,
        pause: Duration,
    ) -> Vec<Duration> {
        let mut pings = Vec::new();
        while start.elapsed() < end {
            let next = (start.elapsed() + pause).min(end);
            pings.extend(self.answer(start, next).await);
            if !self.send(BINARY, b"{}").await {
                break;
            }
        }
        pings
    }
}
