//! A ban of the venue, remembered across restarts.
//!
//! The venue bans an address, not a process: one that starts anew, or a second connection of this
//! one, makes it longer by trying. So the end of a ban stands in a file of the state folder, and
//! whoever connects asks first what is left of it.
//!
//! A file that cannot be read is no ban, and one that cannot be written is said and done without:
//! neither keeps the job from running. No ban is longer than a day: a file that says so was written
//! by a clock that was wrong, and is none.
//!
//! Keeps: [bounded] [fails-alone]

use super::spine::Wall;
use crate::feed::{Handler, SessionEvent, Verdict};
use serde::{Deserialize, Serialize};
use std::{
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tracing::warn;

const FILE: &str = "venue-ban.json";
/// As the longest wait that an answer can impose on the feed.
const LONGEST: Duration = Duration::from_secs(24 * 3600);
/// Larger files are not ours.
const MAX_FILE: u64 = 4096;

/// A ban as it stands in the file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Ban {
    /// The venue that it is of; another one does not know of it.
    host: String,
    /// Its end, ms since the Unix epoch.
    until_ms: i64,
}

impl Ban {
    fn left(&self, now_ms: i64) -> Duration {
        let left = u64::try_from(self.until_ms.saturating_sub(now_ms)).map(Duration::from_millis);
        left.ok().filter(|left| *left <= LONGEST).unwrap_or_default()
    }
}

/// What is known of the last ban. Clones share it.
#[derive(Clone, Debug)]
pub struct BanBook {
    path: Option<PathBuf>,
    ban: Arc<Mutex<Option<Ban>>>,
}

impl BanBook {
    /// With what stands in `dir`, the state folder; without one it is forgotten with the process.
    #[must_use]
    pub fn open(dir: Option<&Path>) -> Self {
        let path = dir.map(|dir| dir.join(FILE));
        let ban = path.as_deref().and_then(|path| match read(path) {
            Ok(ban) => ban,
            Err(error) => {
                warn!(%error, path = %path.display(), "what is left of a ban is not known");
                None
            }
        });
        Self { path, ban: Arc::new(Mutex::new(ban)) }
    }

    /// How long `host` may not be connected to from `now_ms` on.
    #[must_use]
    pub fn left(&self, host: &str, now_ms: i64) -> Duration {
        let ban = self.ban.lock().unwrap_or_else(PoisonError::into_inner);
        ban.as_ref().filter(|ban| ban.host == host).map(|ban| ban.left(now_ms)).unwrap_or_default()
    }

    /// As [`BanBook::note`], for a task that waits for no disk.
    pub(super) fn note_soon(&self, host: &str, wait: Duration, now_ms: i64) {
        let (book, host) = (self.clone(), host.to_owned());
        tokio::task::spawn_blocking(move || {
            if let Err(error) = book.note(&host, wait, now_ms) {
                warn!(%error, "a ban of the venue is not written down: a restart forgets it");
            }
        });
    }

    /// `host` may not be connected to for `wait` from `now_ms` on. Of two bans the longer holds.
    /// Blocks for the disk.
    ///
    /// # Errors
    /// When it cannot be written; this process remembers it all the same.
    pub fn note(&self, host: &str, wait: Duration, now_ms: i64) -> io::Result<()> {
        let wait = wait.min(LONGEST);
        let wait_ms = i64::try_from(wait.as_millis()).unwrap_or(i64::MAX);
        let ban = Ban { host: host.to_owned(), until_ms: now_ms.saturating_add(wait_ms) };
        // Held while it is written, so that the file is never older than what is remembered.
        let mut known = self.ban.lock().unwrap_or_else(PoisonError::into_inner);
        if known.as_ref().is_some_and(|known| known.host == ban.host && known.left(now_ms) >= wait) {
            return Ok(());
        }
        let written = self.path.as_deref().map_or(Ok(()), |path| write(path, &ban));
        *known = Some(ban);
        written
    }
}

fn read(path: &Path) -> io::Result<Option<Ban>> {
    match fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
        Ok(metadata) if metadata.len() > MAX_FILE => return Err(io::Error::other("the file is too large")),
        Ok(_) => {}
    }
    Ok(Some(serde_json::from_slice(&fs::read(path)?)?))
}

