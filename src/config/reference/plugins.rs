//! `[plugins.NAME]`.

use super::{
    Key, Section,
    types::{CHANNELS, MARKETS, PATH, PLUGIN, Type},
};

const MIB: u64 = 1 << 20;

pub(super) const SECTIONS: &[&Section] = &[&PLUGINS, &LIMITS];

const PLUGINS: Section = Section::new(
    "plugins.*",
    "A plugin reads the trades, or what another plugin lets pass. A section called filter, aggregate or alert needs neither path nor bundled. Rules run in the plugin called alert, which is there by itself where a rule is.",
    &[
        Key::new("path", PATH, "\"plugins/mine.wasm\"", "Its code: a WebAssembly component."),
        Key::new(
            "bundled",
            Type::Word(&["filter", "aggregate", "alert"]),
            "\"aggregate\"",
            "Or the plugin of this name that comes with the program.",
        )
        .instead_of("path"),
        Key::new(
            "input",
            PLUGIN,
            "\"bars\"",
            "What it reads: every trade of the stream, or what this plugin lets pass.",
        )
        .or("\"trades\""),
        Key::new("markets", MARKETS, "[\"KRW-BTC\"]", "Which of the feed's markets it sees.").without("all"),
        Key::new("to", CHANNELS, "[\"stdout\"]", "Channels that get its records.").or("[]"),
        Key::new(
            "config",
            Type::Settings,
            "{ a = 1 }",
            "Handed over to the plugin as JSON, as it stands; the plugin checks it.",
        )
        .without("nothing is handed over"),
        Key::new("limits", Type::Table("plugins.*.limits"), "", "").without(""),
    ],
);

const LIMITS: Section = Section::new(
    "plugins.*.limits",
    "What one call of a plugin may cost. A plugin that exceeds it loses its instance, not the stream: a fresh one takes over from the last snapshot.",
    &[
        Key::new(
            "memory",
            Type::Size(64 << 10, 4096 * MIB),
            "\"64MiB\"",
            "Linear memory. The bundled plugins stay under 4 MiB with 300 markets, but for `alert` with many rules: 64 MiB there.",
        )
        .or("\"16MiB\""),
        Key::new(
            "deadline",
            Type::Duration(1, 60_000),
            "\"200ms\"",
            "Wall time of a call, which handles a batch of trades; 250 ms for the bundled `alert`.",
        )
        .or("\"50ms\""),
        Key::new(
            "fuel",
            Type::Integer(10_000, u64::MAX >> 1),
            "500_000_000",
            "Instructions of a call: the bound that is the same on every machine; 500 million for the bundled `alert`.",
        )
        .or("100_000_000"),
        Key::new("emissions", Type::Integer(1, 1_000_000), "5_000", "Alerts and records of a call; 20,000 for the bundled `alert`.")
            .or("1_000"),
        Key::new("emission_bytes", Type::Size(256, 16 * MIB), "\"128KiB\"", "Size of each of them.")
            .or("\"64KiB\""),
        Key::new(
            "host_call_bytes",
            Type::Size(64 << 10, 256 * MIB),
            "\"4MiB\"",
            "Copied between plugin and host in a call; 32 MiB for the bundled `alert`.",
        )
        .or("\"1MiB\""),
        Key::new(
            "snapshot_bytes",
            Type::Size(1 << 10, 1024 * MIB),
            "\"16MiB\"",
            "What a plugin may remember; 16 MiB for the bundled `alert`.",
        )
        .or("\"4MiB\""),
    ],
);
