//! A program of the operator's own: the canonical JSON on its standard input.
//!
//! No shell is involved, and nothing of a message stands among its arguments. Its environment is
//! `PATH`, `HOME`, `LANG`, `TZ`, what the configuration names, and `NOTIFICATION_ID`: the tokens of
//! other channels are none of its business. It runs in a process group of its own, which is killed
//! as a whole when its time is over.
//!
//! Exit 0: it has it. 64 to 78 (sysexits.h): it never will, except 75 (EX_TEMPFAIL), which like
//! everything else means later.
//!
//! Keeps: [bounded] (time, and what is read of its output) [guest-text-is-data]

use super::text::{Unit, fit, plain};
use crate::delivery::{Delivery, Outcome, Sink};
use futures_util::future::BoxFuture;
use std::{
    ffi::OsString,
    io::ErrorKind,
    path::PathBuf,
    process::{ExitStatus, Stdio},
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    process::{Child, Command},
};

/// What is read of what it complains.
const COMPLAINT: u64 = 4096;
/// What is shown of it.
const SHOWN: usize = 200;
/// What every program gets of our environment.
const ENVIRONMENT: [&str; 4] = ["PATH", "HOME", "LANG", "TZ"];
/// `EX_TEMPFAIL` of sysexits.h.
const LATER: i32 = 75;

/// Which program, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExecSettings {
    /// The program: a path, or a name that is looked for in `PATH`.
    pub program: PathBuf,
    /// Its arguments, the same at every delivery.
    pub arguments: Vec<String>,
    /// Further variables that it gets.
    pub environment: Vec<(String, OsString)>,
    /// Until it is killed.
    pub timeout: Duration,
}

/// A program.
#[derive(Debug)]
pub struct ExecSink {
    settings: ExecSettings,
}

impl ExecSink {
    /// A program that is started for each delivery.
    #[must_use]
    pub fn new(settings: ExecSettings) -> Self {
        Self { settings }
    }

    fn start(&self, delivery: &Delivery) -> std::io::Result<Child> {
        let ExecSettings { program, arguments, environment, .. } = &self.settings;
        let inherited = ENVIRONMENT.iter().filter_map(|name| Some((name, std::env::var_os(name)?)));
        Command::new(program)
            .args(arguments)
            .env_clear()
            .envs(inherited)
            .envs(environment.iter().map(|(name, value)| (name, value)))
            .env("NOTIFICATION_ID", &delivery.notification_id)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
    }

    async fn attempt(&self, delivery: &Delivery) -> Outcome {
        let name = self.settings.program.display();
        let child = match self.start(delivery) {
            Ok(child) => Group(child),
            Err(error) => {
                let reason = format!("{name} does not start: {error}");
                return match error.kind() {
                    ErrorKind::NotFound | ErrorKind::PermissionDenied => Outcome::Broken { reason },
                    _ => Outcome::Retry { after: None, reason },
                };
            }
        };
        match tokio::time::timeout(self.settings.timeout, run(child, delivery.body.as_bytes())).await {
            Err(_) => Outcome::Retry {
                after: None,
                reason: format!("{name} took longer than {:?} and was killed", self.settings.timeout),
            },
            Ok(Err(error)) => Outcome::Retry { after: None, reason: format!("{name}: {error}") },
            Ok(Ok((status, complaint))) => self.judge(status, &complaint),
        }
    }

    fn judge(&self, status: ExitStatus, complaint: &str) -> Outcome {
        let last = complaint.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or_default();
        let mut reason = format!("{} ended with {status}", self.settings.program.display());
        if !last.is_empty() {
            reason.push_str(&format!(": {}", fit(last.trim(), SHOWN, Unit::Chars, plain)));
        }
        match status.code() {
            Some(0) => Outcome::Delivered,
            Some(64..=78) if status.code() != Some(LATER) => Outcome::Permanent { reason },
            _ => Outcome::Retry { after: None, reason },
        }
    }
}

/// A child and its descendants, which end with it.
struct Group(Child);

impl Drop for Group {
    fn drop(&mut self) {
        // Gone already where the child was waited for: its descendants may live on, by its own will.
        let id = self.0.id().and_then(|id| i32::try_from(id).ok()).and_then(rustix::process::Pid::from_raw);
        if let Some(id) = id {
            let _ = rustix::process::kill_process_group(id, rustix::process::Signal::KILL);
        }
    }
}

/// Feeds the program, and waits for its end; what it complained.
async fn run(mut child: Group, input: &[u8]) -> std::io::Result<(ExitStatus, String)> {
    let (stdin, stderr) = (child.0.stdin.take(), child.0.stderr.take());
    let feed = async {
        if let Some(mut stdin) = stdin {
            // A program that does not read is judged by its exit alone.
            let _ = stdin.write_all(input).await;
            let _ = stdin.shutdown().await;
        }
    };
    let listen = async {
        let mut complaint = Vec::new();
        if let Some(mut stderr) = stderr {
            let _ = (&mut stderr).take(COMPLAINT).read_to_end(&mut complaint).await;
            // Read on, so that it is not stopped by a pipe that is full.
            let _ = tokio::io::copy(&mut stderr, &mut tokio::io::sink()).await;
        }
        complaint
    };
    let mut complaint = Vec::new();
    let status = {
        let talk = async { tokio::join!(feed, listen).1 };
        tokio::pin!(talk);
        tokio::select! {
            said = &mut talk => {
                complaint = said;
                child.0.wait().await?
            }
            status = child.0.wait() => {
                // A descendant may keep the pipe open for ever; what is there already is read.
                if let Ok(said) = tokio::time::timeout(Duration::from_millis(100), &mut talk).await {
                    complaint = said;
                }
                status?
            }
        }
    };
    Ok((status, String::from_utf8_lossy(&complaint).into_owned()))
}

impl Sink for ExecSink {
    fn deliver<'a>(&'a self, delivery: &'a Delivery) -> BoxFuture<'a, Outcome> {
        Box::pin(self.attempt(delivery))
    }
}
