//! `tradehook config`: every key of config.toml, for people and for editors.

use super::{Exit, Outcome, fail};
use crate::{
    config::reference::{self, Entry},
    runtime::SCHEMAS,
};
use clap::Subcommand;
use serde_json::Value;

const REFERENCE_EXAMPLES: &str = "\
Examples:
  tradehook config reference                    everything
  tradehook config reference feed               one section, and what is below it
  tradehook config reference feed.backfill.rate one key
  tradehook config reference change             one kind of rule
  tradehook config reference telegram           one kind of channel";

const SCHEMA_NOTE: &str = "\
The schema is for editors that know TOML schemas (taplo, Even Better TOML). It comes with the
program as docs/config.schema.json; name it in the first line of a configuration:
  #:schema docs/config.schema.json";

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Say what every key of a configuration is, may be, and is by default
    #[command(after_help = REFERENCE_EXAMPLES)]
    Reference {
        /// A section, a key, or a kind of rule; everything without it
        section: Option<String>,
        /// Print JSON
        #[arg(long)]
        json: bool,
        /// Print the page docs/config.md
        #[arg(long, conflicts_with = "json")]
        markdown: bool,
    },
    /// Print the JSON Schema of a configuration
    #[command(after_help = SCHEMA_NOTE)]
    Schema,
}

pub(super) fn run(command: &Command) -> Outcome {
    let said = plugins()?;
    match command {
        Command::Reference { section, json, markdown } => {
            let entries = select(reference::entries(&said), section.as_deref())?;
            if *json {
                let entries = serde_json::to_string_pretty(&entries);
                say!("{}", entries.map_err(|error| fail(Exit::Bug, error))?);
            } else if *markdown {
                print(&reference::markdown(&entries));
            } else {
                print(&reference::terminal(&entries, columns()));
            }
        }
        Command::Schema => say!("{:#}", reference::schema(&said)),
    }
    Ok(())
}

fn print(text: &str) {
    say!("{}", text.trim_end());
}

fn select(entries: Vec<Entry>, wanted: Option<&str>) -> Result<Vec<Entry>, Exit> {
    let Some(wanted) = wanted else { return Ok(entries) };
    reference::find(entries, wanted).map_err(|near| {
        let meant = near.map(|near| format!("; did you mean {near}?")).unwrap_or_default();
        fail(Exit::Usage, format!("no section or key is called {wanted:?}{meant}"))
    })
}

/// What the bundled plugins say of their settings.
fn plugins() -> Result<Vec<(String, Value)>, Exit> {
    let parsed =
        SCHEMAS.iter().map(|(bundled, text)| Ok((bundled.as_str().to_owned(), serde_json::from_str(text)?)));
    parsed.collect::<Result<_, serde_json::Error>>().map_err(|error| fail(Exit::Bug, error))
}

/// Width of the terminal; of a page where there is none.
fn columns() -> usize {
    let width = ratatui::crossterm::terminal::size().map(|(columns, _)| usize::from(columns));
    width.ok().filter(|columns| *columns > 0).unwrap_or(100)
}
