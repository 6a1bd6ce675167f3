//! Why somebody is told or not, in words: the policy's explanation of one rule and key.
//!
//! It is read as JSON, because that of a running process comes so; what an older or a newer
//! process does not say is left out.

use super::report::kst;
use crate::rehearse::plain;
use serde_json::Value;

/// What the policy says of a rule and a key, a line for each thing.
pub(super) fn lines(explanation: &Value) -> Vec<String> {
    let mut lines = Vec::new();
    let text = |name: &str| explanation.get(name).and_then(Value::as_str).map(plain).unwrap_or_default();
    let count = |name: &str| explanation.get(name).and_then(Value::as_u64).unwrap_or(0);
    if let Some(firing) = explanation.get("firing").filter(|firing| firing.is_object()) {
        lines.push(fires(firing));
    }
    let quiet: Vec<&Value> =
        explanation.get("quiet").and_then(Value::as_array).into_iter().flatten().collect();
    let channels = explanation.get("channels").and_then(Value::as_array).into_iter().flatten();
    let channels: Vec<String> = channels.filter_map(Value::as_str).map(plain).collect();
    if quiet.is_empty() {
        lines.push(format!("an alert of this moment would be told to {}", channels.join(", ")));
    } else {
        lines.push("an alert of this moment would not be told at once:".to_owned());
        lines.extend(quiet.iter().map(|reason| format!("  {}", because(reason, &text("rule")))));
    }
    if let Some(at) = moment(explanation, "told_at_ms") {
        lines.push(format!("somebody was told last at {at}"));
    }
    if count("suppressed") > 0 {
        lines.push(format!("{} suppressed by the cooldown since", count("suppressed")));
    }
    if count("digested") > 0 {
        lines.push(format!("{} waiting in a digest", count("digested")));
    }
    lines
}

fn fires(firing: &Value) -> String {
    let text = |name: &str| firing.get(name).and_then(Value::as_str).map(plain);
    let flag = |name: &str| firing.get(name).and_then(Value::as_bool).unwrap_or(false);
    let mut line = String::from("it fires");
    if let Some(severity) = text("severity") {
        line.push_str(&format!(" ({severity})"));
    }
    if let Some(since) = moment(firing, "since_ms") {
        line.push_str(&format!(" since {since}"));
    }
    line.push_str(match moment(firing, "told_at_ms") {
        Some(_) => ", and was told",
        None => ", and nobody was told",
    });
    if flag("is_acked") {
        line.push_str("; somebody has taken notice");
    }
    if let Some(by) = text("silenced_by") {
        line.push_str(&format!("; silenced by {by}"));
    }
    if let Some(by) = text("inhibited_by") {
        line.push_str(&format!("; held back by {by}"));
    }
    line
}

fn because(reason: &Value, rule: &str) -> String {
    let text = |name: &str| reason.get(name).and_then(Value::as_str).map(plain).unwrap_or_default();
    let until = moment(reason, "until_ms");
    match text("because").as_str() {
        "expired" => match moment(reason, "at_ms") {
            Some(at) => format!("the rule has expired, at {at}"),
            None => "the rule has expired".to_owned(),
        },
        "inactive" => match until {
            Some(until) => format!("outside of its hours, until {until}"),
            None => "outside of its hours, for ever".to_owned(),
        },
        "silenced" => {
            let why = text("reason");
            let why = if why.is_empty() { why } else { format!(" ({why})") };
            format!("silenced until {} by {}{why}", until.unwrap_or_default(), text("id"))
        }
        "inhibited" => format!("held back by the rule {}, which fires", text("by")),
        "acked" => "somebody has taken notice of what fires".to_owned(),
        "spent" => match until {
            Some(until) => format!("it has been told, and is not again until {until}"),
            None => format!("it has been told, and is not again until `tradehook alert reset --rule {rule}`"),
        },
        "cooldown" => format!("in its cooldown, until {}", until.unwrap_or_default()),
        "limited" => "over its rate: it would go into a digest".to_owned(),
        "unrouted" => "no channel is named for it".to_owned(),
        other => other.to_owned(),
    }
}

fn moment(of: &Value, name: &str) -> Option<String> {
    of.get(name).and_then(Value::as_i64).map(|at_ms| format!("{} KST", kst(at_ms)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const AT_MS: i64 = 1_763_769_720_000;

    #[test]
    fn each_reason_is_a_line_that_says_until_when() {
        let check = |reason: Value, expect: &str| assert_eq!(because(&reason, "pump"), expect);
        let at = "2025-11-22 09:02:00 KST";
        check(json!({"because": "expired", "at_ms": AT_MS}), &format!("the rule has expired, at {at}"));
        check(
            json!({"because": "inactive", "until_ms": AT_MS}),
            &format!("outside of its hours, until {at}"),
        );
        check(json!({"because": "inactive", "until_ms": null}), "outside of its hours, for ever");
        check(
            json!({"because": "silenced", "id": "s1", "until_ms": AT_MS, "reason": "listing"}),
            &format!("silenced until {at} by s1 (listing)"),
        );
        check(
            json!({"because": "inhibited", "by": "feed-down"}),
            "held back by the rule feed-down, which fires",
        );
        check(json!({"because": "acked"}), "somebody has taken notice of what fires");
        check(
            json!({"because": "spent"}),
            "it has been told, and is not again until `tradehook alert reset --rule pump`",
        );
        check(json!({"because": "cooldown", "until_ms": AT_MS}), &format!("in its cooldown, until {at}"));
        check(json!({"because": "limited"}), "over its rate: it would go into a digest");
        check(json!({"because": "unrouted"}), "no channel is named for it");
        check(json!({"because": "of a newer\nrelease"}), "of a newer release");
    }

    #[test]
    fn what_fires_and_who_would_be_told_is_said_first() {
        let told = json!({
            "rule": "pump", "channels": ["phone", "stdout"], "quiet": [],
            "firing": {"severity": "warning", "since_ms": AT_MS, "told_at_ms": null, "is_acked": true},
            "suppressed": 3,
        });
        let expected = [
            "it fires (warning) since 2025-11-22 09:02:00 KST, and nobody was told; somebody has taken notice",
            "an alert of this moment would be told to phone, stdout",
            "3 suppressed by the cooldown since",
        ];
        assert_eq!(lines(&told), expected);
        let quiet = json!({"rule": "pump", "quiet": [{"because": "limited"}], "channels": []});
        let expected = [
            "an alert of this moment would not be told at once:",
            "  over its rate: it would go into a digest",
        ];
        assert_eq!(lines(&quiet), expected);
    }
}
