//! The thread that decides how far egret goes.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use egret_capture::Enforcement;
use egret_capture::host::{Digester, Known, Limits};
use egret_enforcer::Mode;
use egret_enforcer::ask::Questions;
use egret_enforcer::baseline::Index;
use egret_enforcer::firewall::{Guardian, Hierarchy, Installed, Lack, Looked, Tools, choose, resolvers, sweep};
use egret_enforcer::marks::Marks;
use egret_enforcer::mode::{Alarm, FallbackReason, Resumed, Situation};
use egret_enforcer::queue::{Lanes, Settings, Sources};
use egret_exporters::snapshot::{EnforcementState, Fallback, FallbackCount};
use egret_model::Flow;
use tokio::sync::oneshot;

use super::book::Book;
use super::desk::{Command, Commands, Desk, Refused, Switch};
use super::plan::{self, Present};
use super::sources::{Digests, Finder, Granter};
use super::sums::{self, Sums};
use super::verdicts::Verdicts;
use super::witness::Witness;
use super::{kept, now};
use crate::config::{Enforce, EnforceLive, OnFailure};
use crate::privilege;

/// How often the controller looks after things while packets are judged.
const TICK: Duration = Duration::from_millis(500);

/// How often rules that are being learned are taken over: verdicts are the same, only what is said of them is not.
const LEARNING: Duration = Duration::from_secs(30);

/// Sessions that are never judged; the oldest makes room.
const EXEMPT: usize = 16;

/// What the controller works with.
pub(crate) struct Parts {
    pub(crate) settings: Enforce,
    pub(crate) book: Option<Arc<Book>>,
    pub(crate) handles: Enforcement,
    pub(crate) witness: Arc<Witness>,
    pub(crate) verdicts: Arc<Verdicts>,
    /// Digests of files that were read before, and the largest file of which one is computed.
    pub(crate) digests: (Known, u64),
}

/// Starts the thread, which takes up the mode that was kept. It ends when the desk is told to stop, and what is returned is
/// ready then.
///
/// # Errors
///
/// The mode that was kept cannot be understood, or the thread cannot be started.
pub(crate) fn start(parts: Parts) -> Result<(Arc<Desk>, oneshot::Receiver<()>)> {
    let Parts { settings, book, handles, witness, verdicts, digests } = parts;
    let marks = Marks::new(settings.mark_mask)?;
    let precision = book.as_ref().map(|book| book.precision()).unwrap_or_default();
    let questions = Arc::new(Questions::new(precision));
    let kept = kept::read(&settings.state)?;
    let mut situation = kept.unwrap_or_else(|| Situation::new(settings.mode, now()));
    let resumed = situation.resume(now());
    let granter = Granter(handles.grants().map(Arc::new));
    let (desk, commands) = Desk::new(book.clone(), Arc::clone(&questions), EnforcementState::default());
    let controller = Controller {
        live: settings.live.clone(),
        settings,
        book,
        handles,
        witness,
        verdicts,
        digests,
        questions,
        granter,
        marks,
        tools: Tools::default(),
        hierarchy: Hierarchy::find(),
        situation,
        generation: 0,
        lanes: None,
        guardian: None,
        resolvers: resolvers(),
        exempt: Vec::new(),
        rules: 0,
        judged_by: Instant::now(),
        sums: Sums::default(),
        alarm: Alarm::default(),
        started: Instant::now(),
        recreated: 0,
        fallbacks: BTreeMap::new(),
        desk: Arc::clone(&desk),
    };
    controller.publish();
    let (end, ended) = oneshot::channel();
    let body = move || {
        // Its children, too: tools that install rules.
        if let Err(error) = privilege::pass_on(&privilege::ENFORCE, &privilege::FIREWALL) {
            tracing::error!("{error:#}");
        }
        controller.run(&commands, resumed);
        // Told when dropped, also by a panic.
        drop(end);
    };
    thread::Builder::new().name("egret-enforce".into()).spawn(body).context("cannot start a thread")?;
    Ok((desk, ended))
}

