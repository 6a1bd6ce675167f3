//! A session: one WebSocket client of the stand-in, from the upgrade to the end.
//!
//! One task reads the client, the trades and the clock; the writer task behind it sends. It keeps
//! the venue's habits: a subscription replaces the one before, unknown codes are passed over in
//! silence, an error is said and followed by a close of 1000, an idle session loses its TCP
//! connection without a close frame.
//!
//! Keeps: [bounded]

use super::{
    chance::Chance,
    fault::{self, Act, Delivery},
    firehose,
    hub::{Batch, Hub},
    limit::Messages,
    line::Reset,
    request::{self, Refused, Request, Subscription},
    socket::{self, Incoming, Overflow, Reader, Writer},
    streams::{self, Grid, Spelled, Wants},
    wire::{self, events},
};
use bytes::Bytes;
use std::{
    borrow::Cow,
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::broadcast,
    time::Instant,
};

/// With nothing sent or received; measured 60.5 to 61.3 s at the venue on 2026-09-23, against the
/// 120 s that its documentation states.
const IDLE: Duration = Duration::from_secs(60);
/// From an error frame to the close frame; measured 150 to 180 ms.
const ERROR_TO_CLOSE: Duration = Duration::from_millis(150);
/// How long a client may take to answer a close frame.
const CLOSE_WAIT: Duration = Duration::from_secs(2);

/// How a session ends.
enum End {
    /// The client left, or its stream broke, or it must be dropped.
    Drop,
    /// A close frame has been queued; its answer is waited for.
    Closing,
    /// What is queued is sent, then the stream ends.
    Flush,
    /// The stream stays open and is of no use any more.
    HalfOpen,
}

impl From<Overflow> for End {
    fn from(Overflow: Overflow) -> Self {
        Self::Drop
    }
}

struct Session {
    number: u64,
    hub: Arc<Hub>,
    writer: Writer,
    reset: Reset,
    future: broadcast::Receiver<Batch>,
    subscription: Subscription,
    wanted: HashMap<String, Wants>,
    grid: Grid,
    messages: Messages,
    /// When the next `UP` is due; set by the text `PING`.
    up_at: Option<Instant>,
    active_at: Instant,
    /// Frames that are held back, by the time at which they leave.
    later: BTreeMap<(Instant, u64), Bytes>,
    held: u64,
    chance: Chance,
}

/// Serves one upgraded stream to its end.
pub(super) async fn serve<S>(io: S, hub: Arc<Hub>, reset: Reset)
where
    S: AsyncRead + AsyncWrite + Send + 'static,
{
    let (read, write) = tokio::io::split(io);
    let mut reader = Reader::new(read);
    let queue = if hub.firehose.is_some() { firehose::QUEUE } else { hub.queue };
    let (number, mut acts) = hub.faults.enter();
    let _open = Open { number, hub: Arc::clone(&hub) };
    let mut session = Session {
        number,
        writer: Writer::spawn(write, queue),
        reset,
        future: hub.listen(),
        subscription: Subscription::default(),
        wanted: HashMap::new(),
        grid: Grid::default(),
        messages: Messages::new(),
        up_at: None,
        active_at: Instant::now(),
        later: BTreeMap::new(),
        held: 0,
        chance: Chance::new(hub.seed ^ number, "session"),
        hub,
    };
    let end = session.run(&mut reader, &mut acts).await;
    match end {
        End::Drop => {}
        // A client that does not read is left all the same.
        End::Flush => drop(tokio::time::timeout(CLOSE_WAIT, session.writer.finish()).await),
        End::Closing => {
            let answered = async {
                while let Ok(Some(incoming)) = reader.next().await
                    && !matches!(incoming, Incoming::Close(_))
                {}
            };
            // A client that does not answer is left all the same.
            let _ = tokio::time::timeout(CLOSE_WAIT, answered).await;
            let _ = tokio::time::timeout(CLOSE_WAIT, session.writer.finish()).await;
        }
        End::HalfOpen => {
            let unheard = async { while let Ok(Some(_)) = reader.next().await {} };
            tokio::select! {
                () = unheard => {}
                () = told_to_end(number, &mut acts) => {}
            }
        }
    }
}

