//! One order for everybody: offsets are dense, and neither batching nor a restart shows.

use super::*;
use std::{thread, time::Duration};

fn check_batching(config: TapeConfig) {
    let seed = fastrand::u64(..);
    let mut rng = fastrand::Rng::with_seed(seed);
    let tape = Tape::open(config).unwrap();
    intern_markets(&tape);
    let expected = append_mix(&tape, &mut rng, 3000);
    for max in [1, 2, 7, 255, 256, 1000, 1_000_000] {
        assert_eq!(read_all(&mut tape.reader(0), max), expected, "batches of {max}, seed {seed}");
    }
    for _ in 0..50 {
        let from = rng.usize(0..=expected.len());
        let seen = read_all(&mut tape.reader(from as u64), 100);
        assert_eq!(seen, expected[from..], "from {from}, seed {seed}");
    }
}

#[test]
fn batching_is_invisible_in_memory() {
    check_batching(TapeConfig::default());
}

#[test]
fn batching_is_invisible_between_disk_and_memory() {
    let dir = tempfile::tempdir().unwrap();
    check_batching(testing::config(dir.path()));
}

#[test]
fn a_writer_and_three_readers_see_one_sequence() {
    let seed = fastrand::u64(..);
    let dir = tempfile::tempdir().unwrap();
    for config in [TapeConfig::default(), testing::config(dir.path())] {
        let tape = Tape::open(config).unwrap();
        intern_markets(&tape);
        thread::scope(|scope| {
            let readers: Vec<_> = (0..3u64)
                .map(|number| {
                    let mut reader = tape.reader(0);
                    scope.spawn(move || {
                        let mut rng = fastrand::Rng::with_seed(seed ^ number);
                        let mut seen = Vec::new();
                        while reader.wait(Duration::from_secs(60)) || !reader.is_closed() {
                            seen.extend(read_all(&mut reader, rng.usize(1..500)));
                        }
                        seen
                    })
                })
                .collect();
            let expected = append_mix(&tape, &mut fastrand::Rng::with_seed(seed), 20_000);
            tape.close();
            for reader in readers {
                let seen = reader.join().unwrap();
                assert_eq!(seen.len(), expected.len(), "seed {seed}");
                assert!(seen == expected, "another sequence, seed {seed}");
            }
        });
    }
}

#[test]
fn a_tape_goes_on_where_it_ended() {
    let seed = fastrand::u64(..);
    let mut rng = fastrand::Rng::with_seed(seed);
    let dir = tempfile::tempdir().unwrap();
    let mut expected = Vec::new();
    let mut id = None;
    for round in 0..6 {
        let tape = Tape::open(testing::config(dir.path())).unwrap();
        assert_eq!(*id.get_or_insert(tape.id()), tape.id(), "the identity stays");
        assert_eq!(tape.end(), expected.len() as u64, "round {round}, seed {seed}");
        intern_markets(&tape);
        assert_eq!(tape.intern("BTC-XRP").unwrap(), MarketId(2), "numbers stay");
        assert_eq!(tape.intern(&format!("KRW-R{round}")).unwrap(), MarketId(3 + round));
        expected.extend(append_mix(&tape, &mut rng, 400));
        assert_eq!(read_all(&mut tape.reader(0), 64), expected, "round {round}, seed {seed}");
        assert_eq!(tape.recovered(), super::super::Recovered::default());
    }
    let other = tempfile::tempdir().unwrap();
    assert_ne!(Tape::open(testing::config(other.path())).unwrap().id(), id.unwrap());
}

#[test]
fn a_read_only_tape_is_what_was_there_when_it_was_opened() {
    let dir = tempfile::tempdir().unwrap();
    let tape = Tape::open(testing::config(dir.path())).unwrap();
    intern_markets(&tape);
    let expected = append_mix(&tape, &mut fastrand::Rng::with_seed(1), 500);
    let copy = Tape::open_read_only(dir.path()).unwrap();
    append_mix(&tape, &mut fastrand::Rng::with_seed(2), 500);
    assert_eq!(read_all(&mut copy.reader(0), 77), expected);
    assert_eq!((copy.id(), copy.end()), (tape.id(), 500));
    assert_eq!(copy.with_markets(|markets| markets.len()), 3);
    let message = copy.append(&tick(1)).unwrap_err().to_string();
    assert_eq!(message, "the tape is open for reading only");
}

