//! What `[alerts]`, `[[alert]]`, `[[route]]` and `[[silence]]` come to.

use super::{
    super::{Active, AlertPolicy, Claim, OnGap, Trigger},
    accepted, read,
};
use std::time::Duration;

/// A rule and what is written above it.
fn rule(above: &str, keys: &str) -> super::super::Rule {
    let text = format!("{above}\n[[alert]]\nid = \"a\"\nwhen = {{ kind = \"price\", above = 1 }}\n{keys}\n");
    accepted(&text).alerts.rules.remove(0)
}

#[test]
fn rules_take_what_they_leave_open_from_the_defaults() {
    let above = "[channels.b]\nkind = \"stdout\"\n[alerts.defaults]\nseverity = \"critical\"\ncooldown = \"1m\"\nrepeat = \"1h\"\nmax_rate = \"15/3m\"\ntrigger = \"once\"\nactive = { from = \"09:00\" }\nresolved = true\nnotify_on_fall = true\nlabels = { team = \"desk\", shift = \"day\" }\n";
    let open = rule(above, "");
    let minute = Duration::from_secs(60);
    let active = |from, zone: &str| Active { days: [true; 7], from, to: 1440, timezone: zone.into() };
    let labels = |pairs: &[(&str, &str)]| pairs.iter().map(|(k, v)| ((*k).into(), (*v).into())).collect();
    let expect = AlertPolicy {
        cooldown: Some(minute),
        trigger: Trigger::Once,
        repeat: Some(minute * 60),
        max_rate: Some((15, minute * 3)),
        active: Some(active(540, "Asia/Seoul")),
        notify_on_fall: true,
        labels: labels(&[("team", "desk"), ("shift", "day")]),
    };
    assert_eq!((open.policy, open.severity.as_str(), open.resolved), (expect, "critical", true));
    assert_eq!(open.notify, None);
    let own = rule(
        above,
        "notify = [\"b\"]\nseverity = \"info\"\ncooldown = \"0s\"\nrepeat = \"0s\"\nmax_rate = \"off\"\ntrigger = \"every\"\nactive = { from = \"22:30\", to = \"06:00\", tz = \"UTC\", days = [\"sun\"] }\nresolved = false\nnotify_on_fall = false\nlabels = { team = \"x\" }\n",
    );
    let mut sunday = active(22 * 60 + 30, "UTC");
    (sunday.days, sunday.to) = ([false, false, false, false, false, false, true], 360);
    let expect = AlertPolicy {
        cooldown: Some(Duration::ZERO),
        active: Some(sunday),
        labels: labels(&[("team", "x"), ("shift", "day")]),
        ..AlertPolicy::default()
    };
    assert_eq!((own.policy, own.severity.as_str(), own.resolved), (expect, "info", false));
    assert_eq!(own.notify, Some(vec!["b".to_owned()]));
}

#[test]
fn triggers_and_moments_are_read_in_every_spelling() {
    let check = |keys: &str, expect: Trigger| assert_eq!(rule("", keys).policy.trigger, expect, "{keys}");
    let per = |seconds| Trigger::OncePer(Duration::from_secs(seconds));
    check("trigger = \"once_per\"\nonce_per = \"1m\"", per(60));
    check("once_per = \"bar:5m\"", per(300));
    check("once_per = \"day\"", Trigger::OncePerDay("Asia/Seoul".into()));
    check("trigger = \"every\"", Trigger::Every);
    let check = |keys: &str, expect: i64| assert_eq!(rule("", keys).expires_ms, Some(expect), "{keys}");
    check("expires = 2026-12-31T00:00:00+09:00", 1_798_642_800_000);
    check("expires = 2026-12-31 00:00:00+09:00", 1_798_642_800_000);
    check("expires = \"2026-12-30T15:00:00Z\"", 1_798_642_800_000);
    let zone = rule("[alerts.defaults]\ntimezone = \"UTC\"", "once_per = \"day\"");
    assert_eq!(zone.policy.trigger, Trigger::OncePerDay("UTC".into()));
}

