//! The listening end: the socket file, the seats, and one client's conversation.

use super::protocol::{Answer, Line, MAX_REQUEST_BYTES, Refusal, Request, read_request, write_line};
use futures_util::future::BoxFuture;
use std::{
    fmt, fs, io,
    os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{UnixListener, UnixStream},
    sync::Semaphore,
    task::JoinSet,
    time::timeout,
};

/// Clients that are served at once; others are told to come back. [bounded]
pub(super) const SEATS: usize = 8;
/// How long a client may take to say what it wants.
const TO_ASK: Duration = Duration::from_secs(5);
/// How long an answer may be in the making. A channel's test waits for its receiver.
const TO_ANSWER: Duration = Duration::from_secs(60);
/// How long a client may take to read one line of the answer.
const TO_READ: Duration = Duration::from_secs(5);
/// After the system could not accept a client: it is short of something.
const PAUSE: Duration = Duration::from_millis(250);

/// Most things of an answer. [bounded]
pub const MAX_ITEMS: usize = 10_000;

/// Whoever gives the answers.
pub trait Desk: Send + Sync + 'static {
    /// Answers a request. May take its time; whoever asks waits alone.
    fn answer(&self, request: Request) -> BoxFuture<'_, Answer>;
}

/// Why there is no socket.
#[derive(Debug)]
pub enum BindError {
    /// Another process listens there.
    InUse(PathBuf),
    /// There is something else of this name.
    NotASocket(PathBuf),
    /// The system refuses.
    Io(PathBuf, io::Error),
}

impl fmt::Display for BindError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InUse(path) => write!(f, "another process listens at {}", path.display()),
            Self::NotASocket(path) => write!(f, "{} is there and is no socket", path.display()),
            Self::Io(path, error) => write!(f, "cannot listen at {}: {error}", path.display()),
        }
    }
}

impl std::error::Error for BindError {}

/// A socket with its file, which goes with it.
#[derive(Debug)]
pub struct Listening {
    listener: UnixListener,
    path: PathBuf,
    inode: u64,
}

/// Listens at `path`, for the own user alone. What a process that was killed left there is
/// replaced; whatever else is there is not touched.
///
/// # Errors
/// Why that cannot be.
pub fn bind(path: &Path) -> Result<Listening, BindError> {
    let io = |error| BindError::Io(path.to_owned(), error);
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        fs::create_dir_all(folder).map_err(io)?;
    }
    make_room(path)?;
    let listener = UnixListener::bind(path).map_err(|error| match error.kind() {
        io::ErrorKind::AddrInUse => BindError::InUse(path.to_owned()),
        _ => io(error),
    })?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).map_err(io)?;
    let inode = fs::symlink_metadata(path).map_err(io)?.ino();
    Ok(Listening { listener, path: path.to_owned(), inode })
}

/// Removes a socket to which nobody listens any more.
fn make_room(path: &Path) -> Result<(), BindError> {
    let io = |error| BindError::Io(path.to_owned(), error);
    let meta = match fs::symlink_metadata(path) {
        Ok(meta) => meta,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(io(error)),
    };
    if !meta.file_type().is_socket() {
        return Err(BindError::NotASocket(path.to_owned()));
    }
    match std::os::unix::net::UnixStream::connect(path) {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => fs::remove_file(path).map_err(io),
        // Whoever does not answer at once is there nevertheless.
        Ok(_) => Err(BindError::InUse(path.to_owned())),
        Err(error) => Err(io(error)),
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        // A successor may have put its own in the place.
        let is_own = fs::symlink_metadata(&self.path).is_ok_and(|meta| meta.ino() == self.inode);
        if is_own && let Err(error) = fs::remove_file(&self.path) {
            tracing::debug!(%error, path = %self.path.display(), "the control socket stays behind");
        }
    }
}

