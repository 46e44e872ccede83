//! The controller: a thread that owns the mode, the firewall rules and the workers of the packet path.
//!
//! ```text
//! commands (handle) -> controller -> mode state (pure transitions), firewall keeper, packet path (workers)
//!                                 -> snapshot (handle)
//! supervisor: starts the controller, restarts it after a panic, carries out the failure policy after too many
//! ```
//!
//! The controller's thread alone has the privilege to install firewall rules and to read packets from queues, and passes it on
//! to the threads and tools that it starts.

mod apply;
mod conntrack;
mod handle;
mod host;
mod keeper;
mod lasting;
mod packet_path;
mod plan;
mod restarts;
mod settings;
mod snapshot;
mod state_file;
mod supervisor;
mod tick;

use std::sync::Arc;
use std::time::{Duration, Instant};

use egret_model::snapshot::Phase;

pub use handle::{ControllerHandle, Refused, Switch};
pub use host::Host;
pub(crate) use plan::own_addresses;
pub use plan::{PlanError, attempt, render, scope};
pub use settings::EnforcerSettings;
pub use state_file::StateFileError;
pub use supervisor::{EnforcerParts, StartError, Supervisor, learns_at_start};

use self::conntrack::ConntrackMonitor;
use self::handle::{Command, Commands};
use self::lasting::Lasting;
use self::packet_path::PacketPath;
use self::restarts::Panics;
use crate::ask::Questions;
use crate::evaluate::FailurePolicy;
use crate::marks::Marks;
use crate::mode::{FallbackMonitor, FallbackReason, ModeState};
use crate::queue::Totals;
use crate::store::BaselineStore;
use crate::verdicts::Verdicts;
use crate::{clock, fault};

/// How often the controller checks on everything while flows are evaluated.
const TICK: Duration = Duration::from_millis(500);

/// How often the removal of rules is tried again.
const RETRY: Duration = Duration::from_secs(5);

/// Over how long a pair counts once where no window is configured.
const WINDOW: Duration = Duration::from_secs(60);

/// What the controller shares with others.
struct Parts {
    baseline: Option<Arc<BaselineStore>>,
    host: Arc<dyn Host>,
    verdicts: Arc<Verdicts>,
    questions: Arc<Questions>,
    totals: Arc<Totals>,
    handle: Arc<ControllerHandle>,
    started: Instant,
}

/// How the controller ended.
enum Ended {
    /// By a command, which is carried out.
    Stopped,
    /// Workers panic again and again.
    Failed(String),
}

struct Controller<'a> {
    parts: &'a Parts,
    lasting: &'a mut Lasting,
    marks: Marks,
    path: PacketPath,
    phase: Phase,
    /// Changes of the baseline that the policy in force has.
    changes: u64,
    /// When they were taken over.
    taken_over: Instant,
    monitor: FallbackMonitor,
    conntrack: ConntrackMonitor,
    worker_panics: Panics,
    /// Workers panicked too often: the last panic's message.
    failed: Option<String>,
}

impl<'a> Controller<'a> {
    fn new(parts: &'a Arc<Parts>, lasting: &'a mut Lasting, marks: Marks) -> Self {
        Self {
            parts,
            lasting,
            marks,
            path: PacketPath::new(Arc::clone(parts)),
            phase: Phase::Starting,
            changes: 0,
            taken_over: Instant::now(),
            monitor: FallbackMonitor::default(),
            conntrack: ConntrackMonitor::default(),
            worker_panics: Panics::default(),
            failed: None,
        }
    }

    fn run(mut self, commands: &Commands) -> Ended {
        self.publish();
        self.start();
        self.phase = Phase::InForce;
        loop {
            self.publish();
            if let Some(message) = self.failed.take() {
                return Ended::Failed(message);
            }
            match commands.next(self.next_tick()) {
                None => self.tick(),
                Some(Command::Switch(switch, reply)) => {
                    let done = self.switch(switch);
                    self.publish();
                    // Whoever asked may not wait any more.
                    let _ = reply.send(done);
                }
                Some(Command::Confirm(reply)) => {
                    let done = self.confirm();
                    self.publish();
                    let _ = reply.send(done);
                }
                Some(Command::Reconfigure(settings)) => self.reconfigure(*settings),
                Some(Command::Stop { failed }) => {
                    self.stop(failed);
                    return Ended::Stopped;
                }
            }
        }
    }

    fn stop(&mut self, failed: bool) {
        if failed && self.lasting.settings.on_failure == FailurePolicy::Closed && self.lasting.mode.mode.evaluates() {
            tracing::error!("firewall rules stay: new flows are dropped without egret, as enforce.on_failure says");
            return;
        }
        self.clear_the_way();
        self.publish();
    }

