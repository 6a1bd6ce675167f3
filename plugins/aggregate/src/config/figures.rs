//! Figures: averages, sums and statistics, told at even times.

use super::{
    MAX_KEPT,
    bars::Measure,
    read::{
        calendar, days_of, duration_text, duration_up_to, even_part_of_a_day, since, some_duration_up_to,
    },
};
use serde_json::Value;
use tradehook_calendar::{Calendar, DAY_MS, Span};
use tradehook_decimal::Wide;
use tradehook_sdk::{
    ConfigFault,
    config::{self, MarketFilter, Mistake, Object},
};

/// The most quantiles of one figure; chosen.
const MAX_QUANTILES: usize = 16;
/// The longest half-life of an average, chosen: a month.
const MAX_HALF_LIFE_MS: i64 = 30 * DAY_MS;

/// One figure.
#[derive(Clone, Debug, PartialEq)]
pub struct FigureSpec {
    /// For which markets.
    pub markets: MarketFilter,
    /// A name that its records carry.
    pub id: Option<String>,
    /// How often it is told, ms; divides a day.
    pub every: i64,
    /// What it is.
    pub figure: Figure,
}

/// What is worked out.
#[derive(Clone, Debug, PartialEq)]
pub enum Figure {
    /// Something that sums of volumes and amounts say.
    Flow(FlowFigure, Over),
    /// The price by how long it stood, over the last so many ms.
    Twap(i64),
    /// Mean, variance, least and greatest, over the last so many ms.
    Rolling(Sample, i64),
    /// The mean of which half is as old as so many ms.
    Ewma(i64),
    /// Of the last so many ms.
    Quantiles(Sample, i64, Vec<Quantile>),
}

/// What sums of volumes and amounts say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FlowFigure {
    /// The volume-weighted average price.
    Vwap,
    /// Volume bought less volume sold.
    Cvd,
    /// 100 times volume bought by volume sold.
    Strength,
}

/// Over which trades sums go.
#[derive(Clone, Debug, PartialEq)]
pub enum Over {
    /// Of the last so many ms, a multiple of `every`.
    Window(i64),
    /// Since the beginning of the span; `None`: since the start.
    Since(Option<Calendar>),
}

/// What is sampled of a trade.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sample {
    /// Its price.
    Price,
    /// Its volume, or its price times volume.
    Of(Measure),
}

/// A part of the samples, and the field that says the sample at its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quantile {
    /// The part, more than 0 and at most 1, exact.
    pub part: Wide,
    /// `q50`, `q99_9`.
    pub field: String,
}

