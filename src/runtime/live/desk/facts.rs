//! What is known beside the trades, and numbers that are told from outside.

use super::Desk;
use crate::{
    control::{Answer, Known, Refusal, item},
    entry::{Fact, FactValue},
    feed::{SystemClock, WallClock},
};
use serde_json::Value;
use tracing::info;
use tradehook_decimal::Wide;

impl Desk {
    pub(super) fn facts(&self) -> Vec<Value> {
        self.spine.facts().iter().map(|fact| item(known(fact))).collect()
    }

    /// [time-enters-once]: it counts from when the command arrives.
    pub(super) fn set_fact(&self, name: String, value: Option<&str>) -> Answer {
        let value = read(&name, value).map_err(Refusal::Malformed)?;
        let fact = Fact { at_ms: SystemClock.now_ms(), name, subject: String::new(), value };
        info!(?fact, "a number from outside");
        let put = self.spine.put_fact(&fact);
        put.map_err(|error| Refusal::Unavailable(format!("the tape does not take it: {error}")))?;
        Ok(vec![item(known(&fact))])
    }
}

fn known(fact: &Fact) -> Known {
    let value = match &fact.value {
        FactValue::Bool(is) => Value::from(*is),
        FactValue::Int(number) => Value::from(*number),
        FactValue::Number(number) => Value::from(number.to_string()),
        FactValue::Text(text) => Value::from(text.as_str()),
        FactValue::Unknown => Value::Null,
    };
    Known { name: fact.name.clone(), subject: fact.subject.clone(), value, at_ms: fact.at_ms }
}

/// The value of the number that is called `name`, or why it is none.
fn read(name: &str, value: Option<&str>) -> Result<FactValue, String> {
    let is_word = |word: &str| word.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b));
    let word = name.strip_prefix(Fact::OUTSIDE).filter(|word| !word.is_empty() && is_word(word));
    if word.is_none() || name.len() > Fact::MAX_TEXT {
        return Err(format!("{name:?} is no name of a number from outside; one is \"fx.USDKRW\""));
    }
    let Some(digits) = value else { return Ok(FactValue::Unknown) };
    match digits.parse::<Wide>() {
        Ok(number) if number.mantissa() > 0 => Ok(FactValue::Number(number)),
        _ => Err(format!("{digits:?} is no number above 0 in plain digits; one is 1391.5")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_from_outside_has_a_name_of_its_own_and_plain_digits() {
        assert_eq!(read("fx.USDKRW", None), Ok(FactValue::Unknown));
        assert_eq!(read("fx.USDKRW", Some("1391.50")), Ok(FactValue::Number(Wide::new(13915, 1))));
        for name in ["USDKRW", "fx.", "fx.a b", "health.connection_down", "fx.원"] {
            assert!(read(name, Some("1")).is_err_and(|why| why.contains("fx.USDKRW")), "{name}");
        }
        assert!(read(&format!("fx.{}", "a".repeat(300)), Some("1")).is_err());
        for digits in ["", "0", "-1", "1e3", "1,391", "NaN", "1391 "] {
            assert!(read("fx.USDKRW", Some(digits)).is_err_and(|why| why.contains("1391.5")), "{digits}");
        }
    }
}
