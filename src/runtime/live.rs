//! The live job: everything started against the flow, reloaded in place, stopped with the flow.
//!
//! Keeps: [one-way] [named-means-required] [bounded]

mod desk;
mod error;
mod settings;
mod sinks;

pub use error::{ReloadError, StartError};
pub(crate) use settings::rest as venue_rest;
pub use sinks::test as test_channel;

use super::{
    ask::Inspector,
    ban::BanBook,
    clockwork, fetch, heartbeat,
    output::Output,
    plan::{self, Group, Plan},
    sessions,
    spine::Spine,
    worker::{self, Control, Running, Worker},
};
use crate::{
    config::{Config, Refused},
    entry::GapCause,
    feed::{SystemClock, WallClock, WsConnector},
    http::Ping,
    outbox::{self, FileStore, MemoryStore, Store},
    pipeline::Checkpoint,
    plugin::Host,
    rest::Rest,
    status::{self, Status, StatusError},
    tape::Tape,
};
use desk::{Channels, Desk};
use settings::{kept, rest, splice_config, tape_config, wanted};
use std::{
    collections::BTreeMap,
    io,
    net::SocketAddr,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::{net::TcpListener, task::JoinHandle};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

/// What the caller decides, and not the file.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Whether something else writes to the terminal: the `stdout` channel is silent then.
    pub quiet_stdout: bool,
}

/// How a job ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stopped {
    /// Every pipeline read to the end of the tape within the grace period.
    pub drained: bool,
    /// Deliveries that stay in the outbox; without a state folder they are lost.
    pub undelivered: u64,
}

/// The running job.
pub struct Runtime {
    config: Config,
    options: Options,
    host: Host,
    tape: Arc<Tape>,
    store: Arc<dyn Store>,
    status: Status,
    spine: Arc<Spine>,
    bans: BanBook,
    inspector: Inspector,
    /// Whether a rule asks for what the venue warns of.
    heeds_warnings: Arc<AtomicBool>,
    running: Vec<Running>,
    /// Of the plugins' files, in order.
    digests: Vec<String>,
    feed: Task,
    fetcher: Task,
    clockwork: Task,
    sender: Task,
    http: Option<Task>,
    heartbeat: Option<Task>,
    status_addr: Option<SocketAddr>,
    /// The control socket.
    control: Option<Task>,
    channels: Arc<Channels>,
}

/// A task and how it is told to end.
struct Task {
    stop: CancellationToken,
    handle: JoinHandle<()>,
}

impl Task {
    fn spawn<F: Future<Output = ()> + Send + 'static>(run: impl FnOnce(CancellationToken) -> F) -> Self {
        let stop = CancellationToken::new();
        let handle = tokio::spawn(run(stop.clone()));
        Self { stop, handle }
    }

    async fn end(self) {
        if self.handle.is_finished() {
            return;
        }
        self.stop.cancel();
        if let Err(error) = self.handle.await
            && error.is_panic()
        {
            error!(%error, "a task ended in a panic");
        }
    }
}

