//! From bytes to text, and from words to quantities: UTF-8, durations, sizes, near misses.

use std::time::Duration;

use super::fault::{Fault, Refused, Source};

/// The text of `bytes`.
///
/// # Errors
/// [`Refused`] with the place of the first byte that is not UTF-8.
pub(super) fn decode(name: &str, bytes: Vec<u8>) -> Result<String, Refused> {
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        let byte = error.as_bytes().get(at).copied().unwrap_or_default();
        let source = Source::new(name, &String::from_utf8_lossy(error.as_bytes()));
        let place = source.place(at..at + '\u{fffd}'.len_utf8());
        let fault = Fault {
            place: Some(place),
            path: String::new(),
            message: format!("byte 0x{byte:02x} is not UTF-8"),
            help: Some("save the file as UTF-8".into()),
        };
        Refused { faults: vec![fault], more: 0, source, rest: None }
    })
}

/// `text` without the byte order mark that some editors put in front.
pub(super) fn without_mark(text: &str) -> &str {
    text.strip_prefix('\u{feff}').unwrap_or(text)
}

const DURATION_UNITS: [(&str, u64); 5] =
    [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)];

/// `90s`, `1h30m`, `250ms`: whole numbers with units, largest first, each once.
///
/// # Errors
/// What would be accepted instead.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) {
        return Err(format!("write its unit: \"{text}s\", \"{text}ms\", \"{text}m\""));
    }
    let nonsense =
        || "write whole numbers with the units d, h, m, s, ms, like \"90s\" or \"1h30m\"".to_owned();
    let (mut rest, mut total, mut units) = (text, 0u64, DURATION_UNITS.as_slice());
    while !rest.is_empty() {
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let (number, tail) = rest.split_at(digits);
        let letters = tail.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(letters);
        let at = units.iter().position(|(name, _)| *name == unit).ok_or_else(nonsense)?;
        let scale = units.get(at).map_or(0, |u| u.1);
        let number: u64 = number.parse().map_err(|_| nonsense())?;
        total = number.checked_mul(scale).and_then(|ms| total.checked_add(ms)).ok_or_else(nonsense)?;
        units = units.get(at + 1..).unwrap_or(&[]);
        rest = tail;
    }
    if text.is_empty() { Err(nonsense()) } else { Ok(Duration::from_millis(total)) }
}

/// `duration` as it would be written.
pub(super) fn show_duration(duration: Duration) -> String {
    let mut ms = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    if ms == 0 {
        return "0s".into();
    }
    let mut out = String::new();
    for (unit, scale) in DURATION_UNITS {
        if ms >= scale {
            out.push_str(&format!("{}{unit}", ms / scale));
            ms %= scale;
        }
    }
    out
}

const SIZE_UNITS: [(&str, u64); 4] = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("B", 1)];

/// `64KiB`, `16MiB`, `2GiB`, `100B`: one whole number with one unit.
///
/// # Errors
/// What would be accepted instead.
pub(super) fn size(text: &str) -> Result<u64, String> {
    let number = text.trim_end_matches(|c: char| !c.is_ascii_digit());
    let unit = text.get(number.len()..).unwrap_or("");
    if unit.is_empty() && !number.is_empty() {
        return Err(format!("write its unit: \"{number}MiB\", \"{number}KiB\", \"{number}B\""));
    }
    let nonsense =
        || "write one whole number with one of the units B, KiB, MiB, GiB, like \"16MiB\"".to_owned();
    let scale = SIZE_UNITS.iter().find(|(name, _)| *name == unit).map(|(_, scale)| *scale);
    let Some(scale) = scale else {
        let meant = SIZE_UNITS.iter().find(|(name, _)| {
            unit.chars().next().is_some_and(|c| name.starts_with(c.to_ascii_uppercase())) && *name != "B"
        });
        let number_is_whole = number.bytes().all(|b| b.is_ascii_digit()) && !number.is_empty();
        return Err(match meant {
            Some((name, _)) if number_is_whole => format!("did you mean \"{number}{name}\"?"),
            _ => nonsense(),
        });
    };
    number.parse::<u64>().ok().and_then(|n| n.checked_mul(scale)).ok_or_else(nonsense)
}

/// `bytes` as it would be written.
pub(super) fn show_size(bytes: u64) -> String {
    let (unit, scale) = SIZE_UNITS
        .into_iter()
        .find(|(_, scale)| bytes >= *scale && bytes.is_multiple_of(*scale))
        .unwrap_or(("B", 1));
    format!("{}{unit}", bytes / scale)
}

