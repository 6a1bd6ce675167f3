//! The tape against redb: the same trades in the same batches, appended and read in order.
//!
//! `cargo bench --bench tape`. Every figure is the median of several runs on fresh files, taken in
//! one process. The files stay in the page cache, so this measures the formats and not the disk.

use redb::{Database, Durability, ReadableDatabase, TableDefinition};
use std::{error::Error, fs, io::Write, path::Path, time::Instant};
use tradehook::{
    market::MarketId,
    tape::{Next, Tape, TapeConfig},
    trade::{Flags, Side, Trade, Trades},
};
use tradehook_decimal::Decimal;

const TRADES: u64 = 1_000_000;
const SINGLES: usize = 200_000;
const BATCH: usize = 256;
const RUNS: usize = 5;
const ROW: usize = 80;

const ROWS: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("rows");

type Outcome<T> = Result<T, Box<dyn Error>>;

fn main() -> Outcome<()> {
    let trades: Vec<Trade> = (0..TRADES).map(trade).collect();
    println!("{TRADES} trades, medians of {RUNS} runs");
    let tape = measure(|dir| tape_batches(dir, &trades))?;
    report("tape: append, 256 a batch", &tape, None);
    let base = measure(|dir| redb_batches(dir, &trades, 1))?;
    report("redb: append, 256 rows a transaction, not durable", &base, Some(&tape));
    let packed = measure(|dir| redb_batches(dir, &trades, BATCH))?;
    report("redb: append, one value of 256 rows, not durable", &packed, Some(&tape));

    let kept = tempfile::tempdir()?;
    tape_batches(kept.path(), &trades)?;
    redb_batches(kept.path(), &trades, 1)?;
    let tape = measure(|_| tape_read(kept.path()))?;
    report("tape: read, at most 4096 at once", &tape, None);
    let base = measure(|_| redb_read(kept.path()))?;
    report("redb: read, a range of rows", &base, Some(&tape));

    let single = measure(|dir| tape_singles(dir, &trades[..SINGLES]))?;
    report("tape: append, one at a time", &single, None);
    let bare = measure(bare_writes)?;
    report("a bare write call of as many bytes", &bare, Some(&single));
    let memory = measure(|_| tape_memory(&trades))?;
    report("tape: append in memory, 256 a batch, and read behind it", &memory, None);
    Ok(())
}

/// Seconds, trades, and bytes on disk.
struct Figure {
    seconds: f64,
    trades: usize,
    bytes: u64,
}

fn measure(run: impl Fn(&Path) -> Outcome<Figure>) -> Outcome<Figure> {
    let mut figures = Vec::new();
    for _ in 0..RUNS {
        let dir = tempfile::tempdir()?;
        figures.push(run(dir.path())?);
    }
    figures.sort_by(|a, b| a.seconds.total_cmp(&b.seconds));
    Ok(figures.swap_remove(RUNS / 2))
}

fn report(what: &str, figure: &Figure, base: Option<&Figure>) {
    let rate = figure.trades as f64 / figure.seconds / 1e6;
    let each = figure.seconds * 1e9 / figure.trades as f64;
    print!("{what:<56} {rate:>7.2} M/s {each:>8.1} ns each");
    if figure.bytes > 0 {
        print!(" {:>6.1} B each", figure.bytes as f64 / figure.trades as f64);
    }
    match base {
        Some(base) => {
            let factor = figure.seconds / figure.trades as f64 * base.trades as f64 / base.seconds;
            println!("  {factor:.1} times the tape's time");
        }
        None => println!(),
    }
}

fn trade(n: u64) -> Trade {
    let mut rng = fastrand::Rng::with_seed(n);
    let decimal = |mantissa, scale| Decimal::new(mantissa, scale).unwrap_or(Decimal::ZERO);
    let price = decimal(rng.i64(1_000..200_000_000), 0);
    Trade {
        market: MarketId(rng.u32(0..300)),
        side: Side::from_u8(rng.u8(0..2)),
        price,
        volume: decimal(rng.i64(1..10_000_000_000), 8),
        sequential_id: 17_000_000_000_000_000 + n * 10,
        traded_at_ms: 1_700_000_000_000 + n.cast_signed(),
        received_at_ms: 1_700_000_000_040 + n.cast_signed(),
        flags: Flags(0),
        best_bid: Some(price),
        best_ask: Some(price),
        prev_close: Some(price),
    }
}

fn tape(dir: Option<&Path>) -> Outcome<Tape> {
    let tape = Tape::open(TapeConfig { dir: dir.map(|dir| dir.join("tape")), ..TapeConfig::default() })?;
    for market in 0..300 {
        tape.intern(&format!("KRW-M{market}"))?;
    }
    Ok(tape)
}

fn tape_batches(dir: &Path, trades: &[Trade]) -> Outcome<Figure> {
    let tape = tape(Some(dir))?;
    let start = Instant::now();
    for batch in trades.chunks(BATCH) {
        tape.append_trades(batch)?;
    }
    let seconds = start.elapsed().as_secs_f64();
    Ok(Figure { seconds, trades: trades.len(), bytes: tape.stats().disk_bytes })
}

fn tape_singles(dir: &Path, trades: &[Trade]) -> Outcome<Figure> {
    let tape = tape(Some(dir))?;
    let start = Instant::now();
    for batch in trades.chunks(1) {
        tape.append_trades(batch)?;
    }
    let seconds = start.elapsed().as_secs_f64();
    Ok(Figure { seconds, trades: trades.len(), bytes: tape.stats().disk_bytes })
}

