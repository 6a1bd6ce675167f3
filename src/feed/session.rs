//! One session: from the subscription to the loss.
//!
//! A single poll function does everything in one turn: read what is there (at most [`BATCH`]
//! messages), hand it over, keep the connection alive, and only then wait. So there is one task,
//! no queue between socket and handler, and one reading of each clock for a batch.
//!
//! Keeps: [bounded] [time-enters-once]

use super::{
    Cause, FeedConfig, Handler, Keepalive, SessionEvent, Signals, Verdict, WallClock, connect::Socket,
};
use futures_util::{FutureExt, Sink, SinkExt, Stream};
use std::{
    future::{Future, poll_fn},
    pin::{Pin, pin},
    task::{Context, Poll},
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::futures::Notified,
    time::{Instant, Sleep, sleep_until, timeout},
};
use tokio_tungstenite::tungstenite::{
    Error, Message,
    error::ProtocolError,
    protocol::{CloseFrame, frame::coding::CloseCode},
};
use tokio_util::sync::WaitForCancellationFuture;

/// How many messages are read before the handler is told that a batch ends. Chosen, not measured:
/// a second of a busy market, and some 40 µs of work.
const BATCH: usize = 256;
/// How many pings and pongs a second are still taken. Chosen: the venue sends fewer than one.
const MAX_CONTROL_PER_S: u32 = 200;
/// A turn that comes this long after the last one, and not because nothing was due, says that the
/// process stood still.
const STOOD_STILL: Duration = Duration::from_secs(60);
/// How late a timer may be before it counts as standing still.
const LATE: Duration = Duration::from_secs(10);
/// The venue takes five messages a second on one connection; pings are not counted.
const RESUBSCRIBE_SPACING: Duration = Duration::from_secs(1);
/// Of the last hundred frames, so many may be unreadable. A bit each, the youngest lowest.
const MOST_UNREADABLE: u32 = 50;
const LAST_HUNDRED: u128 = (1 << 100) - 1;
/// How long the venue gets to answer our close.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// How a session ended.
pub(super) enum End {
    /// It was lost, for this cause, after this long.
    Lost(Cause, Duration),
    /// The process is to stop.
    Shutdown,
}

/// Why a turn does not lead to another.
enum Stop {
    Lost(Cause),
    Shutdown,
}

/// A live connection.
pub(super) struct Session<'a, S, H, W> {
    socket: Socket<S>,
    handler: &'a mut H,
    clock: &'a W,
    signals: &'a Signals,
    keepalive: Keepalive,
    message_timeout: Duration,
    began: Instant,
    last_turn: Instant,
    last_frame_at_ms: Option<i64>,
    last_pong_at_ms: Option<i64>,
    arrival: Arrival,
    control: Control,
    /// Which of the last hundred frames could not be read.
    unreadable: u128,
    /// How many connects it took, until the session is live.
    attempt: Option<u32>,
    /// When the subscription is to be sent, if it is.
    subscribe_at: Option<Instant>,
    subscribed_at: Option<Instant>,
    unflushed: bool,
}