#[test]
fn a_rule_for_alerts_of_a_plugin_is_not_handed_to_the_alert_plugin() {
    let text = "[plugins.my_model]\npath = \"m.wasm\"\n[[alert]]\nid = \"first\"\nwhen = { kind = \"plugin\", plugin = \"my_model\", key = \"KRW-*\" }\n[[alert]]\nid = \"second\"\nwhen = { kind = \"price\", above = 1 }\n";
    let config = accepted(text);
    let claim = Claim { plugin: "my_model".into(), rule: "*".into(), key: "KRW-*".into() };
    assert_eq!(config.alerts.rules[0].claim, Some(claim));
    assert_eq!((config.alerts.rules[0].semantic.as_str(), config.alerts.rules[1].claim.as_ref()), ("", None));
    let handed = &config.plugin("alert").unwrap().config;
    assert!(handed.contains("second") && !handed.contains("first"), "{handed}");
    // What the plugin says of its first rule is about the second of the file.
    assert_eq!(
        config.fault_of("alert", "/rules/0/when/above", String::new(), None).path,
        "alert[1].when.above"
    );
    let only = text.split("[[alert]]\nid = \"second\"").next().unwrap();
    assert!(accepted(only).plugin("alert").is_none());
}

#[test]
fn routes_and_silences_keep_what_they_say() {
    let text = "[channels.b]\nkind = \"stdout\"\n[[alert]]\nid = \"pump\"\nwhen = { kind = \"price\", above = 1 }\n[[route]]\nmatch = { severity = \"critical\", market = \"KRW-*\", labels = { team = \"d*\" } }\nnotify = [\"b\"]\ncontinue = true\n[[route]]\nnotify = []\n[[silence]]\nmatch = { rule = \"pump\", plugin = \"alert\" }\nfrom = 2026-12-01T00:00:00Z\nuntil = 2026-12-01T09:00:00+09:01\nreason = \"listing\"\n";
    let refused = read(text).unwrap_err();
    assert!(refused.to_string().contains("this silence ends before it begins"), "{refused}");
    let alerts = accepted(&text.replace("+09:01", "+00:00")).alerts;
    let [first, second] = alerts.routes.as_slice() else { panic!("{:?}", alerts.routes) };
    let json = serde_json::to_string(&first.alerts).unwrap();
    assert_eq!(json, r#"{"market":"KRW-*","severity":"critical","labels":{"team":"d*"}}"#);
    assert!(first.goes_on && !second.goes_on && second.notify.is_empty());
    let silence = &alerts.silences[0];
    assert_eq!(serde_json::to_string(&silence.alerts).unwrap(), r#"{"rule":"pump","plugin":"alert"}"#);
    assert_eq!((silence.from_ms, silence.until_ms), (Some(1_796_083_200_000), 1_796_115_600_000));
    assert_eq!(silence.reason, "listing");
}

#[test]
fn what_is_done_about_a_gap_reaches_the_plugin_that_does_it() {
    let check = |alerts: &str, on_gap: OnGap, handed: &str| {
        let config = accepted(&format!("{alerts}\n[plugins.alert]\n"));
        assert_eq!(config.alerts.on_gap, on_gap, "{alerts}");
        assert_eq!(config.plugin("alert").unwrap().config, handed, "{alerts}");
    };
    let plain = r#"{"lateness":"2s","rules":[]}"#;
    check("", OnGap::Backfill, plain);
    check("[feed.backfill]\nenabled = false", OnGap::Resume, plain);
    check("[alerts]\non_gap = \"resume\"\n[feed.backfill]\nenabled = false", OnGap::Resume, plain);
    check("[alerts]\non_gap = \"reset\"", OnGap::Reset, r#"{"lateness":"2s","on_gap":"reset","rules":[]}"#);
    let lag = r#"{"idle_lag":"3s","lateness":"2s","rules":[]}"#;
    check("[alerts]\nidle_lag = \"3s\"", OnGap::Backfill, lag);
}

#[test]
fn a_template_is_complained_about_where_it_is_wrong() {
    let check = |message: &str, offset: usize, expect: &str| {
        let text = format!("[[alert]]\nid = \"a\"\nmessage = {message}\nwhen = {{}}\n");
        let fault = accepted(&text).fault_within(&["alert", "0", "message"], Some(offset), String::new());
        let place = fault.place.unwrap();
        let found = text.get(place.span.start..).unwrap();
        assert!(found.starts_with(expect), "{message}: {found}");
    };
    check("\"{{ prise }}\"", 3, "prise }}");
    check("'{{ prise }}'", 3, "prise }}");
    check("\"\"\"\na\nb {{ prise }}\"\"\"", 7, "prise }}");
    check("\"\"\"a {{ prise }}\"\"\"", 5, "prise }}");
    // Where an escape moves the bytes, and beyond the end: all of it.
    check("\"\\n{{ prise }}\"", 3, "message");
    check("\"short\"", 90, "message");
}
