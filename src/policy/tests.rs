//! Golden cases and properties of policy.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod properties;
mod scenes;

use super::*;
use crate::alert::{FieldValue, Record, Trigger};
use std::collections::{BTreeSet, HashSet};
use tradehook_decimal::Wide;

fn number(text: &str) -> FieldValue {
    FieldValue::Number(text.parse::<Wide>().unwrap())
}

fn raised(state: AlertState, key: &str, at_ms: i64) -> Raised {
    Raised {
        plugin: "alert".to_owned(),
        rule: "btc-100m".to_owned(),
        key: key.to_owned(),
        state,
        severity: None,
        title: format!("{key} crossed 100,000,000 upward at 100,010,000"),
        at_ms,
        heard_at_ms: at_ms,
        fields: vec![
            ("price".to_owned(), number("100010000")),
            ("change_pct".to_owned(), number("5.125")),
            ("volume".to_owned(), number("0.000000010000000001")),
        ],
        trigger: Trigger::Trade { sequential_id: at_ms.unsigned_abs() + 17_000_000_000_000_000, offset: 3 },
        index: 0,
        late: false,
        replay: false,
    }
}

fn rule(cooldown_ms: Option<u64>) -> RulePolicy {
    RulePolicy {
        plugin: "alert".to_owned(),
        id: "btc-100m".to_owned(),
        name: "BTC reaches 1억".to_owned(),
        kind: "cross".to_owned(),
        severity: Severity::Warning,
        cooldown_ms,
        notify: Some(vec!["stdout".to_owned()]),
        resolved: true,
        semantic: "{}".to_owned(),
        ..RulePolicy::default()
    }
}

fn policy(rules: Vec<RulePolicy>) -> Policy {
    Policy::new(rules, Defaults::default()).unwrap()
}

/// Feeds states at times (in seconds) and yields what became of each.
fn verdicts(cooldown_ms: Option<u64>, feed: &[(AlertState, i64)]) -> Vec<Verdict> {
    let mut policy = policy(vec![rule(cooldown_ms)]);
    let mut out = Vec::new();
    feed.iter().map(|(state, at)| policy.apply(&raised(*state, "KRW-BTC", at * 1000), &mut out)).collect()
}

#[test]
fn cooldown_counts_from_the_last_that_was_told() {
    use AlertState::{Event as E, Firing as F, Resolved as R};
    use Verdict::{Notified as N, Orphan as O, Repeated as P, Suppressed as S};
    let check = |cooldown, feed: &[(AlertState, i64)], expect: &[Verdict]| {
        assert_eq!(verdicts(cooldown, feed), expect, "{cooldown:?} {feed:?}");
    };
    check(None, &[(E, 0), (E, 29), (E, 30), (E, 59), (E, 60)], &[N, S, N, S, N]);
    check(Some(0), &[(E, 0), (E, 0), (E, 1)], &[N, N, N]);
    check(None, &[(F, 0), (R, 1), (F, 1), (R, 2)], &[N, N, N, N]);
    check(Some(10_000), &[(F, 0), (R, 1), (F, 9), (R, 12), (F, 13), (R, 14)], &[N, N, S, S, N, N]);
    check(None, &[(F, 0), (F, 5), (R, 6), (R, 7)], &[N, P, N, O]);
    check(None, &[(R, 0)], &[O]);
    check(None, &[(E, 100), (E, 50)], &[N, S]);
}