/// Resolves when the connection of a session that hears nothing is dropped all the same.
async fn told_to_end(session: u64, acts: &mut broadcast::Receiver<(Option<u64>, Act)>) {
    loop {
        match acts.recv().await {
            Ok((who, Act::Drop | Act::Reset)) if who.is_none_or(|number| number == session) => return,
            Err(broadcast::error::RecvError::Closed) => return,
            _ => {}
        }
    }
}

/// Tells the board of the session's end, however it comes about.
struct Open {
    number: u64,
    hub: Arc<Hub>,
}

impl Drop for Open {
    fn drop(&mut self) {
        self.hub.faults.leave(self.number);
    }
}

impl Session {
    async fn run<R: AsyncRead + Unpin>(
        &mut self,
        reader: &mut Reader<R>,
        acts: &mut broadcast::Receiver<(Option<u64>, Act)>,
    ) -> End {
        loop {
            let idle_at = self.active_at + IDLE;
            let up_at = self.up_at.unwrap_or(idle_at);
            let leaves_at = self.later.first_key_value().map_or(idle_at, |((at, _), _)| *at);
            let grid_at = self.grid.next_ms().map_or(idle_at, |ms| self.hub.at(ms));
            let step = tokio::select! {
                biased;
                Ok((who, act)) = acts.recv() => self.act(who, act).await,
                () = tokio::time::sleep_until(grid_at), if self.grid.next_ms().is_some() => self.say_grid(),
                () = tokio::time::sleep_until(leaves_at), if !self.later.is_empty() => self.release(),
                incoming = reader.next() => match incoming {
                    Ok(Some(incoming)) => self.hear(incoming).await,
                    Ok(None) | Err(_) => Err(End::Drop),
                },
                batch = self.future.recv() => match batch {
                    Ok(batch) => self.deliver(&batch),
                    Err(_) => Err(End::Drop),
                },
                () = tokio::time::sleep_until(up_at), if self.up_at.is_some() => self.say_up(),
                () = tokio::time::sleep_until(idle_at) => Err(End::Drop),
                () = self.writer.closed() => Err(End::Drop),
            };
            if let Err(end) = step {
                return end;
            }
        }
    }

    async fn hear(&mut self, incoming: Incoming) -> Result<(), End> {
        self.active_at = Instant::now();
        let mute = self.hub.faults.is_mute(self.number);
        match incoming {
            Incoming::Ping(_) if mute => Ok(()),
            Incoming::Ping(payload) => self.control(socket::pong(&payload)),
            Incoming::Pong => Ok(()),
            Incoming::Close(payload) => {
                let code = payload.first_chunk().map_or(1000, |code| u16::from_be_bytes(*code));
                // The client is leaving; a full queue takes nothing from it.
                let _ = self.event(socket::close(code, ""));
                Err(End::Flush)
            }
            Incoming::Message(frame) => {
                if self.hub.is_limited() && !self.messages.take() {
                    return self.refuse(request::TOO_MANY).await;
                }
                match request::parse(&frame) {
                    Ok(Request::Ping) if mute => Ok(()),
                    Ok(Request::Ping) => {
                        self.up_at.get_or_insert(self.hub.next_up());
                        Ok(())
                    }
                    Ok(Request::Subscribe(subscription)) => self.subscribe(subscription),
                    Ok(Request::List { ticket, format }) => {
                        self.subscription.format = format.unwrap_or(self.subscription.format);
                        let list = request::list(&self.subscription, &ticket);
                        self.say(list.as_bytes())
                    }
                    Err(refused) => self.refuse(refused).await,
                }
            }
        }
    }