/// The list of `key`, whose items have what [`Sort`] says.
type Sort = (&'static str, fn(&mut Object<'_, '_>, i64) -> Option<Figure>);

const SORTS: [Sort; 7] = [
    ("vwap", |table, every| Some(Figure::Flow(FlowFigure::Vwap, read_over(table, every, None)?))),
    ("cvd", |table, every| Some(Figure::Flow(FlowFigure::Cvd, read_over(table, every, Some(Span::Day))?))),
    ("trade_strength", |table, every| {
        Some(Figure::Flow(FlowFigure::Strength, read_over(table, every, Some(Span::Day))?))
    }),
    ("twap", |table, every| read_window(table, every).map(Figure::Twap)),
    ("rolling", |table, every| {
        let sample = read_sample(table, Sample::Price);
        Some(Figure::Rolling(sample, read_window(table, every)?))
    }),
    ("ewma", |table, _| table.required("half_life", some_duration_up_to(MAX_HALF_LIFE_MS)).map(Figure::Ewma)),
    ("quantiles", |table, every| {
        let sample = read_sample(table, Sample::Of(Measure::Notional));
        let parts = read_quantiles(table);
        Some(Figure::Quantiles(sample, read_window(table, every)?, parts))
    }),
];

/// The keys under which figures stand.
pub(super) const KEYS: [&str; 7] = ["vwap", "cvd", "trade_strength", "twap", "rolling", "ewma", "quantiles"];

impl FigureSpec {
    /// As that of a bar.
    pub(crate) fn definition(&self) -> String {
        let figure = match &self.figure {
            Figure::Flow(figure, Over::Window(window)) => format!("{figure:?} {window}"),
            Figure::Flow(figure, Over::Since(None)) => format!("{figure:?} since the start"),
            Figure::Flow(figure, Over::Since(Some(calendar))) => {
                format!("{figure:?} since {}", calendar.definition())
            }
            // Which parts are told does not change what is remembered.
            Figure::Quantiles(sample, window, _) => format!("quantiles {sample:?} {window}"),
            other => format!("{other:?}"),
        };
        format!("{figure} every {}", self.every)
    }
}

/// The figures of a configuration; whether any key of them is there.
pub(super) fn read(table: &mut Object<'_, '_>) -> (bool, Vec<FigureSpec>) {
    let (mut any, mut all) = (false, Vec::new());
    for (key, read) in SORTS {
        any |= table.get(key).is_some();
        let list = table.list(key, |item, path, faults| {
            let mut figure = Object::new(item, path, faults);
            let spec = if figure.is_table() { read_one(&mut figure, read) } else { None };
            figure.finish();
            spec
        });
        all.extend(list.unwrap_or_default());
    }
    (any, all)
}

fn read_one(
    table: &mut Object<'_, '_>,
    read: fn(&mut Object<'_, '_>, i64) -> Option<Figure>,
) -> Option<FigureSpec> {
    let id = table.optional("id", config::text);
    let markets = MarketFilter::read(table);
    let every = table.optional("every", even_part_of_a_day).unwrap_or(1000);
    let figure = read(table, every)?;
    Some(FigureSpec { markets, id, every, figure })
}

/// A window that is a whole number of steps.
fn read_window(table: &mut Object<'_, '_>, every: i64) -> Option<i64> {
    let window = table.required("window", duration_up_to(DAY_MS))?;
    check_window(table, window, every);
    Some(window)
}

fn check_window(table: &mut Object<'_, '_>, window: i64, every: i64) {
    if window == 0 || window % every != 0 {
        let message = format!("the window is not a multiple of `every` ({})", duration_text(every));
        table.fault("window", Mistake::new(message));
    } else if window / every > MAX_KEPT {
        let least = duration_text(window / MAX_KEPT);
        let message = format!("the window holds more than {MAX_KEPT} steps of `every`");
        table.fault("every", Mistake::new(message).help(format!("longer than \"{least}\"")));
    }
}

/// `window`, or `since` with whose days; without both, `usual`.
fn read_over(table: &mut Object<'_, '_>, every: i64, usual: Option<Span>) -> Option<Over> {
    let written = [table.get("window").is_some(), table.get("since").is_some()];
    let window = table.optional("window", duration_up_to(DAY_MS));
    let since = table.optional("since", since);
    let zone = days_of(table);
    if written == [true, true] || (written == [false, false] && usual.is_none()) {
        let help = "either window = \"5m\" or since = \"day\"";
        let message =
            if written[0] { "`window` and `since` exclude one another" } else { "no span is given" };
        table.fault("", Mistake::new(message).help(help));
    }
    if let Some(window) = window {
        check_window(table, window, every);
        if zone.is_some() {
            let key = if table.get("zone").is_some() { "zone" } else { "day_start" };
            table.fault(key, Mistake::new("a window has no day to start"));
        }
        return Some(Over::Window(window));
    }
    let since = since.or(if written[1] { None } else { usual.map(Some) })?;
    Some(Over::Since(since.map(|span| calendar(span, zone))))
}

fn read_sample(table: &mut Object<'_, '_>, usual: Sample) -> Sample {
    let words = [
        ("price", Sample::Price),
        ("volume", Sample::Of(Measure::Volume)),
        ("notional", Sample::Of(Measure::Notional)),
    ];
    table.optional("of", |value| config::one_of(value, &words)).unwrap_or(usual)
}

fn read_quantiles(table: &mut Object<'_, '_>) -> Vec<Quantile> {
    let list = table.list("q", |item, path, faults| match quantile(item) {
        Ok(quantile) => Some(quantile),
        Err(mistake) => {
            faults.push(ConfigFault { path, message: mistake.message, help: mistake.help });
            None
        }
    });
    let many = table.get("q").and_then(Value::as_array).map(Vec::len);
    if many.is_some_and(|n| n == 0 || n > MAX_QUANTILES) {
        table.fault("q", Mistake::new(format!("expected 1 to {MAX_QUANTILES} quantiles")));
    }
    let usual = || [(5, 1, "q50"), (9, 1, "q90"), (99, 2, "q99")];
    list.unwrap_or_else(|| {
        let of = |(part, scale, field): (i128, u8, &str)| Quantile {
            part: Wide::new(part, scale),
            field: field.to_owned(),
        };
        usual().map(of).into()
    })
}

/// `0.999` or `"99.9%"`.
fn quantile(value: &Value) -> Result<Quantile, Mistake> {
    let is_percentage = value.as_str().is_some_and(|text| text.trim_end().ends_with('%'));
    let read = if is_percentage {
        config::percent(value).ok().and_then(|percent| percent.checked_mul(Wide::new(1, 2)))
    } else {
        config::money(value).ok()
    };
    let part = read.filter(|part| *part > Wide::ZERO && *part <= Wide::new(1, 0) && part.scale() <= 6);
    let part = part.ok_or_else(|| {
        let message = format!("{} is no part of the samples", config::describe(value));
        Mistake::new(message).help("more than 0 and at most 1, with at most 6 decimals: 0.5, \"99.9%\"")
    })?;
    let percent = part.checked_mul(Wide::new(100, 0)).unwrap_or(part);
    Ok(Quantile { part, field: format!("q{percent}").replace('.', "_") })
}
