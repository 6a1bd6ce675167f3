//! What holds for any feed: seeded feeds of alerts, ticks and controls, through rules that use
//! everything at once.

use super::{super::*, raised, rule};
use crate::{
    alert::Matcher,
    entry::{Silence, Tick},
};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

/// One thing on the tape.
#[derive(Clone, Debug)]
enum Thing {
    Alert(Box<Raised>),
    Entry(Entry),
}

const KEYS: [&str; 3] = ["KRW-BTC", "KRW-ETH", "KRW-XRP"];

fn rules() -> Vec<RulePolicy> {
    let id = |id: &str| id.to_owned();
    let base = || RulePolicy { notify: None, ..rule(Some(9_000)) };
    vec![
        RulePolicy { repeat_ms: Some(20_000), inhibited_by: vec![id("down")], ..base() },
        RulePolicy { id: id("down"), cooldown_ms: None, ..base() },
        RulePolicy { id: id("often"), max_rate: Some(Rate { count: 3, window_ms: 30_000 }), ..base() },
        RulePolicy { id: id("once"), trigger: Trigger::Once, ..base() },
        RulePolicy {
            id: id("bars"),
            trigger: Trigger::OncePer { ms: 60_000 },
            notify_on_fall: true,
            ..base()
        },
    ]
}

fn defaults() -> Defaults {
    let severe = Matcher { severity: Some("critical".to_owned()), ..Matcher::default() };
    let route = Route { alerts: severe, notify: vec!["phone".to_owned()], goes_on: false };
    Defaults { routes: vec![route], max_age_ms: Some(4_000), ..Defaults::default() }
}

fn policy() -> Policy {
    Policy::new(rules(), defaults()).unwrap()
}

fn feed(seed: u64, len: usize) -> Vec<Thing> {
    let mut rng = fastrand::Rng::with_seed(seed);
    let mut now_ms = 1_000_000;
    let ids = ["btc-100m", "down", "often", "once", "bars"];
    let states = [AlertState::Event, AlertState::Firing, AlertState::Firing, AlertState::Resolved];
    let severities = [None, Some(Severity::Info), Some(Severity::Critical)];
    let one = |rng: &mut fastrand::Rng, now_ms: i64| match rng.u8(0..40) {
        0..=11 => Thing::Entry(Entry::Tick(Tick { at_ms: now_ms })),
        12 => Thing::Entry(Entry::Control(control(rng, now_ms))),
        _ => Thing::Alert(Box::new(Raised {
            rule: ids[rng.usize(0..ids.len())].to_owned(),
            severity: severities[rng.usize(0..3)],
            heard_at_ms: now_ms,
            ..raised(states[rng.usize(0..4)], KEYS[rng.usize(0..3)], now_ms - rng.i64(0..5_000))
        })),
    };
    (0..len)
        .map(|_| {
            now_ms += rng.i64(0..3_000);
            one(&mut rng, now_ms)
        })
        .collect()
}

fn control(rng: &mut fastrand::Rng, at_ms: i64) -> Control {
    let alerts = Matcher { market: Some(KEYS[rng.usize(0..3)].to_owned()), ..Matcher::default() };
    let id = rng.u8(0..3).to_string();
    match rng.u8(0..4) {
        0 => {
            let until_ms = at_ms + rng.i64(0..60_000);
            Control::Silence(Silence { id, at_ms, alerts, from_ms: None, until_ms, reason: String::new() })
        }
        1 => Control::Unsilence { at_ms, id },
        2 => Control::Ack { at_ms, alerts, episode: String::new() },
        _ => Control::Reset { at_ms, alerts },
    }
}

fn run(policy: &mut Policy, feed: &[Thing]) -> (Vec<Delivery>, Vec<Verdict>) {
    let (mut out, mut verdicts) = (Vec::new(), Vec::new());
    for (offset, thing) in feed.iter().enumerate() {
        match thing {
            Thing::Alert(raised) => verdicts.push(policy.apply(raised, &mut out)),
            // The offset of an entry does not depend on where a feed is cut.
            Thing::Entry(entry) => _ = policy.entry(offset as u64, entry, &mut out),
        }
    }
    (out, verdicts)
}

