//! The table against the reader.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::*;
use std::path::Path;
use tradehook_sdk::reference::{disagreements, schema};

#[test]
fn the_table_has_the_keys_that_are_read_and_no_others() {
    let found = disagreements(&settings(), &|config| crate::config::read(config).err().unwrap_or_default());
    assert!(found.is_empty(), "{found:#?}");
}

/// `UPDATE_DOCS=1` writes it anew.
#[test]
fn the_schema_that_is_carried_is_that_of_the_table() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("schema.json");
    let said = schema(&settings(), &[]);
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, &said).unwrap();
    }
    let carried = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(carried == said, "schema.json is not that of the table; UPDATE_DOCS=1 writes it anew");
}