impl Runtime {
    /// Starts the job: sinks and outbox, pipelines from their checkpoints, then the feed.
    ///
    /// # Errors
    /// Whatever keeps it from starting whole; nothing is left running.
    pub async fn start(config: Config, options: Options, status: Status) -> Result<Self, StartError> {
        let host = Host::new(config.runtime.compile_cache.clone()).map_err(StartError::Engine)?;
        let plan = Plan::new(&config, &host).map_err(StartError::Refused)?;
        let connector = WsConnector::new(&config.feed.url).map_err(StartError::Venue)?;
        let rest = rest(&config).map_err(StartError::Rest)?;
        let listener = listen(config.status.listen).await?;
        let listening = desk::listen(&config)?;
        let tape = Arc::new(Tape::open(tape_config(&config)).map_err(StartError::Tape)?);
        let store = open_store(&config)?;
        let inspector = Inspector::default();
        let workers = prepare(&config, &plan.groups, &tape, &store, &status, &inspector)?;

        let channels = Arc::<Channels>::default();
        let sender = sinks::spawn(&config, &options, Arc::clone(&store), status.clone(), &channels);
        let running = spawn_all(workers).map_err(StartError::Thread)?;
        let wall_ms = Arc::new(|| SystemClock.now_ms());
        let spine = Arc::new(Spine::new(Arc::clone(&tape), status.clone(), wall_ms, splice_config(&config)));
        let clockwork = {
            let (tape, spine, status) = (Arc::clone(&tape), Arc::clone(&spine), status.clone());
            Task::spawn(|stop| clockwork::run(tape, spine, status, stop))
        };
        let status_addr = listener.as_ref().and_then(|l| l.local_addr().ok());
        let http = listener.map(|listener| serve_status(listener, status.clone()));
        let heartbeat = heartbeat(&config, &status);
        let bans = BanBook::open(config.state.dir.as_deref());
        let mut runtime = Self {
            feed: Task::spawn(|_| async {}),
            fetcher: Task::spawn(|_| async {}),
            heeds_warnings: Arc::new(AtomicBool::new(heeds_warnings(&config))),
            config,
            options,
            host,
            tape,
            store,
            status,
            spine,
            bans,
            inspector,
            running,
            digests: plan.digests(),
            clockwork,
            sender,
            http,
            heartbeat,
            status_addr,
            control: None,
            channels,
        };
        runtime.control = listening.map(|listening| desk::spawn(listening, runtime.desk()));
        runtime.spawn_feed(connector, rest, GapCause::Downtime);
        Ok(runtime)
    }

    fn desk(&self) -> Desk {
        Desk {
            tape: Arc::clone(&self.tape),
            store: Arc::clone(&self.store),
            status: self.status.clone(),
            inspector: self.inspector.clone(),
            channels: Arc::clone(&self.channels),
            spine: Arc::clone(&self.spine),
        }
    }

    /// Where health and metrics are served.
    #[must_use]
    pub fn status_addr(&self) -> Option<SocketAddr> {
        self.status_addr
    }

    /// Asks its plugins what they have in mind; good across reloads.
    #[must_use]
    pub fn inspector(&self) -> Inspector {
        self.inspector.clone()
    }

