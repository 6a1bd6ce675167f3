//! What the tests of the whole program share: processes, the stand-in venue, HTTP, folders.

use std::{
    collections::BTreeMap,
    ffi::OsStr,
    fmt::Write as _,
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, Stdio},
    sync::{Arc, Mutex},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;
use tradehook::{
    entry::Entry,
    tape::{Next, Tape},
    trade::Trades,
    venue::{Venue, VenueConfig},
};

/// How long anything may take. Generous: a loaded machine is no fault, and only a failure waits.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);
const LOOK: Duration = Duration::from_millis(15);

/// Looks until there is something to see.
pub(crate) fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(seen) = look() {
            return seen;
        }
        assert!(Instant::now() < deadline, "waited {PATIENCE:?} for {what}, in vain");
        thread::sleep(LOOK);
    }
}

/// The repository.
pub(crate) fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// A bundled or test guest, as committed.
pub(crate) fn built(name: &str) -> PathBuf {
    root().join("plugins/built").join(format!("{name}.wasm"))
}

/// Compiled plugins, shared by all tests: what is not measured need not be compiled twice.
pub(crate) fn compile_cache() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("compiled")
}

/// Text that a process writes, line by line as it comes.
#[derive(Clone, Default)]
pub(crate) struct Lines(Arc<Mutex<Vec<String>>>);

impl Lines {
    fn follow(&self, from: impl Read + Send + 'static) -> JoinHandle<()> {
        let lines = Arc::clone(&self.0);
        thread::spawn(move || {
            let mut from = BufReader::new(from);
            let mut line = Vec::new();
            while from.read_until(b'\n', &mut line).is_ok_and(|n| n > 0) {
                lines.lock().unwrap().push(String::from_utf8_lossy(&line).trim_end_matches('\n').to_owned());
                line.clear();
            }
        })
    }

    pub(crate) fn all(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }

    /// The first line that `wanted` accepts.
    pub(crate) fn find(&self, wanted: impl Fn(&str) -> bool) -> Option<String> {
        self.0.lock().unwrap().iter().find(|line| wanted(line)).cloned()
    }
}

/// A process of the program, killed when it is dropped.
pub(crate) struct Job {
    child: Child,
    _stdin: Option<ChildStdin>,
    pub(crate) out: Lines,
    pub(crate) log: Lines,
    readers: Vec<JoinHandle<()>>,
}

/// A process that has ended.
pub(crate) struct Done {
    /// `None`: it was killed.
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) log: String,
}

impl Done {
    /// It ended with `code`, or the test fails and shows what it said.
    pub(crate) fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "exit code; stdout:\n{}\nstderr:\n{}", self.out, self.log);
        self
    }
}

impl Job {
    /// Starts the program in `dir`.
    pub(crate) fn start<S: AsRef<OsStr>>(dir: &Path, arguments: impl IntoIterator<Item = S>) -> Self {
        Self::spawn(tradehook(dir).args(arguments))
    }

    pub(crate) fn spawn(command: &mut Command) -> Self {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let (out, log) = (Lines::default(), Lines::default());
        let readers =
            vec![out.follow(child.stdout.take().unwrap()), log.follow(child.stderr.take().unwrap())];
        Self { _stdin: child.stdin.take(), child, out, log, readers }
    }

    /// Waits until its log has a line with `text`.
    pub(crate) fn says(&self, text: &str) -> String {
        until(&format!("{text:?} in the log"), || {
            self.log.find(|line| line.contains(text)).or_else(|| {
                assert!(!self.has_ended(), "it ended before {text:?}:\n{}", self.log.all().join("\n"));
                None
            })
        })
    }

    fn has_ended(&self) -> bool {
        // Both streams are closed.
        self.readers.iter().all(JoinHandle::is_finished)
    }

    /// The status port, as the log names it.
    pub(crate) fn port(&self) -> Port {
        let line = self.says("health and metrics on http://127.0.0.1:");
        let digits = line.split("http://127.0.0.1:").nth(1).unwrap();
        Port(digits.split('/').next().unwrap().parse().unwrap())
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(i32::try_from(self.child.id()).unwrap()).unwrap();
        kill_process(pid, signal).unwrap();
    }