struct Controller {
    settings: Enforce,
    live: EnforceLive,
    book: Option<Arc<Book>>,
    handles: Enforcement,
    witness: Arc<Witness>,
    verdicts: Arc<Verdicts>,
    digests: (Known, u64),
    questions: Arc<Questions>,
    granter: Granter,
    marks: Marks,
    tools: Tools,
    hierarchy: Hierarchy,
    situation: Situation,
    generation: u32,
    lanes: Option<Lanes>,
    guardian: Option<Guardian>,
    resolvers: Vec<IpAddr>,
    exempt: Vec<Flow>,
    /// Changes of the rules that the policy in force knows of.
    rules: u64,
    /// When they were taken over.
    judged_by: Instant,
    sums: Sums,
    alarm: Alarm,
    started: Instant,
    /// Times that rules were installed anew, by guardians that have gone.
    recreated: u64,
    fallbacks: BTreeMap<FallbackReason, u64>,
    desk: Arc<Desk>,
}

impl Controller {
    fn run(mut self, commands: &Commands, resumed: Resumed) {
        self.begin(resumed);
        loop {
            self.publish();
            match commands.next(self.next_look()) {
                None => self.look(),
                Some(Command::Switch(switch, reply)) => {
                    let done = self.switch(switch);
                    self.publish();
                    // Who asked may not wait any more.
                    let _ = reply.send(done);
                }
                Some(Command::Confirm(reply)) => {
                    let done = self.confirm();
                    self.publish();
                    let _ = reply.send(done);
                }
                Some(Command::Live(live)) => self.reconfigure(*live),
                Some(Command::Stop { broken }) => {
                    if broken && self.live.on_failure == OnFailure::Closed {
                        tracing::error!(
                            "firewall rules stay: without egret nothing new passes, as enforce.on_failure says"
                        );
                        return;
                    }
                    break;
                }
            }
        }
        self.open_the_way();
        self.publish();
    }

    /// Takes up the mode that was kept, and removes what a daemon that was killed left behind.
    fn begin(&mut self, resumed: Resumed) {
        if let Resumed::Reverted { from } = resumed {
            let (from, to) = (from.as_str(), self.situation.mode.as_str());
            tracing::warn!(from, to, "nobody had confirmed the mode when egret ended: back to the one before");
        }
        self.verdicts.set_window(self.live.fallback.map_or(Duration::from_secs(60), |limits| limits.window));
        if !self.situation.mode.judges() {
            self.sweep();
        } else if let Err(refused) = self.apply() {
            tracing::error!("cannot {}: {refused}", self.situation.mode.as_str());
            self.retreat();
        }
        self.keep();
    }

    /// Enforcing cannot begin: rehearse, and if that cannot begin either, look on.
    fn retreat(&mut self) {
        if self.situation.fall_back(FallbackReason::NotReady, now()) {
            *self.fallbacks.entry(FallbackReason::NotReady).or_default() += 1;
            if self.apply().is_ok() {
                return;
            }
        }
        self.situation.switch(Mode::Observe, None, None, now());
        self.open_the_way();
    }

    fn sweep(&self) {
        match sweep(&self.tools, &self.hierarchy) {
            Ok(found) => found.iter().for_each(|name| tracing::warn!(name, "removed what an egret before left behind")),
            // Without tools there is nothing to remove, nor was there.
            Err(error) => tracing::debug!(%error, "not looked for what an egret before left behind"),
        }
    }

    /// When to look after things without being asked.
    fn next_look(&self) -> Option<Instant> {
        (self.situation.mode.judges() || self.situation.trial.is_some()).then(|| Instant::now() + TICK)
    }

