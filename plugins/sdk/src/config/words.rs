//! Words a configuration may use, and the one that was probably meant.

use super::{Mistake, describe};
use serde_json::Value;

/// The known word closest to `word`, if one is close enough to be a slip of the hand: at most a
/// third of its letters inserted, removed, replaced or swapped with a neighbour.
#[must_use]
pub fn did_you_mean<'k>(word: &str, known: &[&'k str]) -> Option<&'k str> {
    let lower = word.to_lowercase();
    known
        .iter()
        .map(|candidate| (distance(&lower, &candidate.to_lowercase()), *candidate))
        .filter(|(distance, candidate)| *distance <= (candidate.chars().count() / 3).max(1))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Reads one of a few words, each standing for a value.
///
/// # Errors
/// When it is another word, with the likely one or all of them as help.
pub fn one_of<T: Copy>(value: &Value, words: &[(&str, T)]) -> Result<T, Mistake> {
    let known: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
    let all =
        || format!("one of {}", known.iter().map(|w| format!("\"{w}\"")).collect::<Vec<_>>().join(", "));
    let Some(found) = value.as_str() else {
        return Err(Mistake::new(format!("expected a word, found {}", describe(value))).help(all()));
    };
    if let Some((_, meant)) = words.iter().find(|(word, _)| *word == found) {
        return Ok(*meant);
    }
    let help = did_you_mean(found, &known).map_or_else(all, |w| format!("did you mean \"{w}\"?"));
    Err(Mistake::new(format!("unknown word {found:?}")).help(help))
}

/// Edit distance with swaps of neighbours (optimal string alignment).
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut before_last: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    let mut previous_char = None;
    for (i, ca) in a.chars().enumerate() {
        let mut row = vec![i + 1];
        for (j, cb) in b.iter().enumerate() {
            let at = |row: &[usize], k: usize| row.get(k).copied().unwrap_or(usize::MAX / 2);
            let mut best =
                (at(&last, j) + usize::from(ca != *cb)).min(at(&last, j + 1) + 1).min(at(&row, j) + 1);
            let swapped = j > 0 && previous_char == Some(*cb) && b.get(j - 1) == Some(&ca);
            if swapped {
                best = best.min(at(&before_last, j - 1) + 1);
            }
            row.push(best);
        }
        previous_char = Some(ca);
        before_last = std::mem::replace(&mut last, row);
    }
    last.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_slip_of_the_hand_finds_the_word_and_another_word_does_not() {
        let known = ["markets", "exclude", "notional", "throttle", "side"];
        let check = |word, expect| assert_eq!(did_you_mean(word, &known), expect, "{word}");
        check("market", Some("markets"));
        check("makrets", Some("markets"));
        check("Notional", Some("notional"));
        check("throtle", Some("throttle"));
        check("sdie", Some("side"));
        check("price", None);
        check("", None);
        check("거래", None);
    }

    #[test]
    fn a_word_out_of_the_list_is_refused_with_advice() {
        let words = [("buy", 1), ("sell", 2)];
        assert_eq!(one_of(&json!("sell"), &words), Ok(2));
        let fault = |value| one_of(&value, &words).map_err(|m| m.help.unwrap_or_default());
        assert_eq!(fault(json!("byu")), Err("did you mean \"buy\"?".to_owned()));
        assert_eq!(fault(json!("long")), Err("one of \"buy\", \"sell\"".to_owned()));
        assert_eq!(fault(json!(1)), Err("one of \"buy\", \"sell\"".to_owned()));
    }
}
