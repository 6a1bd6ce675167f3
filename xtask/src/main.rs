//! The project's own chores. `cargo xtask test` is everything that CI checks.
//!
//! Has no dependencies, so that it builds in a second on a fresh clone.

mod guests;

use std::{env, process::Command, process::ExitCode, time::Instant};

const USAGE: &str = "\
Usage: cargo xtask <command>

  test            everything CI checks: format, lints, guests, tests, licences
  guests          rebuild the bundled guests into plugins/built (needs the wasm target)
  guests --check  rebuild them beside and compare byte for byte
";

type Outcome = Result<(), String>;

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let outcome = match arguments.as_slice() {
        ["test"] => test(),
        ["guests"] => guests::rebuild(),
        ["guests", "--check"] => guests::check(),
        _ => {
            eprint!("{USAGE}");
            return ExitCode::from(64);
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("error: {why}");
            ExitCode::FAILURE
        }
    }
}

fn test() -> Outcome {
    let started = Instant::now();
    step("format", cargo(&["fmt", "--all", "--check"]))?;
    step(
        "lints",
        cargo(&["clippy", "--release", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"]),
    )?;
    guests::check()?;
    step("tests", cargo(&["test", "--release", "--workspace", "--locked"]))?;
    if has(&["deny", "--version"]) {
        // The advisory database is not reachable from every machine; licences, bans and sources are.
        step(
            "licences, bans, sources",
            cargo(&["deny", "--offline", "check", "licenses", "bans", "sources"]),
        )?;
    } else {
        println!("skipped: cargo-deny is not installed (cargo install cargo-deny --locked)");
    }
    println!("everything passed in {} s", started.elapsed().as_secs());
    Ok(())
}

/// A cargo command with this run's cargo.
fn cargo(arguments: &[&str]) -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(arguments);
    command
}

/// Whether a cargo subcommand answers.
fn has(arguments: &[&str]) -> bool {
    cargo(arguments).output().is_ok_and(|out| out.status.success())
}

fn step(name: &str, mut command: Command) -> Outcome {
    println!("== {name}");
    let started = Instant::now();
    let status = command.status().map_err(|e| format!("{name}: {e}"))?;
    if !status.success() {
        return Err(format!("{name} failed"));
    }
    println!("== {name}: {} s", started.elapsed().as_secs());
    Ok(())
}
