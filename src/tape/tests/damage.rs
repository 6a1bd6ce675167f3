//! What a crash, a bad disk or a stranger's file can do, and that all of it is said.

use super::super::{FORMAT_VERSION, Recovered, TapeError, lock, recover};
use super::*;
use std::{fs, path::Path};

/// Writes a tape of one segment and returns what a reader must see.
fn write(dir: &Path, entries: u64) -> Vec<Seen> {
    let config = TapeConfig { segment_bytes: 1 << 20, ..testing::config(dir) };
    let tape = Tape::open(config).unwrap();
    intern_markets(&tape);
    append_mix(&tape, &mut fastrand::Rng::with_seed(8), entries)
}

fn only_segment(dir: &Path) -> std::path::PathBuf {
    let files = recover::list(dir).unwrap();
    assert_eq!(files.len(), 1);
    files[0].clone()
}

#[test]
fn a_torn_append_is_cut_off_at_every_byte() {
    let dir = tempfile::tempdir().unwrap();
    let mut expected = write(dir.path(), 40);
    let path = only_segment(dir.path());
    let mut ends = vec![(fs::metadata(&path).unwrap().len(), expected.len())];
    {
        let tape = Tape::open(testing::config(dir.path())).unwrap();
        let trades: Vec<_> = (40..43).map(testing::trade).collect();
        tape.append_trades(&trades).unwrap();
        expected.extend((40..).zip(trades).map(|(offset, trade)| Seen::Trade(offset, trade)));
        ends.push((fs::metadata(&path).unwrap().len(), expected.len()));
        tape.append(&gap(43)).unwrap();
        expected.push(Seen::Entry(43, gap(43)));
        ends.push((fs::metadata(&path).unwrap().len(), expected.len()));
        let quotes: Vec<_> = (44..48).map(testing::quote).collect();
        tape.append_quotes(&quotes).unwrap();
        let seen = |(offset, quote)| Seen::Entry(offset, Entry::Quote(quote));
        expected.extend((44..).zip(quotes).map(seen));
        ends.push((fs::metadata(&path).unwrap().len(), expected.len()));
    }
    let whole = fs::read(&path).unwrap();
    assert_eq!(ends[3], (whole.len() as u64, 48));
    for cut in ends[0].0..=ends[3].0 {
        fs::write(&path, &whole[..cut as usize]).unwrap();
        let &(good, left) = ends.iter().rfind(|(end, _)| *end <= cut).unwrap();
        let copy = Tape::open_read_only(&path).unwrap();
        assert_eq!(read_all(&mut copy.reader(0), 5), expected[..left], "read-only, cut at {cut}");
        let tape = Tape::open(testing::config(dir.path())).unwrap();
        assert_eq!(read_all(&mut tape.reader(0), 5), expected[..left], "cut at {cut}");
        assert_eq!(tape.recovered(), Recovered { torn_bytes: cut - good, ..Recovered::default() });
        assert_eq!(tape.append(&tick(1)).unwrap(), left as u64, "and it goes on, cut at {cut}");
        drop(tape);
        let tape = Tape::open(testing::config(dir.path())).unwrap();
        assert_eq!((tape.end(), tape.recovered()), (left as u64 + 1, Recovered::default()));
    }
}