    /// Waits for its end.
    pub(crate) fn end(mut self) -> Done {
        let status = until("the end of the process", || self.child.try_wait().unwrap());
        self.readers.drain(..).for_each(|reader| reader.join().unwrap());
        Done { code: status.code(), out: self.out.all().join("\n"), log: self.log.all().join("\n") }
    }

    /// Asks it to end, and waits.
    pub(crate) fn terminate(self) -> Done {
        self.signal(Signal::TERM);
        self.end()
    }

    /// Ends it in the middle of whatever it does.
    pub(crate) fn kill(self) -> Done {
        self.signal(Signal::KILL);
        self.end()
    }
}

impl Drop for Job {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The program, free of what the tests' own environment says.
pub(crate) fn tradehook(dir: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tradehook"));
    command.current_dir(dir).env("XDG_CACHE_HOME", compile_cache());
    for variable in ["TRADEHOOK_CONFIG", "RUST_LOG", "NO_COLOR"] {
        command.env_remove(variable);
    }
    command
}

/// Runs a command of the program to its end.
pub(crate) fn command<S: AsRef<OsStr>>(dir: &Path, arguments: impl IntoIterator<Item = S>) -> Done {
    Job::start(dir, arguments).end()
}

/// The status port of a job.
#[derive(Clone, Copy)]
pub(crate) struct Port(u16);

impl Port {
    /// Status code and body; `None` when nobody answers.
    pub(crate) fn get(self, path: &str) -> Option<(u16, String)> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.0)).ok()?;
        stream.set_read_timeout(Some(PATIENCE)).ok()?;
        write!(stream, "GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nConnection: close\r\n\r\n", self.0)
            .ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        let (head, body) = answer.split_once("\r\n\r\n")?;
        Some((head.split(' ').nth(1)?.parse().ok()?, body.to_owned()))
    }

    /// Everything the job says of itself.
    pub(crate) fn status(self) -> Value {
        let (code, body) = self.get("/status").unwrap();
        assert_eq!(code, 200, "{body}");
        serde_json::from_str(&body).unwrap()
    }

    /// Waits until the status is as `wanted`.
    pub(crate) fn until(self, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let mut last = Value::Null;
        until(what, || {
            last = self.status();
            wanted(&last).then(|| last.clone())
        })
    }

    pub(crate) fn is_ready(self) {
        until("readiness", || self.get("/readyz").filter(|(code, _)| *code == 200));
    }

    /// Waits until so many trades are on the tape.
    pub(crate) fn has_trades(self, trades: u64) -> Value {
        self.until(&format!("{trades} trades"), |s| number(s, "/intake/trades") >= trades)
    }
}

/// The number at `pointer`; 0 when there is none.
pub(crate) fn number(value: &Value, pointer: &str) -> u64 {
    value.pointer(pointer).and_then(Value::as_u64).unwrap_or(0)
}

/// The entry of `list` that is called `name`.
pub(crate) fn named<'v>(value: &'v Value, list: &str, name: &str) -> &'v Value {
    let items = value.get(list).and_then(Value::as_array).unwrap();
    items.iter().find(|item| item["name"] == name).unwrap_or(&Value::Null)
}

/// A stand-in venue in this process, on a free port.
pub(crate) struct StandIn {
    pub(crate) venue: Venue,
    _runtime: tokio::runtime::Runtime,
}

impl StandIn {
    pub(crate) fn start(config: VenueConfig) -> Self {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let venue = runtime.block_on(Venue::start(config)).unwrap();
        Self { venue, _runtime: runtime }
    }

    /// With an even pace over all markets.
    pub(crate) fn at_rate(seed: u64, trades_per_second: f64) -> Self {
        let rate = Some(trades_per_second);
        Self::start(VenueConfig { seed, trades_per_second: rate, limits: false, ..VenueConfig::default() })
    }

    /// A market that gives rules something to say.
    pub(crate) fn lively(seed: u64) -> Self {
        Self::start(VenueConfig { seed, limits: false, ..VenueConfig::default() })
    }
}

/// A folder of a job: its configuration and everything it writes.
pub(crate) struct Folder {
    dir: TempDir,
}