impl<'a, S, H, W> Session<'a, S, H, W>
where
    S: AsyncRead + AsyncWrite + Unpin,
    H: Handler,
    W: WallClock,
{
    pub(super) fn new(
        socket: Socket<S>,
        config: &FeedConfig,
        handler: &'a mut H,
        clock: &'a W,
        signals: &'a Signals,
    ) -> Self {
        let now = Instant::now();
        let keepalive = Keepalive::new(config.ping_interval, config.pong_timeout, now);
        let arrival = Arrival { whole: socket.get_ref().read(), begun: None };
        Self {
            socket,
            handler,
            clock,
            signals,
            keepalive,
            message_timeout: config.message_timeout,
            began: now,
            last_turn: now,
            last_frame_at_ms: None,
            last_pong_at_ms: None,
            arrival,
            control: Control { since: now, count: 0 },
            unreadable: 0,
            attempt: None,
            subscribe_at: Some(now),
            subscribed_at: None,
            unflushed: false,
        }
    }

    /// Subscribes and reads until the session is over.
    pub(super) async fn run(mut self, attempt: u32) -> End {
        let signals = self.signals;
        let mut timer = pin!(sleep_until(self.began));
        let mut cancelled = pin!(signals.shutdown.cancelled());
        let mut nudged = pin!(signals.nudge.notified());
        self.attempt = Some(attempt);
        let stop = poll_fn(|cx| self.turns(cx, timer.as_mut(), cancelled.as_mut(), nudged.as_mut())).await;
        let lived = Instant::now().saturating_duration_since(self.began);
        match stop {
            Stop::Shutdown => {
                self.close().await;
                self.handler.session(SessionEvent::Closed);
                End::Shutdown
            }
            Stop::Lost(cause) => {
                self.part(&cause);
                self.handler.session(SessionEvent::Lost {
                    cause: cause.clone(),
                    lived,
                    last_frame_at_ms: self.last_frame_at_ms,
                    last_pong_at_ms: self.last_pong_at_ms,
                });
                End::Lost(cause, lived)
            }
        }
    }

    /// Turns until nothing is to be done.
    fn turns(
        &mut self,
        cx: &mut Context<'_>,
        mut timer: Pin<&mut Sleep>,
        cancelled: Pin<&mut WaitForCancellationFuture<'_>>,
        nudged: Pin<&mut Notified<'a>>,
    ) -> Poll<Stop> {
        let (full, wake) = match self.nudged(cx, nudged).and_then(|()| self.turn(cx)) {
            Ok(turn) => turn,
            Err(cause) => return Poll::Ready(Stop::Lost(cause)),
        };
        if self.subscribed_at.is_some()
            && let Some(attempt) = self.attempt.take()
        {
            self.handler.session(SessionEvent::Live { attempt });
        }
        if cancelled.poll(cx).is_ready() {
            return Poll::Ready(Stop::Shutdown);
        }
        if timer.deadline() != wake {
            timer.as_mut().reset(wake);
        }
        // A full batch may have left more behind, and a timer in the past is due now: either way
        // the next turn follows, after the other tasks of this thread had theirs.
        if full || timer.poll(cx).is_ready() {
            cx.waker().wake_by_ref();
        }
        Poll::Pending
    }

    /// Asks the handler what is to become of the session, if somebody wants that.
    fn nudged(&mut self, cx: &mut Context<'_>, mut nudged: Pin<&mut Notified<'a>>) -> Result<(), Cause> {
        if nudged.as_mut().poll(cx).is_pending() {
            return Ok(());
        }
        // It listens again only once it is polled.
        nudged.set(self.signals.nudge.notified());
        cx.waker().wake_by_ref();
        let verdict = self.handler.batch_end();
        self.obey(verdict, Instant::now())
    }

    /// One turn: whether a whole batch was read, and when the next is due at the latest.
    fn turn(&mut self, cx: &mut Context<'_>) -> Result<(bool, Instant), Cause> {
        let now = Instant::now();
        self.check_time(now)?;
        let full = self.drain(cx, now)?;
        if self.keepalive.take_ping(now) {
            self.send(Message::Ping(tokio_tungstenite::tungstenite::Bytes::new()))?;
            let verdict = self.handler.batch_end();
            self.obey(verdict, now)?;
        }
        if self.subscribe_at.is_some_and(|at| now >= at) {
            let text = self.handler.subscription();
            if !text.is_empty() {
                self.send(Message::Text(text.into()))?;
            }
            (self.subscribe_at, self.subscribed_at) = (None, Some(now));
        }
        if self.unflushed {
            match Pin::new(&mut self.socket).poll_flush(cx) {
                Poll::Ready(result) => {
                    result.map_err(|e| cause_of(&e))?;
                    self.unflushed = false;
                }
                // The library wakes the task when there is room; the deadline waits for nobody.
                Poll::Pending => {}
            }
        }
        let overdue = self.arrival.begun.map(|at| at + self.message_timeout);
        let due = [overdue, self.subscribe_at].into_iter().flatten().min();
        let wake = self.keepalive.next_wake();
        self.last_turn = now;
        Ok((full, due.map_or(wake, |at| at.min(wake))))
    }

    /// What has become too late by `now`, before anything that came too late is read.
    fn check_time(&self, now: Instant) -> Result<(), Cause> {
        let stood_still = now.saturating_duration_since(self.last_turn) > STOOD_STILL;
        if stood_still && now.saturating_duration_since(self.keepalive.next_wake()) > LATE {
            return Err(Cause::Suspended);
        }
        if self.keepalive.is_dead(now) {
            return Err(Cause::PongTimeout);
        }
        if self.arrival.begun.is_some_and(|at| now >= at + self.message_timeout) {
            return Err(Cause::SlowMessage);
        }
        Ok(())
    }

    /// Reads what is there. Returns whether there may be more.
    fn drain(&mut self, cx: &mut Context<'_>, now: Instant) -> Result<bool, Cause> {
        let mut at_ms = None;
        let mut full = true;
        let mut failed = None;
        for _ in 0..BATCH {
            let payload = match Pin::new(&mut self.socket).poll_next(cx) {
                Poll::Ready(Some(Ok(Message::Binary(bytes)))) => bytes,
                Poll::Ready(Some(Ok(Message::Text(text)))) => text.into(),
                Poll::Ready(Some(Ok(message))) => match self.control(&message, now) {
                    Ok(()) => continue,
                    Err(cause) => {
                        failed = Some(cause);
                        break;
                    }
                },
                Poll::Ready(Some(Err(e))) => {
                    failed = Some(cause_of(&e));
                    break;
                }
                Poll::Ready(None) => {
                    failed = Some(Cause::BrokenOff);
                    break;
                }
                Poll::Pending => {
                    full = false;
                    break;
                }
            };
            let at_ms = *at_ms.get_or_insert_with(|| self.clock.now_ms());
            self.arrival.message(self.socket.get_ref().read());
            let verdict = self.handler.frame(at_ms, &payload);
            let unreadable = u128::from(verdict == Verdict::Unreadable);
            self.unreadable = (self.unreadable << 1 | unreadable) & LAST_HUNDRED;
            if verdict != Verdict::Continue
                && let Err(cause) = self.obey(verdict, now)
            {
                failed = Some(cause);
                break;
            }
        }
        if at_ms.is_some() {
            self.last_frame_at_ms = at_ms;
            // Also before a loss: what was read is whole and must not wait for the next session.
            let verdict = self.handler.batch_end();
            self.obey(verdict, now)?;
        }
        if let Some(cause) = failed {
            return Err(cause);
        }
        if !full {
            self.arrival.wait(self.socket.get_ref().read(), now);
        }
        Ok(full)
    }

    /// A message that is no data.
    fn control(&mut self, message: &Message, now: Instant) -> Result<(), Cause> {
        match message {
            Message::Pong(payload) => {
                let at_ms = self.clock.now_ms();
                self.last_pong_at_ms = Some(at_ms);
                let round_trip = self.keepalive.pong(now);
                self.handler.session(SessionEvent::Pong { at_ms, round_trip });
                self.arrival.control(payload.len());
            }
            // The library answers it, and writes the answer at the next read.
            Message::Ping(payload) => self.arrival.control(payload.len()),
            Message::Close(frame) => {
                return Err(Cause::Closed {
                    code: frame.as_ref().map(|f| f.code.into()),
                    reason: frame.as_ref().map(|f| f.reason.to_string()).unwrap_or_default(),
                });
            }
            Message::Text(_) | Message::Binary(_) | Message::Frame(_) => {}
        }
        self.control.count(now)
    }

    fn obey(&mut self, verdict: Verdict, now: Instant) -> Result<(), Cause> {
        match verdict {
            Verdict::Continue => Ok(()),
            Verdict::Refused { fatal } => Err(Cause::Refused { fatal }),
            Verdict::Reconnect { why } => Err(Cause::Stale { why }),
            Verdict::Unreadable if self.unreadable.count_ones() > MOST_UNREADABLE => Err(Cause::Garbage),
            Verdict::Unreadable => Ok(()),
            Verdict::Resubscribe => {
                let earliest = self.subscribed_at.map_or(now, |at| at + RESUBSCRIBE_SPACING);
                self.subscribe_at = Some(earliest.max(now));
                Ok(())
            }
        }
    }

    /// Queues a message; it is flushed at the end of the turn.
    fn send(&mut self, message: Message) -> Result<(), Cause> {
        self.unflushed = true;
        Pin::new(&mut self.socket).start_send(message).map_err(|e| cause_of(&e))
    }

    /// Closes in order: our close, and the venue's answer to it, or a second.
    async fn close(&mut self) {
        let frame = CloseFrame { code: CloseCode::Normal, reason: "".into() };
        let socket = &mut self.socket;
        let farewell = async {
            // A connection that cannot even be closed is dropped all the same.
            let _ = socket.send(Message::Close(Some(frame))).await;
            while let Some(Ok(_)) = futures_util::StreamExt::next(socket).await {}
        };
        let _ = timeout(CLOSE_TIMEOUT, farewell).await;
    }

    /// Says why we go, if the other side can still hear it without being waited for.
    fn part(&mut self, cause: &Cause) {
        let code = match cause {
            Cause::TooLarge => CloseCode::Size,
            Cause::ControlFlood => CloseCode::Policy,
            Cause::Protocol(what) if what.contains("UTF-8") => CloseCode::Invalid,
            Cause::Protocol(_) => CloseCode::Protocol,
            Cause::Garbage => CloseCode::Invalid,
            Cause::PongTimeout
            | Cause::Suspended
            | Cause::SlowMessage
            | Cause::Refused { .. }
            | Cause::Stale { .. } => CloseCode::Normal,
            Cause::Closed { .. } => {
                // The library has queued the answer.
                let _ = self.socket.flush().now_or_never();
                return;
            }
            Cause::Connect(_) | Cause::BrokenOff | Cause::Io(_) => return,
        };
        // A pong that still waits would be written behind the close, where nothing may stand.
        let _ = self.socket.flush().now_or_never();
        let frame = CloseFrame { code, reason: "".into() };
        let _ = self.socket.send(Message::Close(Some(frame))).now_or_never();
    }
}

