//! A disk that fails, and comes back.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::*;
use crate::{
    alert::{AlertState, Severity},
    delivery::Content,
};
use redb::{StorageBackend, backends::FileBackend};
use std::{
    fs::OpenOptions,
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
};

/// A disk that is full while the flag is up.
#[derive(Debug)]
struct Disk {
    file: FileBackend,
    full: Arc<AtomicBool>,
}

impl Disk {
    fn room(&self) -> io::Result<()> {
        if self.full.load(Relaxed) { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
    }
}

impl StorageBackend for Disk {
    fn len(&self) -> io::Result<u64> {
        self.file.len()
    }
    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.file.read(offset, out)
    }
    fn set_len(&self, len: u64) -> io::Result<()> {
        self.room().and_then(|()| self.file.set_len(len))
    }
    fn sync_data(&self) -> io::Result<()> {
        self.room().and_then(|()| self.file.sync_data())
    }
    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.room().and_then(|()| self.file.write(offset, data))
    }
}

fn numbered(n: u64) -> Delivery {
    Delivery {
        notification_id: format!("n{n}"),
        channel: "out".to_owned(),
        lane: "out/a".to_owned(),
        episode_id: String::new(),
        content: Content::Alert,
        at_ms: 0,
        severity: Severity::Info,
        state: AlertState::Event,
        rule: String::new(),
        key: String::new(),
        text: String::new(),
        body: "x".repeat(5_000),
    }
}

/// [commit-is-atomic]
#[test]
fn a_full_disk_keeps_what_was_committed_and_is_used_again_when_it_has_room() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("outbox.redb");
    let full = Arc::new(AtomicBool::new(false));
    let (file, flag) = (path.clone(), Arc::clone(&full));
    let open = move || {
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&file)?;
        let file = FileBackend::new(file)?;
        Database::builder().create_with_backend(Disk { file, full: Arc::clone(&flag) })
    };
    let store = FileStore::open_with(path, Limits::FILE, Box::new(open)).unwrap();
    let at = |offset| Checkpoint { pipeline: "main".to_owned(), tape_id: 1, offset, ..Checkpoint::default() };
    store.commit(&at(1), &[numbered(1)]).unwrap();
    full.store(true, Relaxed);
    for _ in 0..3 {
        let error = store.commit(&at(2), &[numbered(2)]).unwrap_err();
        assert!(matches!(error, StoreError::Io { .. }), "{error}");
        assert!(error.to_string().contains("outbox.redb"), "{error}");
    }
    full.store(false, Relaxed);
    assert_eq!(store.checkpoint("main").unwrap().unwrap().offset, 1);
    assert_eq!(store.commit(&at(2), &[numbered(1), numbered(2)]).unwrap().queued, 1);
    let kept = store.page("out", 0, 9).unwrap();
    assert_eq!(kept.iter().map(|h| h.seq).collect::<Vec<_>>(), [0, 1]);
    assert_eq!(store.checkpoint("main").unwrap().unwrap().offset, 2);
}

#[test]
fn a_file_of_the_first_format_keeps_its_snapshots() {
    let dir = tempfile::tempdir().unwrap();
    let long = vec![5; 50_000];
    let store = FileStore::open(dir.path(), Limits::FILE).unwrap();
    store.commit(&Checkpoint { pipeline: "main".to_owned(), ..Checkpoint::default() }, &[]).unwrap();
    store
        .write("preparing a test in", Durability::Immediate, |txn| {
            txn.open_table(META)?.insert("format", 1)?;
            let mut snapshots = txn.open_table(SNAPSHOTS)?;
            snapshots.insert(("main", "alert"), (3, long.as_slice()))?;
            snapshots.insert(("main", "bars"), (1, &[1, 2][..]))?;
            Ok(())
        })
        .unwrap();
    drop(store);
    for _ in 0..2 {
        let store = FileStore::open(dir.path(), Limits::FILE).unwrap();
        let plugins = store.checkpoint("main").unwrap().unwrap().plugins;
        let plain: Vec<_> =
            plugins.iter().map(|(name, s)| (name.as_str(), s.version, s.packed.unpack().unwrap())).collect();
        assert_eq!(plain, [("alert", 3, long.clone()), ("bars", 1, vec![1, 2])]);
    }
}