/// A second derivation from a checkpoint yields the same messages, byte for byte. The offsets that
/// repetitions carry are the tape's, so the rest of the feed is numbered on. [commit-is-atomic]
#[test]
fn a_snapshot_at_any_point_changes_nothing_of_all_that() {
    let numbered = |feed: &[Thing]| feed.iter().cloned().enumerate().collect::<Vec<_>>();
    let play = |policy: &mut Policy, feed: &[(usize, Thing)]| {
        let mut out = Vec::new();
        for (offset, thing) in feed {
            match thing {
                Thing::Alert(raised) => _ = policy.apply(raised, &mut out),
                Thing::Entry(entry) => _ = policy.entry(*offset as u64, entry, &mut out),
            }
        }
        out
    };
    let mut kinds = BTreeSet::new();
    for seed in 0..8 {
        let feed = numbered(&feed(seed, 160));
        let whole = play(&mut policy(), &feed);
        kinds.extend(whole.iter().filter_map(|d| d.body.split('"').nth(3).map(str::to_owned)));
        for cut in 0..feed.len() {
            let (before, after) = feed.split_at(cut);
            let mut first = policy();
            let mut got = play(&mut first, before);
            let mut second = policy();
            second.restore(&first.snapshot()).unwrap();
            assert_eq!(second.snapshot(), first.snapshot(), "seed {seed} cut {cut}");
            got.extend(play(&mut second, after));
            assert_eq!(got, whole, "seed {seed} cut {cut}");
        }
    }
    let all = ["digest", "event", "firing", "repeat", "resolved"].map(|kind| format!("alert.{kind}"));
    assert_eq!(kinds, BTreeSet::from(all), "the feeds reach every kind of message");
}

#[test]
fn every_verdict_is_reached_and_every_notification_has_an_id_of_its_own() {
    let mut reached = BTreeSet::new();
    for seed in 0..20 {
        let (out, verdicts) = run(&mut policy(), &feed(seed, 400));
        reached.extend(verdicts);
        let ids: HashSet<_> = out.iter().map(|d| &d.notification_id).collect();
        assert_eq!(ids.len(), out.len(), "seed {seed}");
    }
    use Verdict::{Acked, Inhibited, Limited, Orphan, Outdated, Repeated, Silenced, Spent, Suppressed};
    for verdict in [Orphan, Repeated, Silenced, Inhibited, Acked, Spent, Suppressed, Limited, Outdated] {
        assert!(reached.contains(&verdict), "{verdict:?}");
    }
}

/// In each channel: whoever hears of an end has heard of its beginning.
#[test]
fn no_channel_hears_the_end_of_what_it_has_not_heard_of() {
    for seed in 0..60 {
        let mut begun = HashSet::new();
        for delivery in run(&mut policy(), &feed(seed, 400)).0 {
            let of = (delivery.channel.clone(), delivery.episode_id.clone());
            match delivery.state {
                AlertState::Event => {}
                AlertState::Firing => drop(begun.insert(of)),
                AlertState::Resolved => assert!(begun.contains(&of), "seed {seed}: {delivery:?}"),
            }
        }
    }
}

/// What was held back is in exactly one digest of each channel that would have been told.
#[test]
fn digests_lose_nothing() {
    let mut held = 0;
    for seed in 0..40 {
        let mut policy = policy();
        let (mut out, mut expect) = (Vec::new(), BTreeMap::<(String, String), u64>::new());
        for (offset, thing) in feed(seed, 400).iter().enumerate() {
            let Thing::Alert(raised) = thing else {
                let Thing::Entry(entry) = thing else { continue };
                policy.entry(offset as u64, entry, &mut out);
                continue;
            };
            if matches!(policy.apply(raised, &mut out), Verdict::Limited | Verdict::Outdated) {
                *expect.entry((raised.rule.clone(), raised.key.clone())).or_default() += 1;
            }
        }
        policy.flush(&mut out);
        let mut got = BTreeMap::<(String, String), u64>::new();
        // The end of what several channels heard of is held for each of them.
        let mut seen = HashMap::<(String, String, String), BTreeSet<String>>::new();
        for digest in out.iter().filter(|d| d.rule == "digest") {
            let body: serde_json::Value = serde_json::from_str(&digest.body).unwrap();
            for line in body["alerts"].as_array().unwrap() {
                let text = |key: &str| line[key].as_str().unwrap().to_owned();
                *got.entry((text("rule"), text("key"))).or_default() += line["count"].as_u64().unwrap();
                let what = (text("rule"), text("key"), text("episode_id"));
                seen.entry(what).or_default().insert(digest.channel.clone());
            }
        }
        for (of, count) in &expect {
            let told = got.get(of).copied().unwrap_or_default();
            assert!(told >= *count, "seed {seed}: {of:?} held {count}, told {told}");
            held += count;
        }
        assert!(
            got.keys().all(|of| expect.contains_key(of)),
            "seed {seed}: something in a digest was not held"
        );
    }
    assert!(held > 100, "the feeds fill digests");
}

