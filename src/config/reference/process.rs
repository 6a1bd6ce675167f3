//! The sections that describe the process: tape, state, control, status, log, runtime.

use super::{
    Key, Section,
    types::{LISTEN, PATH, Type, URL, VARIABLE},
};

const SECOND: u64 = 1000;
const HOUR: u64 = 3600 * SECOND;
const DAY: u64 = 24 * HOUR;
const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;

pub(super) const SECTIONS: &[&Section] = &[&TAPE, &STATE, &CONTROL, &STATUS, &LOG, &RUNTIME];

const TAPE: Section = Section::new(
    "tape",
    "The record of everything that came in.",
    &[
        Key::new("dir", PATH, "\"state/tape\"", "Folder of the tape.")
            .without("the tape is kept in memory, and a restart begins with the next trade"),
        Key::new(
            "retain_age",
            Type::Duration(60 * SECOND, 3660 * DAY),
            "\"30d\"",
            "What is older is dropped. A week lets a plugin that was broken over a long weekend catch up.",
        )
        .or("\"7d\""),
        Key::new(
            "retain_size",
            Type::Size(MIB, 1024 * 1024 * GIB),
            "\"10GiB\"",
            "Beyond it the oldest is dropped, whatever comes first. A trade takes about 80 bytes.",
        )
        .or("\"2GiB\""),
        Key::new(
            "memory",
            Type::Size(MIB, 64 * GIB),
            "\"32MiB\"",
            "The newest entries, kept so that live plugins never wait for the disk.",
        )
        .or("\"8MiB\""),
        Key::new(
            "sync_interval",
            Type::Duration(10, HOUR),
            "\"250ms\"",
            "Between two flushes to the device: what a power cut (not a crash) may cost.",
        )
        .or("\"1s\""),
    ],
);

const STATE: Section = Section::new(
    "state",
    "What outlives the process.",
    &[Key::new(
        "dir",
        PATH,
        "\"state\"",
        "Folder of what plugins remember and of alerts not yet delivered. Set tape.dir too.",
    )
    .without("nothing outlives the process")],
);

const CONTROL: Section = Section::new(
    "control",
    "The local socket by which `tradehook alert`, `channel`, `outbox` and `plugin inspect` reach the running process. Only the user who runs it can open it.",
    &[
        Key::new("enabled", Type::Bool, "false", "Whether there is such a socket.").or("true"),
        Key::new("socket", PATH, "\"state/tradehook.sock\"", "Where it is; at most some 100 bytes long.")
            .without("control.sock in state.dir; without state.dir, in the folder that XDG_RUNTIME_DIR names; without either there is none"),
    ],
);

const STATUS: Section = Section::new(
    "status",
    "Health and metrics over HTTP: /healthz, /readyz, /metrics, /status.",
    &[Key::new(
        "listen",
        LISTEN,
        "\"127.0.0.1:9464\"",
        "Address to listen on. Loopback only, since the pages have no password.",
    )
    .without("off"),
    Key::new(
        "heartbeat_url",
        URL,
        "\"https://hc-ping.example/0b6e-41ce\"",
        "An outside watch (a dead-man switch) that is asked for this page again and again, and raises the alarm when that stays away.",
    )
    .without("off"),
    Key::new("heartbeat_url_env", VARIABLE, "\"HOOK_URL\"", "The variable that holds it.").instead_of("heartbeat_url"),
    Key::new("heartbeat_interval", Type::Duration(SECOND, HOUR), "\"5m\"", "Between two such requests.")
        .or("\"1m\"")
        .beside("heartbeat_url"),
    Key::new(
        "heartbeat_allow_private",
        Type::Bool,
        "true",
        "Whether the watch may be at an address that is not on the public internet.",
    )
    .or("false")
    .beside("heartbeat_url"),
    ],
);

const LOG: Section = Section::new(
    "log",
    "The log, on standard error.",
    &[
        Key::new(
            "format",
            Type::Word(&["auto", "human", "json"]),
            "\"json\"",
            "auto: for people on a terminal, JSON lines elsewhere.",
        )
        .or("\"auto\""),
        Key::new(
            "level",
            Type::Word(&["off", "error", "warn", "info", "debug", "trace"]),
            "\"debug\"",
            "Least level that is written. warn: recovered by itself; error: somebody is needed.",
        )
        .or("\"info\""),
    ],
);

const RUNTIME: Section = Section::new(
    "runtime",
    "The process.",
    &[
        Key::new(
            "grace",
            Type::Duration(0, HOUR),
            "\"30s\"",
            "How long a shutdown may deliver what is still on its way. systemd waits 90 s.",
        )
        .or("\"10s\""),
        Key::new(
            "compile_cache",
            PATH,
            "\"state/compiled\"",
            "Folder of compiled plugins; \"\" compiles them at every start.",
        )
        .without("tradehook in the user's cache folder"),
    ],
);
