//! Opening hours: some days of the week, between two times of the clock on the wall.

use crate::{
    DAY_MS, Zone, civil,
    zone::{clock_ms, zone},
};
use serde_json::Value;
use tradehook_sdk::config::{self, Mistake, Object};

const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

/// See the module. Hours that end before they begin pass midnight and belong to the day on which
/// they begin; the end itself is outside.
#[derive(Clone, Debug, PartialEq)]
pub struct Schedule {
    zone: Zone,
    days: [bool; 7],
    from: i64,
    to: i64,
    /// The answers around the moment that was asked about last.
    known: Known,
}

/// A stretch in which the answer is the same.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Known {
    from: i64,
    to: i64,
    open: bool,
}

impl Schedule {
    /// Reads `days`, `from`, `to` and `tz` of a table.
    pub fn read(table: &mut Object<'_, '_>) -> Option<Self> {
        let written = ["days", "from", "to"].map(|key| table.get(key).is_some());
        let days = read_days(table);
        let from = table.optional("from", clock);
        let to = table.optional("to", clock);
        let zone = table.optional("tz", zone).unwrap_or(Zone::UTC);
        if written == [false; 3] {
            let help = "`days`, or `from` and `to`, or all of them";
            table.fault("", Mistake::new("no hours are given").help(help));
        }
        let (from, to) = (from.unwrap_or(0), to.unwrap_or(DAY_MS));
        if from == to {
            table.fault("to", Mistake::new("the hours end where they begin: nothing would pass"));
        }
        Some(Self { zone, days: days.unwrap_or([true; 7]), from, to, known: Known::default() })
    }

    /// Whether it is open at that moment.
    #[inline]
    pub fn is_open(&mut self, ms: i64) -> bool {
        if !(self.known.from..self.known.to).contains(&ms) {
            self.known = self.look_up(ms);
        }
        self.known.open
    }

    #[cold]
    fn look_up(&self, ms: i64) -> Known {
        let today = self.zone.day_of(ms);
        let mut around =
            Known { from: self.zone.start_of_day(today), to: self.zone.start_of_day(today + 1), open: false };
        for day in [today - 1, today] {
            let opens = self.zone.instant(day, self.from);
            let closes = self.zone.instant(day + i64::from(self.to < self.from), self.to);
            let wanted = self.days.get(civil::weekday(day)).copied().unwrap_or(false);
            // Each edge narrows the stretch in which this answer holds.
            for edge in [opens, closes] {
                if wanted && edge <= ms {
                    around.from = around.from.max(edge);
                } else if wanted {
                    around.to = around.to.min(edge);
                }
            }
            around.open |= wanted && opens <= ms && ms < closes;
        }
        around
    }
}

fn read_days(table: &mut Object<'_, '_>) -> Option<[bool; 7]> {
    let mut days = [false; 7];
    let read = table.list("days", |item, path, faults| {
        let words: Vec<(&str, usize)> = DAYS.iter().enumerate().map(|(i, name)| (*name, i)).collect();
        match config::one_of(item, &words) {
            Ok(day) => Some(day),
            Err(mistake) => {
                faults.push(mistake.at(path));
                None
            }
        }
    })?;
    for day in &read {
        if let Some(day) = days.get_mut(*day) {
            *day = true;
        }
    }
    if table.get("days").and_then(Value::as_array).is_some_and(Vec::is_empty) {
        table.fault("days", Mistake::new("no day is given: nothing would pass"));
    }
    Some(days)
}

