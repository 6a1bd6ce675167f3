//! `tradehook run`: the live job, its signals and its end.

use super::{ConfigFile, Exit, Outcome, colour, fail, log};
use crate::{
    config::{self, Config},
    feed::{SystemClock, WallClock},
    runtime::{Options, Runtime, StartError},
    status::Status,
};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing::{error, info, warn};

const SIGNALS: &str = "\
Signals: SIGTERM and Ctrl-C drain and end it, a second one ends it at once; SIGHUP reads the
configuration again.";

#[derive(Debug, clap::Args)]
#[command(after_help = SIGNALS)]
pub(super) struct Arguments {
    #[command(flatten)]
    file: ConfigFile,
}

pub(super) fn run(arguments: &Arguments) -> Outcome {
    let config = super::load(&arguments.file)?;
    super::show_warnings(&config);
    let _log = start_log(&config)?;
    super::block_on(live(arguments, config))?
}

pub(super) fn start_log(config: &Config) -> Result<log::Log, Exit> {
    let format = match config.log.format {
        config::LogFormat::Auto => log::LogFormat::Auto,
        config::LogFormat::Human => log::LogFormat::Human,
        config::LogFormat::Json => log::LogFormat::Json,
    };
    log::Log::start(format, config.log.level.as_str()).map_err(|error| fail(Exit::Config, error))
}

/// Why a job did not start, on standard error.
pub(super) fn refuse(error: &StartError) -> Exit {
    match error {
        StartError::Refused(refused) => {
            tell!("{}", refused.render(colour()));
            Exit::Config
        }
        StartError::Venue(_) | StartError::Rest(_) | StartError::State(_) => fail(Exit::Config, error),
        StartError::Tape(_) | StartError::Store(_) => fail(Exit::Output, error),
        StartError::Engine(_) | StartError::Listen(..) | StartError::Control(_) | StartError::Thread(_) => {
            fail(Exit::Unavailable, error)
        }
    }
}

async fn live(arguments: &Arguments, config: Config) -> Outcome {
    let status = Status::new(config.feed.url.clone(), || SystemClock.now_ms());
    let mut signals = Signals::new().map_err(|error| fail(Exit::Unavailable, error))?;
    let mut runtime = Runtime::start(config, Options::default(), status).await.map_err(|e| refuse(&e))?;
    info!(
        version = env!("CARGO_PKG_VERSION"),
        url = runtime.config().feed.url,
        markets = runtime.config().feed.markets.len(),
        plugins = runtime.config().plugins.len(),
        "started"
    );
    if let Some(at) = runtime.status_addr() {
        info!("health and metrics on http://{at}/");
    }
    let mut ending = Ok(());
    loop {
        tokio::select! {
            wanted = signals.next() => match wanted {
                Wanted::Reload => reload(arguments, &mut runtime).await,
                Wanted::End => break,
            },
            what = runtime.broken() => {
                // Whatever supervises the process starts it again, from its checkpoints.
                error!("{what} ended by itself, which is a bug; the job stops");
                ending = Err(Exit::Bug);
                break;
            }
        }
    }
    info!("stopping; a second signal ends it at once");
    let stopped = tokio::select! {
        stopped = runtime.stop() => stopped,
        () = signals.end() => {
            warn!("ended at once");
            // Everything committed is safe on disk: this is no worse than a crash, and a crash loses nothing.
            std::process::exit(130);
        }
    };
    if stopped.undelivered > 0 {
        warn!(undelivered = stopped.undelivered, "deliveries stay in the outbox");
    }
    info!(drained = stopped.drained, "stopped");
    ending
}

async fn reload(arguments: &Arguments, runtime: &mut Runtime) {
    match super::read(&arguments.file) {
        Err(refused) => {
            error!("the configuration is not taken, the old one runs on:\n{}", refused.render(false))
        }
        Ok(config) => match runtime.reload(config).await {
            Ok(()) => info!("the configuration was read again"),
            Err(error) => error!("the configuration is not taken, the old one runs on:\n{error}"),
        },
    }
}

enum Wanted {
    End,
    Reload,
}

/// The signals that a job obeys.
pub(super) struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
}

impl Signals {
    pub(super) fn new() -> std::io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    async fn next(&mut self) -> Wanted {
        tokio::select! {
            _ = self.hangup.recv() => Wanted::Reload,
            () = end(&mut self.terminate, &mut self.interrupt) => Wanted::End,
        }
    }

    /// SIGTERM or SIGINT came.
    pub(super) async fn end(&mut self) {
        end(&mut self.terminate, &mut self.interrupt).await;
    }
}

async fn end(terminate: &mut Signal, interrupt: &mut Signal) {
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}
