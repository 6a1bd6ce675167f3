//! The plugin host: wasmtime, narrowed to what a trade handler needs.
//!
//! Owns the engine and its settings, the compile cache, the limits of a guest and the one door
//! into it. Does not know what a pipeline is, where trades come from or what becomes of an
//! emission. The only room that imports `wasmtime`.
//!
//! A [`Host`] loads a file into a [`Plugin`] (compiled, inspected, startable any number of times);
//! a [`Plugin`] starts an [`Instance`], which is entered by one call at a time on the caller's
//! thread. A guest imports our `log` interface or nothing: no WASI, no clock, no randomness, no
//! files, no network. The import list is the permission list.
//!
//! Keeps: [one-door] [dead-stays-dead] [bounded] [numbers-survive]

mod cache;
mod contract;
mod fault;
mod inspect;
mod instance;
mod limits;
mod quotes;
mod told;

pub use contract::{
    Alert, AlertState, Batch, ConfigFault, Emission, Field, Forward, GapNotice, Manifest, Outcome, Payload,
    RecordBody, Severity, Value,
};
pub use fault::{Fault, LoadError};
pub use inspect::{CONTRACT_VERSION, Interfaces};
pub use instance::{Instance, LogLevel, LogLine, Restore};
pub use limits::Limits;
pub use told::{FactNotice, Incoming, MadeTrade};

use std::{fs, path::Path, path::PathBuf, sync::Arc, time::Duration};
use wasmtime::{Config, Engine, component::Component};

/// How often the epoch ticker strikes: the grain of every deadline.
pub(crate) const EPOCH_TICK: Duration = Duration::from_millis(5);

/// The engine that all guests share, its epoch ticker and its compile cache.
#[derive(Clone)]
pub struct Host {
    engine: Engine,
    cache: Option<PathBuf>,
}

/// A compiled guest, ready to be started.
#[derive(Clone)]
pub struct Plugin {
    engine: Engine,
    component: Component,
    interfaces: Interfaces,
    digest: Arc<str>,
    bytes: usize,
    from_cache: bool,
}

impl Host {
    /// An engine with its ticker thread. `cache` is the folder for compiled code: private to this
    /// user, because what is loaded from it runs as native code; `None` compiles every time.
    ///
    /// # Errors
    /// When this machine cannot run the compiler, or no thread can be started.
    pub fn new(cache: Option<PathBuf>) -> Result<Self, LoadError> {
        let engine = Engine::new(&engine_config()).map_err(|e| LoadError::Engine(format!("{e:#}")))?;
        let weak = engine.weak();
        // An OS thread of its own: a busy async runtime would never tick (and a guest without a
        // tick has no deadline). It ends when the last engine handle is gone.
        std::thread::Builder::new()
            .name("epoch".into())
            .spawn(move || {
                while let Some(engine) = weak.upgrade() {
                    engine.increment_epoch();
                    drop(engine);
                    std::thread::sleep(EPOCH_TICK);
                }
            })
            .map_err(|e| LoadError::Engine(e.to_string()))?;
        Ok(Self { engine, cache })
    }

    /// Loads a plugin from a file: a component, or a core module that carries its component type.
    ///
    /// # Errors
    /// The file cannot be read or is too large, or as [`Host::load`].
    pub fn load_file(&self, path: &Path) -> Result<Plugin, LoadError> {
        let read =
            |error: std::io::Error| LoadError::Read { path: path.to_owned(), error: error.to_string() };
        let meta = fs::metadata(path).map_err(read)?;
        if !meta.is_file() {
            return Err(LoadError::Read { path: path.to_owned(), error: "it is not a regular file".into() });
        }
        inspect::check_size(meta.len())?;
        // Read once; what is inspected is what is compiled, whatever happens to the file meanwhile.
        self.load(&fs::read(path).map_err(read)?)
    }

    /// Loads a plugin from bytes.
    ///
    /// # Errors
    /// What the bytes are instead of a plugin that speaks this contract, by name and version.
    pub fn load(&self, bytes: &[u8]) -> Result<Plugin, LoadError> {
        inspect::check_bounds(bytes)?;
        let digest = cache::digest(bytes);
        let cached = self.cache.as_deref().and_then(|dir| cache::fetch(dir, &self.engine, &digest));
        let from_cache = cached.is_some();
        let component = match cached {
            Some(component) => component,
            None => {
                let encoded = inspect::as_component(bytes)?;
                let component = Component::from_binary(&self.engine, &encoded)
                    .map_err(|e| LoadError::Compile(format!("{e:#}")))?;
                if let Some(dir) = &self.cache {
                    cache::keep(dir, &self.engine, &digest, &component);
                }
                component
            }
        };
        let interfaces = inspect::interfaces(&self.engine, &component)?;
        Ok(Plugin {
            engine: self.engine.clone(),
            component,
            interfaces,
            digest: digest.into(),
            bytes: bytes.len(),
            from_cache,
        })
    }
}

impl Plugin {
    /// What it exports and imports.
    #[must_use]
    pub fn interfaces(&self) -> &Interfaces {
        &self.interfaces
    }

    /// SHA-256 of the file, in hexadecimal.
    #[must_use]
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// Size of the file.
    #[must_use]
    pub fn size_bytes(&self) -> usize {
        self.bytes
    }

    /// Whether its code came out of the compile cache.
    #[must_use]
    pub fn was_cached(&self) -> bool {
        self.from_cache
    }

    /// Starts an instance: instantiate, `init`, then `restore` where there is something to restore.
    ///
    /// # Errors
    /// The configuration's faults, the guest's own reason, or how it failed.
    pub fn start(
        &self,
        name: &str,
        config: &str,
        limits: &Limits,
        restore: Option<Restore<'_>>,
    ) -> Result<Instance, LoadError> {
        Instance::start(self, name, config, limits, restore)
    }
}

fn engine_config() -> Config {
    let mut config = Config::new();
    config
        .wasm_component_model(true)
        // A call costs 155 ns without it and 509 ns with it; guests are entered synchronously.
        .concurrency_support(false)
        .consume_fuel(true)
        .epoch_interruption(true)
        // The same tape gives the same bytes: without it NaN bits differ between machines.
        .cranelift_nan_canonicalization(true)
        .relaxed_simd_deterministic(true)
        .max_wasm_stack(512 * 1024)
        .wasm_memory64(false)
        .wasm_multi_memory(false)
        .wasm_tail_call(false);
    config
}