    fn look(&mut self) {
        if let Some(ended) = self.situation.expire(now()) {
            let to = self.situation.mode.as_str();
            tracing::warn!(from = ended.as_str(), to, "nobody confirmed in time: back to the mode before");
            self.carry_out();
        }
        if let Some(reason) = self.alarm() {
            self.fall_back(reason);
        }
        if self.situation.mode.judges() {
            self.look_after_rules();
            self.look_after_lanes();
            self.look_after_firewall();
        }
    }

    /// Whether enforcing hurts.
    fn alarm(&mut self) -> Option<FallbackReason> {
        let limits = self.live.fallback.filter(|_| self.situation.mode == Mode::Enforce)?;
        let counts = sums::alarming(&self.sums.with(self.lanes.as_ref().map(Lanes::state).as_ref()), {
            self.verdicts.blocked_pairs()
        });
        self.alarm.look(self.started.elapsed(), counts, &limits)
    }

    fn fall_back(&mut self, reason: FallbackReason) {
        if self.situation.fall_back(reason, now()) {
            *self.fallbacks.entry(reason).or_default() += 1;
            tracing::error!(reason = reason.as_str(), "enforcing stopped by itself: {}", reason.explanation());
            self.carry_out();
        }
    }

    /// Puts a mode that was decided on in force; where that fails, nothing stands in the packets' way.
    fn carry_out(&mut self) {
        if let Err(refused) = self.apply() {
            tracing::error!("cannot {}: {refused}", self.situation.mode.as_str());
            self.retreat();
        }
        self.keep();
    }

    fn switch(&mut self, switch: Switch) -> Result<(), Refused> {
        if let Some(session) = switch.session.filter(|session| !self.exempt.contains(session)) {
            self.exempt.push(session);
            if self.exempt.len() > EXEMPT {
                self.exempt.remove(0);
            }
        }
        let before = self.situation.clone();
        self.situation.switch(switch.mode, switch.only, switch.confirm_within, now());
        // First on disk: if egret ends while it switches, what nobody confirmed does not come back.
        if let Err(error) = kept::write(&self.settings.state, &self.situation) {
            self.situation = before;
            return Err(Refused(format!("{error:#}")));
        }
        if let Err(refused) = self.apply() {
            self.situation = before;
            self.carry_out();
            return Err(refused);
        }
        let confirm = self.situation.trial.as_ref().map(|_| switch.confirm_within).unwrap_or_default();
        tracing::info!(from = before.mode.as_str(), to = switch.mode.as_str(), ?confirm, "mode switched");
        Ok(())
    }

    fn confirm(&mut self) -> Result<(), Refused> {
        self.situation.confirm().map_err(|nothing| Refused(nothing.to_string()))?;
        kept::write(&self.settings.state, &self.situation).map_err(|error| Refused(format!("{error:#}")))?;
        tracing::info!(mode = self.situation.mode.as_str(), "mode confirmed");
        Ok(())
    }

    fn reconfigure(&mut self, live: EnforceLive) {
        if live == self.live {
            return;
        }
        self.live = live;
        self.verdicts.set_window(self.live.fallback.map_or(Duration::from_secs(60), |limits| limits.window));
        if self.situation.mode.judges() {
            // Some of it is the lanes' for as long as they are there.
            self.stop_lanes();
            self.carry_out();
        }
    }

    fn keep(&self) {
        if let Err(error) = kept::write(&self.settings.state, &self.situation) {
            tracing::error!("{error:#}");
        }
    }

    /// Puts the mode in force.
    fn apply(&mut self) -> Result<(), Refused> {
        let mode = self.situation.mode;
        self.alarm.reset();
        // What is blocked from now on counts, also before the next look.
        let _ = self.alarm();
        if let Some(book) = &self.book {
            book.freeze(!mode.learns(), now());
        }
        if mode.judges() {
            let rules = self.rules()?;
            self.judge_by(rules)?;
            self.install()?;
        } else {
            self.open_the_way();
        }
        self.verdicts.set_judging(mode.judges());
        Ok(())
    }

