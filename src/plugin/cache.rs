//! The compile cache: native code on disk, keyed by what it was compiled from and by what.
//!
//! A 115 KB component compiles in 0.1 to 0.4 s and loads in 0.3 ms. What is loaded runs as native
//! code without further checks, so the folder is part of the trusted base: it must belong to this
//! user and be closed to others, and every file carries a digest of its content, which catches
//! rot, not malice. A cache that cannot be used is only slower: it is never an error.
//!
//! The one room with unsafe code: loading precompiled code is unsafe by its nature.

use sha2::{Digest, Sha256};
use std::{
    fs,
    hash::{Hash, Hasher},
    io::Write,
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
};
use tracing::{debug, warn};
use wasmtime::{Engine, component::Component};

const DIGEST_BYTES: usize = 32;

/// SHA-256 in hexadecimal.
pub(super) fn digest(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().fold(String::with_capacity(64), |mut text, byte| {
        use std::fmt::Write;
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// The compiled form, if it is there and whole.
pub(super) fn fetch(dir: &Path, engine: &Engine, digest: &str) -> Option<Component> {
    let path = path(dir, engine, digest);
    if !is_private(dir) {
        return None;
    }
    let content = fs::read(&path).ok()?;
    let (sum, code) = content.split_at_checked(DIGEST_BYTES)?;
    if Sha256::digest(code).as_slice() != sum {
        warn!(path = %path.display(), "compiled code is damaged and is compiled again");
        let _ = fs::remove_file(&path);
        return None;
    }
    load_native(engine, code).inspect_err(|error| debug!(%error, "compiled code is not usable")).ok()
}

/// Keeps the compiled form. Written beside and renamed, so that no reader sees half a file.
pub(super) fn keep(dir: &Path, engine: &Engine, digest: &str, component: &Component) {
    let written = (|| -> std::io::Result<()> {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
        if !is_private(dir) {
            return Err(std::io::Error::other("the folder is open to other users"));
        }
        let code = component.serialize().map_err(|e| std::io::Error::other(e.to_string()))?;
        let path = path(dir, engine, digest);
        let beside = path.with_extension(format!("{}.part", std::process::id()));
        let mut file =
            fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&beside)?;
        file.write_all(&Sha256::digest(&code))?;
        file.write_all(&code)?;
        fs::rename(&beside, &path)
    })();
    if let Err(error) = written {
        warn!(dir = %dir.display(), %error, "compiled code is not kept, the next start compiles again");
    }
}

fn path(dir: &Path, engine: &Engine, digest: &str) -> PathBuf {
    // wasmtime hashes everything that makes its output incompatible: version, flags, CPU features.
    let mut hasher = std::hash::DefaultHasher::new();
    engine.precompile_compatibility_hash().hash(&mut hasher);
    dir.join(format!("{digest}-{:016x}.cwasm", hasher.finish()))
}

/// Whether the folder is ours and nobody else can write into it.
fn is_private(dir: &Path) -> bool {
    fs::symlink_metadata(dir).is_ok_and(|meta| {
        meta.is_dir() && meta.uid() == rustix::process::geteuid().as_raw() && meta.mode() & 0o022 == 0
    })
}

#[expect(unsafe_code, reason = "precompiled code can only be loaded unsafely; 0.3 ms instead of 0.4 s")]
fn load_native(engine: &Engine, code: &[u8]) -> wasmtime::Result<Component> {
    // SAFETY: the bytes were written by `keep` of this program: the folder is closed to every other
    // user (`is_private`), the digest holds, and wasmtime itself refuses another version or CPU.
    unsafe { Component::deserialize(engine, code) }
}
