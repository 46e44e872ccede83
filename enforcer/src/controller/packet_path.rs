//! The packet path under the controller: its workers, and the policy that they evaluate by.

use std::error::Error;
use std::sync::Arc;

use super::Parts;
use super::handle::Refused;
use super::settings::EnforcerSettings;
use crate::evaluate::Policy;
use crate::marks::Marks;
use crate::queue::{QueueState, Settings, Sources, WorkerFailure, Workers};

/// The packet path: workers while a mode evaluates flows, and what all workers have counted.
pub(super) struct PacketPath {
    parts: Arc<Parts>,
    workers: Option<Workers>,
}

impl PacketPath {
    pub(super) fn new(parts: Arc<Parts>) -> Self {
        Self { parts, workers: None }
    }

    /// Evaluates by this policy from now on. Starts workers if there are none.
    ///
    /// # Errors
    ///
    /// The queues cannot be read.
    pub(super) fn evaluate_by(
        &mut self,
        policy: Policy,
        settings: &EnforcerSettings,
        marks: Marks,
    ) -> Result<(), Refused> {
        let Parts { host, verdicts, questions, totals, .. } = &*self.parts;
        let allowed = marks.allowed(policy.generation);
        host.grant().set_policy(true, marks.mask(), allowed).map_err(|error| Refused(explain(&*error)))?;
        if let Some(workers) = &self.workers {
            workers.switch(policy);
            return Ok(());
        }
        let sources = Sources {
            identify: host.identify(),
            grant: host.grant(),
            audit: Arc::clone(verdicts) as _,
            digest: host.digests().map_err(|error| Refused(format!("cannot start a thread: {error}")))?,
            questions: Arc::clone(questions),
            totals: Arc::clone(totals),
        };
        let settings = Settings {
            first_queue: settings.first_queue,
            count: settings.queues,
            queue_length: settings.queue_length,
            on_failure: settings.on_failure,
            marks,
            hold: settings.ask_hold.unwrap_or_default(),
            ..Settings::default()
        };
        let started = Workers::start(settings, policy, sources, &mut || host.owners());
        self.workers = Some(started.map_err(|error| Refused(explain(&error)))?);
        Ok(())
    }

    /// Stops the workers: every packet that they have gets a verdict. Returns why workers ended before or meanwhile.
    pub(super) fn stop(&mut self) -> Vec<WorkerFailure> {
        let last = self.workers.take().map(Workers::stop).unwrap_or_default();
        last.queues.into_iter().filter_map(|queue| queue.failed).collect()
    }

    /// Whether all workers run.
    pub(super) fn is_at_work(&self) -> bool {
        let state = self.workers.as_ref().map(Workers::state);
        state.is_some_and(|state| state.queues.iter().all(|queue| queue.failed.is_none()))
    }

    /// The counts of all workers so far.
    pub(super) fn counts(&self) -> QueueState {
        self.parts.totals.with(self.workers.as_ref().map(Workers::state).as_ref())
    }
}

/// An error and all its sources.
pub(super) fn explain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text.push_str(&format!(": {error}"));
        source = error.source();
    }
    text
}
