//! A plugin of one's own: the tutorial as it is written, and the commands that try a plugin.

use std::{
    env, fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::Command,
};

use super::{
    readme::commands,
    replay::recording,
    support::{Done, Folder, Job, StandIn, built, command, compile_cache, json, root, text, until},
};

const TARGET: &str = "wasm32-unknown-unknown";
const CONFIG: &str = r#"{"min_notional": "1000만"}"#;

/// Whether plugins can be built here.
fn has_target() -> bool {
    let sysroot = Command::new("rustc").args(["--print", "sysroot"]).output().unwrap().stdout;
    let sysroot = PathBuf::from(String::from_utf8(sysroot).unwrap().trim());
    let has = sysroot.join("lib/rustlib").join(TARGET).is_dir();
    if !has {
        println!("skipped: the wasm target is not installed (rustup target add {TARGET})");
    }
    has
}

/// A line of the tutorial, run by a shell as a reader would.
fn shell(dir: &Path, line: &str) -> Done {
    let program = Path::new(env!("CARGO_BIN_EXE_tradehook")).parent().unwrap();
    let path = env::var_os("PATH").unwrap_or_default();
    let path = env::join_paths([program.to_owned()].into_iter().chain(env::split_paths(&path))).unwrap();
    let mut shell = Command::new("sh");
    shell.args(["-c", line]).current_dir(dir).env("PATH", path).env("XDG_CACHE_HOME", compile_cache());
    // What this very build was told is not meant for the reader's crate.
    for variable in ["CARGO_TARGET_DIR", "CARGO_ENCODED_RUSTFLAGS", "RUSTFLAGS", "TRADEHOOK_CONFIG"] {
        shell.env_remove(variable);
    }
    Job::spawn(&mut shell).end()
}

/// What is built for a new crate is kept for the next run of this test, and the versions of its
/// dependencies are ours, so that nothing is fetched that is not here.
fn prepare(folder: &Path) {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("new-plugin");
    fs::create_dir_all(&target).unwrap();
    symlink(target, folder.join("target")).unwrap();
    fs::copy(root().join("Cargo.lock"), folder.join("Cargo.lock")).unwrap();
    fs::copy(root().join("plugins/trades.jsonl"), folder.join("trades.jsonl")).unwrap();
}

#[test]
fn the_tutorial_leads_from_nothing_to_a_running_alert() {
    if !has_target() {
        return;
    }
    let folder = Folder::new();
    let mut dir = folder.path().to_owned();
    let mut alerts = Vec::new();
    for line in commands("plugins/README.md") {
        if let Some(to) = line.strip_prefix("cd ") {
            dir = dir.join(to);
            prepare(&dir);
            continue;
        }
        if line.starts_with("rustup ") {
            continue;
        }
        let done = shell(&dir, &line);
        assert_eq!(done.code, Some(0), "{line}\n{}\n{}", done.out, done.log);
        if line.starts_with("tradehook plugin run") {
            alerts = done.out.lines().map(json).collect();
        }
    }
    assert!(!alerts.is_empty(), "the tutorial ends with alerts");

    let name = dir.file_name().unwrap().to_str().unwrap();
    let wasm = dir.join("target").join(TARGET).join(format!("release/{}.wasm", name.replace('-', "_")));
    let venue = StandIn::lively(2);
    let plugin = format!(
        "[plugins.{name}]\npath = {wasm:?}\nconfig = {CONFIG_TOML}\n\
         [alerts.defaults]\nnotify = [\"log\"]\n[channels.log]\nkind = \"file\"\npath = \"alerts.jsonl\"\n"
    );
    folder.configure(&venue.venue.ws_url(), &plugin);
    command(folder.path(), ["check"]).expect(0);
    let job = folder.run();
    let told = until("an alert of the new plugin", || folder.lines("alerts.jsonl").first().cloned());
    assert_eq!(text(&told, "plugin"), name, "{told}");
    job.terminate().expect(0);
}

const CONFIG_TOML: &str = "{ min_notional = \"1000만\" }";

#[test]
fn a_new_plugin_has_all_its_files_and_nothing_is_overwritten() {
    let folder = Folder::new();
    let begun = command(folder.path(), ["plugin", "new", "my-alert"]).expect(0);
    assert!(begun.out.contains("cargo plugin"), "{}", begun.out);
    for file in ["Cargo.toml", ".cargo/config.toml", "src/lib.rs", "README.md", "vendor/sdk/src/lib.rs"] {
        assert!(folder.join("my-alert").join(file).is_file(), "{file}");
    }
    let manifest = folder.read("my-alert/Cargo.toml");
    assert!(manifest.contains("name = \"my-alert\"") && !manifest.contains(".."), "{manifest}");
    folder.write("my-alert/src/lib.rs", "mine");
    command(folder.path(), ["plugin", "new", "my-alert"]).expect(74);
    assert_eq!(folder.read("my-alert/src/lib.rs"), "mine");
    command(folder.path(), ["plugin", "new", "../up"]).expect(64);
}

#[test]
fn a_plugin_is_looked_at_by_itself() {
    let (folder, file) = (Folder::new(), built("example"));
    let file = file.to_str().unwrap();
    let looked = command(folder.path(), ["plugin", "check", file, "--config", CONFIG, "--json"]).expect(0);
    let facts = json(&looked.out);
    assert_eq!((text(&facts, "name"), &facts["ok"]), ("example", &true.into()), "{facts}");
    let interfaces =
        |key: &str| facts[key].as_array().unwrap().iter().filter_map(|n| n.as_str()).collect::<Vec<_>>();
    assert!(interfaces("exports").contains(&"tradehook:plugin/trades@0.3.0"), "{facts}");
    assert!(interfaces("imports").iter().all(|name| name.starts_with("tradehook:plugin/")), "{facts}");
    folder.write("config.json", CONFIG);
    let looked = command(folder.path(), ["plugin", "check", file, "--config", "@config.json"]).expect(0);
    assert!(
        looked.out.starts_with("example ") && looked.out.contains("instructions a trade"),
        "{}",
        looked.out
    );

    let mistaken =
        command(folder.path(), ["plugin", "check", file, "--config", r#"{"min_notinal": 1}"#]).expect(78);
    assert!(mistaken.log.contains("did you mean `min_notional`?"), "{}", mistaken.log);
    command(folder.path(), ["plugin", "check", file, "--config", "{"]).expect(64);
}

#[test]
fn a_plugin_is_fed_recorded_trades_and_a_failing_one_is_told_apart() {
    let folder = Folder::new();
    folder.write("trades.jsonl", recording(3).0);
    let (example, hostile) = (built("example"), built("hostile"));
    let fed = |file: &Path, config| {
        let file = file.to_str().unwrap();
        command(folder.path(), ["plugin", "run", file, "--input", "trades.jsonl", "--config", config])
    };
    let done = fed(&example, CONFIG).expect(0);
    let alerts: Vec<_> = done.out.lines().map(json).collect();
    assert!(!alerts.is_empty() && alerts.iter().all(|a| text(a, "plugin") == "example"), "{}", done.out);
    assert!(done.log.contains(&format!("{} alerts", alerts.len())), "{}", done.log);
    let failed = fed(&hostile, r#"{"do": "trap", "when": 5}"#).expect(78);
    assert!(failed.log.contains("error: the plugin failed: "), "{}", failed.log);
}
