//! The guests that come with the program: built from `plugins/`, committed, and part of the binary.

use crate::config::Bundled;

/// Every bundled guest: its name and its code, a core module with its component type.
pub const BUNDLED: [(Bundled, &[u8]); 3] = [
    (Bundled::Alert, include_bytes!("../../plugins/built/alert.wasm")),
    (Bundled::Filter, include_bytes!("../../plugins/built/filter.wasm")),
    (Bundled::Aggregate, include_bytes!("../../plugins/built/aggregate.wasm")),
];

/// What bundled guests say of their settings, as JSON Schemas; their manifests carry the same text.
pub const SCHEMAS: &[(Bundled, &str)] = &[
    (Bundled::Alert, include_str!("../../plugins/alert/schema.json")),
    (Bundled::Filter, include_str!("../../plugins/filter/schema.json")),
    (Bundled::Aggregate, include_str!("../../plugins/aggregate/schema.json")),
];

/// The code of one of them.
pub(super) fn code(bundled: Bundled) -> &'static [u8] {
    BUNDLED.iter().find(|(known, _)| *known == bundled).map_or(&[], |(_, code)| code)
}
