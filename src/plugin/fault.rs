//! How a guest fails, and why a file is not a plugin.

use super::contract::ConfigFault;
use std::{fmt, path::PathBuf, time::Duration};

/// How a call into a guest failed. The instance is gone with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The guest trapped: a panic, an out-of-bounds access, a bad division.
    Trap(String),
    /// The call ran longer than its deadline.
    Deadline(Duration),
    /// The call used up its fuel.
    Fuel(u64),
    /// The guest stopped after its memory was refused to grow.
    Memory(usize),
    /// The answer is larger than it may be.
    Oversized(String),
    /// The answer breaks the contract.
    BadAnswer(String),
    /// An instance that failed before was entered again: our bug, and refused.
    Dead,
}

impl Fault {
    /// Its kind in metrics and records.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Trap(_) => "trap",
            Self::Deadline(_) => "deadline",
            Self::Fuel(_) => "fuel",
            Self::Memory(_) => "memory",
            Self::Oversized(_) => "oversized",
            Self::BadAnswer(_) => "bad_answer",
            Self::Dead => "dead",
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Trap(what) => write!(f, "the guest trapped: {what}"),
            Self::Deadline(limit) => write!(f, "the call ran past its deadline of {limit:?}"),
            Self::Fuel(limit) => write!(f, "the call used up its fuel of {limit}"),
            Self::Memory(limit) => write!(f, "the guest wanted more than its {} MiB of memory", limit >> 20),
            Self::Oversized(what) => write!(f, "the answer is too large: {what}"),
            Self::BadAnswer(what) => write!(f, "the answer breaks the contract: {what}"),
            Self::Dead => f.write_str("the instance failed earlier"),
        }
    }
}

impl std::error::Error for Fault {}

/// Why a plugin does not load or start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LoadError {
    /// No compiler or no thread on this machine.
    Engine(String),
    /// The file cannot be read.
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        error: String,
    },
    /// Larger or denser than any plugin needs to be: refused before it is compiled.
    TooLarge(String),
    /// Not WebAssembly.
    NotWasm(String),
    /// WebAssembly, but it does not say that it is a tradehook plugin.
    NotAPlugin(String),
    /// It speaks another version of the contract.
    Version {
        /// What it speaks.
        found: String,
        /// What this host speaks.
        supported: &'static str,
    },
    /// It wants something that the host does not offer.
    Import(String),
    /// It lacks something that every plugin has.
    Export(String),
    /// It exports a function under the right name with other types.
    Signature(String),
    /// The compiler refused it.
    Compile(String),
    /// It failed while it started.
    Start(Fault),
    /// It refused its configuration.
    Config(Vec<ConfigFault>),
    /// It refused the snapshot.
    Restore(String),
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Engine(why) => write!(f, "the WebAssembly engine does not start: {why}"),
            Self::Read { path, error } => write!(f, "cannot read {}: {error}", path.display()),
            Self::TooLarge(what) => write!(f, "refused before compiling: {what}"),
            Self::NotWasm(why) => write!(f, "not a WebAssembly file: {why}"),
            Self::NotAPlugin(why) => write!(
                f,
                "WebAssembly, but not a tradehook plugin: {why} (`tradehook plugin new NAME` writes one that is)"
            ),
            Self::Version { found, supported } => write!(
                f,
                "it speaks version {found} of the plugin contract, this host speaks {supported}: rebuild it with the SDK of this release"
            ),
            Self::Import(name) => write!(
                f,
                "it imports `{name}`, which the host does not offer (plugins have no clock, files, network or WASI)"
            ),
            Self::Export(name) => write!(f, "it does not export `{name}`"),
            Self::Signature(what) => {
                write!(f, "an exported function has other types than the contract: {what}")
            }
            Self::Compile(why) => write!(f, "it does not compile: {why}"),
            Self::Start(fault) => write!(f, "it failed while it started: {fault}"),
            Self::Config(faults) => {
                write!(f, "it refused its configuration")?;
                faults.iter().try_for_each(|fault| {
                    let place = if fault.path.is_empty() { "/" } else { &fault.path };
                    write!(f, "; {place}: {}", fault.message)?;
                    fault.help.iter().try_for_each(|help| write!(f, " ({help})"))
                })
            }
            Self::Restore(why) => write!(f, "it does not take over from the last snapshot: {why}"),
        }
    }
}

impl std::error::Error for LoadError {}