/// What every job of these tests has in common. The limits of time are wide: here a plugin that is
/// slow because the machine is busy is no fault.
const COMMON: &str = r#"
[tape]
dir = "tape"
[state]
dir = "state"
[status]
listen = "127.0.0.1:0"
"#;

/// Rules that find something in the lively market within seconds.
pub(crate) const RULES: &str = r#"
[plugins.alert]
limits = { deadline = "30s" }
[alerts.defaults]
notify = ["log"]
cooldown = "500ms"
[channels.log]
kind = "file"
path = "alerts.jsonl"
[[alert]]
id = "grid"
markets = ["KRW-BTC"]
when = { kind = "cross", step = 10_000 }
[[alert]]
id = "move"
markets = ["KRW-*"]
resolved = true
when = { kind = "change", window = "5s", pct = "0.2%", clear = "0.1%" }
[[alert]]
id = "big"
markets = ["KRW-*"]
when = { kind = "large_trade", min_notional = "1000만" }
[[alert]]
id = "quiet"
markets = ["*"]
when = { kind = "silence", for = "2s" }
"#;

impl Folder {
    pub(crate) fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn path(&self) -> &Path {
        self.dir.path()
    }

    pub(crate) fn join(&self, name: &str) -> PathBuf {
        self.path().join(name)
    }

    /// Writes `config.toml`: the job that reads the venue at `url`, and `rest`.
    pub(crate) fn configure(&self, url: &str, rest: &str) {
        self.configure_with(&[("url", url)], rest);
    }

    /// The same with more about the feed, each a key and a string.
    pub(crate) fn configure_with(&self, feed: &[(&str, &str)], rest: &str) {
        let mut keys: BTreeMap<&str, &str> = [("ping_interval", "1s")].into();
        keys.extend(feed.iter().copied());
        let mut text = String::from("[feed]\n");
        text += "markets = [\"KRW-BTC\", \"KRW-ETH\", \"KRW-XRP\", \"KRW-SOL\", \"KRW-DOGE\"]\n";
        for (key, value) in keys {
            writeln!(text, "{key} = {value:?}").unwrap();
        }
        writeln!(text, "[runtime]\ncompile_cache = {:?}", compile_cache()).unwrap();
        self.write("config.toml", format!("{text}{COMMON}{rest}"));
    }

    pub(crate) fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        fs::write(self.join(name), text).unwrap();
    }

    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.join(name)).unwrap_or_default()
    }

    /// `tradehook run` here.
    pub(crate) fn run(&self) -> Job {
        Job::start(self.path(), ["run"])
    }

    /// The JSON lines of a file. A line that is no JSON fails the test; one that is still being
    /// written is left out.
    pub(crate) fn lines(&self, name: &str) -> Vec<Value> {
        let text = self.read(name);
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        whole.lines().map(json).collect()
    }

    /// Everything on the tape: how many trades, and the other entries.
    pub(crate) fn tape(&self) -> (u64, Vec<Entry>) {
        let tape = Tape::open_read_only(&self.join("tape")).unwrap();
        let mut reader = tape.reader(tape.start());
        let (mut count, mut entries, mut trades) = (0, Vec::new(), Trades::default());
        loop {
            match reader.next(4096, &mut trades).unwrap() {
                Next::Trades => count += trades.len() as u64,
                Next::Entry(_, entry) => entries.push(entry),
                Next::Empty => return (count, entries),
                lost => panic!("the tape has lost something: {lost:?}"),
            }
        }
    }
}

/// One line of JSON.
pub(crate) fn json(line: &str) -> Value {
    serde_json::from_str(line).unwrap_or_else(|error| panic!("not JSON ({error}): {line}"))
}

/// The text at `key`; empty when there is none.
pub(crate) fn text<'v>(value: &'v Value, key: &str) -> &'v str {
    value.get(key).and_then(Value::as_str).unwrap_or("")
}

/// A folder with material of the venue that is kept beside the repository, if it is there.
pub(crate) fn shared(what: &str) -> Option<PathBuf> {
    let from_env = std::env::var_os("TRADEHOOK_SHARED").map(PathBuf::from);
    let path = from_env.unwrap_or_else(|| root().join("../shared")).join(what);
    if path.exists() {
        return Some(path);
    }
    println!("skipped: {} is not there", path.display());
    None
}