/// `"09:00"` in ms after midnight; `"24:00"` is the end of the day.
fn clock(value: &Value) -> Result<i64, Mistake> {
    let read = |text: &str| if text == "24:00" { Some(DAY_MS) } else { clock_ms(text) };
    value.as_str().and_then(read).ok_or_else(|| {
        let message = format!("expected a time of day, found {}", config::describe(value));
        Mistake::new(message).help("\"09:00\", up to \"24:00\"")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(value: &Value) -> Result<Schedule, Vec<String>> {
        let mut faults = Vec::new();
        let mut table = Object::new(value, "", &mut faults);
        let schedule = Schedule::read(&mut table);
        table.finish();
        let told = faults.iter().map(|f| format!("{}: {}", f.path, f.message)).collect();
        schedule.filter(|_| faults.is_empty()).ok_or(told)
    }

    /// 2026-11-23 is a Monday.
    fn at(day: i64, minutes: i64) -> i64 {
        (20_780 + day) * DAY_MS + minutes * 60_000
    }

    #[test]
    fn hours_are_those_of_the_clock_on_the_wall() {
        let check = |value: &Value, ms: i64, expect: bool| {
            assert_eq!(read(value).map(|mut s| s.is_open(ms)), Ok(expect), "{value} {ms}");
        };
        let office = json!({ "days": ["mon", "tue", "wed", "thu", "fri"], "from": "09:00", "to": "23:00",
            "tz": "Asia/Seoul" });
        check(&office, at(0, 0), true);
        check(&office, at(0, 0) - 1, false);
        check(&office, at(0, 14 * 60) - 1, true);
        check(&office, at(0, 14 * 60), false);
        check(&office, at(5, 60), false);
        let night = json!({ "days": ["fri"], "from": "22:00", "to": "02:00" });
        check(&night, at(4, 22 * 60), true);
        check(&night, at(5, 119), true);
        check(&night, at(5, 120), false);
        check(&night, at(4, 60), false);
        check(&json!({ "from": "12:00" }), at(3, 24 * 60 - 1), true);
        check(&json!({ "from": "12:00", "to": "24:00" }), at(3, 719), false);
        check(&json!({ "days": ["sun"] }), at(6, 0), true);
        check(&json!({ "days": ["sun"] }), at(7, 0), false);
        // A summer's 09:00 in New York is 13:00 UTC, a winter's 14:00.
        let exchange = json!({ "from": "09:30", "to": "16:00", "tz": "America/New_York" });
        check(&exchange, at(-120, 13 * 60 + 30), true);
        check(&exchange, at(0, 13 * 60 + 30), false);
        check(&exchange, at(0, 14 * 60 + 30), true);
    }

    #[test]
    fn what_it_remembers_changes_no_answer() -> Result<(), Vec<String>> {
        let mut seed = 5u64;
        for value in [
            json!({ "days": ["mon", "sat"], "from": "22:15", "to": "06:45", "tz": "America/New_York" }),
            json!({ "days": ["tue"], "from": "01:00", "to": "02:30", "tz": "America/New_York" }),
            json!({ "from": "23:59", "to": "23:58", "tz": "Asia/Seoul" }),
        ] {
            let mut kept = read(&value)?;
            for _ in 0..20_000 {
                seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                let minutes = i64::try_from((seed >> 33) % 600_000).unwrap_or(0);
                let ms = at(-120, minutes);
                assert_eq!(kept.is_open(ms), kept.look_up(ms).open, "{value} {ms}");
            }
        }
        Ok(())
    }

    #[test]
    fn every_fault_is_told_at_its_place() {
        let check = |value: Value, expect: &[&str]| {
            let told: Vec<String> = expect.iter().map(|&t| t.to_owned()).collect();
            assert_eq!(read(&value).err().unwrap_or_default(), told, "{value}");
        };
        check(json!({}), &[": no hours are given"]);
        check(json!({ "from": "9:00" }), &["/from: expected a time of day, found the text \"9:00\""]);
        check(
            json!({ "days": ["mon", "monday"], "tz": "Seoul", "form": 1 }),
            &[
                "/days/1: unknown word \"monday\"",
                "/tz: \"Seoul\" is no time zone",
                "/form: unknown key `form`",
            ],
        );
        check(json!({ "days": [] }), &["/days: no day is given: nothing would pass"]);
        check(
            json!({ "from": "09:00", "to": "09:00" }),
            &["/to: the hours end where they begin: nothing would pass"],
        );
    }
}
