//! `egret run`: the daemon.
//!
//! ```text
//! capture thread (drain) -> channel -> enrich thread -> fan-out -> a queue each sink
//!                                         | orders
//!                                         digest threads
//! ```
//!
//! Capture waits for nobody but the enriching thread, and that for no sink: what a sink has no room for it drops, and
//! counts. Everything else waits on a small runtime: sinks that speak to the network, metrics, the control socket,
//! signals.

mod accounts;
mod capture;
mod daemon;
mod enrich;
mod fan_out;
mod kind;
mod memory;
mod notify;
mod own_spans;
mod pulse;
mod recalled;
mod report;
mod running;
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
use egret_config::Loaded;
use egret_enforcer::controller::{EnforcerParts, Supervisor, learns_at_start};
use egret_enforcer::store::BaselineStore;
use egret_enforcer::verdicts::Verdicts;
use egret_model::work;
use tokio::runtime::{Builder, Runtime};

use crate::control::Live;
use crate::enforce::{self, DaemonHost, IdentityRequests};
use crate::exit;
use crate::log::Log;
use crate::privilege;
use crate::status::Listening;
use accounts::Accounts;
use daemon::{Daemon, Pipeline};
use fan_out::FanOut;
use own_spans::OwnSpans;
use pulse::Pulse;
use recalled::Recalled;
use servers::Listeners;
use sinks::Prepared;
use state::State;
use tallies::Tallies;

/// Threads for everything that waits. Two, so that one that encodes spans or metrics holds nobody up.
const WORKERS: usize = 2;
/// Threads for short work that blocks, such as looking up the address of a collector.
const BLOCKING: usize = 4;

/// Runs until it is asked to stop; says the exit status.
///
/// # Errors
///
/// When the configuration is wrong, another daemon runs, or capture or a sink cannot start.
pub fn run(file: Option<PathBuf>, log: &Log) -> Result<u8> {
    let begun = SystemTime::now();
    let loaded = egret_config::load(file.as_deref(), env::vars_os())?;
    let read = (begun, SystemTime::now());
    log.filter(&loaded.settings.log)?;
    loaded.warnings.iter().for_each(|warning| tracing::warn!("{warning}"));
    let listeners = Listeners::open(&loaded.settings)?;
    privilege::renounce()?;
    let runtime = privilege::without(runtime)?;
    // From here on, whoever asks is told that egret starts.
    let listeners = listeners.answer(runtime.handle())?;
    let own_spans = OwnSpans::start(&loaded.settings, log, runtime.handle().clone(), read)?;
    memory::check(&loaded.settings);
    let starting = tracing::info_span!(target: work::TARGET, work::START);
    let (pipeline, prepared) = starting.in_scope(|| start(&loaded, listeners.listening()))?;
    // Threads that are started from here on have no privilege from their first instruction.
    privilege::reduce(Vec::new())?;
    let daemon = Daemon { file, log, loaded, pipeline, own_spans, starting };
    let snapshot = runtime.block_on(daemon.run(prepared, listeners))?;
    // A sink that could not be drained in time is not waited for now.
    runtime.shutdown_background();
    log.say_rest();
    report::report(&snapshot);
    Ok(exit::DONE)
}

/// Starts what captures, enriches, learns and enforces.
fn start(loaded: &Loaded, listening: Listening) -> Result<(Pipeline, Prepared)> {
    let (fan_out, accounts, live) = (Arc::<FanOut>::default(), Arc::<Accounts>::default(), Arc::<Live>::default());
    let enforcer = loaded.settings.enforce.as_ref().map(enforce::enforcer);
    let grows = enforcer.as_ref().map_or(Ok(true), learns_at_start)?;
    let baseline = loaded
        .settings
        .baseline
        .as_ref()
        .map(|settings| Arc::new(BaselineStore::open(&enforce::baseline(settings), &loaded.settings.host, grows)));
    // Before anything is captured, so that nothing is captured for nobody.
    let prepared = Prepared::new(&loaded.settings, Arc::clone(&fan_out), Arc::clone(&accounts));
    let shared = capture::Shared {
        pulse: Arc::new(Pulse::new(notify::watchdog())),
        tallies: Arc::<Tallies>::default(),
        identities: Arc::new(IdentityRequests::new().context("cannot make an event descriptor")?),
    };
    let verdicts = Arc::<Verdicts>::default();
    let (stop, running) = capture::stop()?;
    let mut recalled = loaded.settings.names.as_ref().and_then(Recalled::open);
    let names = recalled.as_mut().map(|recalled| std::mem::take(&mut recalled.names)).unwrap_or_default();
    let (keeper, kept) = recalled.map(Recalled::keep).transpose()?.unzip();
    let started = capture::start(&loaded.settings, capture::Names { kept: names, keeper }, stop, shared.clone())?;
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
            // Now, as it keeps the privileges of this thread; it begins once everything else is at work.
            Some(Supervisor::spawn(EnforcerParts { settings, baseline, host, verdicts })?)
        }
        _ => None,
    };
    let controller = enforcer.as_ref().map(Supervisor::handle);
    let alone = baseline.clone().filter(|_| controller.is_none());
    let state = State {
        started: Instant::now(),
        layer: started.layer,
        degradations: started.degradations,
        pulse: shared.pulse,
        tallies: shared.tallies,
        digests,
        accounts,
        fan_out,
        live,
        listening,
        stopping: AtomicBool::new(false),
        configuration: Mutex::default(),
        controller,
        baseline: alone,
    };
    let captured = started.ended;
    let pipeline = Pipeline { enforcer, state: Arc::new(state), baseline, running, captured, enriched, kept };
    Ok((pipeline, prepared))
}

/// How digests of executables are computed.
fn digests(settings: &egret_config::Capture) -> Limits {
    let largest = settings.hash.then_some(settings.hash_size);
    Limits { largest, rate: settings.hash_rate, is_background: true }
}

fn runtime() -> Result<Runtime> {
    let mut builder = Builder::new_multi_thread();
    builder.worker_threads(WORKERS).max_blocking_threads(BLOCKING).thread_name("egret-worker").enable_all();
    builder.build().context("cannot make a runtime")
}
