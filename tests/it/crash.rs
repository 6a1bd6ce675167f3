//! A process that is killed at any instruction has lost nothing and contradicts nothing.

use std::{collections::BTreeMap, thread, time::Duration};

use super::support::{Folder, RULES, StandIn, command, json, text, until};

/// How often it is killed.
const KILLS: u32 = 30;
/// Between the start of the process, or its first connection, and the kill.
const LONGEST_LIFE_MS: u64 = 500;

/// `TRADEHOOK_SEED` repeats the moments of a run that failed.
fn seed() -> u64 {
    let given = std::env::var("TRADEHOOK_SEED").ok().and_then(|seed| seed.parse().ok());
    given.unwrap_or_else(|| fastrand::u64(..))
}

/// Proves [commit-is-atomic].
///
/// What holds after the last, clean stop: an alert that was told twice, because the kill came
/// between its delivery and the note of it, was told in the same bytes under the same id. And the
/// alerts that were told are exactly those of an undisturbed replay of the tape: none was lost, and
/// none was made up.
#[test]
fn killed_at_any_moment_it_tells_exactly_what_the_tape_tells() {
    let seed = seed();
    println!("TRADEHOOK_SEED={seed}");
    let mut random = fastrand::Rng::with_seed(seed);
    let (venue, folder) = (StandIn::lively(seed), Folder::new());
    folder.configure(&venue.venue.ws_url(), RULES);
    for kill in 0..KILLS {
        let job = folder.run();
        // Every other one dies wherever it is, starting and recovering included; the rest at work.
        if kill % 2 == 0 {
            job.says("connected and subscribed");
        }
        // The moment of the kill is what is being tried, not something to wait for.
        thread::sleep(Duration::from_millis(random.u64(0..LONGEST_LIFE_MS)));
        let killed = job.kill();
        assert_eq!(killed.code, None, "seed {seed}: it ended by itself:\n{}", killed.log);
    }
    let job = folder.run();
    job.port().is_ready();
    until("some alerts", || (folder.lines("alerts.jsonl").len() > 10).then_some(()));
    job.terminate().expect(0);

    let mut told: BTreeMap<String, String> = BTreeMap::new();
    for line in folder.read("alerts.jsonl").lines() {
        let id = text(&json(line), "notification_id").to_owned();
        let first = told.entry(id).or_insert_with(|| line.to_owned());
        assert_eq!(first, line, "seed {seed}: one id, two bodies");
    }
    let (trades, entries) = folder.tape();
    println!("{} trades, {} alerts, {} other entries", trades, told.len(), entries.len());
    command(folder.path(), ["replay", "tape", "--output", "replayed.jsonl"]).expect(0);
    let replayed = folder.lines("replayed.jsonl");
    let expected: Vec<&str> = replayed.iter().map(|alert| text(alert, "notification_id")).collect();
    let lost: Vec<_> = replayed.iter().filter(|a| !told.contains_key(text(a, "notification_id"))).collect();
    assert!(lost.is_empty(), "seed {seed}: {} alerts of the tape were never told: {:?}", lost.len(), lost[0]);
    let made_up: Vec<_> = told.iter().filter(|(id, _)| !expected.contains(&id.as_str())).collect();
    assert!(
        made_up.is_empty(),
        "seed {seed}: {} alerts are not on the tape: {:?}",
        made_up.len(),
        made_up[0]
    );
}
