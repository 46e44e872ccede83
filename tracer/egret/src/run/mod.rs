//! `egret run`: the daemon.
//!
//! ```text
//! capture thread (drain) -> channel -> enrich thread (digest) -> fan-out -> a queue each sink
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
mod notify;
mod own_spans;
mod pulse;
mod report;
mod running;
mod servers;
mod signals;
mod sinks;
mod state;
mod tallies;
mod watchdog;

use std::env;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};
use std::time::{Instant, SystemTime};

use anyhow::{Context as _, Result};
use egret_model::work;
use tokio::runtime::{Builder, Runtime};

use crate::args::{RunOptions, exit};
use crate::config::{self, Loaded};
use crate::control::Live;
use crate::enforce::{self, Book, Verdicts, Witness};
use crate::log::Log;
use crate::privilege;
use crate::status::Listening;
use accounts::Accounts;
use daemon::{Daemon, Pipeline};
use fan_out::FanOut;
use own_spans::OwnSpans;
use pulse::Pulse;
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
pub fn run(options: &RunOptions, log: &Log) -> Result<u8> {
    let begun = SystemTime::now();
    let loaded = config::load(options.config.as_deref(), env::vars_os())?;
    let read = (begun, SystemTime::now());
    log.filter(&loaded.settings.log)?;
    loaded.warnings.iter().for_each(|warning| tracing::warn!("{warning}"));
    let listeners = Listeners::open(&loaded.settings)?;
    privilege::renounce()?;
    let runtime = privilege::without(runtime)?;
    let own_spans = OwnSpans::start(&loaded.settings, log, runtime.handle().clone(), read)?;
    let starting = tracing::info_span!(target: work::TARGET, work::START);
    let (pipeline, prepared) = starting.in_scope(|| start(&loaded, listeners.listening()))?;
    // Threads that are started from here on have no privilege from their first instruction.
    privilege::reduce(Vec::new())?;
    let daemon = Daemon { options, log, loaded, pipeline, own_spans, starting };
    let snapshot = runtime.block_on(daemon.run(prepared, listeners))?;
    // A sink that could not be drained in time is not waited for now.
    runtime.shutdown_background();
    report::report(&snapshot);
    Ok(exit::DONE)
}

/// Starts what captures, enriches, learns and enforces.
fn start(loaded: &Loaded, listening: Listening) -> Result<(Pipeline, Prepared)> {
    let (fan_out, accounts, live) = (Arc::<FanOut>::default(), Arc::<Accounts>::default(), Arc::<Live>::default());
    let book = loaded.settings.baseline.as_ref().map(open_book);
    // Before anything is captured, so that nothing is captured for nobody.
    let prepared = Prepared::new(&loaded.settings, Arc::clone(&fan_out), Arc::clone(&accounts));
    let shared = capture::Shared {
        pulse: Arc::new(Pulse::new(notify::watchdog())),
        tallies: Arc::<Tallies>::default(),
        witness: Arc::new(Witness::new().context("cannot make an event descriptor")?),
    };
    let verdicts = Arc::<Verdicts>::default();
    let (stop, running) = capture::stop()?;
    let started = capture::start(&loaded.settings, stop, shared.clone())?;
    let hash = loaded.settings.capture.hash;
    let enriched = enrich::start(
        started.batches,
        hash,
        Arc::clone(&fan_out),
        Arc::clone(&live),
        Arc::clone(&verdicts),
        Arc::clone(&shared.tallies),
    )?;
    let enforcing = match (loaded.settings.enforce.clone(), started.handles) {
        (Some(settings), Some(handles)) => {
            let (book, witness) = (book.clone(), Arc::clone(&shared.witness));
            Some(enforce::start(enforce::Parts { settings, book, handles, witness, verdicts })?)
        }
        _ => None,
    };
    let (desk, enforced) = enforcing.unzip();
    let state = State {
        started: Instant::now(),
        layer: started.layer,
        degradations: started.degradations,
        pulse: shared.pulse,
        tallies: shared.tallies,
        accounts,
        fan_out,
        live,
        listening,
        stopping: AtomicBool::new(false),
        configuration: Mutex::default(),
        desk,
    };
    let pipeline = Pipeline { state: Arc::new(state), book, running, captured: started.ended, enriched, enforced };
    Ok((pipeline, prepared))
}

fn open_book(settings: &config::Baseline) -> Arc<Book> {
    let config::Baseline { file, host, precision, thresholds, .. } = settings;
    Arc::new(Book::open(file, *precision, *thresholds, host))
}

fn runtime() -> Result<Runtime> {
    let mut builder = Builder::new_multi_thread();
    builder.worker_threads(WORKERS).max_blocking_threads(BLOCKING).thread_name("egret-worker").enable_all();
    builder.build().context("cannot make a runtime")
}
