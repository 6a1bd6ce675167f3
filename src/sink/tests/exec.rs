//! Programs that end well, badly, and not at all.

use super::*;
use std::{ffi::OsString, os::unix::fs::PermissionsExt, path::Path};

/// A script in a folder of its own.
fn script(dir: &Path, text: &str) -> ExecSettings {
    let program = dir.join("notify");
    std::fs::write(&program, format!("#!/bin/sh\n{text}\n")).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    ExecSettings {
        program,
        arguments: vec!["--to".to_owned(), "$(touch injected)".to_owned()],
        environment: vec![("NAMED".to_owned(), OsString::from("value"))],
        timeout: Duration::from_secs(10),
    }
}

async fn ran(text: &str) -> (Outcome, tempfile::TempDir) {
    let dir = tempfile::tempdir().unwrap();
    let settings = script(dir.path(), &format!("cd {}\n{text}", dir.path().display()));
    // A script that another test's fork holds open for writing cannot be started yet.
    for _ in 0..50 {
        let outcome = ExecSink::new(settings.clone()).deliver(&delivery()).await;
        if !format!("{outcome:?}").contains("Text file busy") {
            return (outcome, dir);
        }
    }
    panic!("the script stays busy");
}

#[tokio::test]
async fn an_exit_code_is_classed() {
    let check = async |text: &str, expect: &str, says: &str| {
        let (outcome, _dir) = ran(text).await;
        assert_eq!(word(&outcome), expect, "{text}: {outcome:?}");
        assert!(format!("{outcome:?}").contains(says), "{text}: {outcome:?}");
    };
    check("cat > /dev/null", "delivered", "").await;
    check("exit 0", "delivered", "").await;
    check("exit 64", "permanent", "exit status: 64").await;
    check("exit 78", "permanent", "").await;
    check("exit 75", "retry None", "").await;
    check("exit 1", "retry None", "").await;
    check("exit 63", "retry None", "").await;
    check("exit 79", "retry None", "").await;
    check("kill -9 $$", "retry None", "signal: 9").await;
    check("echo first >&2; echo 'the reason' >&2; exit 1", "retry None", "1: the reason").await;
    check("yes | head -c 1000000 >&2; exit 70", "permanent", "70: y").await;
}

/// [guest-text-is-data]
#[tokio::test]
async fn a_program_gets_the_event_and_the_environment_it_was_promised() {
    let (outcome, dir) = ran("cat > event; env > env; echo \"$2\" > second").await;
    assert_eq!(outcome, Outcome::Delivered);
    let read = |name: &str| std::fs::read_to_string(dir.path().join(name)).unwrap();
    assert_eq!(read("event"), delivery().body);
    assert_eq!(read("second"), "$(touch injected)\n", "no shell has seen it");
    assert!(!dir.path().join("injected").exists());
    let env = read("env");
    assert!(env.contains("NOTIFICATION_ID=n1\n") && env.contains("NAMED=value\n"), "{env}");
    for name in env.lines().filter_map(|line| line.split_once('=')).map(|(name, _)| name) {
        let known = ["PATH", "HOME", "LANG", "TZ", "NAMED", "NOTIFICATION_ID", "PWD", "SHLVL", "_", "OLDPWD"];
        assert!(known.contains(&name), "{name} is none of its business");
    }
}

/// [bounded]
#[tokio::test]
async fn a_program_that_does_not_end_is_killed_with_its_descendants() {
    let dir = tempfile::tempdir().unwrap();
    let text = format!("cd {}; sleep 600 & echo $! > child; sleep 600", dir.path().display());
    let settings = ExecSettings { timeout: Duration::from_millis(300), ..script(dir.path(), &text) };
    let child = || std::fs::read_to_string(dir.path().join("child")).ok().filter(|text| !text.is_empty());
    for _ in 0..50 {
        let outcome = ExecSink::new(settings.clone()).deliver(&delivery()).await;
        let Outcome::Retry { reason, .. } = &outcome else { panic!("{outcome:?}") };
        if child().is_some() {
            assert!(reason.contains("took longer than 300ms"), "{reason}");
            break;
        }
    }
    let pid = child().unwrap();
    let state = || std::fs::read_to_string(format!("/proc/{}/stat", pid.trim())).ok();
    // It is gone, or waits for whoever adopted it to notice.
    let gone = || state().is_none_or(|stat| stat.contains(") Z"));
    for _ in 0..1000 {
        if gone() {
            return;
        }
        tokio::task::yield_now().await;
        std::thread::yield_now();
    }
    assert!(gone(), "{:?}", state());
}

#[tokio::test]
async fn a_program_that_is_not_there_breaks_the_channel() {
    let dir = tempfile::tempdir().unwrap();
    let settings = ExecSettings { program: dir.path().join("none"), ..script(dir.path(), "") };
    assert_eq!(word(&ExecSink::new(settings).deliver(&delivery()).await), "broken");
}

#[tokio::test]
async fn a_program_that_leaves_something_running_does_not_hold_up_the_channel() {
    let (outcome, _dir) = ran("sleep 5 & exit 0").await;
    assert_eq!(outcome, Outcome::Delivered);
}
