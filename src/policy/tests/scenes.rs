//! Scenes: rules, what happens to them second by second, and all that comes of it.

use super::{super::*, raised, rule};
use crate::{
    alert::Matcher,
    entry::{Silence, Tick},
};
use std::collections::BTreeMap;

/// Plays a feed and yields what came of it, in order.
///
/// A word of the feed is `E`, `F` or `R` (event, firing, resolved) or `T` (a tick), then the second;
/// further parts behind commas: `k=KEY` (`BTC` is `KRW-BTC`), `s=SEVERITY`, `r=RULE`, `p=PLUGIN`,
/// `h=SECOND` (when it was heard of). What comes of it is `SECOND TYPE KEY`, or `-VERDICT`; with
/// `!severity` where it is no warning, `>channel` where it is not stdout, `#n` for a digest of n.
struct Scene {
    policy: Policy,
    seen: Vec<String>,
    offset: u64,
}

impl Scene {
    fn new(rules: Vec<RulePolicy>, defaults: Defaults) -> Self {
        Self { policy: Policy::new(rules, defaults).unwrap(), seen: Vec::new(), offset: 0 }
    }

    fn play(&mut self, feed: &str) -> &mut Self {
        feed.split_whitespace().for_each(|word| self.word(word));
        self
    }

    fn word(&mut self, word: &str) {
        self.offset += 1;
        let mut parts = word.split(',');
        let head = parts.next().unwrap();
        let at_ms = head[1..].parse::<i64>().unwrap() * 1000;
        let mut out = Vec::new();
        if head.starts_with('T') {
            self.policy.entry(self.offset, &Entry::Tick(Tick { at_ms }), &mut out);
            return self.note(&out);
        }
        let state = match &head[..1] {
            "E" => AlertState::Event,
            "F" => AlertState::Firing,
            _ => AlertState::Resolved,
        };
        let mut alert = raised(state, "KRW-BTC", at_ms);
        for part in parts {
            let (name, value) = part.split_once('=').unwrap();
            match name {
                "k" => alert.key = if value.len() == 3 { format!("KRW-{value}") } else { value.to_owned() },
                "s" => alert.severity = Some(severity(value)),
                "r" => alert.rule = value.to_owned(),
                "p" => alert.plugin = value.to_owned(),
                _ => alert.heard_at_ms = value.parse::<i64>().unwrap() * 1000,
            }
        }
        let verdict = self.policy.apply(&alert, &mut out);
        assert_eq!(verdict == Verdict::Notified, !out.is_empty(), "{word}: {verdict:?}");
        if out.is_empty() {
            self.seen.push(format!("-{}", verdict.as_str()));
        }
        self.note(&out);
    }

    fn control(&mut self, control: Control) -> usize {
        self.policy.control(&control)
    }

    fn note(&mut self, out: &[Delivery]) {
        for delivery in out {
            let body: serde_json::Value = serde_json::from_str(&delivery.body).unwrap();
            let kind = body["type"].as_str().unwrap().trim_start_matches("alert.");
            let mut line = format!("{} {kind}", delivery.at_ms / 1000);
            match body["count"].as_u64() {
                Some(count) => line += &format!(" #{count}"),
                None => line += &format!(" {}", delivery.key.trim_start_matches("KRW-")),
            }
            if delivery.severity != Severity::Warning {
                line += &format!(" !{}", delivery.severity.as_str());
            }
            if delivery.channel != "stdout" {
                line += &format!(" >{}", delivery.channel);
            }
            self.seen.push(line);
        }
    }

    #[track_caller]
    fn expect(&mut self, expect: &[&str]) -> &mut Self {
        assert_eq!(std::mem::take(&mut self.seen), expect);
        self
    }
}

fn severity(name: &str) -> Severity {
    [Severity::Info, Severity::Warning, Severity::Critical].into_iter().find(|s| s.as_str() == name).unwrap()
}

#[track_caller]
fn check(rule: RulePolicy, feed: &str, expect: &[&str]) {
    Scene::new(vec![rule], Defaults::default()).play(feed).expect(expect);
}

fn matcher(json: &str) -> Matcher {
    serde_json::from_str(json).unwrap()
}

fn silence(id: &str, json: &str, until_s: i64) -> Silence {
    Silence {
        id: id.to_owned(),
        at_ms: 0,
        alerts: matcher(json),
        from_ms: None,
        until_ms: until_s * 1000,
        reason: "listing event".to_owned(),
    }
}