#[test]
fn a_rate_bounds_what_leaves_in_any_window() {
    let rate = Rate { count: 3, window_ms: 30_000 };
    for seed in 0..20 {
        let limited = RulePolicy { max_rate: Some(rate), ..rule(Some(0)) };
        let mut policy = Policy::new(vec![limited], Defaults::default()).unwrap();
        let mut rng = fastrand::Rng::with_seed(seed);
        let (mut at_ms, mut told) = (0, Vec::new());
        for _ in 0..2_000 {
            at_ms += rng.i64(0..3_000);
            let mut out = Vec::new();
            let alert = raised(AlertState::Event, KEYS[rng.usize(0..3)], at_ms);
            if policy.apply(&alert, &mut out) == Verdict::Notified {
                told.push(at_ms);
            }
        }
        // A full bucket, and what comes back meanwhile.
        let most = |from: &i64| told.iter().filter(|at| (*from..from + 30_000).contains(at)).count();
        assert!(told.iter().map(most).max().unwrap() <= 6, "seed {seed}");
        let least = at_ms / 30_000 * 3 * 9 / 10;
        assert!(told.len() as i64 > least, "seed {seed}: {} of {least}", told.len());
    }
}

/// A snapshot of the first version, as it was written: its episodes, cooldowns and counts go on.
#[test]
fn a_snapshot_of_the_first_version_is_taken_over() {
    let print = |key: &str| identity::fingerprint("alert", "btc-100m", "{}", key);
    let mut bytes = 1_u32.to_le_bytes().to_vec();
    bytes.extend(2_u64.to_le_bytes());
    bytes.extend(print("KRW-BTC"));
    bytes.push(1 | 4);
    bytes.extend(7_000_i64.to_le_bytes());
    bytes.extend(5_u64.to_le_bytes());
    bytes.extend(6_000_i64.to_le_bytes());
    bytes.extend([9; 32]);
    bytes.extend(6_000_i64.to_le_bytes());
    bytes.extend([2, 1]);
    bytes.extend(3_u64.to_le_bytes());
    bytes.extend(print("KRW-ETH"));
    bytes.push(2);
    bytes.extend(1_000_i64.to_le_bytes());
    bytes.extend(0_u64.to_le_bytes());
    bytes.extend([8; 32]);
    bytes.extend(4_u64.to_le_bytes());
    let mut policy = Policy::new(vec![rule(Some(9_000))], Defaults::default()).unwrap();
    policy.restore(&bytes).unwrap();
    assert_eq!(policy.instances(), 2);
    let mut out = Vec::new();
    assert_eq!(policy.apply(&raised(AlertState::Resolved, "KRW-BTC", 8_000), &mut out), Verdict::Notified);
    assert_eq!(out[0].episode_id, "09".repeat(32));
    assert!(out[0].body.contains(r#""suppressed_count":5,"#));
    assert_eq!(policy.apply(&raised(AlertState::Event, "KRW-BTC", 9_000), &mut out), Verdict::Suppressed);
    for len in 0..bytes.len() {
        assert_eq!(policy.restore(&bytes[..len]), Err(StateError::Damaged), "{len} bytes");
    }
}

/// [bounded]
#[test]
fn silences_and_digests_are_bounded() {
    let mut policy = policy();
    for n in 0..3_000 {
        policy.control(&Control::Silence(Silence {
            id: n.to_string(),
            at_ms: 0,
            alerts: Matcher { rule: Some("x".to_owned()), ..Matcher::default() },
            from_ms: None,
            until_ms: 1_000_000 + n,
            reason: String::new(),
        }));
    }
    assert_eq!(policy.silences().len(), 1_000);
    assert!(
        policy.silences().iter().any(|s| s.id == "2999") && policy.silences().iter().all(|s| s.id != "0")
    );
    let mut out = Vec::new();
    policy.tick(0, 1_000_000 + 3_000 + 3_600_000, &mut out);
    assert_eq!(policy.silences().len(), 0);

    let limited = RulePolicy { max_rate: Some(Rate { count: 1, window_ms: 60_000 }), ..rule(Some(0)) };
    let mut policy = Policy::new(vec![limited], Defaults::default()).unwrap();
    for n in 0..5_000 {
        policy.apply(&raised(AlertState::Event, &format!("K{n}"), 0), &mut out);
    }
    out.clear();
    policy.flush(&mut out);
    let body: serde_json::Value = serde_json::from_str(&out[0].body).unwrap();
    assert_eq!(body["count"], 4_999);
    assert!(body["alerts"].as_array().unwrap().len() <= 201 && out[0].text.len() <= 4096);
}