/// Proves [loss-is-said] for damage on disk: a flipped bit costs its block and nothing else, is
/// never a panic and never another value.
#[test]
fn a_flipped_bit_is_never_a_wrong_value() {
    let dir = tempfile::tempdir().unwrap();
    let mut expected = write(dir.path(), 5);
    {
        let tape = Tape::open(testing::config(dir.path())).unwrap();
        let [ticker, book] = [9, 10].map(|n| Entry::Quote(testing::quote(n)));
        for entry in [tick(5), Entry::Trade(testing::trade(6)), gap(7), ticker, book, fact(9), tick(8)] {
            let offset = tape.append(&entry).unwrap();
            expected.push(match entry {
                Entry::Trade(trade) => Seen::Trade(offset, trade),
                entry => Seen::Entry(offset, entry),
            });
        }
    }
    let path = only_segment(dir.path());
    let whole = fs::read(&path).unwrap();
    let seed = fastrand::u64(..);
    let mut rng = fastrand::Rng::with_seed(seed);
    for at in 0..whole.len() {
        let mut flipped = whole.clone();
        flipped[at] ^= 1 << rng.u32(0..8);
        fs::write(&path, &flipped).unwrap();
        let Ok(tape) = Tape::open_read_only(&path) else { continue };
        let (mut next, mut missing) = (0, 0);
        for seen in read_all(&mut tape.reader(0), 16) {
            next = match seen {
                Seen::Trade(offset, _) | Seen::Entry(offset, _) => {
                    assert_eq!(seen, expected[offset as usize], "byte {at}, seed {seed}");
                    assert_eq!(offset, next, "a silent hole, byte {at}, seed {seed}");
                    offset + 1
                }
                Seen::Damaged(lost) | Seen::Trimmed(lost) => {
                    assert_eq!(lost.start, next, "byte {at}, seed {seed}");
                    missing += lost.end - lost.start;
                    lost.end
                }
            };
        }
        assert_eq!(next, tape.end(), "byte {at}, seed {seed}");
        let is_whole = next == expected.len() as u64 || tape.recovered().torn_bytes > 0;
        assert!(is_whole, "byte {at}: only {next}, seed {seed}");
        // The largest block has the five entries of the first append.
        assert!(missing <= 5, "byte {at}: {missing} missing, seed {seed}");
    }
}

#[test]
fn a_damaged_head_is_set_aside_and_no_offset_is_given_out_twice() {
    let dir = tempfile::tempdir().unwrap();
    let expected = {
        let tape = Tape::open(testing::config(dir.path())).unwrap();
        intern_markets(&tape);
        append_mix(&tape, &mut fastrand::Rng::with_seed(9), 300)
    };
    let files = recover::list(dir.path()).unwrap();
    for (damaged, path) in [(1, &files[1]), (2, files.last().unwrap())] {
        let mut bytes = fs::read(path).unwrap();
        bytes[20] ^= 1;
        fs::write(path, bytes).unwrap();
        let tape = Tape::open(testing::config(dir.path())).unwrap();
        assert_eq!(tape.recovered().damaged_segments, 1);
        assert_eq!(tape.end(), 300, "damaged {damaged}");
        assert_eq!(tape.intern("BTC-XRP").unwrap(), MarketId(2));
        let seen = read_all(&mut tape.reader(0), 32);
        let lost = seen.iter().filter_map(|seen| match seen {
            Seen::Damaged(lost) => Some(lost.end - lost.start),
            _ => None,
        });
        let (count, lost) = lost.fold((0, 0), |(count, sum), lost| (count + 1, sum + lost));
        assert_eq!(count, damaged);
        assert_eq!(seen.len() as u64 - count + lost, expected.len() as u64);
        assert!(path.with_extension("tape.damaged").exists());
    }
}

#[test]
fn a_segment_that_was_only_begun_is_no_obstacle() {
    let dir = tempfile::tempdir().unwrap();
    let expected = write(dir.path(), 20);
    let head = fs::read(only_segment(dir.path())).unwrap();
    for len in [0, 1, 8, 15, 52, 60] {
        fs::write(dir.path().join(format!("{:020}.tape", 20)), &head[..len]).unwrap();
        let tape = Tape::open(testing::config(dir.path())).unwrap();
        assert_eq!(read_all(&mut tape.reader(0), 8), expected, "{len} bytes");
        assert_eq!(tape.append(&tick(1)).unwrap(), 20, "{len} bytes");
        drop(tape);
        let begun = dir.path().join(format!("{:020}.tape", 20));
        assert!(begun.exists(), "its successor took the name");
        fs::remove_file(begun).unwrap();
    }
}