#[test]
fn once_tells_one_episode_until_a_reset() {
    let once = || RulePolicy { trigger: Trigger::Once, ..rule(Some(0)) };
    check(once(), "E0 E1 E2,k=ETH", &["0 event BTC", "-spent", "2 event ETH"]);
    // The rest of an episode that was told is told: its rise, and its end.
    check(
        once(),
        "F0 F1,s=critical R2 F3 R4",
        &["0 firing BTC", "1 firing BTC !critical", "2 resolved BTC !critical", "-spent", "-suppressed"],
    );
    let mut scene = Scene::new(vec![once()], Defaults::default());
    scene.play("E0 E1").expect(&["0 event BTC", "-spent"]);
    let reset = |json: &str| Control::Reset { at_ms: 2_000, alerts: matcher(json) };
    assert_eq!(scene.control(reset(r#"{"market":"KRW-ETH"}"#)), 0);
    scene.play("E2").expect(&["-spent"]);
    assert_eq!(scene.control(reset(r#"{"rule":"btc-*"}"#)), 1);
    scene.play("E3 E4").expect(&["3 event BTC", "-spent"]);
}

#[test]
fn once_per_tells_one_episode_in_each_aligned_stretch() {
    let per = |trigger| RulePolicy { trigger, ..rule(Some(0)) };
    check(
        per(Trigger::OncePer { ms: 60_000 }),
        "E59 E60 E61 E119 E120",
        &["59 event BTC", "60 event BTC", "-spent", "-spent", "120 event BTC"],
    );
    check(per(Trigger::OncePer { ms: 60_000 }), "E130 E70", &["130 event BTC", "-spent"]);
    let seoul = Trigger::OncePerDay { zone: Zone::named("Asia/Seoul").unwrap() };
    // Midnight in Seoul is 15:00 UTC.
    check(per(seoul), "E53999 E54000 E140399", &["53999 event BTC", "54000 event BTC", "-spent"]);
}

#[test]
fn what_still_fires_is_told_again() {
    let repeats = || RulePolicy { repeat_ms: Some(60_000), ..rule(None) };
    check(
        repeats(),
        "F0 T59 T60 T61 T119 T125 T184 T185 R190 T300",
        &["0 firing BTC", "60 repeat BTC", "125 repeat BTC", "185 repeat BTC", "190 resolved BTC"],
    );
    // A change is told, and the time begins anew.
    check(
        repeats(),
        "F0 F50,s=critical T60 T110",
        &["0 firing BTC", "50 firing BTC !critical", "110 repeat BTC !critical"],
    );
    check(rule(None), "F0 T1000", &["0 firing BTC"]);
    // A firing that a cooldown swallowed is told by its repetition, and then its end is told too.
    check(
        RulePolicy { repeat_ms: Some(60_000), ..rule(Some(100_000)) },
        "F0 R1 F2 T62 T101 R110",
        &["0 firing BTC", "1 resolved BTC", "-suppressed", "101 repeat BTC", "110 resolved BTC"],
    );
}

#[test]
fn a_repetition_says_what_the_alert_said() {
    let message = Some("{{ price | krw }} {{ state }} {{ duration }}".to_owned());
    let mut policy =
        Policy::new(vec![RulePolicy { repeat_ms: Some(60_000), message, ..rule(None) }], Defaults::default())
            .unwrap();
    let mut out = Vec::new();
    policy.apply(&raised(AlertState::Firing, "KRW-BTC", 0), &mut out);
    policy.tick(9, 90_000, &mut out);
    assert_eq!(out[1].text, "100,010,000 firing 1m 30s");
    assert!(out[1].body.contains(r#""trigger":{"tick":"1970-01-01T00:01:30.000Z","offset":9}"#));
    assert_eq!(out[0].episode_id, out[1].episode_id);
    assert_eq!(out[0].lane, out[1].lane);
}

#[test]
fn what_is_over_the_rate_is_told_in_one_digest_a_window() {
    let limited = || RulePolicy { max_rate: Some(Rate { count: 2, window_ms: 60_000 }), ..rule(Some(0)) };
    check(
        limited(),
        "E0 E1,k=ETH E2,k=XRP E3,k=XRP E4 T61 T62 T200",
        &["0 event BTC", "1 event ETH", "-limited", "-limited", "-limited", "62 digest #3"],
    );
    // What began in a digest ends in one, and what was told before ends as it began.
    check(
        limited(),
        "F0 F0,k=ETH F1,k=XRP R2,k=XRP T61 R100 T161",
        &["0 firing BTC", "0 firing ETH", "-limited", "-limited", "61 digest #2", "100 resolved BTC"],
    );
    check(
        limited(),
        "F0 F0,k=ETH F1,k=XRP T61 R200,k=XRP T261",
        &["0 firing BTC", "0 firing ETH", "-limited", "61 digest #1", "-limited", "261 digest #1"],
    );
}

#[test]
fn a_digest_says_what_was_held_back() {
    let limited = RulePolicy { max_rate: Some(Rate { count: 1, window_ms: 60_000 }), ..rule(Some(0)) };
    let mut policy = Policy::new(vec![limited], Defaults::default()).unwrap();
    let mut out = Vec::new();
    for (key, at) in [("KRW-BTC", 0), ("KRW-ETH", 1), ("KRW-ETH", 2), ("KRW-XRP", 3)] {
        policy.apply(&raised(AlertState::Event, key, at * 1000), &mut out);
    }
    policy.tick(9, 61_000, &mut out);
    let [_, digest] = out.as_slice() else { panic!("one alert and one digest: {out:?}") };
    let text = "3 alerts held back: over the rate of its rule\n\
        1970-01-01 09:00:02 KRW-ETH btc-100m event ×2: KRW-ETH crossed 100,000,000 upward at 100,010,000\n\
        1970-01-01 09:00:03 KRW-XRP btc-100m event: KRW-XRP crossed 100,000,000 upward at 100,010,000";
    assert_eq!(digest.text, text);
    let body: serde_json::Value = serde_json::from_str(&digest.body).unwrap();
    assert_eq!(body["type"], "alert.digest");
    assert_eq!((&body["count"], &body["limited"], &body["outdated"]), (&3.into(), &3.into(), &0.into()));
    let line = &body["alerts"][0];
    let got = ["type", "why", "rule", "key", "severity", "first_at", "last_at"].map(|k| line[k].as_str());
    let expect = [
        "alert.event",
        "limited",
        "btc-100m",
        "KRW-ETH",
        "warning",
        "1970-01-01T00:00:01.000Z",
        "1970-01-01T00:00:02.000Z",
    ];
    assert_eq!(got, expect.map(Some));
    assert_eq!(line["count"], 2);
}

#[test]
fn what_is_too_old_when_it_is_heard_of_goes_into_a_digest() {
    let defaults = || Defaults { max_age_ms: Some(300_000), ..Defaults::default() };
    let mut scene = Scene::new(vec![rule(Some(0))], defaults());
    scene.play("E0,h=300 E0,h=301 E2,h=301,k=ETH E301 T360 T361");
    scene.expect(&["0 event BTC", "-outdated", "2 event ETH", "301 event BTC", "361 digest #1"]);
    // An end that is told late is still an end.
    let mut scene = Scene::new(vec![rule(None)], defaults());
    scene.play("F0 R1,h=400 T460").expect(&["0 firing BTC", "-outdated", "460 digest #1"]);
}

#[test]
fn a_rule_is_silent_when_it_has_expired_or_is_off_duty() {
    let expires = RulePolicy { expires_ms: Some(100_000), repeat_ms: Some(10_000), ..rule(Some(0)) };
    check(
        expires,
        "E99 F99,k=ETH E100 R101,k=ETH T200",
        &["99 event BTC", "99 firing ETH", "-expired", "-expired"],
    );
    // 1970-01-01 was a Thursday; 09:00 in Seoul.
    let hours = Hours::new([true; 7], 9 * 60 + 1, 9 * 60 + 2, Zone::named("Asia/Seoul").unwrap());
    check(
        RulePolicy { active: hours, ..rule(Some(0)) },
        "E0 E60 E119 E120",
        &["-inactive", "60 event BTC", "119 event BTC", "-inactive"],
    );
}

#[test]
fn silences_of_the_file_and_of_the_operator_cover_what_they_say() {
    let later = Silence { from_ms: Some(10_000), ..silence("file", r#"{"market":"KRW-B*"}"#, 20) };
    let defaults = Defaults { silences: vec![later], ..Defaults::default() };
    let mut scene = Scene::new(vec![rule(Some(0))], defaults);
    scene.play("E9 E10 E10,k=ETH E19 E20");
    scene.expect(&["9 event BTC", "-silenced", "10 event ETH", "-silenced", "20 event BTC"]);
    let control = |id: &str, json: &str| Control::Silence(silence(id, json, 100));
    assert_eq!(scene.control(control("a", r#"{"severity":"warning","rule":"btc-*"}"#)), 1);
    scene.play("E30 E31,s=critical").expect(&["-silenced", "31 event BTC !critical"]);
    // The same id: the later one takes its place.
    scene.control(control("a", r#"{"plugin":"alert","labels":{"team":"x"}}"#));
    scene.play("E40").expect(&["40 event BTC"]);
    scene.control(control("b", "{}"));
    assert_eq!(scene.policy.silences().len(), 2);
    scene.play("E50").expect(&["-silenced"]);
    let lift = |id: &str| Control::Unsilence { at_ms: 50_000, id: id.to_owned() };
    assert_eq!(scene.control(lift("c")), 0);
    assert_eq!(scene.control(lift("b")), 1);
    scene.play("E60").expect(&["60 event BTC"]);
}

#[test]
fn labels_of_a_rule_are_seen_by_silences_and_receivers() {
    let labels = BTreeMap::from([("team".to_owned(), "desk".to_owned())]);
    let labelled = RulePolicy { labels, ..rule(Some(0)) };
    let defaults =
        Defaults { silences: vec![silence("s", r#"{"labels":{"team":"desk"}}"#, 10)], ..Defaults::default() };
    let mut scene = Scene::new(vec![labelled.clone()], defaults);
    scene.play("E9 E10").expect(&["-silenced", "10 event BTC"]);
    let mut out = Vec::new();
    let mut policy = Policy::new(vec![labelled], Defaults::default()).unwrap();
    policy.apply(&raised(AlertState::Event, "KRW-BTC", 0), &mut out);
    assert!(out[0].body.contains(r#""labels":{"team":"desk"}"#));
}

#[test]
fn a_firing_rule_holds_back_those_that_it_inhibits() {
    let inhibited = RulePolicy { inhibited_by: vec!["down".to_owned()], ..rule(Some(0)) };
    let down = |is_wide| RulePolicy { id: "down".to_owned(), is_wide, ..rule(Some(0)) };
    let scene = |is_wide| Scene::new(vec![inhibited.clone(), down(is_wide)], Defaults::default());
    // By its own market; its state moves all the same, and what began unheard ends unheard.
    scene(false).play("F0,r=down E1 E1,k=ETH F2 R3,r=down R4 E5").expect(&[
        "0 firing BTC",
        "-inhibited",
        "1 event ETH",
        "-inhibited",
        "3 resolved BTC",
        "-suppressed",
        "5 event BTC",
    ]);
    // One that is about everything, by its rule or by what it is about.
    scene(true).play("F0,r=down E1,k=ETH").expect(&["0 firing BTC", "-inhibited"]);
    scene(false).play("F0,r=down,k=connection E1 R2,r=down,k=connection E3").expect(&[
        "0 firing connection",
        "-inhibited",
        "2 resolved connection",
        "3 event BTC",
    ]);
    // Two of its instances: it is over when both are.
    scene(true).play("F0,r=down F0,r=down,k=ETH R1,r=down E2 R3,r=down,k=ETH E4").expect(&[
        "0 firing BTC",
        "0 firing ETH",
        "1 resolved BTC",
        "-inhibited",
        "3 resolved ETH",
        "4 event BTC",
    ]);
}

#[test]
fn what_was_acknowledged_is_told_no_more_until_it_is_resolved() {
    let repeats = RulePolicy { repeat_ms: Some(10_000), ..rule(None) };
    let mut scene = Scene::new(vec![repeats], Defaults::default());
    scene.play("F0 F0,k=ETH T5").expect(&["0 firing BTC", "0 firing ETH"]);
    let episode = scene.policy.firing()[0].episode_id.clone();
    let ack = |episode: &str, json: &str| Control::Ack {
        at_ms: 5_000,
        alerts: matcher(json),
        episode: episode.to_owned(),
    };
    assert_eq!(scene.control(ack("none of them", "{}")), 0);
    assert_eq!(scene.control(ack(&episode[..12], "{}")), 1);
    let acked: Vec<_> = scene.policy.firing().into_iter().filter(|f| f.is_acked).map(|f| f.key).collect();
    let (acked, other) = if acked == ["KRW-BTC"] { ("BTC", "ETH") } else { ("ETH", "BTC") };
    scene.play(&format!("T10 F11,s=critical,k={acked} R12,k={acked} F13,k={acked}"));
    let expect = [
        format!("10 repeat {other}"),
        "-acked".to_owned(),
        format!("12 resolved {acked} !critical"),
        format!("13 firing {acked}"),
    ];
    scene.expect(&expect.each_ref().map(String::as_str));
}

#[test]
fn a_fall_is_told_where_the_rule_says_so_and_a_rise_always() {
    let feed = "F0,s=info F1,s=critical F2,s=warning F3,s=warning F4,s=info R5";
    check(
        rule(None),
        feed,
        &[
            "0 firing BTC !info",
            "1 firing BTC !critical",
            "-repeated",
            "-repeated",
            "-repeated",
            "5 resolved BTC !info",
        ],
    );
    check(
        RulePolicy { notify_on_fall: true, ..rule(None) },
        feed,
        &[
            "0 firing BTC !info",
            "1 firing BTC !critical",
            "2 firing BTC",
            "-repeated",
            "4 firing BTC !info",
            "5 resolved BTC !info",
        ],
    );
}

#[test]
fn routes_are_tried_in_order_and_the_end_goes_to_all_who_were_told() {
    let route = |json: &str, notify: &str, goes_on| Route {
        alerts: matcher(json),
        notify: vec![notify.to_owned()],
        goes_on,
    };
    let routes = vec![
        route(r#"{"market":"KRW-ETH"}"#, "eth", true),
        route(r#"{"severity":"critical"}"#, "phone", false),
        route(r#"{"rule":"btc-*","severity":"*l"}"#, "never", false),
        route(r#"{"severity":"info"}"#, "log", false),
    ];
    let routed = || RulePolicy { notify: None, ..rule(Some(0)) };
    let defaults = || Defaults { routes: routes.clone(), ..Defaults::default() };
    let mut scene = Scene::new(vec![routed()], defaults());
    scene.play("E0 E1,k=ETH E2,k=ETH,s=critical E3,s=critical E4,s=info").expect(&[
        "0 event BTC",
        "1 event ETH >eth",
        "2 event ETH !critical >eth",
        "2 event ETH !critical >phone",
        "3 event BTC !critical >phone",
        "4 event BTC !info >log",
    ]);
    scene.play("F5,s=info F6,s=critical R7,s=info").expect(&[
        "5 firing BTC !info >log",
        "6 firing BTC !critical >phone",
        "7 resolved BTC !info >phone",
        "7 resolved BTC !info >log",
    ]);
    let own = RulePolicy { notify: Some(vec!["own".to_owned()]), ..rule(Some(0)) };
    Scene::new(vec![own], defaults()).play("E0,s=critical").expect(&["0 event BTC !critical >own"]);
    // Alerts that no rule of the file speaks for are routed too.
    let mut scene = Scene::new(vec![], defaults());
    scene
        .play("E0,p=mine,s=critical E1,p=mine,s=warning")
        .expect(&["0 event BTC !critical >phone", "-suppressed"]);
}

#[test]
fn a_rule_may_speak_for_the_alerts_of_a_plugin() {
    let claim = |id: &str, rule: &str, key: &str| RulePolicy {
        plugin: "my_model".to_owned(),
        id: id.to_owned(),
        kind: "plugin".to_owned(),
        claim: Some(Claim { rule: rule.to_owned(), key: key.to_owned() }),
        notify: Some(vec![id.to_owned()]),
        semantic: String::new(),
        ..super::rule(Some(0))
    };
    let rules = vec![claim("eth", "*", "KRW-ETH"), claim("spikes", "spike*", "*")];
    let mut scene = Scene::new(rules.clone(), Defaults { cooldown_ms: Some(0), ..Defaults::default() });
    scene.play(
        "E0,p=my_model,r=spike-1 E1,p=my_model,r=spike-1,k=ETH E2,p=my_model,r=dip E3,p=other,r=spike-1",
    );
    scene.expect(&["0 event BTC >spikes", "1 event ETH >eth", "2 event BTC !info", "3 event BTC !info"]);
    let own = Raised {
        plugin: "my_model".to_owned(),
        rule: "spike-1".to_owned(),
        ..raised(AlertState::Event, "KRW-BTC", 0)
    };
    let delivered = |rules: Vec<RulePolicy>| {
        let mut out = Vec::new();
        Policy::new(rules, Defaults::default()).unwrap().apply(&own, &mut out);
        out.remove(0)
    };
    let (claimed, plain) = (delivered(rules), delivered(Vec::new()));
    assert_eq!(claimed.rule, "spikes");
    assert!(claimed.body.contains(r#""plugin":"my_model","plugin_rule":"spike-1","rule":{"id":"spikes","#));
    assert_eq!(claimed.episode_id, plain.episode_id, "a policy does not change what an alert is");
}

#[test]
fn what_is_not_told_is_explained() {
    let hours = Hours::new([true; 7], 0, 9 * 60, Zone::named("Asia/Seoul").unwrap());
    let mut limited = RulePolicy {
        trigger: Trigger::Once,
        max_rate: Some(Rate { count: 1, window_ms: 60_000 }),
        active: hours,
        ..rule(Some(30_000))
    };
    let mut scene = Scene::new(vec![limited.clone()], Defaults::default());
    scene.play("F0 T0").expect(&["-inactive"]);
    let [known] = <[_; 1]>::try_from(scene.policy.explain("btc-100m", "KRW-BTC")).unwrap();
    assert_eq!(known.quiet, [Quiet::Inactive { until_ms: Some(15 * 3_600_000) }]);
    assert!(known.is_known && known.firing.is_some_and(|f| !f.is_told && f.since_ms == 0));
    let [unknown] = <[_; 1]>::try_from(scene.policy.explain("btc-100m", "KRW-ETH")).unwrap();
    assert!(!unknown.is_known && unknown.firing.is_none());
    assert_eq!(scene.policy.explain("nothing", "KRW-BTC"), []);

    limited.active = None;
    let mut scene = Scene::new(vec![limited], Defaults::default());
    scene.control(Control::Silence(silence("s", r#"{"rule":"btc-100m"}"#, 100)));
    scene.control(Control::Unsilence { at_ms: 0, id: "s".to_owned() });
    scene.play("F0").expect(&["0 firing BTC"]);
    scene.control(Control::Silence(silence("s", r#"{"rule":"btc-100m"}"#, 100)));
    scene.control(Control::Ack { at_ms: 1_000, alerts: Matcher::default(), episode: String::new() });
    let [said] = <[_; 1]>::try_from(scene.policy.explain("btc-100m", "KRW-BTC")).unwrap();
    let expect = [
        Quiet::Silenced { id: "s".to_owned(), until_ms: 100_000, reason: "listing event".to_owned() },
        Quiet::Acked,
        Quiet::Spent { until_ms: None },
        Quiet::Cooldown { until_ms: 30_000 },
        Quiet::Limited,
    ];
    assert_eq!(said.quiet, expect);
    assert_eq!((said.told_at_ms, said.left, said.channels), (Some(0), Some(0), vec!["stdout".to_owned()]));
    let firing = scene.policy.firing();
    assert_eq!(firing[0].silenced_by.as_deref(), Some("s"));
    let json = serde_json::to_string(&said.quiet[4]).unwrap();
    assert_eq!(json, r#"{"because":"limited"}"#);
}

#[test]
fn where_a_rule_leads_can_be_asked() {
    let routes = vec![Route {
        alerts: matcher(r#"{"severity":"critical"}"#),
        notify: vec!["phone".to_owned()],
        goes_on: false,
    }];
    let message = Some("{{ market }} at {{ price | krw }}".to_owned());
    let routed = RulePolicy { notify: None, message, ..rule(None) };
    let policy = Policy::new(vec![routed], Defaults { routes, ..Defaults::default() }).unwrap();
    let check = |severity, channel: &str| {
        let routed = policy.route("btc-100m", "KRW-ETH", severity).unwrap();
        assert_eq!(routed.channels, [channel]);
        assert_eq!(routed.text, "KRW-ETH at 100,010,000");
    };
    check(None, "stdout");
    check(Some(Severity::Critical), "phone");
    assert_eq!(policy.route("nothing", "KRW-ETH", None), None);
}

#[test]
fn a_test_message_is_marked_as_one() {
    let test = system_test("phone", 1_763_769_720_000, 1);
    assert!(test.body.contains(r#""type":"system.test""#) && test.text.starts_with("test message"));
    assert_ne!(test.notification_id, system_test("phone", 1_763_769_720_000, 2).notification_id);
    assert_eq!(test.notification_id, system_test("phone", 1_763_769_720_000, 1).notification_id);
}

#[test]
fn at_an_end_without_memory_digests_leave_at_once() {
    let limited = RulePolicy { max_rate: Some(Rate { count: 1, window_ms: 60_000 }), ..rule(Some(0)) };
    let mut scene = Scene::new(vec![limited], Defaults::default());
    scene.play("E0 E1").expect(&["0 event BTC", "-limited"]);
    let mut out = Vec::new();
    scene.policy.flush(&mut out);
    scene.note(&out);
    scene.expect(&["1 digest #1"]);
}
