//! `tradehook route test`: whom an alert would reach, and in which words.

use super::{ConfigFile, Exit, Outcome, fail, rule};
use crate::{
    alert::{AlertState, FieldValue, Fields, Raised, Severity, Trigger},
    delivery::Delivery,
    rehearse::plain,
    runtime::{Group, routed},
};
use serde_json::{Value, json};
use tradehook_decimal::Wide;

const EXAMPLES: &str = "\
An alert of that rule with sample values goes through the policy of the configuration, as the first
one of its day. Nothing is sent; `tradehook channel test NAME` sends.

Examples:
  tradehook route test --rule whale
  tradehook route test --rule pump --severity critical --market KRW-XRP --state resolved
  tradehook route test --plugin mine --rule anything --json";

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Send an alert with sample values through the policy, and show what would leave
    Test(Arguments),
}

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    #[command(flatten)]
    file: ConfigFile,
    /// The rule
    #[arg(long, value_name = "ID")]
    rule: String,
    /// The plugin that raises it
    #[arg(long, value_name = "NAME", default_value = "alert")]
    plugin: String,
    /// info, warning or critical; without it as the rule says
    #[arg(long, value_parser = severity)]
    severity: Option<Severity>,
    /// What it is about
    #[arg(long, default_value = "KRW-BTC")]
    market: String,
    /// event, firing or resolved
    #[arg(long, default_value = "event", value_parser = state)]
    state: AlertState,
    /// When it is raised; without it now
    #[arg(long, value_name = "INSTANT", value_parser = rule::instant)]
    at: Option<i64>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

fn severity(text: &str) -> Result<Severity, String> {
    let all = [Severity::Info, Severity::Warning, Severity::Critical];
    all.into_iter().find(|s| s.as_str() == text).ok_or_else(|| "info, warning or critical".to_owned())
}

fn state(text: &str) -> Result<AlertState, String> {
    let all = [AlertState::Event, AlertState::Firing, AlertState::Resolved];
    all.into_iter().find(|s| s.as_str() == text).ok_or_else(|| "event, firing or resolved".to_owned())
}

pub(super) fn run(command: &Command) -> Outcome {
    let Command::Test(arguments) = command;
    let rules = rule::Rules::load(&arguments.file.config)?;
    if arguments.plugin == "alert" {
        rules.has(&arguments.rule).map_err(|why| fail(Exit::Usage, why))?;
    }
    let groups = &rules.plan.groups;
    let runs = |group: &&Group| group.specs.iter().any(|spec| spec.name == arguments.plugin);
    let Some(group) = groups.iter().find(runs) else {
        return Err(fail(Exit::Usage, format!("there is no plugin `{}`", arguments.plugin)));
    };
    let deliveries = sent(arguments, group)?;
    if arguments.json {
        let told = |d: &Delivery| json!({ "channel": d.channel, "severity": d.severity, "text": d.text });
        say!("{}", Value::from(deliveries.iter().map(told).collect::<Vec<_>>()));
        return Ok(());
    }
    let head = format!("{} about {}, {}", arguments.rule, arguments.market, arguments.state.as_str());
    let Some(first) = deliveries.first() else {
        say!("{head}: nobody would be told");
        return Ok(());
    };
    let channels: Vec<&str> = deliveries.iter().map(|delivery| delivery.channel.as_str()).collect();
    say!("{head}, {}: {}", first.severity.as_str(), channels.join(", "));
    first.text.lines().for_each(|line| say!("  {}", plain(line)));
    let body: Value = serde_json::from_str(&first.body).unwrap_or_default();
    if let Some(error) = body.get("template_error").and_then(Value::as_str) {
        say!("  (its message does not render: {})", plain(error));
    }
    Ok(())
}

/// What leaves; the end of something goes with its beginning before it.
fn sent(arguments: &Arguments, group: &Group) -> Result<Vec<Delivery>, Exit> {
    let at_ms = arguments.at.unwrap_or_else(|| jiff::Timestamp::now().as_millisecond());
    let rule = group.rules.iter().find(|rule| rule.id == arguments.rule && rule.plugin == arguments.plugin);
    let mut fields = rule.map(|rule| rule.sample.clone()).unwrap_or_default();
    for (name, value) in sample() {
        if !fields.iter().any(|(known, _)| *known == name) {
            fields.push((name, value));
        }
    }
    let raise = |state: AlertState, offset: u64| Raised {
        plugin: arguments.plugin.clone(),
        rule: arguments.rule.clone(),
        key: arguments.market.clone(),
        state,
        severity: arguments.severity,
        title: format!("{} does what this rule waits for (a sample)", arguments.market),
        at_ms,
        heard_at_ms: at_ms,
        fields: fields.clone(),
        trigger: Trigger::Trade { sequential_id: offset, offset },
        index: 0,
        late: false,
        replay: true,
    };
    let raised: Vec<Raised> = match arguments.state {
        AlertState::Resolved => vec![raise(AlertState::Firing, 1), raise(AlertState::Resolved, 2)],
        state => vec![raise(state, 1)],
    };
    let mut deliveries = routed(group, &raised).map_err(|faults| {
        faults.iter().for_each(|fault| tell!("{fault}"));
        Exit::Config
    })?;
    deliveries.retain(|delivery| delivery.state == arguments.state);
    Ok(deliveries)
}

/// Values that kinds of rules have, so that a message finds what it names.
fn sample() -> Fields {
    let number = |mantissa: i128, scale: u8| FieldValue::Number(Wide::new(mantissa, scale));
    let text = |word: &str| FieldValue::Text(word.to_owned());
    let fields = [
        ("kind", text("sample")),
        ("price", number(150_000_000, 0)),
        ("volume", number(25, 1)),
        ("side", text("buy")),
        ("notional", number(375_000_000, 0)),
        ("sequential_id", FieldValue::Int(17_000_000_000_000_000)),
        ("value", number(525, 2)),
        ("threshold", number(5, 0)),
        ("ref", number(142_500_000, 0)),
        ("change_pct", number(525, 2)),
        ("change", number(7_500_000, 0)),
        ("direction", text("up")),
        ("window_ms", FieldValue::Int(300_000)),
        ("level", number(150_000_000, 0)),
        ("tier", text("whale")),
        ("fills", FieldValue::Int(3)),
        ("vwap", number(149_950_000, 0)),
    ];
    fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}