    /// Replaces the subscription and sends the snapshots it asks for.
    fn subscribe(&mut self, subscription: Subscription) -> Result<(), End> {
        if let Some(frames) = self.hub.firehose {
            let pool = firehose::Pool::new(&self.hub, &subscription, frames);
            tokio::spawn(pool.pour(self.writer.events()));
            return Ok(());
        }
        let joined = self.hub.join(self.number, &subscription, &mut self.future)?;
        for batch in joined.before {
            self.deliver(&batch)?;
        }
        self.grid.clear();
        self.wanted = streams::wants(&subscription);
        self.subscription = subscription;
        self.say_all(joined.snapshots)
    }

    fn deliver(&mut self, batch: &Batch) -> Result<(), End> {
        let wanted = std::mem::take(&mut self.wanted);
        let sent = self.deliver_what(&wanted, batch);
        self.wanted = wanted;
        sent
    }

    /// Sends the trades that are wanted, then a ticker for each market that traded.
    fn deliver_what(&mut self, wanted: &HashMap<String, Wants>, batch: &Batch) -> Result<(), End> {
        let (now_ms, simple) = (self.hub.now_ms(), self.subscription.format.is_simple());
        let mut ticked: Vec<(&str, usize)> = Vec::new();
        for trade in batch.iter() {
            let Some(wants) = wanted.get(&*trade.code) else { continue };
            self.grid.note(trade, wants, now_ms);
            if wants.tickers > 0 && !ticked.iter().any(|(code, _)| **code == *trade.code) {
                ticked.push((&trade.code, wants.tickers));
            }
            for _ in 0..wants.trades {
                let mut text = String::with_capacity(512);
                wire::trade(&mut text, trade, simple, false);
                self.say_trade(&trade.code, &text)?;
            }
        }
        for (code, times) in ticked {
            let Some(ticker) = self.hub.with_market(|market| market.ticker(code, now_ms)) else { continue };
            let mut text = String::with_capacity(1_024);
            events::ticker(&mut text, &ticker, simple, false);
            for _ in 0..times {
                self.say_event(code, &text)?;
            }
        }
        Ok(())
    }

    /// Sends what waited for the grid.
    fn say_grid(&mut self) -> Result<(), End> {
        let (now_ms, simple) = (self.hub.now_ms(), self.subscription.format.is_simple());
        let due = self.hub.with_market(|market| self.grid.take(market, &self.wanted, now_ms, simple));
        self.say_all(due)
    }

    fn say_all(&mut self, events: Vec<Spelled>) -> Result<(), End> {
        for Spelled { code, text, is_trade } in events {
            if is_trade {
                self.say_trade(&code, &text)?;
            } else {
                self.say_event(&code, &text)?;
            }
        }
        Ok(())
    }

    /// Sends an event that is no trade.
    fn say_event(&mut self, code: &str, text: &str) -> Result<(), End> {
        if self.hub.faults.stalls(self.number, code) {
            return Ok(());
        }
        if self.hub.faults.drops(self.number, code) {
            return Err(End::Flush);
        }
        self.say(self.listed(text).as_bytes())
    }

