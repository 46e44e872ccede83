//! Reads the log once, into sums of bounded size.

use std::cmp::Reverse;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use egret_exporters::parquet::read::Log;
use egret_model::{Endpoint, Event, EventName, Reason, Timestamp, Verdict};
use egret_view::filter::Filter;
use egret_view::query;
use egret_view::sums::Figures;

use crate::place::Place;

/// Slices of the period in the chart.
pub(crate) const SLICES: usize = 56;
/// Most programs and blocked flows that are kept apart, and half of the most destinations; with keys of 100 bytes some 30 MB each.
/// What is beyond is counted under [`OTHER`].
const MOST: usize = 50_000;
/// Most destinations of one program that are counted apart.
const MOST_OF_PROGRAM: usize = 10_000;
/// Most programs of one destination that are kept.
const MOST_OF_DESTINATION: usize = 100;
pub(crate) const OTHER: &str = "(other)";
/// The program of a flow whose process is unknown.
pub(crate) const UNKNOWN: &str = "(unknown)";

/// The time that a report is about.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Period {
    pub(crate) since: Timestamp,
    pub(crate) until: Timestamp,
}

impl Period {
    pub(crate) const fn new(since: Timestamp, until: Timestamp) -> Self {
        Self { since, until }
    }

    pub(crate) fn contains(self, time: Timestamp) -> bool {
        (self.since..self.until).contains(&time)
    }

    /// The slice of the chart that a time is in.
    fn slice(self, time: Timestamp) -> usize {
        let whole = u128::from(self.until.since(self.since)).max(1);
        let slice = u128::from(time.since(self.since)) * SLICES as u128 / whole;
        usize::try_from(slice).unwrap_or(SLICES).min(SLICES - 1)
    }
}

/// What a program did.
#[derive(Debug, Default)]
pub(crate) struct Program {
    pub(crate) figures: Figures,
    /// Connections that peers opened.
    pub(crate) inbound: u64,
    pub(crate) failed: u64,
    destinations: HashSet<Arc<str>>,
}

impl Program {
    /// Destinations; at most [`MOST_OF_PROGRAM`].
    pub(crate) fn destinations(&self) -> usize {
        self.destinations.len()
    }
}

/// What was exchanged with a destination of outgoing connections.
#[derive(Debug, Default)]
pub(crate) struct Destination {
    pub(crate) figures: Figures,
    /// At most [`MOST_OF_DESTINATION`].
    pub(crate) programs: BTreeSet<Arc<str>>,
}

impl Destination {
    fn add(&mut self, figures: Figures, program: &Arc<str>) {
        self.figures.add(figures);
        if !self.programs.contains(program) && self.programs.len() < MOST_OF_DESTINATION {
            self.programs.insert(Arc::clone(program));
        }
    }
}

/// Flows that were blocked for one reason, or would have been.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Block {
    pub(crate) verdict: Verdict,
    pub(crate) program: Arc<str>,
    pub(crate) destination: Arc<str>,
    pub(crate) reason: Option<Reason>,
}

/// Everything that a report needs from the log.
#[derive(Debug)]
pub(crate) struct Gathered {
    pub(crate) period: Period,
    pub(crate) hosts: BTreeSet<String>,
    pub(crate) totals: Figures,
    pub(crate) failed: u64,
    /// Outgoing connections to this host itself.
    pub(crate) within: Figures,
    pub(crate) unattributed: u64,
    pub(crate) slices: [Figures; SLICES],
    pub(crate) programs: HashMap<Arc<str>, Program>,
    /// Other than this host.
    pub(crate) destinations: HashMap<(Place, Arc<str>), Destination>,
    /// Destinations with little traffic were merged.
    pub(crate) merged: bool,
    pub(crate) blocks: HashMap<Block, u64>,
    /// Files that could not be read.
    pub(crate) unreadable: u64,
    most: usize,
}

impl Gathered {
    /// Errors of single files go to standard error, and are counted.
    pub(crate) fn from_log(directory: &Path, period: Period) -> Result<Self> {
        let query = query::from_filter(&Filter::default(), Some(period.since), Some(period.until));
        let mut log = Log::open(directory, query).context("cannot read the log")?;
        let mut gathered = Self::new(period, MOST);
        while let Some(batch) = log.next() {
            match batch {
                Ok(events) => {
                    if let Some(host) = log.host().filter(|host| !gathered.hosts.contains(*host)) {
                        gathered.hosts.insert(host.to_owned());
                    }
                    events.iter().for_each(|event| gathered.put(event));
                }
                Err(error) => {
                    eprintln!("egret: {error}");
                    gathered.unreadable += 1;
                }
            }
        }
        Ok(gathered)
    }

