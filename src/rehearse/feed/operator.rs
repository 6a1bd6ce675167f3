//! Lines of a feed that are no market's: what the host knows, and what the operator does.
//!
//! ```text
//! fact    3m health.connection_down true
//! fact    3m market.warning KRW-BTC true
//! fact    3m fx.USDKRW 1388.25
//! silence 4m for 1h [rule=GLOB] [market=GLOB] [severity=WORD]
//! ack     5m [rule=GLOB] [market=GLOB]
//! reset   6m [rule=GLOB] [market=GLOB]
//! ```

use super::{
    Feed, LineFault,
    words::{Word, Words},
};
use crate::{
    alert::Matcher,
    entry::{Control, Entry, Fact, FactValue, Silence},
    rehearse::amount::wide,
};

const HELP_FACT: &str = "`fact OFFSET NAME [SUBJECT] VALUE`, like `fact 3m health.connection_down true` or `fact 3m fx.USDKRW 1388.25`";
const HELP_OPERATOR: &str = "`silence OFFSET for 1h`, `ack OFFSET` or `reset OFFSET`, each with rule=GLOB, market=GLOB or severity=WORD behind it";

impl Feed<'_> {
    pub(super) fn fact_line(&mut self, mut words: Words<'_>) -> Result<(), LineFault> {
        words.help = HELP_FACT;
        words.next("fact")?;
        let (whole, at_ms) = (words.whole.clone(), words.offset()?);
        let (_, name) = words.next("the name")?;
        let (_, second) = words.next("the value")?;
        let (subject, value) = match words.peek() {
            Some(value) => {
                words.next("the value")?;
                (second, value)
            }
            None => ("", second),
        };
        words.end()?;
        let at_ms = self.at(at_ms);
        let value = fact_value(value);
        let fact = Fact { at_ms, name: name.to_owned(), subject: subject.to_owned(), value };
        if !fact.is_bounded() {
            let message = format!("a text is longer than {} bytes", Fact::MAX_TEXT);
            return Err(LineFault { span: whole, message, help: HELP_FACT });
        }
        self.push(Entry::Fact(fact), whole)
    }

    pub(super) fn operator_line(&mut self, mut words: Words<'_>) -> Result<(), LineFault> {
        words.help = HELP_OPERATOR;
        let (_, verb) = words.next("what is done")?;
        let (whole, at_ms) = (words.whole.clone(), words.offset()?);
        let at_ms = self.at(at_ms);
        let span_ms = if verb == "silence" {
            words.keyword("for")?;
            words.offset()?
        } else {
            0
        };
        let mut alerts = Matcher::default();
        while words.peek().is_some() {
            matcher(words.next("what is meant")?, &mut alerts)?;
        }
        let control = match verb {
            "silence" => Control::Silence(Silence {
                id: format!("line-{}", self.script.entries.len()),
                at_ms,
                alerts,
                from_ms: None,
                until_ms: at_ms.saturating_add(span_ms),
                reason: String::new(),
            }),
            "ack" => Control::Ack { at_ms, alerts, episode: String::new() },
            _ => Control::Reset { at_ms, alerts },
        };
        self.push(Entry::Control(control), whole)
    }
}

fn matcher((span, word): Word<'_>, alerts: &mut Matcher) -> Result<(), LineFault> {
    let (name, value) = word.split_once('=').unwrap_or((word, ""));
    let place = match name {
        "rule" => &mut alerts.rule,
        "market" => &mut alerts.market,
        "severity" => &mut alerts.severity,
        "plugin" => &mut alerts.plugin,
        _ => {
            let message = format!("`{word}` says nothing about alerts");
            return Err(LineFault { span, message, help: HELP_OPERATOR });
        }
    };
    *place = Some(value.to_owned());
    Ok(())
}

/// `true`, `1388.25`, `unknown`, or else a word.
fn fact_value(word: &str) -> FactValue {
    match word {
        "true" => FactValue::Bool(true),
        "false" => FactValue::Bool(false),
        "unknown" => FactValue::Unknown,
        _ => match (word.replace('_', "").parse::<i64>(), wide(word)) {
            (Ok(number), _) => FactValue::Int(number),
            (_, Some(number)) => FactValue::Number(number),
            _ => FactValue::Text(word.to_owned()),
        },
    }
}
