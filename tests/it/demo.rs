//! `tradehook demo`: what a newcomer sees first.

use std::collections::BTreeSet;

use rustix::process::Signal;

use super::support::{Folder, Job, command, until};

/// The fields of a line; two spaces stand between them.
fn fields(line: &str) -> Vec<&str> {
    line.split("  ").map(str::trim).filter(|field| !field.is_empty()).collect()
}

#[test]
fn within_ten_seconds_a_reader_has_seen_trades_a_bar_and_several_kinds_of_alert() {
    let folder = Folder::new();
    let done = command(folder.path(), ["demo", "--for", "10s", "--plain"]).expect(0);
    let lines: Vec<Vec<&str>> = done.out.lines().map(fields).collect();
    assert!(lines.iter().any(|f| f.iter().any(|f| f.ends_with(" trades/s"))), "no trades:\n{}", done.out);
    assert!(lines.iter().any(|f| f.get(1) == Some(&"bar 5s")), "no bar:\n{}", done.out);
    let alerts = lines.iter().filter(|f| f.get(1).is_some_and(|f| f.starts_with("alert ")));
    let kinds: BTreeSet<&str> = alerts.filter_map(|f| f.get(3).copied()).collect();
    assert!(kinds.len() >= 3, "only {kinds:?}:\n{}", done.out);
    let last = done.out.lines().last().unwrap();
    assert!(last.contains(" trades, ") && !last.starts_with("0 trades"), "{last}");
}

#[test]
fn ctrl_c_ends_the_demo_with_its_summary() {
    let folder = Folder::new();
    let job = Job::start(folder.path(), ["demo", "--plain"]);
    until("a rate", || job.out.find(|line| line.contains(" trades/s")));
    job.signal(Signal::INT);
    let done = job.end().expect(0);
    assert!(done.out.lines().last().unwrap().contains("tradehook plugin new"), "{}", done.out);
}

#[test]
fn the_configuration_of_the_demo_is_one_to_begin_with() {
    let folder = Folder::new();
    let shown = command(folder.path(), ["demo", "--show-config"]).expect(0);
    folder.write("config.toml", shown.out);
    let checked = command(folder.path(), ["check"]).expect(0);
    assert!(checked.out.starts_with("ok: 8 markets"), "{}", checked.out);
}