    pub(crate) fn new(period: Period, most: usize) -> Self {
        Self {
            period,
            hosts: BTreeSet::new(),
            totals: Figures::default(),
            failed: 0,
            within: Figures::default(),
            unattributed: 0,
            slices: [Figures::default(); SLICES],
            programs: HashMap::new(),
            destinations: HashMap::new(),
            merged: false,
            blocks: HashMap::new(),
            unreadable: 0,
            most,
        }
    }

    /// The blocks of a flow are counted at its first event, as its connections are.
    pub(crate) fn put(&mut self, event: &Event) {
        let figures = Figures::of(event);
        if !self.period.contains(event.time) || figures == Figures::default() {
            return;
        }
        let failed = u64::from(event.name == EventName::ConnectionFailed);
        self.totals.add(figures);
        self.failed += failed;
        self.unattributed += u64::from(figures.connections > 0 && event.process.is_none());
        if let Some(slice) = self.slices.get_mut(self.period.slice(event.time)) {
            slice.add(figures);
        }
        let most = self.most;
        let program = known_or_other(&self.programs, program(event), most);
        let destination = destination(event);
        let of_program = self.programs.entry(Arc::clone(&program)).or_default();
        of_program.figures.add(figures);
        of_program.failed += failed;
        if event.inbound {
            of_program.inbound += figures.connections;
            return;
        }
        if of_program.destinations.len() < MOST_OF_PROGRAM && !of_program.destinations.contains(&*destination) {
            of_program.destinations.insert(destination.as_str().into());
        }
        let place = event.peer.address.map_or(Place::External, Place::of);
        if place == Place::Host {
            self.within.add(figures);
        } else {
            self.put_destination((place, destination.as_str().into()), figures, &program);
        }
        if figures.connections > 0 {
            self.put_block(event, program, &destination);
        }
    }

    fn put_destination(&mut self, key: (Place, Arc<str>), figures: Figures, program: &Arc<str>) {
        self.destinations.entry(key).or_default().add(figures, program);
        if self.destinations.len() > self.most.saturating_mul(2).saturating_sub(2) {
            self.merge_smallest();
        }
    }

    /// Merges destinations with the least traffic, so that those that matter are kept whenever they appear.
    fn merge_smallest(&mut self) {
        let mut all: Vec<_> = self.destinations.drain().collect();
        all.sort_unstable_by_key(|(_, destination)| {
            let Figures { connections, sent, received } = destination.figures;
            (Reverse(sent.saturating_add(received)), Reverse(connections))
        });
        let smallest = all.split_off(all.len().min(self.most.saturating_sub(1)));
        self.destinations.extend(all);
        self.merged |= !smallest.is_empty();
        for ((place, _), merged) in smallest {
            let other = self.destinations.entry((place, OTHER.into())).or_default();
            merged.programs.iter().for_each(|program| other.add(Figures::default(), program));
            other.figures.add(merged.figures);
        }
    }

    fn put_block(&mut self, event: &Event, program: Arc<str>, destination: &str) {
        let Some(verdict @ (Verdict::Block | Verdict::WouldBlock)) = event.verdict else { return };
        let reason = event.evaluation.as_ref().map(|evaluation| evaluation.reason);
        let port = event.peer.port.map(|port| format!(":{port}")).unwrap_or_default();
        let transport = event.transport.map_or("", |transport| transport.as_str());
        let destination: Arc<str> = format!("{transport} {destination}{port}").trim_start().into();
        let mut block = Block { verdict, program, destination, reason };
        if !self.blocks.contains_key(&block) && self.blocks.len() >= self.most {
            block.destination = OTHER.into();
        }
        *self.blocks.entry(block).or_default() += 1;
    }
}

/// The key if there is an entry or space for one.
fn known_or_other<V>(map: &HashMap<Arc<str>, V>, key: &str, most: usize) -> Arc<str> {
    match map.get_key_value(key) {
        Some((known, _)) => Arc::clone(known),
        None if map.len() < most => key.into(),
        None => OTHER.into(),
    }
}

fn program(event: &Event) -> &str {
    let executable = event.process.as_deref().map(|process| &*process.executable);
    executable.and_then(|executable| executable.path.as_deref().or_else(|| executable.name())).unwrap_or(UNKNOWN)
}

/// The name that was looked up, else the address.
fn destination(event: &Event) -> String {
    match &event.server {
        Some(server) => server.name.to_string(),
        None => Endpoint { port: None, ..event.peer }.to_text().into_owned(),
    }
}