    /// The rules to judge by. A broken file is none to enforce; rehearsing goes on with what there is.
    fn rules(&mut self) -> Result<(Arc<Index>, u64), Refused> {
        let Some(book) = &self.book else {
            return Err(Refused("there is no baseline: baseline.enabled is false".to_owned()));
        };
        if self.situation.mode == Mode::Enforce {
            return book.rules().map_err(|error| Refused(error.to_string()));
        }
        Ok(book.rules_in_memory())
    }

    fn judge_by(&mut self, rules: (Arc<Index>, u64)) -> Result<(), Refused> {
        self.generation = self.generation.wrapping_add(1);
        self.judge_by_generation(rules)
    }

    fn judge_by_generation(&mut self, (index, changes): (Arc<Index>, u64)) -> Result<(), Refused> {
        self.judged_by = Instant::now();
        let policy = plan::policy(&self.situation, &self.live, index, self.generation).map_err(Refused)?;
        let allowed = self.marks.allowed(self.generation);
        self.granter.set_policy(true, self.marks.mask(), allowed).map_err(|error| Refused(format!("{error:#}")))?;
        self.rules = changes;
        if let Some(lanes) = &self.lanes {
            lanes.switch(policy);
            return Ok(());
        }
        let settings = Settings {
            first_queue: self.settings.first_queue,
            count: self.settings.queues,
            queue_length: self.settings.queue_length,
            on_failure: plan::lanes_on_failure(&self.live),
            marks: self.marks,
            hold: self.live.ask_hold.unwrap_or_default(),
            ..Settings::default()
        };
        let sources = Sources {
            identify: Arc::clone(&self.witness) as _,
            grant: Arc::new(self.granter.clone()),
            audit: Arc::clone(&self.verdicts) as _,
            digest: Box::new(Digests(self.digester()?)),
            questions: Arc::clone(&self.questions),
        };
        let mut finders = || Ok(Box::new(Finder(self.handles.owners())) as _);
        let lanes = Lanes::start(settings, policy, sources, &mut finders);
        self.lanes = Some(lanes.map_err(|error| Refused(format!("{:#}", anyhow::Error::from(error))))?);
        Ok(())
    }

    /// Packets wait for these: nothing slows them down.
    fn digester(&self) -> Result<Digester, Refused> {
        let (known, largest) = &self.digests;
        let limits = Limits { largest: Some(*largest), rate: None, is_background: false };
        Digester::start(limits, known.clone(), privilege::reduce_to_files)
            .map_err(|error| Refused(format!("cannot start a thread: {error}")))
    }

    fn install(&mut self) -> Result<(), Refused> {
        let refused = |error: egret_enforcer::firewall::FirewallError| Refused(error.to_string());
        let present = Present {
            marks: self.marks,
            generation: self.generation,
            resolvers: &self.resolvers,
            exempt: &self.exempt,
        };
        let plan = plan::plan(&self.settings, &self.live, &present).map_err(Refused)?;
        let installed = match &mut self.guardian {
            Some(guardian) => guardian.replace(plan).map_err(refused)?,
            None => {
                let firewall =
                    choose(&self.tools, &self.hierarchy, plan::wish(self.settings.backend)).map_err(refused)?;
                // Of another back end, from an egret that was killed.
                self.sweep();
                let (guardian, installed) =
                    Guardian::install(firewall, plan, self.hierarchy.clone()).map_err(refused)?;
                self.guardian = Some(guardian);
                installed
            }
        };
        self.tell_lacks(&installed)
    }

    /// What half of the traffic would go around is no enforcing.
    fn tell_lacks(&self, installed: &Installed) -> Result<(), Refused> {
        for lack in &installed.lacks {
            if *lack == Lack::Ip6tables && self.situation.mode == Mode::Enforce {
                return Err(Refused(lack.to_string()));
            }
            tracing::warn!("{lack}");
        }
        Ok(())
    }

