//! The files of a download.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::*;

fn line(time_ms: i64, n: u64, more: usize) -> String {
    let id = time_ms.unsigned_abs() * 10_000 + n;
    format!(
        r#"{{"market":"KRW-BTC","timestamp":{time_ms},"trade_price":1.5,"trade_volume":{}0.1,"ask_bid":"BID","sequential_id":{id}}}"#,
        " ".repeat(more)
    )
}

/// Lines of very different lengths around the size of a block, whatever the seed.
#[test]
fn a_file_is_read_backwards_line_by_line() {
    for seed in 0..40 {
        let mut random = fastrand::Rng::with_seed(seed);
        let mut lines = Vec::new();
        for n in 0..random.usize(0..1500) {
            let long = if random.u8(..) == 0 {
                BLOCK as usize - 1 - random.usize(0..3)
            } else {
                random.usize(1..300)
            };
            lines.push(format!("{n:0>long$}"));
        }
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), lines.iter().map(|l| format!("{l}\n")).collect::<String>()).unwrap();
        let mut backwards = Backwards::open(file.path()).unwrap();
        while let Some(line) = backwards.next_line().unwrap() {
            assert_eq!(String::from_utf8(line).unwrap(), lines.pop().unwrap(), "seed {seed}");
            assert!(backwards.held.len() <= 4 * BLOCK as usize, "seed {seed}");
        }
        assert!(lines.is_empty(), "seed {seed}");
    }
}

#[test]
fn a_line_that_was_cut_off_is_cut_off_entirely() {
    let check = |tail: &[u8], expect: u64| {
        let file = tempfile::NamedTempFile::new().unwrap();
        let whole = format!("{}\n{}\n", line(1_700_000_000_002, 0, 0), line(1_700_000_000_001, 7, 3));
        fs::write(file.path(), [whole.as_bytes(), tail].concat()).unwrap();
        let spool = Spool::open(file.path()).unwrap();
        assert_eq!(
            (spool.trades, spool.last.map(|l| l.0)),
            (expect, Some(1_700_000_000_003 - i64::try_from(expect).unwrap()))
        );
        drop(spool);
        let length = fs::metadata(file.path()).unwrap().len();
        assert_eq!(length, whole.len() as u64 + if expect > 2 { tail.len() as u64 } else { 0 }, "{tail:?}");
    };
    check(b"", 2);
    check(b"{\"market\":\"KRW-B", 2);
    check(b"\0\0\0\0", 2);
    check(b"{}\n", 2);
    check(&[b'x'; 10_000], 2);
    let more = line(1_700_000_000_000, 0, 0);
    check(format!("{more}\n").as_bytes(), 3);
    // All of it but the end of the line: nobody knows that it is whole.
    check(more.as_bytes(), 2);
}

#[test]
fn sources_are_merged_by_time_and_then_by_id() {
    for seed in 0..20 {
        let mut random = fastrand::Rng::with_seed(seed);
        let folder = tempfile::tempdir().unwrap();
        let (mut expect, mut sources) = (Vec::new(), Vec::new());
        for source in 0..4 {
            let (mut text, mut at_ms) = (String::new(), 1_700_000_000_000_i64);
            for n in 0..random.u64(0..500) {
                let line = line(at_ms, n, source);
                expect.push((key(line.as_bytes()).unwrap(), line.clone()));
                text.push_str(&line);
                text.push('\n');
                at_ms -= if random.bool() { 0 } else { random.i64(0..5_000) };
                // Ids fall within a millisecond too.
                if at_ms % 7 == 0 {
                    at_ms -= 1;
                }
            }
            let path = folder.path().join(source.to_string());
            fs::write(&path, text).unwrap();
            sources.push(Backwards::open(&path).unwrap());
        }
        expect.sort();
        let mut merged = Vec::new();
        let count = merge(sources, |line| {
            merged.push(String::from_utf8(line.to_vec()).unwrap());
            Ok(())
        });
        assert_eq!(count.unwrap(), expect.len() as u64, "seed {seed}");
        let expect: Vec<_> = expect.into_iter().map(|(_, line)| line).collect();
        assert_eq!(merged, expect, "seed {seed}");
    }
}
