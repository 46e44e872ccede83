//! `egret run`: the daemon.
//!
//! ```text
//! capture thread (drain) -> channel -> enriching thread -> fan-out -> a queue for each sink
//!                                         | requests
//!                                         digest threads
//! ```
//!
//! The capture thread waits only for the enriching thread, which waits for no sink: a full queue drops events and counts
//! them. Network sinks, metrics, control socket and signals run on a small tokio runtime.

mod accounts;
mod capture;
mod daemon;
mod enrich;
mod fan_out;
mod heartbeat;
mod kind;
mod memory;
mod notify;
mod own_spans;
mod report;
mod running;
mod saved_names;
mod servers;
mod signals;
mod sinks;
mod state;
mod tallies;
mod watchdog;

use std::env;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};
use std::time::{Instant, SystemTime};

use anyhow::{Context as _, Result};
use egret_capture::host::{Digester, Known, Limits};
use egret_config::{EnforceSettings, Loaded};
use egret_enforcer::controller::{EnforcerParts, Supervisor, learns_at_start};
use egret_enforcer::store::BaselineStore;
use egret_enforcer::verdicts::Verdicts;
use egret_model::work;
use tokio::runtime::{Builder, Runtime};

use crate::control::Live;
use crate::enforce::{DaemonHost, IdentityRequests};
use crate::log::Log;
use crate::privilege;
use crate::status::Listening;
use accounts::Accounts;
use daemon::{Daemon, Pipeline};
use egret_view::exit;
use fan_out::FanOut;
use heartbeat::Heartbeat;
use own_spans::OwnSpans;
use saved_names::NameStore;
use servers::Listeners;
use signals::Signals;
use sinks::Prepared;
use state::State;
use tallies::Tallies;

/// Threads of the runtime: two, so that encoding spans or metrics on one does not block everything else.
const WORKERS: usize = 2;
/// Threads for short blocking work, such as looking up the address of a collector.
const BLOCKING: usize = 4;

/// Runs the daemon until a signal stops it, and returns the exit status.
///
/// # Errors
///
/// The configuration has errors, another daemon runs, or capture or a sink cannot start.
pub fn run(file: Option<PathBuf>, log: &Log) -> Result<u8> {
    let begun = SystemTime::now();
    let loaded = egret_config::load(file.as_deref(), env::vars_os())?;
    let read = (begun, SystemTime::now());
    log.filter(&loaded.settings.log)?;
    loaded.warnings.iter().for_each(|warning| tracing::warn!("{warning}"));
    let listeners = Listeners::open(&loaded.settings)?;
    privilege::forbid_new()?;
    let runtime = privilege::run_without(runtime)?;
    // Before the daemon answers: a signal during the start is handled once it is over.
    let signals = {
        let _runtime = runtime.enter();
        Signals::take().context("cannot handle signals")?
    };
    let second_stop = runtime.spawn(signals::exit_at_second_stop());
    // From here on status requests are answered with `starting`.
    let listeners = listeners.answer(runtime.handle())?;
    let own_spans = OwnSpans::start(&loaded.settings, log, runtime.handle().clone(), read)?;
    memory::check(&loaded.settings);
    let starting = tracing::info_span!(target: work::TARGET, work::START);
    let (pipeline, prepared) = starting.in_scope(|| start(&loaded, listeners.listening()))?;
    // Threads that are started from here on never have privileges.
    privilege::reduce(Vec::new())?;
    second_stop.abort();
    let daemon = Daemon { file, log, loaded, pipeline, own_spans, starting };
    let snapshot = runtime.block_on(daemon.run(prepared, listeners, signals))?;
    // Does not wait for a sink that was not drained in time.
    runtime.shutdown_background();
    log.flush_repeats();
    report::report(&snapshot);
    Ok(exit::DONE)
}

/// Starts the pipeline: capture, enriching, learning and enforcement.
fn start(loaded: &Loaded, listening: Listening) -> Result<(Pipeline, Prepared)> {
    let (fan_out, accounts, live) = (Arc::<FanOut>::default(), Arc::<Accounts>::default(), Arc::<Live>::default());
    let enforcer = loaded.settings.enforce.as_ref().map(EnforceSettings::enforcer);
    let grows = enforcer.as_ref().map_or(Ok(true), learns_at_start)?;
    let baseline = loaded
        .settings
        .baseline
        .as_ref()
        .map(|settings| Arc::new(BaselineStore::open(&settings.store(), &loaded.settings.host, grows)));
    // Before capture starts, so that all events have a queue.
    let prepared = Prepared::new(&loaded.settings, Arc::clone(&fan_out), Arc::clone(&accounts));
    let shared = capture::Shared {
        heartbeat: Arc::new(Heartbeat::new(notify::watchdog())),
        tallies: Arc::<Tallies>::default(),
        identities: Arc::new(IdentityRequests::new().context("cannot create an eventfd")?),
    };
    let verdicts = Arc::<Verdicts>::default();
    let (stop, running) = capture::stop()?;
    let mut store = loaded.settings.names.as_ref().and_then(NameStore::open);
    let names = store.as_mut().map(|store| std::mem::take(&mut store.names)).unwrap_or_default();
    let (saver, kept) = store.map(NameStore::start_saving).transpose()?.unzip();
    let started = capture::start(&loaded.settings, capture::Names { kept: names, saver }, stop, shared.clone())?;
    let known = Known::default();
    let capture = &loaded.settings.capture;
    let digester = Digester::start(digests(capture), known.clone(), privilege::reduce_to_files)
        .context("cannot start a thread")?;
    let digests = digester.counts();
    let enriched = enrich::start(
        started.batches,
        digester,
        Arc::clone(&fan_out),
        Arc::clone(&live),
        Arc::clone(&verdicts),
        Arc::clone(&shared.tallies),
    )?;
    let enforcer = match (enforcer, started.handles) {
        (Some(settings), Some(handles)) => {
            let host = DaemonHost::new(handles, Arc::clone(&shared.identities), (known, capture.hash_size));
            let (baseline, host) = (baseline.clone(), Arc::new(host));
            // Spawned now, because it keeps the privileges of this thread; it begins when everything else runs.
            Some(Supervisor::spawn(EnforcerParts { settings, baseline, host, verdicts })?)
        }
        _ => None,
    };
    let controller = enforcer.as_ref().map(Supervisor::handle);
    let uncontrolled = baseline.clone().filter(|_| controller.is_none());
    let state = State {
        started: Instant::now(),
        layer: started.layer,
        degradations: started.degradations,
        heartbeat: shared.heartbeat,
        tallies: shared.tallies,
        digests,
        accounts,
        fan_out,
        live,
        listening,
        stopping: AtomicBool::new(false),
        configuration: Mutex::default(),
        controller,
        baseline: uncontrolled,
    };
    let captured = started.ended;
    let pipeline = Pipeline { enforcer, state: Arc::new(state), baseline, running, captured, enriched, kept };
    Ok((pipeline, prepared))
}

/// Limits for digests of executables.
fn digests(settings: &egret_config::Capture) -> Limits {
    let largest = settings.hash.then_some(settings.hash_size);
    Limits { largest, rate: settings.hash_rate, is_background: true }
}

fn runtime() -> Result<Runtime> {
    let mut builder = Builder::new_multi_thread();
    builder.worker_threads(WORKERS).max_blocking_threads(BLOCKING).thread_name("egret-worker").enable_all();
    builder.build().context("cannot create a runtime")
}