impl Listening {
    /// Where.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Serves clients until `stop`; those that are being served are cut off then.
    pub async fn serve(self, desk: Arc<dyn Desk>, stop: impl Future<Output = ()>) {
        let seats = Arc::new(Semaphore::new(SEATS));
        let mut clients = JoinSet::new();
        tokio::pin!(stop);
        loop {
            let accepted = tokio::select! {
                () = &mut stop => return,
                Some(_) = clients.join_next() => continue,
                accepted = self.listener.accept() => accepted,
            };
            let stream = match accepted {
                Ok((stream, _)) if is_own_user(&stream) => stream,
                Ok(_) => {
                    tracing::warn!("another user was turned away from the control socket");
                    continue;
                }
                Err(error) => {
                    tracing::warn!(%error, "a client of the control socket was not accepted");
                    tokio::select! {
                        () = &mut stop => return,
                        () = tokio::time::sleep(PAUSE) => continue,
                    }
                }
            };
            let Ok(seat) = Arc::clone(&seats).try_acquire_owned() else {
                turn_away(&stream);
                continue;
            };
            let desk = Arc::clone(&desk);
            clients.spawn(async move {
                if let Err(error) = converse(stream, desk.as_ref()).await {
                    tracing::debug!(%error, "a client of the control socket was left");
                }
                drop(seat);
            });
        }
    }
}

/// The mode of the file keeps others out; this also holds for the moment before it is set.
fn is_own_user(stream: &UnixStream) -> bool {
    let own = rustix::process::geteuid().as_raw();
    stream.peer_cred().is_ok_and(|peer| peer.uid() == own || peer.uid() == 0)
}

/// Says that all seats are taken, if that can be said without waiting.
fn turn_away(stream: &UnixStream) {
    let why = "too many commands speak to the process at once; try again in a moment".to_owned();
    let line = write_line(Line::Refused(Refusal::Unavailable(why))) + "\n";
    let _unread = stream.try_write(line.as_bytes());
}

/// One request, and its answer.
pub(super) async fn converse(stream: UnixStream, desk: &dyn Desk) -> io::Result<()> {
    let (from, mut to) = stream.into_split();
    let mut line = Vec::new();
    let most = u64::try_from(MAX_REQUEST_BYTES + 1).unwrap_or(u64::MAX);
    let mut from = BufReader::new(from.take(most));
    let asked = timeout(TO_ASK, from.read_until(b'\n', &mut line)).await;
    let answer = match asked {
        Err(_) => Err(Refusal::Malformed(format!("no request came within {TO_ASK:?}"))),
        Ok(read) => match (read?, line.last()) {
            (0, _) => return Ok(()),
            (_, Some(b'\n')) => answer(&line, desk).await,
            (_, _) if line.len() > MAX_REQUEST_BYTES => {
                Err(Refusal::Malformed(format!("the request is longer than {MAX_REQUEST_BYTES} bytes")))
            }
            _ => Err(Refusal::Malformed("the request ends within its line".into())),
        },
    };
    match answer {
        Ok(items) => {
            let count = items.len().min(MAX_ITEMS);
            for item in items.into_iter().take(MAX_ITEMS) {
                say(&mut to, Line::Item(item)).await?;
            }
            say(&mut to, Line::Done(count)).await
        }
        Err(refusal) => say(&mut to, Line::Refused(refusal)).await,
    }
}

async fn answer(line: &[u8], desk: &dyn Desk) -> Answer {
    let request = read_request(line)?;
    match timeout(TO_ANSWER, desk.answer(request)).await {
        Ok(answer) => answer,
        Err(_) => Err(Refusal::Unavailable(format!("no answer within {TO_ANSWER:?}"))),
    }
}

async fn say(to: &mut (impl AsyncWriteExt + Unpin), line: Line) -> io::Result<()> {
    let line = write_line(line) + "\n";
    match timeout(TO_READ, to.write_all(line.as_bytes())).await {
        Ok(written) => written,
        Err(_) => Err(io::ErrorKind::TimedOut.into()),
    }
}
