//! The log: human lines on a terminal, JSON lines elsewhere, always on stderr.
//!
//! Logging never holds up the work. Lines go through a bounded queue to a thread of their own;
//! when stderr is not read (a pager that was left open, a full pipe) lines are dropped and
//! counted, and when it is closed they go nowhere. While the full-screen view owns the terminal
//! the last lines are held back and shown when it ends.
//!
//! Keeps: [bounded] [fails-alone]

use std::{
    collections::VecDeque,
    fmt,
    io::{self, IsTerminal, Write},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
        mpsc::{Receiver, SyncSender, TrySendError, sync_channel},
    },
    time::Duration,
};
use tracing::Subscriber;
use tracing_subscriber::{EnvFilter, filter::ParseError};

/// Lines that may wait for a slow stderr; chosen: seconds of a storm.
const QUEUE: usize = 4096;
/// Lines that are held back while the view is on.
const HELD: usize = 256;
/// How long the end of the process waits for a stderr that is not read.
const FLUSH_TIMEOUT: Duration = Duration::from_millis(500);

/// How a line looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// Human on a terminal, JSON elsewhere.
    #[default]
    Auto,
    /// For people, in colour on a terminal.
    Human,
    /// One JSON object a line.
    Json,
}

/// Why there is no log.
#[derive(Debug)]
pub enum LogError {
    /// The level is none.
    Level {
        /// Where it stands: `RUST_LOG` or the configuration's key.
        source: &'static str,
        /// What stands there.
        text: String,
        /// What is wrong with it.
        error: ParseError,
    },
    /// The log's thread does not start.
    Thread(io::Error),
    /// There is one already in this process.
    Twice,
}

impl fmt::Display for LogError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Level { source, text, error } => write!(
                f,
                "{source} = {text:?} is no log level ({error}); \
                 accepted: error, warn, info, debug, trace, off, or target=level pairs"
            ),
            Self::Thread(error) => write!(f, "the log's thread cannot be started: {error}"),
            Self::Twice => f.write_str("the log is set up already"),
        }
    }
}

impl std::error::Error for LogError {}

/// The running log. Dropping it writes what waits, for at most half a second.
#[derive(Debug)]
pub struct Log {
    queue: Queue,
}

impl Log {
    /// Sets up the log of this process. `level` is the configuration's; a `RUST_LOG` that is set
    /// and not empty wins over it.
    ///
    /// # Errors
    /// When a level is none, or the process has a log already.
    pub fn start(format: LogFormat, level: &str) -> Result<Self, LogError> {
        let env = std::env::var("RUST_LOG").ok();
        let filter = filter(level, env.as_deref())?;
        let terminal = io::stderr().is_terminal();
        let colour = terminal && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        let queue = Queue::start(io::stderr()).map_err(LogError::Thread)?;
        let subscriber = subscriber(queue.clone(), filter, is_json(format, terminal), colour);
        tracing::subscriber::set_global_default(subscriber).map_err(|_| LogError::Twice)?;
        Ok(Self { queue })
    }

    /// From here on lines are kept back, the last 256 of them.
    pub fn hold(&self) {
        self.queue.held.store(true, Relaxed);
    }

    /// Writes what was kept back, and from here on every line as it comes.
    pub fn release(&self) {
        self.queue.held.store(false, Relaxed);
        self.queue.flush();
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        self.release();
    }
}

const fn is_json(format: LogFormat, terminal: bool) -> bool {
    match format {
        LogFormat::Auto => !terminal,
        LogFormat::Human => false,
        LogFormat::Json => true,
    }
}

fn filter(level: &str, env: Option<&str>) -> Result<EnvFilter, LogError> {
    let (source, text) = match env {
        Some(text) if !text.is_empty() => ("RUST_LOG", text),
        _ => ("log.level", level),
    };
    EnvFilter::try_new(text).map_err(|error| LogError::Level { source, text: text.to_owned(), error })
}