    /// What it runs.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.config
    }

    fn spawn_feed(&mut self, connector: WsConnector, rest: Rest, cause: GapCause) {
        let bans = (self.bans.clone(), connector.host().to_owned());
        let wanted = wanted(&self.config, cause, &self.heeds_warnings);
        let (spine, asked, known) = (Arc::clone(&self.spine), rest.clone(), bans.clone());
        self.feed = Task::spawn(|stop| sessions::run(wanted, connector, asked, spine, known, stop));
        let spine = Arc::clone(&self.spine);
        self.fetcher = Task::spawn(|stop| fetch::run(spine, rest, bans, stop));
    }

    /// Takes a new configuration: plugins, rules and channels change at one offset of the tape; the
    /// connection is replaced only if its own settings changed. On any fault nothing changes.
    ///
    /// # Errors
    /// Why the old configuration runs on.
    pub async fn reload(&mut self, config: Config) -> Result<(), ReloadError> {
        let fixed = self.needs_restart(&config);
        if !fixed.is_empty() {
            return Err(ReloadError::NeedsRestart(fixed));
        }
        let connector = WsConnector::new(&config.feed.url).map_err(|error| {
            let fault = config.fault_at(&["feed", "url"], error.to_string(), None);
            ReloadError::Refused(config.refuse(vec![fault]))
        })?;
        let rest = rest(&config).map_err(|error| {
            let fault = config.fault_at(&["feed", "rest"], error.to_string(), None);
            ReloadError::Refused(config.refuse(vec![fault]))
        })?;
        let plan = Plan::new(&config, &self.host).map_err(ReloadError::Refused)?;
        // A plugin's file may have changed behind the same path.
        if config.same_job(&self.config) && plan.digests() == self.digests {
            info!("the configuration and its plugins are what they were before");
            return Ok(());
        }
        plan.check(&config).map_err(ReloadError::Refused)?;

        let (checkpoints, policies) = self.halt().await?;
        let workers = self.successors(&config, &plan, &checkpoints, &policies);
        let workers = match workers {
            Ok(workers) => workers,
            Err(refused) => {
                // They started from nothing a moment ago, so it is their state that they refuse.
                self.resume(&checkpoints, &policies);
                return Err(ReloadError::Refused(refused));
            }
        };
        match spawn_all(workers) {
            Ok(running) => self.running = running,
            Err(error) => error!(%error, "no thread for a pipeline"),
        }
        self.spine.tell_again();
        self.swap_sender(&config).await;
        self.digests = plan.digests();
        let feed_changed = config.feed != self.config.feed;
        self.config = config;
        if feed_changed {
            let next = self.spawn_nothing();
            std::mem::replace(&mut self.feed, next).end().await;
            let next = self.spawn_nothing();
            std::mem::replace(&mut self.fetcher, next).end().await;
            self.spine.configure(splice_config(&self.config));
            self.spawn_feed(connector, rest, GapCause::SessionLost);
        }
        self.heeds_warnings.store(heeds_warnings(&self.config), Ordering::Relaxed);
        let (plugins, channels) = (&self.config.plugins, &self.config.channels);
        self.inspector.retain(|name| plugins.iter().any(|p| p.name == name));
        self.status.retain(|kind, name| match kind {
            "channel" => channels.iter().any(|c| c.name == name),
            _ => plugins.iter().any(|p| p.name == name),
        });
        Ok(())
    }

    fn spawn_nothing(&self) -> Task {
        Task::spawn(|_| async {})
    }

    fn needs_restart(&self, new: &Config) -> Vec<&'static str> {
        let old = &self.config;
        let changed = [
            ("[tape]", new.tape != old.tape),
            ("[state]", new.state != old.state),
            ("[control]", new.control != old.control),
            ("[status]", new.status != old.status),
            ("[log]", new.log != old.log),
            ("[runtime]", new.runtime != old.runtime),
        ];
        changed.into_iter().filter_map(|(section, changed)| changed.then_some(section)).collect()
    }

    /// Stops every pipeline at one offset; what each plugin and each policy remembers.
    async fn halt(&mut self) -> Result<(Checkpoint, BTreeMap<String, Vec<u8>>), ReloadError> {
        let end = self.tape.end();
        self.running.iter().for_each(|r| r.control.stop_at(end));
        let deadline = Instant::now() + self.config.runtime.grace;
        while let Some(busy) = self.running.iter().find(|r| !r.thread.is_finished()) {
            if Instant::now() >= deadline {
                let name = busy.name.clone();
                return Err(self.go_on(name).await);
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let mut whole = Checkpoint { offset: end, ..Checkpoint::default() };
        let mut policies = BTreeMap::new();
        for running in std::mem::take(&mut self.running) {
            if let Ok(halted) = running.thread.join() {
                whole.plugins.extend(halted.checkpoint.plugins);
                policies.insert(running.name, halted.policy);
            }
        }
        Ok((whole, policies))
    }

    /// A pipeline is too far behind: it is let go on, and those that have stopped start again.
    async fn go_on(&mut self, busy: String) -> ReloadError {
        self.running.iter().for_each(|r| r.control.stop_at(u64::MAX));
        let (done, still): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.running).into_iter().partition(|r| r.thread.is_finished());
        self.running = still;
        for running in done {
            let name = running.name.clone();
            let Ok(halted) = running.thread.join() else { continue };
            let policies = [(name.clone(), halted.policy)].into();
            self.resume_only(&halted.checkpoint, &policies, |group| group.name == name);
        }
        ReloadError::Busy(busy)
    }

    fn resume(&mut self, from: &Checkpoint, policies: &BTreeMap<String, Vec<u8>>) {
        self.resume_only(from, policies, |_| true);
    }

    /// Starts pipelines of the old configuration again where they stood.
    fn resume_only(
        &mut self,
        from: &Checkpoint,
        policies: &BTreeMap<String, Vec<u8>>,
        which: impl Fn(&Group) -> bool,
    ) {
        let again = Plan::new(&self.config, &self.host).and_then(|mut plan| {
            plan.groups.retain(|group| which(group));
            self.successors(&self.config, &plan, from, policies)
        });
        match again.map(spawn_all) {
            Ok(Ok(running)) => self.running.extend(running),
            Ok(Err(error)) => error!(%error, "no thread for a pipeline"),
            Err(refused) => error!("a pipeline does not start again: {}", refused.render(false)),
        }
    }

    fn successors(
        &self,
        config: &Config,
        plan: &Plan,
        from: &Checkpoint,
        policies: &BTreeMap<String, Vec<u8>>,
    ) -> Result<Vec<Worker>, Refused> {
        let mut workers = Vec::new();
        let mut errors = Vec::new();
        for group in &plan.groups {
            match group.start(Some(from)) {
                Ok(pipeline) => {
                    let Ok(mut output) = Output::new(group) else { continue };
                    if let Some(Err(error)) = policies.get(&group.name).map(|p| output.restore(p)) {
                        warn!(%error, pipeline = group.name, "what the policy remembered is not taken over");
                    }
                    workers.push(self.worker(pipeline, output));
                }
                Err(more) => errors.extend(more),
            }
        }
        if errors.is_empty() { Ok(workers) } else { Err(plan::refuse(config, &errors)) }
    }

    fn worker(&self, pipeline: crate::pipeline::Pipeline, output: Output) -> Worker {
        Worker {
            pipeline,
            output,
            tape: Arc::clone(&self.tape),
            store: Arc::clone(&self.store),
            status: self.status.clone(),
            control: Arc::default(),
            inspector: self.inspector.clone(),
            kept: kept(&self.config),
            said: 0,
        }
    }

    async fn swap_sender(&mut self, config: &Config) {
        if config.channels == self.config.channels {
            return;
        }
        let next = self.spawn_nothing();
        std::mem::replace(&mut self.sender, next).end().await;
        let (store, status) = (Arc::clone(&self.store), self.status.clone());
        self.sender = sinks::spawn(config, &self.options, store, status, &self.channels);
    }

    /// Waits until a task or a pipeline's thread has ended that should not have: its name. That is
    /// a bug of ours.
    pub async fn broken(&mut self) -> &'static str {
        tokio::select! {
            _ = &mut self.feed.handle => "the feed",
            _ = &mut self.fetcher.handle => "the fetcher",
            _ = &mut self.clockwork.handle => "the clock",
            _ = &mut self.sender.handle => "the sender",
            () = ended(&self.running) => "a pipeline",
        }
    }

    /// Stops the feed, lets the pipelines read to the end, delivers what can be delivered, all
    /// within the grace period.
    pub async fn stop(self) -> Stopped {
        let deadline = Instant::now() + self.config.runtime.grace;
        if let Some(control) = self.control {
            control.end().await;
        }
        self.feed.end().await;
        self.fetcher.end().await;
        self.clockwork.end().await;
        let end = self.tape.end();
        self.running.iter().for_each(|r| r.control.stop_at(end));
        let mut drained = true;
        while self.running.iter().any(|r| !r.thread.is_finished()) {
            if drained && Instant::now() >= deadline {
                drained = false;
                warn!("the grace period is over; pipelines stop where they stand");
                self.running.iter().for_each(|r| r.control.abandon());
            }
            if !drained && Instant::now() >= deadline + Duration::from_secs(1) {
                break;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        for running in self.running {
            if running.thread.is_finished() && running.thread.join().is_err() {
                error!(pipeline = running.name, "a pipeline ended in a panic");
            }
        }
        self.sender.end().await;
        if let Err(error) = self.store.flush() {
            error!(%error, "the state is not flushed");
        }
        for task in [self.http, self.heartbeat].into_iter().flatten() {
            task.end().await;
        }
        self.tape.close();
        Stopped { drained, undelivered: self.store.queued().unwrap_or_default() }
    }
}

/// Waits until one of the threads has ended; a thread cannot be awaited, so it is looked at.
async fn ended(running: &[Running]) {
    while !running.iter().any(|r| r.thread.is_finished()) {
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

async fn listen(at: Option<SocketAddr>) -> Result<Option<TcpListener>, StartError> {
    let Some(at) = at else { return Ok(None) };
    TcpListener::bind(at).await.map(Some).map_err(|error| StartError::Listen(at, error))
}

fn serve_status(listener: TcpListener, status: Status) -> Task {
    Task::spawn(|stop| async move {
        let served: Result<(), StatusError> = status::serve(listener, status, stop.cancelled()).await;
        if let Err(error) = served {
            error!(%error, "health and metrics are not served");
        }
    })
}

fn open_store(config: &Config) -> Result<Arc<dyn Store>, StartError> {
    match &config.state.dir {
        None => Ok(Arc::new(MemoryStore::new(outbox::Limits::MEMORY))),
        Some(dir) => {
            let dir: &PathBuf = dir;
            let store = FileStore::open(dir, outbox::Limits::FILE).map_err(StartError::Store)?;
            Ok(Arc::new(store))
        }
    }
}

/// Whether a rule is about what the venue warns of: then its list is read every minute.
fn heeds_warnings(config: &Config) -> bool {
    config.plugins.iter().any(|plugin| plugin.config.contains("\"market_event\""))
}

fn heartbeat(config: &Config, status: &Status) -> Option<Task> {
    let to = config.status.heartbeat.as_ref()?;
    // The configuration has been checked for what a URL may be.
    let ping = Ping::new(to.url.reveal(), to.allow_private)?;
    let (every, status) = (to.interval, status.clone());
    Some(Task::spawn(|stop| heartbeat::run(ping, every, status, stop)))
}

/// Every pipeline from its checkpoint, nothing running yet.
fn prepare(
    config: &Config,
    groups: &[Group],
    tape: &Arc<Tape>,
    store: &Arc<dyn Store>,
    status: &Status,
    inspector: &Inspector,
) -> Result<Vec<Worker>, StartError> {
    let (mut workers, mut errors) = (Vec::new(), Vec::new());
    for group in groups {
        let stored = store.checkpoint(&group.name).map_err(StartError::Store)?;
        let mut checkpoint = stored.as_ref().map(worker::restored).unwrap_or_default();
        let mut said = stored.as_ref().map(worker::said).unwrap_or_default();
        let same_tape = stored.as_ref().is_some_and(|s| s.tape_id == u128::from_le_bytes(tape.id()));
        if stored.is_some() && !same_tape {
            info!(pipeline = group.name, "this is another tape: state is kept, reading begins at its start");
        }
        // An offset belongs to one tape. A tape that lost its end in a power cut would give the
        // same offsets to other entries: it goes on behind the checkpoint instead.
        if !same_tape {
            (checkpoint.offset, said) = (tape.start(), 0);
        } else if let Some(lost) = tape.advance_to(said) {
            warn!(
                pipeline = group.name,
                from = lost.start,
                to = lost.end,
                "the tape ends before the checkpoint"
            );
        }
        match group.start(Some(&checkpoint)) {
            Ok(pipeline) => {
                let mut output = Output::new(group).map_err(|_| {
                    StartError::State(format!(
                        "pipeline `{}`: a message template does not compile",
                        group.name
                    ))
                })?;
                if let Some(policy) = stored.as_ref().and_then(|s| s.policy.as_deref()) {
                    output.restore(policy).map_err(|error| {
                        StartError::State(format!(
                            "pipeline `{}`: its alert state is not readable: {error}",
                            group.name
                        ))
                    })?;
                }
                workers.push(Worker {
                    pipeline,
                    output,
                    tape: Arc::clone(tape),
                    store: Arc::clone(store),
                    status: status.clone(),
                    control: Arc::<Control>::default(),
                    inspector: inspector.clone(),
                    kept: kept(config),
                    said,
                });
            }
            Err(more) => errors.extend(more),
        }
    }
    if errors.is_empty() { Ok(workers) } else { Err(StartError::Refused(plan::refuse(config, &errors))) }
}

fn spawn_all(workers: Vec<Worker>) -> io::Result<Vec<Running>> {
    workers.into_iter().map(Worker::spawn).collect()
}