#[test]
fn the_next_that_is_told_counts_what_was_suppressed() {
    let mut policy = policy(vec![rule(Some(10_000))]);
    let mut out = Vec::new();
    for at in [0, 1, 2, 10] {
        policy.apply(&raised(AlertState::Event, "KRW-BTC", at * 1000), &mut out);
    }
    assert_eq!(out.len(), 2);
    assert!(out[0].body.contains(r#""suppressed_count":0,"#));
    assert!(out[1].body.contains(r#""suppressed_count":2,"#));
    assert!(out[1].text.ends_with("(2 more before it)"), "{}", out[1].text);
}

#[test]
fn a_rise_in_severity_is_told_and_belongs_to_the_same_episode() {
    let mut policy = policy(vec![rule(Some(60_000))]);
    let mut out = Vec::new();
    let mut say = |severity, at| {
        let alert = Raised { severity: Some(severity), ..raised(AlertState::Firing, "KRW-BTC", at) };
        policy.apply(&alert, &mut out)
    };
    use Severity::{Critical, Info, Warning};
    let told = [(Info, 0), (Warning, 1), (Info, 2), (Warning, 3), (Critical, 4)].map(|(s, at)| say(s, at));
    use Verdict::{Notified, Repeated};
    assert_eq!(told, [Notified, Notified, Repeated, Notified, Notified]);
    let episodes: HashSet<_> = out.iter().map(|d| &d.episode_id).collect();
    let ids: HashSet<_> = out.iter().map(|d| &d.notification_id).collect();
    assert_eq!((episodes.len(), ids.len()), (1, 4));
    assert!(out[1].body.starts_with(r#"{"type":"alert.firing","version":1,"#));
    assert!(out[1].body.contains(r#""previous_state":"firing","previous_severity":"info","#));
}

/// The body of a message, to the byte: receivers rely on it.
#[test]
fn the_canonical_event_is_as_documented() {
    let mut policy = policy(vec![rule(None)]);
    let mut out = Vec::new();
    policy.apply(&raised(AlertState::Firing, "KRW-BTC", 1_763_769_720_000), &mut out);
    let [delivery] = out.as_slice() else { panic!("one delivery: {out:?}") };
    let expect = format!(
        concat!(
            r#"{{"type":"alert.firing","version":1,"notification_id":"{}","episode_id":"{}","fingerprint":"{}","#,
            r#""plugin":"alert","rule":{{"id":"btc-100m","name":"BTC reaches 1억","severity":"warning","kind":"cross"}},"#,
            r#""key":{{"market":"KRW-BTC","name":"KRW-BTC"}},"labels":{{}},"state":"firing","previous_state":"ok","#,
            r#""at":"2025-11-22T00:02:00.000Z","at_kst":"2025-11-22T09:02:00.000+09:00","#,
            r#""started_at":"2025-11-22T00:02:00.000Z","duration":"0ms","duration_ms":0,"#,
            r#""values":{{"price":"100010000","change_pct":"5.125","volume":"0.000000010000000001"}},"#,
            r#""trigger":{{"sid":17001763769720000,"price":"100010000","volume":"0.000000010000000001","offset":3}},"#,
            r#""suppressed_count":0,"late":false,"partial":false,"replay":false,"#,
            r#""links":{{"upbit":"https://upbit.com/exchange?code=CRIX.UPBIT.KRW-BTC"}},"#,
            r#""title":"KRW-BTC crossed 100,000,000 upward at 100,010,000","#,
            r#""text":"KRW-BTC crossed 100,000,000 upward at 100,010,000"}}"#
        ),
        delivery.notification_id,
        delivery.episode_id,
        delivery.lane.trim_start_matches("stdout/"),
    );
    assert_eq!(delivery.body, expect);
}

/// The ids are written into receivers' memories: an accidental change of their derivation would
/// send everything of the last week again.
#[test]
fn identity_is_the_documented_hash_of_the_input() {
    let field = |out: &mut Vec<u8>, bytes: &[u8]| {
        out.extend((bytes.len() as u64).to_le_bytes());
        out.extend(bytes);
    };
    let hash = |fields: &[&[u8]]| {
        let mut bytes = Vec::new();
        fields.iter().for_each(|f| field(&mut bytes, f));
        *blake3::hash(&bytes).as_bytes()
    };
    let semantic = hash(&[b"{}"]);
    let print = hash(&[b"tradehook.fingerprint.1", b"alert", b"btc-100m", &semantic, b"KRW-BTC"]);
    let (at, sid) = (5_i64.to_le_bytes(), 17_000_000_000_000_005_u64.to_le_bytes());
    let episode = hash(&[b"tradehook.episode.1", &print, &at, b"trade", &sid]);
    let id = hash(&[b"tradehook.notification.1", &episode, b"event", b"stdout", &0_u64.to_le_bytes()]);
    let mut out = Vec::new();
    policy(vec![rule(None)]).apply(&raised(AlertState::Event, "KRW-BTC", 5), &mut out);
    assert_eq!(out[0].notification_id, identity::hex(&id));
    assert_eq!(out[0].episode_id, identity::hex(&episode));
    assert_eq!(out[0].lane, format!("stdout/{}", identity::hex(&print)));
}

#[test]
fn routes_are_the_rules_or_the_defaults_and_each_channel_has_its_own_id() {
    let many = RulePolicy { notify: Some(["a", "b", "a"].map(str::to_owned).to_vec()), ..rule(None) };
    let mut policy = policy(vec![many]);
    let mut out = Vec::new();
    policy.apply(&raised(AlertState::Event, "KRW-BTC", 0), &mut out);
    let channels: Vec<_> = out.iter().map(|d| d.channel.as_str()).collect();
    assert_eq!(channels, ["a", "b"]);
    assert_ne!(out[0].notification_id, out[1].notification_id);
    out.clear();
    let own = Raised { plugin: "my_model".to_owned(), ..raised(AlertState::Event, "KRW-BTC", 0) };
    assert_eq!(policy.apply(&own, &mut out), Verdict::Notified);
    assert_eq!(out[0].channel, "stdout");
    let quiet = RulePolicy { notify: Some(Vec::new()), ..rule(None) };
    let verdict = super::tests::policy(vec![quiet]).apply(&raised(AlertState::Event, "KRW-BTC", 0), &mut out);
    assert_eq!(verdict, Verdict::Unrouted);
}

#[test]
fn resolutions_are_told_only_where_the_rule_says_so() {
    let mut policy = policy(vec![RulePolicy { resolved: false, ..rule(None) }]);
    let mut out = Vec::new();
    assert_eq!(policy.apply(&raised(AlertState::Firing, "KRW-BTC", 0), &mut out), Verdict::Notified);
    assert_eq!(policy.apply(&raised(AlertState::Resolved, "KRW-BTC", 1), &mut out), Verdict::Silent);
    assert_eq!(out.len(), 1);
}

fn rendered(template: &str) -> String {
    let rule = RulePolicy { message: Some(template.to_owned()), ..rule(None) };
    let mut out = Vec::new();
    policy(vec![rule]).apply(&raised(AlertState::Event, "KRW-BTC", 1_763_769_720_000), &mut out);
    out.remove(0).text
}

#[test]
fn templates_see_the_alert_and_format_it() {
    let check = |template: &str, expect: &str| assert_eq!(rendered(template), expect, "{template}");
    check("{{ market }} {{ change_pct | signed(2) }}% {{ price | krw }}", "KRW-BTC +5.13% 100,010,000");
    check("{{ rule.id }}/{{ rule.name }}/{{ rule.severity }}", "btc-100m/BTC reaches 1억/warning");
    check("{{ at | kst }}|{{ at_ms | kst }}", "2025-11-22 09:02:00|2025-11-22 09:02:00");
    check("{{ change_pct | pct }} {{ change_pct | pct(1) }} {{ price | si }}", "5.13% 5.1% 100M");
    check("{% if change_pct > 5 %}fast{% endif %}", "fast");
    check("{{ volume }} {{ price }}", "0.000000010000000001 100010000");
    check("{{ links.upbit }}", "https://upbit.com/exchange?code=CRIX.UPBIT.KRW-BTC");
    check("{{ fields.price }} {{ state }} {{ suppressed_count }} {{ duration }}", "100010000 event 0 0ms");
    check("{{ nothing }}.", ".");
}

#[test]
fn a_template_that_fails_loses_no_alert() {
    let text = rendered("{{ nothing | krw }}");
    assert_eq!(
        text,
        "KRW-BTC crossed 100,000,000 upward at 100,010,000 (its message template failed: invalid operation: there is no value)"
    );
}

/// [guest-text-is-data]
#[test]
fn guest_text_is_no_template_and_takes_no_name_of_the_host() {
    let rule = RulePolicy { message: Some("{{ title }} {{ rule.id }}".to_owned()), ..rule(None) };
    let mut alert = raised(AlertState::Event, "KRW-BTC", 0);
    alert.title = "{{ 1 + 1 }} {% raw %}".to_owned();
    alert.fields = vec![("rule".to_owned(), FieldValue::Text("forged".to_owned()))];
    let mut out = Vec::new();
    policy(vec![rule]).apply(&alert, &mut out);
    assert_eq!(out[0].text, "{{ 1 + 1 }} {% raw %} btc-100m");
}

/// [bounded]
#[test]
fn a_long_text_is_cut_with_a_mark() {
    let alert = Raised { title: "한".repeat(5_000), ..raised(AlertState::Event, "KRW-BTC", 0) };
    let mut out = Vec::new();
    policy(vec![rule(None)]).apply(&alert, &mut out);
    assert!(out[0].text.len() <= 4096 && out[0].text.ends_with("… (cut)"));
}

#[test]
fn a_template_that_cannot_work_is_refused_with_its_place() {
    let check = |source: &str, sample: &[&str], line: Option<usize>, says: &str| {
        let sample = sample.iter().map(|name| ((*name).to_owned(), number("1"))).collect();
        let rule = RulePolicy { message: Some(source.to_owned()), sample, ..rule(None) };
        let faults = Policy::new(vec![rule], Defaults::default()).unwrap_err();
        assert_eq!(faults.len(), 1);
        assert_eq!(faults[0].line, line, "{source}: {}", faults[0]);
        assert!(faults[0].to_string().contains(says), "{source}: {}", faults[0]);
    };
    check("{{ price", &[], Some(1), "syntax error");
    check("a\n{{ price | krv }}", &[], Some(2), "krv");
    check(
        "a\nb {{ prise }}",
        &["price"],
        Some(2),
        "`prise` is not a value of this alert; did you mean `price`?",
    );
    check("{{ title | krw }}", &["price"], Some(1), "`a sample` is not a number");
    check(&"x".repeat(20_000), &[], None, "longer than");
    let found = |source: &str| {
        let rule = RulePolicy { message: Some(source.to_owned()), ..rule(None) };
        let offset = Policy::new(vec![rule], Defaults::default()).unwrap_err()[0].offset.unwrap();
        source[offset..].to_owned()
    };
    assert_eq!(found("{{ market }}\n{{ prise | krw }}"), "prise | krw }}");
    assert_eq!(found("{{ market }}\nat {{ price | krv }}"), "krv }}");
    assert_eq!(found("{% if late %}\nlate {% endfi %}"), "endfi %}");
    let good = RulePolicy {
        message: Some("{{ price | krw }} {{ at | kst }}".to_owned()),
        sample: vec![("price".to_owned(), number("1"))],
        ..rule(None)
    };
    assert!(Policy::new(vec![good], Defaults::default()).is_ok());
}

/// A seeded stream of alerts as plugins could raise them.
fn random_feed(seed: u64, len: usize) -> Vec<Raised> {
    let mut rng = fastrand::Rng::with_seed(seed);
    let mut at_ms = 1_000_000;
    let states = [AlertState::Event, AlertState::Firing, AlertState::Resolved];
    (0..len)
        .map(|_| {
            at_ms += rng.i64(0..4_000);
            let state = states[rng.usize(0..3)];
            let key = ["KRW-BTC", "KRW-ETH"][rng.usize(0..2)];
            let severity = [None, Some(Severity::Info), Some(Severity::Critical)][rng.usize(0..3)];
            Raised { severity, ..raised(state, key, at_ms - rng.i64(0..500)) }
        })
        .collect()
}

fn run(policy: &mut Policy, feed: &[Raised]) -> Vec<Delivery> {
    let mut out = Vec::new();
    for alert in feed {
        policy.apply(alert, &mut out);
    }
    out
}

#[test]
fn a_cooldown_tells_a_subset_of_what_is_told_without() {
    for seed in 0..60 {
        let feed = random_feed(seed, 300);
        let all: BTreeSet<_> =
            run(&mut policy(vec![rule(Some(0))]), &feed).into_iter().map(|d| d.notification_id).collect();
        let some = run(&mut policy(vec![rule(Some(9_000))]), &feed);
        assert!(some.len() < all.len(), "seed {seed}: the cooldown does something");
        for delivery in some {
            assert!(all.contains(&delivery.notification_id), "seed {seed}: {delivery:?}");
        }
    }
}

#[test]
fn no_end_is_told_whose_beginning_was_not() {
    for seed in 0..60 {
        let mut begun = HashSet::new();
        for delivery in run(&mut policy(vec![rule(Some(9_000))]), &random_feed(seed, 300)) {
            match delivery.state {
                AlertState::Event => {}
                AlertState::Firing => drop(begun.insert(delivery.episode_id)),
                AlertState::Resolved => assert!(begun.remove(&delivery.episode_id), "seed {seed}"),
            }
        }
    }
}

#[test]
fn ids_are_unique_within_a_feed() {
    for seed in 0..20 {
        let mut seen = HashSet::new();
        let mut feed = random_feed(seed, 200);
        // Two alerts of one rule at one trade.
        feed = feed.into_iter().flat_map(|a| [a.clone(), a]).collect();
        for delivery in run(&mut policy(vec![rule(Some(0))]), &feed) {
            assert!(seen.insert(delivery.notification_id), "seed {seed}");
        }
    }
}

/// A second derivation from a checkpoint yields the same messages, byte for byte.
/// [commit-is-atomic]
#[test]
fn a_snapshot_at_any_point_changes_nothing() {
    for seed in 0..10 {
        let feed = random_feed(seed, 80);
        let whole = run(&mut policy(vec![rule(Some(5_000))]), &feed);
        for cut in 0..feed.len() {
            let (before, after) = feed.split_at(cut);
            let mut first = policy(vec![rule(Some(5_000))]);
            let mut got = run(&mut first, before);
            let mut second = policy(vec![rule(Some(5_000))]);
            second.restore(&first.snapshot()).unwrap();
            got.extend(run(&mut second, after));
            assert_eq!(got, whole, "seed {seed} cut {cut}");
        }
    }
}

#[test]
fn a_snapshot_that_is_none_is_refused() {
    let mut policy = policy(vec![rule(None)]);
    run(&mut policy, &random_feed(1, 40));
    let bytes = policy.snapshot();
    for len in 0..bytes.len() {
        assert_eq!(policy.restore(&bytes[..len]), Err(StateError::Damaged), "{len} bytes");
    }
    let newer = [&9_u32.to_le_bytes()[..], &bytes[4..]].concat();
    assert_eq!(policy.restore(&newer), Err(StateError::Newer(9)));
    assert_eq!(policy.restore(&bytes), Ok(()));
}

/// [bounded]
#[test]
fn the_memory_of_policy_is_bounded_and_forgets_the_quiet_first() {
    let mut policy = policy(vec![rule(None)]);
    let mut out = Vec::new();
    policy.apply(&raised(AlertState::Firing, "OPEN", 0), &mut out);
    for n in 0..(MAX_INSTANCES as i64 + 10) {
        policy.apply(&raised(AlertState::Event, &n.to_string(), n), &mut out);
    }
    assert!(policy.instances() <= MAX_INSTANCES);
    assert_eq!(policy.apply(&raised(AlertState::Resolved, "OPEN", 9), &mut out), Verdict::Notified);
}

#[test]
fn records_become_lines_that_share_a_delivery() {
    let record = |offset, index| Record {
        plugin: "bars".to_owned(),
        topic: "bar".to_owned(),
        offset,
        index,
        fields: vec![
            ("market".to_owned(), FieldValue::Text("KRW-BTC".to_owned())),
            ("start_ms".to_owned(), FieldValue::Int(1_763_769_720_000)),
            ("close".to_owned(), number("100010000")),
            ("vwap".to_owned(), FieldValue::Null),
        ],
    };
    let channels = ["stdout".to_owned(), "bars-file".to_owned()];
    let out = record_deliveries(&[record(5, 0), record(5, 1)], &channels);
    assert_eq!(out.iter().map(|d| d.channel.as_str()).collect::<Vec<_>>(), ["stdout", "bars-file"]);
    let line = |index| {
        format!(
            r#"{{"type":"record","plugin":"bars","topic":"bar","offset":5,"index":{index},"values":{{"market":"KRW-BTC","start_ms":1763769720000,"close":"100010000","vwap":null}}}}"#
        )
    };
    assert_eq!(out[0].body, format!("{}\n{}\n", line(0), line(1)));
    let text = "bar market=KRW-BTC start=2025-11-22 09:02:00 close=100010000 vwap=-\n";
    assert_eq!(out[0].text, text.repeat(2));
    assert_ne!(out[0].notification_id, out[1].notification_id);
    let many: Vec<_> = (0..10_000).map(|n| record(n, 0)).collect();
    let cut = record_deliveries(&many, &channels[..1]);
    assert!(cut.len() > 1 && cut.iter().all(|d| d.body.len() < MAX_RECORDS_BODY + 1_000));
    assert_eq!(cut.iter().map(|d| d.body.lines().count()).sum::<usize>(), 10_000);
}