    /// Puts the mode in force that was kept, and removes what a daemon that was killed left behind.
    fn start(&mut self) {
        fault::point("controller");
        self.parts.verdicts.set_window(self.window());
        self.set_scope();
        if !self.lasting.mode.mode.evaluates() {
            self.lasting.firewall.remove_leftovers();
        }
        self.carry_out();
    }

    fn window(&self) -> Duration {
        self.lasting.settings.fallback.map_or(WINDOW, |limits| limits.window)
    }

    /// Tells the baseline store which flows are evaluated.
    fn set_scope(&self) {
        let Some(baseline) = &self.parts.baseline else { return };
        let Lasting { settings, firewall, mode, .. } = &*self.lasting;
        match plan::scope_in(settings, firewall.resolvers(), mode.only.as_deref()) {
            Ok(scope) => baseline.set_scope(scope),
            Err(error) => tracing::warn!(%error, "readiness counts flows that enforcement never evaluates, too"),
        }
    }

    /// The mode cannot be put in force: shadow is tried, and then only observe remains.
    fn fall_back_for_want(&mut self) {
        if self.lasting.mode.fall_back(FallbackReason::NotReady, clock::now()) {
            self.lasting.count_fallback(FallbackReason::NotReady);
            if self.apply().is_ok() {
                return;
            }
        }
        self.lasting.mode.fall_back_to_observe(clock::on_both());
        self.clear_the_way();
    }

    /// When to check on everything, if nothing is asked before.
    fn next_tick(&self) -> Option<Instant> {
        let state = &self.lasting.mode;
        let after = if state.mode.evaluates() || state.pending.is_some() {
            TICK
        } else {
            // Its rules could not be removed.
            self.lasting.firewall.is_installed().then_some(RETRY)?
        };
        Some(Instant::now() + after)
    }

    /// Puts the mode state in force; where that fails, nothing is in the packets' way.
    fn carry_out(&mut self) {
        if let Err(refused) = self.apply() {
            tracing::error!("cannot {}: {refused}", self.lasting.mode.mode.as_str());
            self.fall_back_for_want();
        }
        self.lasting.persist();
        self.set_scope();
    }

    fn switch(&mut self, switch: Switch) -> Result<(), Refused> {
        if let Some(session) = switch.session {
            self.lasting.firewall.exempt(session);
        }
        let before = self.lasting.mode.clone();
        self.lasting.before_switch = Some(before.clone());
        self.lasting.mode.switch(switch.mode, switch.only, switch.confirm_within, clock::on_both());
        let done = self.put_switch_in_force(&before);
        self.lasting.before_switch = None;
        done?;
        self.set_scope();
        let confirm = self.lasting.mode.pending.as_ref().map(|_| switch.confirm_within).unwrap_or_default();
        tracing::info!(from = before.mode.as_str(), to = switch.mode.as_str(), ?confirm, "mode switched");
        Ok(())
    }

    fn put_switch_in_force(&mut self, before: &ModeState) -> Result<(), Refused> {
        // First on disk: if egret ends while it switches, a mode that nobody confirmed is reverted.
        if let Err(error) = state_file::write(self.lasting.state_file(), &self.lasting.mode) {
            self.lasting.mode = before.clone();
            return Err(Refused(error.to_string()));
        }
        fault::point("switch");
        let applied = self.apply();
        // What lets everything pass is better than the mode before, however far it came.
        if applied.is_err() && self.lasting.mode.mode.evaluates() {
            self.lasting.mode = before.clone();
            self.carry_out();
        }
        applied
    }

    fn confirm(&mut self) -> Result<(), Refused> {
        self.lasting.mode.confirm().map_err(|nothing| Refused(nothing.to_string()))?;
        state_file::write(self.lasting.state_file(), &self.lasting.mode).map_err(|error| Refused(error.to_string()))?;
        tracing::info!(mode = self.lasting.mode.mode.as_str(), "mode confirmed");
        Ok(())
    }

    fn reconfigure(&mut self, settings: EnforcerSettings) {
        if settings == self.lasting.settings {
            return;
        }
        self.lasting.settings = settings;
        self.set_scope();
        self.parts.verdicts.set_window(self.window());
        if self.lasting.mode.mode.evaluates() {
            // Workers have some of the settings for as long as they run.
            self.path.stop();
            self.carry_out();
        }
    }

    fn publish(&self) {
        let connection_table = self.conntrack.state().filter(|_| self.lasting.mode.mode.evaluates());
        let counts = self.path.counts();
        let state = snapshot::snapshot(self.phase, self.lasting, &counts, &self.parts.verdicts, connection_table);
        self.parts.handle.publish(state);
    }
}