    /// Takes everything out of the packets' way: rules first, then who reads what they lead to.
    fn open_the_way(&mut self) {
        if let Some(mut guardian) = self.guardian.take() {
            self.recreated += guardian.recreated().values().sum::<u64>();
            if let Err(error) = guardian.remove() {
                tracing::error!("firewall rules cannot be removed: {error}; `egret firewall remove` tries again");
            }
        }
        self.stop_lanes();
        if let Err(error) = self.granter.set_policy(false, self.marks.mask(), 0) {
            tracing::error!("{error:#}");
        }
        self.verdicts.set_judging(false);
    }

    fn stop_lanes(&mut self) {
        if let Some(lanes) = self.lanes.take() {
            self.sums.add(&lanes.state());
            lanes.stop();
        }
    }

    /// Judges by the rules as they are now, if they are others.
    fn look_after_rules(&mut self) {
        let Some(book) = self.book.clone() else { return };
        book.look(now());
        if book.changes() == self.rules || self.situation.mode.learns() && self.judged_by.elapsed() < LEARNING {
            return;
        }
        let rules = book.rules_in_memory();
        // Where everything is let through, what was judged by the rules before is not judged anew.
        let done = if self.situation.mode.learns() {
            self.judge_by_generation(rules)
        } else {
            self.judge_by(rules).and_then(|()| self.install())
        };
        if let Err(refused) = done {
            tracing::error!("the rules as they are now are not in force: {refused}");
        }
    }

    fn look_after_lanes(&mut self) {
        let failed: Vec<String> = match &self.lanes {
            Some(lanes) => lanes.state().queues.into_iter().filter_map(|queue| queue.failed).collect(),
            None => vec!["not started".to_owned()],
        };
        if failed.is_empty() {
            return;
        }
        tracing::error!(why = failed.join("; "), "a queue was not read any more; its lane is started anew");
        self.stop_lanes();
        if let Err(refused) = self.rules().and_then(|rules| self.judge_by(rules)).and_then(|()| self.install()) {
            tracing::error!("it cannot be started: {refused}");
        }
    }

    fn look_after_firewall(&mut self) {
        let servers = resolvers();
        if servers != self.resolvers {
            self.resolvers = servers;
            if let Err(refused) = self.install() {
                tracing::error!("firewall rules do not know the new name servers: {refused}");
            }
        }
        match self.guardian.as_mut().map(Guardian::look) {
            Some(Looked::Recreated(cause, installed)) => {
                tracing::warn!(cause = cause.as_str(), "firewall rules installed anew");
                installed.lacks.iter().for_each(|lack| tracing::warn!("{lack}"));
            }
            Some(Looked::Failed(error)) => tracing::error!("firewall rules: {error}"),
            Some(Looked::Unchanged | Looked::Intact) | None => {}
        }
    }

    fn publish(&self) {
        let Situation { mode, since, only, trial, fallback } = &self.situation;
        let recreated = self.guardian.as_ref().map_or(0, |guardian| guardian.recreated().values().sum());
        let count = |reason: FallbackReason| FallbackCount {
            reason: reason.as_str(),
            count: self.fallbacks.get(&reason).copied().unwrap_or_default(),
        };
        let mut state = EnforcementState {
            mode: mode.as_str(),
            since: *since,
            confirm_by: trial.as_ref().map(|trial| trial.until),
            only: only.as_deref().map(Arc::from),
            backend: self.guardian.as_ref().map(Guardian::name),
            generation: self.generation,
            firewall_recreated: self.recreated + recreated,
            last_fallback: fallback.map(|fallback| Fallback { reason: fallback.reason.as_str(), at: fallback.at }),
            fallbacks: FallbackReason::ALL.map(count).to_vec(),
            granted: self.verdicts.granted(),
            ..EnforcementState::default()
        };
        sums::show(&self.sums.with(self.lanes.as_ref().map(Lanes::state).as_ref()), &mut state);
        self.desk.publish(state);
    }
}
