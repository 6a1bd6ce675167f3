//! What is given up, and who is told.

use super::*;
use std::time::Duration;

/// Proves [bounded] for the disk.
#[test]
fn the_oldest_segments_go_when_the_disk_share_is_used_up() {
    let dir = tempfile::tempdir().unwrap();
    let small = testing::config(dir.path());
    let config = TapeConfig { retain_bytes: 160 << 10, segment_bytes: 16 << 10, ..small };
    let tape = Tape::open(config.clone()).unwrap();
    intern_markets(&tape);
    let mut lagging = tape.reader(0);
    let mut early = tape.reader(0);
    append_mix(&tape, &mut fastrand::Rng::with_seed(4), 10);
    assert_eq!(read_all(&mut early, 10).len(), 10);
    let mut most = 0;
    for _ in 0..100 {
        append_mix(&tape, &mut fastrand::Rng::with_seed(5), 100);
        let bytes = tape.stats().disk_bytes;
        assert!(bytes <= config.retain_bytes, "{bytes} bytes");
        most = most.max(bytes);
    }
    assert!(most > config.retain_bytes / 2, "retention keeps what it may: {most} bytes");
    let start = tape.start();
    assert!(start > 5000 && tape.end() == 10_010);
    for (reader, from) in [(&mut lagging, 0), (&mut early, 10)] {
        let seen = read_all(reader, 64);
        assert_eq!(seen.first(), Some(&Seen::Trimmed(from..start)));
        assert_eq!(seen.len() as u64, 1 + tape.end() - start, "and everything behind");
    }
    drop(tape);
    let left = super::super::recover::list(dir.path()).unwrap();
    let size: u64 = left.iter().map(|path| std::fs::metadata(path).unwrap().len()).sum();
    assert!(size <= config.retain_bytes, "{size} bytes left in files");
    assert_eq!(Tape::open(config).unwrap().start(), start);
}

/// Proves [time-enters-once] for the tape: age is seen from the newest entry.
#[test]
fn segments_go_when_their_newest_entry_is_too_old() {
    let dir = tempfile::tempdir().unwrap();
    let config = TapeConfig { retain_age: Duration::from_secs(60), ..testing::config(dir.path()) };
    let tape = Tape::open(config).unwrap();
    intern_markets(&tape);
    append_mix(&tape, &mut fastrand::Rng::with_seed(6), 1000);
    assert_eq!(tape.start(), 0, "a second is not old");
    let mut late = testing::trade(0);
    late.received_at_ms += 120_000;
    let end = tape.append_trades(&vec![late; 100]).unwrap().end;
    assert_eq!(end, 1100);
    assert_eq!(tape.stats().segments, 1, "everything before is older than a minute");
    assert!(tape.start() > 800, "and only what memory still holds can be read");
}

/// Proves [bounded] for the memory.
#[test]
fn a_tape_in_memory_keeps_to_its_share() {
    let limit = 300 << 10;
    let tape = Tape::open(TapeConfig { memory_bytes: limit, ..TapeConfig::default() }).unwrap();
    intern_markets(&tape);
    let mut lagging = tape.reader(0);
    for _ in 0..50 {
        append_mix(&tape, &mut fastrand::Rng::with_seed(7), 1000);
        // The open block comes on top: at most twice its 1024 rows of 80 bytes.
        assert!(tape.stats().memory_bytes <= limit + 164_000, "{:?}", tape.stats());
    }
    let start = tape.start();
    assert!(start > 40_000);
    assert_eq!(read_all(&mut lagging, 9).first(), Some(&Seen::Trimmed(0..start)));
}