    /// An event as the format has it: alone, or as a list of one.
    fn listed<'t>(&self, text: &'t str) -> Cow<'t, str> {
        if self.subscription.format.is_list() { format!("[{text}]").into() } else { text.into() }
    }

    /// Sends one trade as the fault board lets it.
    fn say_trade(&mut self, code: &str, text: &str) -> Result<(), End> {
        let listed = self.listed(text);
        let text = &*listed;
        let faults = &self.hub.faults;
        if faults.stalls(self.number, code) {
            return Ok(());
        }
        let delivery = faults.delivery(self.number, code);
        if delivery != Delivery::Omit && faults.drops(self.number, code) {
            // What was counted as sent leaves before TCP goes.
            return Err(End::Flush);
        }
        match delivery {
            Delivery::Omit => Ok(()),
            Delivery::Once => self.say(text.as_bytes()),
            Delivery::Twice => {
                self.say(text.as_bytes())?;
                self.say(text.as_bytes())
            }
            Delivery::Cut => {
                let frame = socket::binary(text.as_bytes());
                self.event(frame.slice(..frame.len() / 2))?;
                Err(End::Flush)
            }
            Delivery::Mangled(how) => self.event(fault::mangled(how, text)),
            Delivery::Within(most) => {
                let by = most.mul_f64(self.chance.uniform());
                self.hold(Instant::now() + by, socket::binary(text.as_bytes()))
            }
            Delivery::After(by) => self.hold(Instant::now() + by, socket::binary(text.as_bytes())),
        }
    }

    fn say(&mut self, payload: &[u8]) -> Result<(), End> {
        self.event(socket::binary(payload))
    }

    /// Sends a frame, or holds it while nothing leaves.
    fn event(&mut self, frame: Bytes) -> Result<(), End> {
        self.release()?;
        if let Some(until) = self.hub.faults.frozen_until(self.number) {
            return self.hold(until, frame);
        }
        self.active_at = Instant::now();
        Ok(self.writer.event(frame)?)
    }

    /// Sends a frame that overtakes events, or holds it while nothing leaves.
    fn control(&mut self, frame: Bytes) -> Result<(), End> {
        self.release()?;
        match self.hub.faults.frozen_until(self.number) {
            Some(until) => self.hold(until, frame),
            None => Ok(self.writer.control(frame)?),
        }
    }

    fn hold(&mut self, until: Instant, frame: Bytes) -> Result<(), End> {
        if self.later.len() >= self.hub.queue {
            return Err(End::Drop);
        }
        self.held += 1;
        self.later.insert((until, self.held), frame);
        Ok(())
    }

    /// Sends what was held long enough.
    fn release(&mut self) -> Result<(), End> {
        while let Some(entry) = self.later.first_entry().filter(|e| e.key().0 <= Instant::now()) {
            let (number, hub) = (self.number, &self.hub);
            if let Some(until) = hub.faults.frozen_until(number).filter(|until| *until > entry.key().0) {
                let (key, frame) = entry.remove_entry();
                self.later.insert((until, key.1), frame);
                continue;
            }
            self.active_at = Instant::now();
            self.writer.event(entry.remove())?;
        }
        Ok(())
    }

    fn say_up(&mut self) -> Result<(), End> {
        self.active_at = Instant::now();
        self.up_at = Some(self.hub.next_up());
        if self.hub.faults.is_mute(self.number) {
            return Ok(());
        }
        self.control(socket::binary(b"{\"status\":\"UP\"}"))
    }

    async fn refuse(&mut self, refused: Refused) -> Result<(), End> {
        self.say_error(refused.name, refused.message).await
    }

    /// An error frame, and the close that follows it.
    async fn say_error(&mut self, name: &str, message: &str) -> Result<(), End> {
        self.say(wire::error(name, message).as_bytes())?;
        tokio::time::sleep(ERROR_TO_CLOSE).await;
        self.event(socket::close(1000, ""))?;
        Err(End::Closing)
    }

    async fn act(&mut self, who: Option<u64>, act: Act) -> Result<(), End> {
        if who.is_some_and(|number| number != self.number) {
            return Ok(());
        }
        match act {
            Act::Garbage(bytes) => self.say(&bytes),
            Act::Raw(bytes) => self.event(bytes),
            Act::Pings { count, bytes } => {
                let payload = vec![b'p'; usize::from(bytes.min(125))];
                let pings = socket::ping(&payload).repeat(usize::from(count));
                self.event(pings.into())
            }
            Act::Pongs { count } => {
                let pongs = socket::pong(b"unasked").repeat(usize::from(count));
                self.event(pongs.into())
            }
            Act::Error(name) => self.say_error(&name, "").await,
            Act::Drop => Err(End::Drop),
            Act::Reset => {
                self.reset.set();
                Err(End::Drop)
            }
            Act::HalfOpen => Err(End::HalfOpen),
            Act::Close { code, reason } => {
                self.event(socket::close(code, &reason))?;
                Err(End::Closing)
            }
        }
    }
}
