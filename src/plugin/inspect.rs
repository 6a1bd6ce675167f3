//! What a file is, before it is compiled, and what a component exports, before it is started.
//!
//! Denial of service while compiling is not a vulnerability to wasmtime: 200,000 tiny functions in
//! 1.6 MB took 13 s and 1 GiB, one function with 150,000 branches 9 s. So size, number of
//! functions and length of a body are bounded first, by a parser that allocates nothing for them.
//!
//! Keeps: [bounded] [named-means-required]

use super::fault::LoadError;
use crate::quote::QuoteKind;
use std::borrow::Cow;
use wasmparser::{Encoding, Parser, Payload};
use wasmtime::{Engine, component::Component};

/// The version of `plugins/sdk/wit/plugin.wit` that this host speaks.
pub const CONTRACT_VERSION: &str = "0.3.0";
const PACKAGE: &str = "tradehook:plugin/";

/// A guest of an interpreted language carries its interpreter: 12 to 18 MB were measured.
const MAX_BYTES: u64 = 32 << 20;
const MAX_FUNCTIONS: u64 = 20_000;
const MAX_BODY_BYTES: usize = 512 << 10;

/// What a plugin exports and imports.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Interfaces {
    /// It handles trades.
    pub trades: bool,
    /// It handles tickers.
    pub tickers: bool,
    /// It handles order books.
    pub orderbooks: bool,
    /// It handles candles.
    pub candles: bool,
    /// It is told the clock.
    pub ticks: bool,
    /// It is told what was lost.
    pub gaps: bool,
    /// It is told the records of the plugin that it reads.
    pub records: bool,
    /// It is told what the host knows.
    pub facts: bool,
    /// It can be asked what it has in mind.
    pub inspect: bool,
    /// It has snapshots.
    pub state: bool,
    /// Names of its exports.
    pub exports: Vec<String>,
    /// Names of its imports.
    pub imports: Vec<String>,
}

impl Interfaces {
    /// Whether it handles quotes of this sort.
    #[must_use]
    pub const fn handles(&self, kind: QuoteKind) -> bool {
        match kind {
            QuoteKind::Ticker => self.tickers,
            QuoteKind::Orderbook => self.orderbooks,
            QuoteKind::Candle => self.candles,
        }
    }
}

pub(super) fn check_size(bytes: u64) -> Result<(), LoadError> {
    if bytes > MAX_BYTES {
        return Err(LoadError::TooLarge(format!("{bytes} bytes, at most {MAX_BYTES} are read")));
    }
    Ok(())
}

/// Refuses what would cost too much to compile.
pub(super) fn check_bounds(bytes: &[u8]) -> Result<(), LoadError> {
    check_size(bytes.len() as u64)?;
    if !bytes.starts_with(b"\0asm") {
        return Err(LoadError::NotWasm("it does not begin with \\0asm".into()));
    }
    let mut functions = 0u64;
    for payload in Parser::new(0).parse_all(bytes) {
        match payload.map_err(|e| LoadError::NotWasm(e.to_string()))? {
            Payload::CodeSectionStart { count, .. } => functions += u64::from(count),
            Payload::CodeSectionEntry(body) if body.range().len() > MAX_BODY_BYTES => {
                return Err(LoadError::TooLarge(format!(
                    "a function of {} bytes, at most {MAX_BODY_BYTES} are compiled",
                    body.range().len()
                )));
            }
            _ => {}
        }
        if functions > MAX_FUNCTIONS {
            return Err(LoadError::TooLarge(format!("more than {MAX_FUNCTIONS} functions")));
        }
    }
    Ok(())
}

/// The file as a component: as it stands, or encoded from a core module with its type section.
pub(super) fn as_component(bytes: &[u8]) -> Result<Cow<'_, [u8]>, LoadError> {
    let is_component = Parser::new(0)
        .parse_all(bytes)
        .next()
        .is_some_and(|p| matches!(p, Ok(Payload::Version { encoding: Encoding::Component, .. })));
    if is_component {
        return Ok(Cow::Borrowed(bytes));
    }
    let refuse = |e: String| LoadError::NotAPlugin(e);
    let mut encoder = wit_component::ComponentEncoder::default()
        .validate(true)
        .module(bytes)
        .map_err(|e| refuse(format!("{e:#}")))?;
    let encoded = encoder.encode().map_err(|e| refuse(format!("{e:#}")))?;
    Ok(Cow::Owned(encoded))
}

/// Reads the names off a component's type and refuses what this host does not speak.
pub(super) fn interfaces(engine: &Engine, component: &Component) -> Result<Interfaces, LoadError> {
    let ty = component.component_type();
    let mut found = Interfaces {
        exports: ty.exports(engine).map(|(name, _)| name.to_owned()).collect(),
        imports: ty.imports(engine).map(|(name, _)| name.to_owned()).collect(),
        ..Interfaces::default()
    };
    for name in found.imports.iter().chain(&found.exports) {
        let Some((_, version)) = name.strip_prefix(PACKAGE).and_then(|n| n.split_once('@')) else { continue };
        if version != CONTRACT_VERSION {
            return Err(LoadError::Version { found: version.to_owned(), supported: CONTRACT_VERSION });
        }
    }
    for name in &found.imports {
        // `types` carries no function: naming it asks for nothing.
        if ![interface("log"), interface("types")].contains(name) {
            return Err(LoadError::Import(name.clone()));
        }
    }
    let has = |name: &str| found.exports.contains(&interface(name));
    if !has("lifecycle") {
        return Err(match found.exports.as_slice() {
            [] => LoadError::NotAPlugin("it exports nothing".into()),
            _ => LoadError::Export(interface("lifecycle")),
        });
    }
    (found.trades, found.ticks, found.gaps, found.state) =
        (has("trades"), has("ticks"), has("gaps"), has("state"));
    (found.tickers, found.orderbooks, found.candles) = (has("tickers"), has("orderbooks"), has("candles"));
    (found.records, found.facts, found.inspect) = (has("records"), has("facts"), has("inspect"));
    let quotes = QuoteKind::ALL.iter().any(|&kind| found.handles(kind));
    let told = found.trades || found.ticks || found.gaps || found.records || found.facts;
    if !(told || quotes) {
        return Err(LoadError::Export(interface("trades")));
    }
    Ok(found)
}

/// The full name of one of the contract's interfaces.
pub(super) fn interface(name: &str) -> String {
    format!("{PACKAGE}{name}@{CONTRACT_VERSION}")
}