#[test]
fn one_segment_stands_alone() {
    let dir = tempfile::tempdir().unwrap();
    let tape = Tape::open(testing::config(dir.path())).unwrap();
    intern_markets(&tape);
    let expected = append_mix(&tape, &mut fastrand::Rng::with_seed(3), 500);
    let files = super::super::recover::list(dir.path()).unwrap();
    assert!(files.len() > 3, "{} segments", files.len());
    let carried = dir.path().join("carried-away");
    let largest = files[1..].iter().max_by_key(|path| std::fs::metadata(path).unwrap().len());
    std::fs::copy(largest.unwrap(), &carried).unwrap();
    let copy = Tape::open_read_only(&carried).unwrap();
    let range = copy.start() as usize..copy.end() as usize;
    assert!(range.start > 0 && range.len() > 5);
    assert_eq!(read_all(&mut copy.reader(copy.start()), 10), expected[range]);
    assert_eq!(copy.markets().id("BTC-XRP"), Some(MarketId(2)));
}

#[test]
fn a_waiting_reader_is_woken_by_an_append_and_by_the_end() {
    let tape = Tape::open(TapeConfig::default()).unwrap();
    let reader = tape.reader(0);
    assert!(!reader.wait(Duration::ZERO));
    thread::scope(|scope| {
        let waiting = scope.spawn(|| reader.wait(Duration::from_secs(60)));
        tape.append(&tick(1)).unwrap();
        assert!(waiting.join().unwrap(), "woken by an append");
    });
    let reader = tape.reader(1);
    thread::scope(|scope| {
        let waiting = scope.spawn(|| reader.wait(Duration::from_secs(60)));
        tape.close();
        assert!(!waiting.join().unwrap(), "woken by the end");
    });
    assert!(reader.is_closed());
}

#[test]
fn a_reader_that_wants_no_quotes_is_told_where_they_stand_and_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    for config in [TapeConfig::default(), testing::config(dir.path())] {
        let tape = Tape::open(config).unwrap();
        intern_markets(&tape);
        let expected = append_mix(&tape, &mut fastrand::Rng::with_seed(13), 2_000);
        let is_quote = |seen: &Seen| matches!(seen, Seen::Entry(_, Entry::Quote(_)));
        let wanted = expected.iter().filter(|seen| !is_quote(seen)).count();
        let mut reader = tape.reader(0);
        reader.want_quotes(false);
        let (mut columns, mut others, mut passed) = (Trades::default(), 0, 0);
        loop {
            match reader.next(50, &mut columns).unwrap() {
                Next::Trades => others += columns.len(),
                Next::Quotes(quotes) => {
                    assert_eq!(quotes.rows, []);
                    assert_eq!(quotes.first + quotes.count, reader.position());
                    assert!(is_quote(&expected[quotes.first as usize]));
                    passed += quotes.count as usize;
                }
                Next::Entry(..) => others += 1,
                Next::Empty => break,
                lost => panic!("{lost:?}"),
            }
        }
        assert_eq!((others, others + passed), (wanted, expected.len()));
    }
}

#[test]
fn what_does_not_belong_on_this_tape_is_refused() {
    let tape = Tape::open(TapeConfig::default()).unwrap();
    let unknown = tape.append_trades(&[testing::trade(2)]).unwrap_err();
    assert_eq!(unknown.to_string(), "market number 2 is not on this tape");
    let unknown = tape.append_quotes(&[testing::quote(1)]).unwrap_err();
    assert_eq!(unknown.to_string(), "market number 1 is not on this tape");
    for code in ["", &"X".repeat(33)] {
        assert!(tape.intern(code).is_err(), "{code:?}");
    }
    assert_eq!(tape.append_trades(&[]).unwrap(), 0..0);
    assert_eq!(tape.end(), 0);
}

/// Proves [bounded] for the table of markets.
#[test]
fn markets_are_bounded() {
    let tape = Tape::open(TapeConfig::default()).unwrap();
    for number in 0..super::super::MAX_MARKETS {
        tape.intern(&format!("KRW-M{number}")).unwrap();
    }
    let message = tape.intern("KRW-MORE").unwrap_err().to_string();
    assert_eq!(message, r#"cannot take market "KRW-MORE" onto the tape"#);
    assert_eq!(tape.intern("KRW-M5").unwrap(), MarketId(5));
}