/// Whole or not at all: beside it first, then in its place, both forced to disk.
fn write(path: &Path, ban: &Ban) -> io::Result<()> {
    let beside = path.with_extension("json.new");
    let mut file = File::create(&beside)?;
    file.write_all(&serde_json::to_vec(ban)?)?;
    file.sync_all()?;
    fs::rename(&beside, path)?;
    path.parent().map_or(Ok(()), |dir| File::open(dir)?.sync_all())
}

/// A handler whose bans are written down.
pub struct Noting<H> {
    handler: H,
    book: BanBook,
    host: String,
    wall_ms: Wall,
}

impl<H> Noting<H> {
    /// Around `handler`, whose feed connects to `host`.
    #[must_use]
    pub fn new(handler: H, book: BanBook, host: String, wall_ms: Wall) -> Self {
        Self { handler, book, host, wall_ms }
    }
}

impl<H: Handler> Handler for Noting<H> {
    fn subscription(&mut self) -> String {
        self.handler.subscription()
    }

    fn frame(&mut self, received_at_ms: i64, payload: &[u8]) -> Verdict {
        self.handler.frame(received_at_ms, payload)
    }

    fn batch_end(&mut self) -> Verdict {
        self.handler.batch_end()
    }

    fn session(&mut self, event: SessionEvent) {
        if let SessionEvent::Waiting { wait, ban: true, .. } = event {
            self.book.note_soon(&self.host, wait, (self.wall_ms)());
        }
        self.handler.session(event);
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    const HOST: &str = "api.upbit.com";
    const NOW: i64 = 1_700_000_000_000;

    fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn a_ban_is_known_after_a_restart_and_of_two_the_longer_holds() {
        let dir = tempfile::tempdir().unwrap();
        let book = BanBook::open(Some(dir.path()));
        assert_eq!(book.left(HOST, NOW), s(0));
        book.note(HOST, s(90), NOW).unwrap();
        book.note(HOST, s(10), NOW + 1_000).unwrap();
        for book in [book, BanBook::open(Some(dir.path()))] {
            assert_eq!(book.left(HOST, NOW), s(90));
            assert_eq!(book.left(HOST, NOW + 60_000), s(30));
            assert_eq!(book.left(HOST, NOW + 90_000), s(0));
            assert_eq!(book.left("sg-api.upbit.com", NOW), s(0), "another venue");
        }
        let files: Vec<_> = fs::read_dir(&dir).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(files, [FILE], "nothing else is left behind");
    }

    #[test]
    fn without_a_folder_a_ban_is_known_until_the_process_ends() {
        let book = BanBook::open(None);
        book.note(HOST, s(90), NOW).unwrap();
        assert_eq!((book.left(HOST, NOW), BanBook::open(None).left(HOST, NOW)), (s(90), s(0)));
        let nowhere = BanBook::open(Some(Path::new("/nowhere/at/all")));
        assert!(nowhere.note(HOST, s(90), NOW).is_err());
        assert_eq!(nowhere.left(HOST, NOW), s(90), "remembered although it is not written");
    }

    /// [bounded]
    #[test]
    fn a_file_of_anything_holds_the_job_up_for_a_day_at_most() {
        let dir = tempfile::tempdir().unwrap();
        let check = |text: &str, expect: Duration| {
            fs::write(dir.path().join(FILE), text).unwrap();
            let book = BanBook::open(Some(dir.path()));
            assert_eq!(book.left(HOST, NOW), expect, "{text:.80}");
            book.note(HOST, s(86_400), NOW).unwrap();
            assert_eq!(BanBook::open(Some(dir.path())).left(HOST, NOW), s(86_400), "{text:.80}");
        };
        check("", s(0));
        check("{", s(0));
        check("\u{0}", s(0));
        check(&" ".repeat(10_000), s(0));
        check(r#"{"host":"api.upbit.com"}"#, s(0));
        check(r#"{"host":"api.upbit.com","until_ms":-9223372036854775808}"#, s(0));
        check(r#"{"host":"api.upbit.com","until_ms":9223372036854775807}"#, s(0));
        check(r#"{"host":"api.upbit.com","until_ms":1700086400001}"#, s(0));
        check(r#"{"host":"api.upbit.com","until_ms":1700086400000}"#, s(86_400));
        check(r#"{"host":"api.upbit.com","until_ms":1700000005000}"#, s(5));
    }
}
