//! Building the bundled guests reproducibly.
//!
//! The built guests are committed, so that the program needs no wasm target; where the target is
//! installed they are rebuilt and must come out byte for byte. Paths of this machine are remapped,
//! and the compiler that built them is written beside them: another one gives other bytes.

use crate::{Outcome, cargo, step};
use std::{env, fs, path::Path, path::PathBuf, process::Command};

const TARGET: &str = "wasm32-unknown-unknown";
const BUILT: &str = "plugins/built";
/// Package and name of the built file.
const GUESTS: [(&str, &str); 5] = [
    ("tradehook-alert", "alert"),
    ("tradehook-filter", "filter"),
    ("tradehook-aggregate", "aggregate"),
    ("tradehook-example", "example"),
    ("tradehook-hostile", "hostile"),
];

pub(crate) fn rebuild() -> Outcome {
    if !installed() {
        return Err(format!("the wasm target is not installed: rustup target add {TARGET}"));
    }
    let from = build()?;
    fs::create_dir_all(BUILT).map_err(|e| format!("{BUILT}: {e}"))?;
    for (package, name) in GUESTS {
        let to = Path::new(BUILT).join(format!("{name}.wasm"));
        let bytes = fs::copy(from.join(file(package)), &to).map_err(|e| format!("{}: {e}", to.display()))?;
        println!("{} {bytes} bytes", to.display());
    }
    fs::write(Path::new(BUILT).join("rustc"), rustc_version()).map_err(|e| e.to_string())
}

pub(crate) fn check() -> Outcome {
    if !installed() {
        println!(
            "skipped: the guests are not rebuilt, the wasm target is not installed (rustup target add {TARGET})"
        );
        return Ok(());
    }
    let built_by = fs::read_to_string(Path::new(BUILT).join("rustc")).unwrap_or_default();
    if built_by != rustc_version() {
        println!(
            "skipped: the guests were built by {} and this is {}",
            built_by.trim(),
            rustc_version().trim()
        );
        return Ok(());
    }
    let from = build()?;
    for (package, name) in GUESTS {
        let committed =
            fs::read(Path::new(BUILT).join(format!("{name}.wasm"))).map_err(|e| format!("{name}: {e}"))?;
        let rebuilt = fs::read(from.join(file(package))).map_err(|e| format!("{name}: {e}"))?;
        if committed != rebuilt {
            return Err(format!(
                "{BUILT}/{name}.wasm is not what its sources build ({} bytes committed, {} rebuilt): run `cargo xtask guests` and commit",
                committed.len(),
                rebuilt.len()
            ));
        }
    }
    println!("== guests: {} rebuilt, byte for byte", GUESTS.len());
    Ok(())
}

fn file(package: &str) -> String {
    format!("{}.wasm", package.replace('-', "_"))
}

fn installed() -> bool {
    let sysroot = output(Command::new("rustc").args(["--print", "sysroot"]));
    Path::new(sysroot.trim()).join("lib/rustlib").join(TARGET).is_dir()
}

fn rustc_version() -> String {
    output(Command::new("rustc").arg("--version"))
}

fn output(command: &mut Command) -> String {
    command.output().map(|out| String::from_utf8_lossy(&out.stdout).into_owned()).unwrap_or_default()
}

/// Builds all guests; the folder they lie in.
fn build() -> Result<PathBuf, String> {
    let root = env::current_dir().map_err(|e| e.to_string())?;
    let home = env::var_os("CARGO_HOME")
        .map(PathBuf::from)
        .or_else(|| env::home_dir().map(|home| home.join(".cargo")))
        .unwrap_or_default();
    let mut flags = vec![
        format!("--remap-path-prefix={}=/tradehook", root.display()),
        format!("--remap-path-prefix={}=/cargo", home.display()),
    ];
    // The registry's folder carries a hash of its address, which differs between mirrors.
    for entry in fs::read_dir(home.join("registry/src")).into_iter().flatten().flatten() {
        flags.push(format!("--remap-path-prefix={}=/registry", entry.path().display()));
    }
    let target = root.join("target/guests");
    let mut command = cargo(&["build", "--locked", "--profile", "guest", "--target", TARGET]);
    for (package, _) in GUESTS {
        command.args(["-p", package]);
    }
    command.env("CARGO_TARGET_DIR", &target).env("CARGO_INCREMENTAL", "0");
    command.env("CARGO_ENCODED_RUSTFLAGS", flags.join("\x1f"));
    step("guests", command)?;
    Ok(target.join(TARGET).join("guest"))
}