#[test]
fn another_format_version_is_refused_with_both_numbers() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), 5);
    let path = only_segment(dir.path());
    let mut bytes = fs::read(&path).unwrap();
    bytes[8] = 9;
    fs::write(&path, bytes).unwrap();
    for result in [Tape::open(testing::config(dir.path())), Tape::open_read_only(&path)] {
        let message = result.unwrap_err().to_string();
        let expect = format!(
            "{} has tape format version 9; this program knows versions 1 to {FORMAT_VERSION}",
            path.display()
        );
        assert_eq!(message, expect);
    }
}

/// The head of a segment as an older version of the format wrote it.
fn make_older(path: &Path, version: u8) {
    let mut bytes = fs::read(path).unwrap();
    let len = u32::from_le_bytes(bytes[12..16].try_into().unwrap()) as usize;
    bytes[8] = version;
    let crc = crc32fast::hash(&bytes[..len - 4]);
    bytes[len - 4..len].copy_from_slice(&crc.to_le_bytes());
    fs::write(path, bytes).unwrap();
}

#[test]
fn a_segment_of_an_older_version_is_read_and_never_appended_to() {
    older(1, Entry::Quote(testing::quote(3)));
    older(2, fact(3));
}

fn older(version: u8, later: Entry) {
    let dir = tempfile::tempdir().unwrap();
    let mut expected = Vec::new();
    {
        let tape = Tape::open(testing::config(dir.path())).unwrap();
        intern_markets(&tape);
        for entry in [tick(0), gap(1), tick(2)] {
            let offset = tape.append(&entry).unwrap();
            expected.push(Seen::Entry(offset, entry));
        }
    }
    let older = only_segment(dir.path());
    make_older(&older, version);
    let before = fs::read(&older).unwrap();
    {
        let tape = Tape::open(testing::config(dir.path())).unwrap();
        assert_eq!(tape.append(&later).unwrap(), 3);
        expected.push(Seen::Entry(3, later));
        assert_eq!(read_all(&mut tape.reader(0), 2), expected);
    }
    assert_eq!(fs::read(&older).unwrap(), before, "it is as it was");
    assert_eq!(recover::list(dir.path()).unwrap().len(), 2);
    let tape = Tape::open(testing::config(dir.path())).unwrap();
    assert_eq!(read_all(&mut tape.reader(0), 9), expected);
    assert_eq!((tape.end(), tape.recovered()), (4, Recovered::default()));
}

/// [bounded]
#[test]
fn a_fact_that_is_too_long_is_refused() {
    let tape = Tape::open(TapeConfig::default()).unwrap();
    let Entry::Fact(mut long) = fact(3) else { panic!() };
    long.name = "x".repeat(257);
    assert!(matches!(tape.append(&Entry::Fact(long)), Err(TapeError::TooLarge)));
    assert_eq!(tape.end(), 0);
}

#[test]
fn a_second_writer_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let first = Tape::open(testing::config(dir.path())).unwrap();
    let second = Tape::open(testing::config(dir.path()));
    assert!(matches!(second, Err(TapeError::InUse { .. })), "{second:?}");
    drop(first);
    assert!(Tape::open(testing::config(dir.path())).is_ok());
}

#[test]
fn segments_of_two_tapes_are_refused() {
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    for dir in [&one, &two] {
        let tape = Tape::open(testing::config(dir.path())).unwrap();
        intern_markets(&tape);
        append_mix(&tape, &mut fastrand::Rng::with_seed(10), 200);
    }
    let files = recover::list(two.path()).unwrap();
    let stray = files.last().unwrap();
    fs::copy(stray, one.path().join(stray.file_name().unwrap())).unwrap();
    let result = Tape::open(testing::config(one.path()));
    assert!(matches!(result, Err(TapeError::Foreign { .. })), "{result:?}");
}

#[test]
fn a_file_that_is_no_tape_is_refused_by_name() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("trades.jsonl");
    fs::write(&path, "{\"type\":\"trade\"}\n").unwrap();
    let message = Tape::open_read_only(&path).unwrap_err().to_string();
    let expect = format!("{} is not a readable tape segment: it does not begin like one", path.display());
    assert_eq!(message, expect);
    let message = Tape::open_read_only(dir.path()).unwrap_err().to_string();
    assert!(message.ends_with("it holds no readable segment"), "{message}");
}

