//! What `[alerts]`, `[[alert]]`, `[[route]]` and `[[silence]]` say once nothing in them is open.
//!
//! Conditions are not here: they are in the settings of the `alert` plugin.

use std::{collections::BTreeMap, time::Duration};

use super::{alerts::PLUGIN_KIND, settings::STDOUT};
use crate::alert::Matcher;

/// `[alerts]`, the rules, the routes and the silences.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alerts {
    /// Whether the rules run.
    pub enabled: bool,
    /// How late a trade may be and still count.
    pub lateness: Duration,
    /// How far the clock of a quiet market runs behind; `None`: as long as `lateness`.
    pub idle_lag: Option<Duration>,
    /// What the rules make of a time in which nothing was seen.
    pub on_gap: OnGap,
    /// Alerts that are older when they are heard of go into a digest; zero: none do.
    pub max_alert_age: Duration,
    /// For alerts of plugins that belong to no rule; rules have these filled in.
    pub defaults: AlertDefaults,
    /// The rules, in the order of the file.
    pub rules: Vec<Rule>,
    /// Where alerts go whose rule names no channel, in the order of the file.
    pub routes: Vec<Route>,
    /// What is not told, in the order of the file.
    pub silences: Vec<Silence>,
}

impl Default for Alerts {
    fn default() -> Self {
        Self {
            enabled: true,
            lateness: Duration::from_secs(2),
            idle_lag: None,
            on_gap: OnGap::Backfill,
            max_alert_age: Duration::from_secs(300),
            defaults: AlertDefaults::default(),
            rules: Vec::new(),
            routes: Vec::new(),
            silences: Vec::new(),
        }
    }
}

impl Alerts {
    /// Where the rule stands in the file that was handed to the plugin as number `handed`: those for
    /// alerts of other plugins are not handed over.
    #[must_use]
    pub fn in_file(&self, handed: usize) -> Option<usize> {
        self.handed().nth(handed)
    }

    /// As which number the rule was handed to the plugin that stands at `at` in the file.
    #[must_use]
    pub fn as_handed(&self, at: usize) -> Option<usize> {
        self.handed().position(|place| place == at)
    }

    fn handed(&self) -> impl Iterator<Item = usize> {
        let rules = self.rules.iter().enumerate();
        rules.filter(|(_, rule)| rule.kind != PLUGIN_KIND).map(|(at, _)| at)
    }
}

/// What the rules make of a time in which nothing was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnGap {
    /// What was missed is fetched; what cannot be is a gap.
    Backfill,
    /// Nothing is fetched: windows go on with what they have, and are incomplete until it has left.
    Resume,
    /// The rules of a market begin anew behind a gap.
    Reset,
}

/// `[alerts.defaults]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlertDefaults {
    /// Channels that are told where no route matches.
    pub notify: Vec<String>,
    /// How bad it is.
    pub severity: Severity,
    /// Whether the end of a condition is told; `None`: of plugins' own alerts, but not of rules.
    pub resolved: Option<bool>,
    /// What rules and plugins' own alerts share.
    pub policy: AlertPolicy,
    /// The time zone of days and hours.
    pub timezone: String,
}

impl Default for AlertDefaults {
    fn default() -> Self {
        Self {
            notify: vec![STDOUT.into()],
            severity: Severity::Info,
            resolved: None,
            policy: AlertPolicy::default(),
            timezone: "Asia/Seoul".into(),
        }
    }
}

/// When alerts are told, and how often.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AlertPolicy {
    /// Least time between two alerts of one kind and market; `None`: 30 s for events, none for
    /// conditions that hold. Zero is lawful.
    pub cooldown: Option<Duration>,
    /// Which of them are told.
    pub trigger: Trigger,
    /// After how long what still holds is told again.
    pub repeat: Option<Duration>,
    /// How many messages may leave in which time.
    pub max_rate: Option<(u32, Duration)>,
    /// When they are told at all.
    pub active: Option<Active>,
    /// Whether a fall of severity is told.
    pub notify_on_fall: bool,
    /// Names and values for routes, silences and receivers.
    pub labels: BTreeMap<String, String>,
}

/// Which alerts of one rule and market are told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Trigger {
    /// Every one.
    #[default]
    Every,
    /// The first, until a reset.
    Once,
    /// The first in each stretch of this length, aligned to the Unix epoch.
    OncePer(Duration),
    /// The first in each day of this time zone.
    OncePerDay(String),
}

/// Hours of some days.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Active {
    /// From Monday on.
    pub days: [bool; 7],
    /// Minutes since midnight.
    pub from: u16,
    /// Minutes since midnight, up to 1,440; not beyond `from`: on the next day.
    pub to: u16,
    /// The time zone, one that exists.
    pub timezone: String,
}

/// The host's part of one `[[alert]]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Unique among the rules.
    pub id: String,
    /// For people.
    pub name: Option<String>,
    /// The kind of its condition; empty when it does not say.
    pub kind: String,
    /// How bad it is.
    pub severity: Severity,
    /// When it is told, and how often.
    pub policy: AlertPolicy,
    /// Channels that are told; `None`: the routes decide.
    pub notify: Option<Vec<String>>,
    /// Template of the message; its text stands at `/alert/N/message` of the file.
    pub message: Option<String>,
    /// Whether the end of a condition is told too.
    pub resolved: bool,
    /// From when on nothing is told, ms since the Unix epoch.
    pub expires_ms: Option<i64>,
    /// Ids of the rules that hold it back while they fire.
    pub inhibited_by: Vec<String>,
    /// Whether it is about one market alone, or about none.
    pub is_single: bool,
    /// Of a rule for alerts of a plugin, which; its condition is not handed to `alert`.
    pub claim: Option<Claim>,
    /// Canonical JSON of the condition part (kind, parameters, markets, timing): two rules with
    /// equal text mean the same, whatever they are called and whomever they tell.
    pub semantic: String,
}

/// Alerts of a plugin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// The plugin, one of the file.
    pub plugin: String,
    /// The plugin's own rules, a glob.
    pub rule: String,
    /// What they are about, a glob.
    pub key: String,
}

/// One `[[route]]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// Which alerts.
    pub alerts: Matcher,
    /// Channels that are told.
    pub notify: Vec<String>,
    /// Whether the routes behind it are asked as well.
    pub goes_on: bool,
}

/// One `[[silence]]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Silence {
    /// Which alerts.
    pub alerts: Matcher,
    /// Those of this moment and later, ms since the Unix epoch.
    pub from_ms: Option<i64>,
    /// And earlier than this, ms since the Unix epoch.
    pub until_ms: i64,
    /// Why.
    pub reason: String,
}

/// How bad an alert is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Good to know.
    Info,
    /// Look at it.
    Warning,
    /// Act.
    Critical,
}

impl Severity {
    /// Its name in the file.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }
}