/// What the system takes for one write call each, and nothing else.
fn bare_writes(dir: &Path) -> Outcome<Figure> {
    let mut file = fs::File::create(dir.join("bare"))?;
    let start = Instant::now();
    for _ in 0..SINGLES {
        file.write_all(&[7; 24 + ROW])?;
    }
    let seconds = start.elapsed().as_secs_f64();
    Ok(Figure { seconds, trades: SINGLES, bytes: file.metadata()?.len() })
}

fn tape_memory(trades: &[Trade]) -> Outcome<Figure> {
    let tape = tape(None)?;
    let (mut reader, mut columns, mut count) = (tape.reader(0), Trades::default(), 0);
    let start = Instant::now();
    for batch in trades.chunks(BATCH) {
        tape.append_trades(batch)?;
        while let Next::Trades = reader.next(4096, &mut columns)? {
            count += columns.len();
        }
    }
    let seconds = start.elapsed().as_secs_f64();
    assert_eq!(count, trades.len());
    Ok(Figure { seconds, trades: count, bytes: 0 })
}

fn tape_read(dir: &Path) -> Outcome<Figure> {
    let tape = Tape::open_read_only(&dir.join("tape"))?;
    let (mut reader, mut columns, mut count, mut sum) = (tape.reader(0), Trades::default(), 0, 0_u64);
    let start = Instant::now();
    while let Next::Trades = reader.next(4096, &mut columns)? {
        count += columns.len();
        sum = sum.wrapping_add(columns.sequential_id.last().copied().unwrap_or(0));
    }
    let seconds = start.elapsed().as_secs_f64();
    assert!(count as u64 == TRADES && sum > 0);
    Ok(Figure { seconds, trades: count, bytes: 0 })
}

/// A row as wide as the tape's and with the same values.
fn row(trade: &Trade) -> [u8; ROW] {
    let mut row = [0; ROW];
    let words = [
        trade.price.mantissa().cast_unsigned(),
        trade.volume.mantissa().cast_unsigned(),
        trade.sequential_id,
        trade.traded_at_ms.cast_unsigned(),
        trade.received_at_ms.cast_unsigned(),
        trade.best_bid.map_or(0, |d| d.mantissa().cast_unsigned()),
        trade.best_ask.map_or(0, |d| d.mantissa().cast_unsigned()),
        trade.prev_close.map_or(0, |d| d.mantissa().cast_unsigned()),
    ];
    for (field, word) in row.chunks_mut(8).zip(words) {
        field.copy_from_slice(&word.to_le_bytes());
    }
    row[64..68].copy_from_slice(&trade.market.0.to_le_bytes());
    row[68] = trade.side as u8;
    row[70] = trade.price.scale();
    row[71] = trade.volume.scale();
    row
}

/// Reads what is needed of a row for a trade without the optional prices.
fn push(offset: u64, row: &[u8], trades: &mut Trades) -> Option<()> {
    let word = |at: usize| Some(i64::from_le_bytes(row.get(at..at + 8)?.try_into().ok()?));
    let value = |at, scale: usize| Some(Decimal::from_trimmed(word(at)?, *row.get(scale)?));
    let trade = Trade {
        market: MarketId(u32::from_le_bytes(row.get(64..68)?.try_into().ok()?)),
        side: Side::from_u8(*row.get(68)?),
        price: value(0, 70)?,
        volume: value(8, 71)?,
        sequential_id: word(16)?.cast_unsigned(),
        traded_at_ms: word(24)?,
        received_at_ms: word(32)?,
        flags: Flags(*row.get(69)?),
        best_bid: None,
        best_ask: None,
        prev_close: None,
    };
    trades.push(offset, &trade);
    Some(())
}

/// `per_value` rows in one value; a transaction of one batch each, synced by nobody.
fn redb_batches(dir: &Path, trades: &[Trade], per_value: usize) -> Outcome<Figure> {
    let path = dir.join("redb");
    let database = Database::create(&path)?;
    let start = Instant::now();
    let mut offset = 0;
    for batch in trades.chunks(BATCH) {
        let mut transaction = database.begin_write()?;
        transaction.set_durability(Durability::None)?;
        {
            let mut table = transaction.open_table(ROWS)?;
            for rows in batch.chunks(per_value) {
                let value: Vec<u8> = rows.iter().flat_map(row).collect();
                table.insert(offset, value.as_slice())?;
                offset += rows.len() as u64;
            }
        }
        transaction.commit()?;
    }
    let seconds = start.elapsed().as_secs_f64();
    // The last one is durable, so that the file can be measured and read.
    let transaction = database.begin_write()?;
    transaction.commit()?;
    drop(database);
    Ok(Figure { seconds, trades: trades.len(), bytes: fs::metadata(path)?.len() })
}

fn redb_read(dir: &Path) -> Outcome<Figure> {
    let database = Database::open(dir.join("redb"))?;
    let start = Instant::now();
    let (mut columns, mut count) = (Trades::default(), 0);
    let transaction = database.begin_read()?;
    let table = transaction.open_table(ROWS)?;
    for item in table.range(0..)? {
        let (offset, value) = item?;
        push(offset.value(), value.value(), &mut columns).ok_or("a short row")?;
        if columns.len() == 4096 {
            count += columns.len();
            columns.clear();
        }
    }
    count += columns.len();
    let seconds = start.elapsed().as_secs_f64();
    assert_eq!(count as u64, TRADES);
    Ok(Figure { seconds, trades: count, bytes: 0 })
}
