//! The asking end, for commands.

use super::protocol::{Answer, Line, MAX_LINE_BYTES, Refusal, Request, read_line, write_request};
use std::{
    fmt, io,
    io::{BufRead, BufReader, Read, Write},
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    time::Duration,
};

/// How long any step of a conversation may take; longer than the other end takes for an answer.
const PATIENCE: Duration = Duration::from_secs(70);

/// Why there is no answer.
#[derive(Debug)]
pub enum AskError {
    /// Nobody listens.
    Nobody(PathBuf),
    /// The own user may not open it.
    Forbidden(PathBuf),
    /// The conversation broke off.
    Io(PathBuf, io::Error),
    /// What was said is not of this protocol.
    Garbled(PathBuf, String),
    /// The process says no.
    Refused(Refusal),
}

impl fmt::Display for AskError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nobody(path) => write!(
                f,
                "nothing listens at {}: is `tradehook run` running with this configuration?",
                path.display()
            ),
            Self::Forbidden(path) => {
                write!(
                    f,
                    "{} belongs to another user: run this as the user who runs tradehook",
                    path.display()
                )
            }
            Self::Io(path, error) => write!(f, "the process at {} does not answer: {error}", path.display()),
            Self::Garbled(path, why) => {
                write!(f, "what answers at {} is not understood: {why}", path.display())
            }
            Self::Refused(refusal) => refusal.fmt(f),
        }
    }
}

impl std::error::Error for AskError {}

/// Asks the process that listens at `path`, and waits for the whole answer.
///
/// # Errors
/// Why there is none.
pub fn ask(path: &Path, request: &Request) -> Result<Vec<serde_json::Value>, AskError> {
    let stream = UnixStream::connect(path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => AskError::Nobody(path.to_owned()),
        io::ErrorKind::PermissionDenied => AskError::Forbidden(path.to_owned()),
        _ => AskError::Io(path.to_owned(), error),
    })?;
    let io = |error| AskError::Io(path.to_owned(), error);
    stream.set_read_timeout(Some(PATIENCE)).map_err(io)?;
    stream.set_write_timeout(Some(PATIENCE)).map_err(io)?;
    // Whoever is turned away is told so without having been listened to.
    let asked = (&stream).write_all((write_request(request) + "\n").as_bytes());
    match read(BufReader::new(&stream)) {
        Ok(answer) => answer.map_err(AskError::Refused),
        Err(ReadError::Io(error)) => Err(io(asked.err().unwrap_or(error))),
        Err(ReadError::Garbled(why)) => Err(AskError::Garbled(path.to_owned(), why)),
    }
}

pub(super) enum ReadError {
    Io(io::Error),
    Garbled(String),
}

/// The lines of an answer up to the one that ends it.
pub(super) fn read(mut from: impl BufRead) -> Result<Answer, ReadError> {
    let mut items = Vec::new();
    let most = u64::try_from(MAX_LINE_BYTES + 1).unwrap_or(u64::MAX);
    loop {
        let mut line = Vec::new();
        from.by_ref().take(most).read_until(b'\n', &mut line).map_err(ReadError::Io)?;
        if line.pop() != Some(b'\n') {
            return Err(ReadError::Io(io::ErrorKind::UnexpectedEof.into()));
        }
        match read_line(&line).map_err(ReadError::Garbled)? {
            Line::Item(item) => items.push(item),
            Line::Done(count) if count == items.len() => return Ok(Ok(items)),
            Line::Done(count) => {
                return Err(ReadError::Garbled(format!("{} of {count} things came", items.len())));
            }
            Line::Refused(refusal) => return Ok(Err(refusal)),
        }
        if items.len() > super::MAX_ITEMS {
            return Err(ReadError::Garbled(format!("more than {} things", super::MAX_ITEMS)));
        }
    }
}
