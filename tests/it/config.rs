//! `tradehook config`: what is shipped is what the program says.

use std::fs;

use super::support::{Folder, command, json, root};

/// What the program prints is what the file holds. `UPDATE_DOCS=1` writes the file anew.
fn is_shipped(file: &str, arguments: &[&str]) -> String {
    let folder = Folder::new();
    let said = command(folder.path(), ["config"].iter().chain(arguments)).expect(0).out + "\n";
    let path = root().join(file);
    if std::env::var_os("UPDATE_DOCS").is_some() {
        fs::write(&path, &said).unwrap();
    }
    let shipped = fs::read_to_string(&path).unwrap_or_default();
    assert!(shipped == said, "{file} is not what `tradehook config` says; UPDATE_DOCS=1 writes it anew");
    said
}

#[test]
fn the_shipped_page_and_schema_are_what_the_program_says() {
    let page = is_shipped("docs/config.md", &["reference", "--markdown"]);
    assert!(page.contains("| `ping_interval` | `\"20s\"` | a duration, 1s to 1h |"), "{page}");
    let schema = json(&is_shipped("docs/config.schema.json", &["schema"]));
    assert_eq!(schema["properties"]["feed"]["additionalProperties"], false);
    let first = fs::read_to_string(root().join("config.toml")).unwrap();
    assert_eq!(first.lines().next(), Some("#:schema docs/config.schema.json"));
}

#[test]
fn a_section_or_a_key_is_explained_and_a_slip_is_answered() {
    let folder = Folder::new();
    let said = |arguments: &[&str], code| {
        command(folder.path(), ["config", "reference"].iter().chain(arguments)).expect(code)
    };
    let key = said(&["feed.backfill.rate"], 0).out;
    assert!(key.starts_with("[feed.backfill]\n") && key.contains("  rate = 8\n"), "{key}");
    assert!(!key.contains("deadline"), "{key}");
    let keys = json(&said(&["tape", "--json"], 0).out);
    assert_eq!(keys[0]["keys"][0]["key"], "dir");
    let slip = said(&["feed.backfil"], 64);
    assert!(slip.log.contains("did you mean feed.backfill?"), "{}", slip.log);
}