#[test]
fn a_missing_segment_is_a_hole_that_is_said() {
    let dir = tempfile::tempdir().unwrap();
    let tape = Tape::open(testing::config(dir.path())).unwrap();
    intern_markets(&tape);
    let expected = append_mix(&tape, &mut fastrand::Rng::with_seed(11), 300);
    let files = recover::list(dir.path()).unwrap();
    let bases: Vec<_> = files.iter().filter_map(|path| super::super::segment::base_of(path)).collect();
    fs::remove_file(&files[1]).unwrap();
    let check = |tape: &Tape| {
        let mut whole = expected[..bases[1] as usize].to_vec();
        whole.push(Seen::Damaged(bases[1]..bases[2]));
        whole.extend_from_slice(&expected[bases[2] as usize..]);
        assert_eq!(read_all(&mut tape.reader(0), 50), whole);
    };
    check(&tape);
    drop(tape);
    check(&Tape::open(testing::config(dir.path())).unwrap());
}

/// Proves [loss-is-said] for a disk that is full: it is said once, readers near the end miss
/// nothing, and what only was in memory is a hole for those who come later.
#[test]
fn a_full_disk_is_said_once_and_tried_again() {
    let dir = tempfile::tempdir().unwrap();
    let tape = Tape::open(testing::config(dir.path())).unwrap();
    intern_markets(&tape);
    let trades: Vec<_> = (0..50).map(testing::trade).collect();
    tape.append_trades(&trades[..10]).unwrap();
    lock(&tape.writer).disk().unwrap().fill_up();
    let error = tape.append_trades(&trades[10..20]).unwrap_err();
    assert!(matches!(&error, TapeError::Degraded { offsets, .. } if *offsets == (10..20)), "{error:?}");
    assert_eq!(tape.append_trades(&trades[20..30]).unwrap(), 20..30, "and not said again");
    let stats = tape.stats();
    assert_eq!((stats.degraded, stats.write_failures, stats.unsaved_entries), (true, 1, 20));
    let seen: Vec<_> = (0..).zip(&trades[..30]).map(|(offset, trade)| Seen::Trade(offset, *trade)).collect();
    assert_eq!(read_all(&mut tape.reader(0), 7), seen, "memory serves");
    let mut later = trades[30];
    later.received_at_ms += 5_000;
    assert_eq!(tape.append_trades(&[later]).unwrap(), 30..31);
    assert!(!tape.stats().degraded);
    drop(tape);
    let tape = Tape::open(testing::config(dir.path())).unwrap();
    let mut expected = seen[..10].to_vec();
    expected.extend([Seen::Damaged(10..30), Seen::Trade(30, later)]);
    assert_eq!(read_all(&mut tape.reader(0), 7), expected);
    assert_eq!(tape.markets().len(), 3);
}

#[test]
fn offsets_that_a_checkpoint_has_seen_are_not_given_out_again() {
    let dir = tempfile::tempdir().unwrap();
    for config in [TapeConfig::default(), testing::config(dir.path())] {
        let tape = Tape::open(config).unwrap();
        intern_markets(&tape);
        append_mix(&tape, &mut fastrand::Rng::with_seed(12), 20);
        assert_eq!(tape.advance_to(20), None);
        assert_eq!(tape.advance_to(35), Some(20..35));
        assert_eq!(tape.append(&tick(1)).unwrap(), 35);
        let seen = read_all(&mut tape.reader(20), 10);
        assert!(matches!(&seen[0], Seen::Damaged(lost) | Seen::Trimmed(lost) if *lost == (20..35)));
        assert_eq!(seen[1..], [Seen::Entry(35, tick(1))]);
    }
    let tape = Tape::open(testing::config(dir.path())).unwrap();
    assert_eq!(read_all(&mut tape.reader(15), 10).len(), 5 + 1 + 1);
}