fn subscriber(
    queue: Queue,
    filter: EnvFilter,
    json: bool,
    colour: bool,
) -> Box<dyn Subscriber + Send + Sync> {
    // Internal errors would be printed to stderr, and printing to a closed stderr panics.
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .log_internal_errors(false)
        .with_writer(move || queue.clone());
    if json {
        Box::new(lines.json().flatten_event(true).finish())
    } else {
        Box::new(lines.with_ansi(colour).with_target(false).finish())
    }
}

enum Message {
    Line(Vec<u8>),
    Flush(SyncSender<()>),
}

/// The way to the log's thread. One `write` is one line.
#[derive(Clone, Debug)]
struct Queue {
    sender: SyncSender<Message>,
    held: Arc<AtomicBool>,
    lost: Arc<AtomicU64>,
}

impl Queue {
    fn start(out: impl Write + Send + 'static) -> io::Result<Self> {
        let (sender, receiver) = sync_channel(QUEUE);
        let queue = Self { sender, held: Arc::default(), lost: Arc::default() };
        let thread = Writer {
            receiver,
            out,
            held: Arc::clone(&queue.held),
            lost: Arc::clone(&queue.lost),
            kept: VecDeque::new(),
        };
        std::thread::Builder::new().name("log".to_owned()).spawn(move || thread.run())?;
        Ok(queue)
    }

    /// Waits until what was said is written, but not for ever.
    fn flush(&self) {
        let (done, written) = sync_channel(1);
        if self.sender.try_send(Message::Flush(done)).is_ok() {
            let _in_time = written.recv_timeout(FLUSH_TIMEOUT);
        }
    }
}

impl Write for Queue {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if let Err(TrySendError::Full(_)) = self.sender.try_send(Message::Line(line.to_vec())) {
            self.lost.fetch_add(1, Relaxed);
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The log's thread: the only one that touches stderr.
struct Writer<W> {
    receiver: Receiver<Message>,
    out: W,
    held: Arc<AtomicBool>,
    lost: Arc<AtomicU64>,
    kept: VecDeque<Vec<u8>>,
}

impl<W: Write> Writer<W> {
    fn run(mut self) {
        while let Ok(message) = self.receiver.recv() {
            match message {
                Message::Line(line) => self.keep(line),
                Message::Flush(done) => {
                    self.write_kept();
                    // Whoever waited may have given up.
                    let _heard = done.try_send(());
                    continue;
                }
            }
            if !self.held.load(Relaxed) {
                self.write_kept();
            }
        }
    }

    fn keep(&mut self, line: Vec<u8>) {
        if self.kept.len() >= HELD {
            self.kept.pop_front();
            self.lost.fetch_add(1, Relaxed);
        }
        self.kept.push_back(line);
    }

