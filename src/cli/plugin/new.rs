//! `tradehook plugin new`: a crate that builds offline from its own folder.
//!
//! The SDK's sources go with it, so that a plugin depends on no path of this machine and on no
//! version that is not there.

use super::super::{Exit, Outcome, fail};
use std::{
    fs, io,
    path::{Path, PathBuf},
};

/// The example plugin, which is the template: what is copied is what is tested.
const LIB: &str = include_str!("../../../plugins/example/src/lib.rs");

const CARGO: &str = include_str!("template/Cargo.toml.txt");
const ALIAS: &str = include_str!("template/config.toml.txt");
const README: &str = include_str!("template/README.md.txt");

macro_rules! sources {
    ($($path:literal),* $(,)?) => {
        [$(($path, include_str!(concat!("../../../plugins/", $path)))),*]
    };
}

/// Every source file of the SDK and of the decimals it stands on.
const SDK: [(&str, &str); 20] = sources![
    "sdk/src/lib.rs",
    "sdk/src/config.rs",
    "sdk/src/config/markets.rs",
    "sdk/src/config/object.rs",
    "sdk/src/config/units.rs",
    "sdk/src/config/words.rs",
    "sdk/src/emit.rs",
    "sdk/src/event.rs",
    "sdk/src/export.rs",
    "sdk/src/guest.rs",
    "sdk/src/guest/quotes.rs",
    "sdk/src/log.rs",
    "sdk/src/plugin.rs",
    "sdk/src/quote.rs",
    "sdk/src/record.rs",
    "sdk/src/reference.rs",
    "sdk/wit/plugin.wit",
    "decimal/src/lib.rs",
    "decimal/src/decimal.rs",
    "decimal/src/wide.rs",
];
const SDK_CARGO: &str = include_str!("template/sdk.toml.txt");
const DECIMAL_CARGO: &str = include_str!("template/decimal.toml.txt");

pub(super) fn run(name: &str) -> Outcome {
    if !is_crate_name(name) {
        let why =
            format!("`{name}` is no name for a crate: letters, digits and dashes, beginning with a letter");
        return Err(fail(Exit::Usage, why));
    }
    let folder = Path::new(name);
    if folder.exists() {
        return Err(fail(Exit::Output, format!("{name} exists already; nothing was written")));
    }
    for (path, text) in files(name) {
        let path = folder.join(path);
        write(&path, &text)
            .map_err(|error| fail(Exit::Output, format!("cannot write {}: {error}", path.display())))?;
    }
    say!("{name}/ is a plugin that tells of big trades. Next:");
    say!("  cd {name}");
    say!("  cargo test      # natively");
    say!("  cargo plugin    # once before: rustup target add wasm32-unknown-unknown");
    say!("  tradehook plugin check {} --config '{{\"min_notional\": \"1억\"}}'", built(name));
    Ok(())
}

fn write(path: &Path, text: &str) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(path, text)
}

/// Every file of the new crate.
fn files(name: &str) -> Vec<(PathBuf, String)> {
    let fill = |text: &str| text.replace("{name}", name).replace("{built}", &built(name));
    let lib = LIB.replace("name: \"example\"", &format!("name: \"{name}\""));
    let mut files = vec![
        ("Cargo.toml".into(), fill(CARGO)),
        (".cargo/config.toml".into(), fill(ALIAS)),
        (".gitignore".into(), "/target\n".into()),
        ("README.md".into(), fill(README)),
        ("src/lib.rs".into(), lib),
        ("vendor/sdk/Cargo.toml".into(), SDK_CARGO.into()),
        ("vendor/decimal/Cargo.toml".into(), DECIMAL_CARGO.into()),
    ];
    files.extend(SDK.iter().map(|(path, text)| (Path::new("vendor").join(path), (*text).to_owned())));
    files
}

/// Where `cargo plugin` puts the plugin.
fn built(name: &str) -> String {
    format!("target/wasm32-unknown-unknown/release/{}.wasm", name.replace('-', "_"))
}

fn is_crate_name(name: &str) -> bool {
    name.len() <= 64
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        && !matches!(name, "test" | "core" | "std" | "alloc" | "proc-macro")
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn every_source_of_the_sdk_goes_with_a_new_plugin() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("plugins");
        let mut stack: Vec<PathBuf> = ["sdk/src", "sdk/wit", "decimal/src"].map(|f| root.join(f)).into();
        let mut found = Vec::new();
        while let Some(folder) = stack.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() { stack.push(path) } else { found.push(path) }
            }
        }
        let mut found: Vec<_> =
            found.iter().map(|p| p.strip_prefix(&root).unwrap().to_str().unwrap()).collect();
        let mut known: Vec<_> = SDK.iter().map(|(path, _)| *path).collect();
        found.sort_unstable();
        known.sort_unstable();
        assert_eq!(known, found, "add the file to SDK in {}", file!());
    }

    #[test]
    fn names_that_cargo_refuses_are_refused_first() {
        let check = |name, expect| assert_eq!(is_crate_name(name), expect, "{name}");
        check("my-alert2", true);
        check("2x", false);
        check("my_alert", false);
        check("../up", false);
        check("", false);
        check("test", false);
    }
}