/// Watches whether a message is on its way, by the bytes that no whole message accounts for.
struct Arrival {
    /// How many bytes had been read when the last message was whole.
    whole: u64,
    /// When bytes beyond that were first seen.
    begun: Option<Instant>,
}

impl Arrival {
    /// A data message is whole. What was read beyond it is found again at the next wait.
    fn message(&mut self, read: u64) {
        (self.whole, self.begun) = (read, None);
    }

    /// A control message is whole; it may have come between the fragments of another, so the other
    /// is still on its way. Its header from a server has two bytes.
    fn control(&mut self, payload: usize) {
        self.whole += payload as u64 + 2;
    }

    /// There is nothing more to read at `now`.
    fn wait(&mut self, read: u64, now: Instant) {
        self.whole = self.whole.min(read);
        if read == self.whole {
            self.begun = None;
        } else if self.begun.is_none() {
            self.begun = Some(now);
        }
    }
}

/// Counts control messages by the second.
struct Control {
    since: Instant,
    count: u32,
}

impl Control {
    fn count(&mut self, now: Instant) -> Result<(), Cause> {
        if now.saturating_duration_since(self.since) >= Duration::from_secs(1) {
            (self.since, self.count) = (now, 0);
        }
        self.count += 1;
        if self.count > MAX_CONTROL_PER_S { Err(Cause::ControlFlood) } else { Ok(()) }
    }
}

/// What an error of the library means for the session.
fn cause_of(error: &Error) -> Cause {
    match error {
        Error::Capacity(_) => Cause::TooLarge,
        Error::Protocol(ProtocolError::ResetWithoutClosingHandshake)
        | Error::ConnectionClosed
        | Error::AlreadyClosed => Cause::BrokenOff,
        Error::Io(e) if e.kind() == std::io::ErrorKind::UnexpectedEof => Cause::BrokenOff,
        Error::Io(e) => Cause::Io(e.to_string()),
        Error::Utf8(_) => Cause::Protocol("a text frame that is not UTF-8".to_owned()),
        e => Cause::Protocol(e.to_string()),
    }
}