/// The candidate that `word` probably was meant to be.
pub(crate) fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let allowed = (word.chars().count() / 3).clamp(1, 4);
    let lower = word.to_lowercase();
    candidates
        .into_iter()
        .map(|c| (strsim::osa_distance(&lower, &c.to_lowercase()), c))
        .filter(|(distance, c)| *distance <= allowed && *c != word)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, c)| c)
}

/// "did you mean" when there is a near word, and what is accepted.
pub(super) fn suggest(word: &str, candidates: &[&str], what: &str) -> Option<String> {
    let meant = nearest(word, candidates.iter().copied()).map(|c| format!("did you mean `{c}`? "));
    let list = candidates.iter().map(|c| format!("`{c}`")).collect::<Vec<_>>().join(", ");
    match (meant, candidates.is_empty()) {
        (_, true) => None,
        (meant, false) => Some(format!("{}{what}: {list}", meant.unwrap_or_default())),
    }
}

/// A word of the file for use within a message: quoted, escaped, cut.
pub(super) fn quoted(word: &str) -> String {
    const MOST: usize = 60;
    let cut: String = word.chars().take(MOST).collect();
    let dots = if cut.len() < word.len() { "…" } else { "" };
    format!("\"{}{dots}\"", cut.escape_debug())
}

/// Whether `name` can name a plugin, a channel or a rule: it ends up in paths and metrics.
pub(super) fn is_name(name: &str) -> bool {
    (1..=64).contains(&name.len())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
        && name.as_bytes().first().is_some_and(u8::is_ascii_alphanumeric)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_whole_numbers_with_units() {
        let check = |text: &str, expect: Result<u64, &str>| match (duration(text), expect) {
            (Ok(found), Ok(ms)) => assert_eq!(found, Duration::from_millis(ms), "{text}"),
            (Err(found), Err(part)) => assert!(found.contains(part), "{text}: {found}"),
            (found, _) => panic!("{text}: {found:?}"),
        };
        check("20s", Ok(20_000));
        check("250ms", Ok(250));
        check("1h30m", Ok(5_400_000));
        check("1d2h3m4s5ms", Ok(93_784_005));
        check("0s", Ok(0));
        check("90m", Ok(5_400_000));
        check("20", Err("\"20s\""));
        for nonsense in [
            "",
            "s",
            "1.5s",
            "-1s",
            "1s1m",
            "1s1s",
            "1 s",
            "1S",
            "18446744073709551616s",
            "9999999999999999d",
            "일s",
        ] {
            check(nonsense, Err("like \"90s\""));
        }
    }

    #[test]
    fn sizes_are_one_whole_number_with_one_unit() {
        let check = |text: &str, expect: Result<u64, &str>| match (size(text), expect) {
            (Ok(found), Ok(bytes)) => assert_eq!(found, bytes, "{text}"),
            (Err(found), Err(part)) => assert!(found.contains(part), "{text}: {found}"),
            (found, _) => panic!("{text}: {found:?}"),
        };
        check("100B", Ok(100));
        check("64KiB", Ok(65_536));
        check("2GiB", Ok(2 << 30));
        check("64", Err("\"64MiB\""));
        check("64MB", Err("did you mean \"64MiB\"?"));
        check("64k", Err("did you mean \"64KiB\"?"));
        for nonsense in ["", "MiB", "16 MiB", "1.5MiB", "-1MiB", "1TiB", "1MiB1KiB", "99999999999GiB"] {
            check(nonsense, Err("like \"16MiB\""));
        }
    }

    #[test]
    fn quantities_are_shown_as_they_would_be_written() {
        for seed in 0..500 {
            let mut rng = fastrand::Rng::with_seed(seed);
            let (time, bytes) =
                (Duration::from_millis(rng.u64(0..1 << 40)), rng.u64(0..1 << 50) >> rng.u8(0..40));
            assert_eq!(duration(&show_duration(time)), Ok(time), "seed {seed}");
            assert_eq!(size(&show_size(bytes)), Ok(bytes), "seed {seed}");
        }
    }

    #[test]
    fn a_near_word_is_found_and_a_far_one_is_not() {
        let check =
            |word, expect| assert_eq!(nearest(word, ["markets", "memory", "to", "id"]), expect, "{word}");
        check("market", Some("markets"));
        check("MEMORY", Some("memory"));
        check("memroy", Some("memory"));
        check("ot", Some("to"));
        check("url", None);
        check("", None);
    }
}