    /// A failure to write is nobody's business: there is no place left to report it to.
    fn write_kept(&mut self) {
        if self.held.load(Relaxed) {
            return;
        }
        let lost = self.lost.swap(0, Relaxed);
        if lost > 0 {
            let _written = writeln!(self.out, "({lost} log lines were dropped: nobody read them in time)");
        }
        for line in self.kept.drain(..) {
            let _written = self.out.write_all(&line);
        }
        let _written = self.out.flush();
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use std::sync::{Mutex, mpsc};

    /// A stderr that can be looked at.
    #[derive(Clone, Default)]
    struct Paper(Arc<Mutex<Vec<u8>>>);

    impl Write for Paper {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Paper {
        fn text(&self) -> String {
            String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
        }
    }

    fn say(queue: &Queue, json: bool, level: &str, f: impl FnOnce()) {
        let subscriber = subscriber(queue.clone(), filter(level, None).unwrap(), json, false);
        tracing::subscriber::with_default(subscriber, f);
    }

    #[test]
    fn lines_are_human_or_json_and_only_from_their_level_on() {
        let paper = Paper::default();
        let queue = Queue::start(paper.clone()).unwrap();
        say(&queue, true, "info", || {
            tracing::info!(market = "KRW-BTC", "subscribed");
            tracing::debug!("too much");
        });
        say(&queue, false, "warn", || {
            tracing::info!("too much");
            tracing::warn!(plugin = "\u{1b}[2J", "restarted");
        });
        queue.flush();
        let text = paper.text();
        let (json, human) = text.split_once('\n').unwrap();
        let json: serde_json::Value = serde_json::from_str(json).unwrap();
        assert_eq!((&json["message"], &json["market"]), (&"subscribed".into(), &"KRW-BTC".into()));
        assert_eq!(json["level"], "INFO");
        assert!(human.contains("WARN") && human.contains("restarted"), "{human}");
        assert!(!text.contains("too much"), "{text}");
        assert!(!text.contains('\u{1b}'), "a terminal would obey this: {text:?}");
    }

    #[test]
    fn the_format_follows_the_terminal_unless_it_is_said() {
        let check = |format, terminal, expect| assert_eq!(is_json(format, terminal), expect, "{format:?}");
        check(LogFormat::Auto, true, false);
        check(LogFormat::Auto, false, true);
        check(LogFormat::Human, false, false);
        check(LogFormat::Json, true, true);
    }

    #[test]
    fn a_level_that_is_none_is_refused_and_says_where_it_stands() {
        let check = |level, env, expect: Option<&str>| match (filter(level, env), expect) {
            (Ok(_), None) => {}
            (Err(error), Some(expect)) => assert!(error.to_string().starts_with(expect), "{error}"),
            (got, expect) => panic!("{level:?} {env:?}: {got:?} instead of {expect:?}"),
        };
        check("info", None, None);
        check("info,tradehook::feed=debug", Some(""), None);
        check("=nonsense=", Some("debug"), None);
        check("info", Some("a=b=c"), Some("RUST_LOG = \"a=b=c\" is no log level"));
        check("a=b=c", None, Some("log.level = \"a=b=c\" is no log level"));
    }

    /// Proves [bounded] and [fails-alone] for the log.
    #[test]
    fn a_stderr_that_is_not_read_holds_up_nobody() {
        struct Stuck {
            entered: mpsc::Sender<()>,
            opened: mpsc::Receiver<()>,
        }
        impl Write for Stuck {
            fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
                self.entered.send(()).unwrap();
                let _for_ever = self.opened.recv();
                Ok(bytes.len())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let (entered, is_stuck) = mpsc::channel();
        let (_open, opened) = mpsc::channel();
        let queue = Queue::start(Stuck { entered, opened }).unwrap();
        say(&queue, false, "info", || tracing::info!("the one it is stuck on"));
        is_stuck.recv().unwrap();
        say(&queue, false, "info", || (0..3 * QUEUE).for_each(|n| tracing::info!(n, "line")));
        assert_eq!(queue.lost.load(Relaxed), 2 * QUEUE as u64);
        drop(Log { queue });
    }

    #[test]
    fn a_closed_stderr_is_survived() {
        struct Closed(mpsc::Sender<()>);
        impl Write for Closed {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                self.0.send(()).unwrap();
                Err(io::ErrorKind::BrokenPipe.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Err(io::ErrorKind::BrokenPipe.into())
            }
        }
        let (tried, tries) = mpsc::channel();
        let queue = Queue::start(Closed(tried)).unwrap();
        say(&queue, false, "info", || (0..10).for_each(|n| tracing::info!(n, "line")));
        queue.flush();
        assert_eq!(tries.try_iter().count(), 10);
    }

    #[test]
    fn what_is_said_behind_the_view_is_shown_after_it() {
        let paper = Paper::default();
        let log = Log { queue: Queue::start(paper.clone()).unwrap() };
        log.hold();
        say(&log.queue, false, "info", || (0..HELD + 3).for_each(|n| tracing::info!("line {n}.")));
        log.queue.flush();
        assert_eq!(paper.text(), "");
        log.release();
        let text = paper.text();
        assert!(text.starts_with("(3 log lines were dropped"), "{text}");
        assert!(!text.contains("line 2.") && text.contains("line 3.") && text.contains("line 258."));
    }
}
