//! Reads the outgoing flows of a log.

use std::net::IpAddr;

use anyhow::{Context as _, Result};
use egret_args::LogRange;
use egret_enforcer::baseline::{Destination, Facts, Gap, Host, Ports, Rule, Value};
use egret_exporters::parquet::read::Log;
use egret_model::Event;
use egret_view::filter::{ExecutableIs, Filter, NameIs, PeerIs};
use egret_view::{exit, query};
use ipnet::IpNet;

use super::progress::Progress;

/// The result of reading a log.
#[derive(Debug, Default)]
pub(super) struct Reading {
    /// Hours with a file that could not be read.
    pub(super) gaps: Vec<Gap>,
    failed: bool,
}

impl Reading {
    pub(super) const fn status(&self) -> u8 {
        if self.failed { exit::FAILED } else { exit::DONE }
    }
}

/// Calls `take` for the first event of each flow, with the facts about the flow and the host. Errors go to standard error.
pub(super) fn flows(
    range: &LogRange,
    filter: Filter,
    mut take: impl FnMut(&Event, Facts<'_>, Option<&str>),
) -> Result<Reading> {
    let events = query::FLOWS.to_vec();
    let query = query::from_filter(&Filter { events, ..filter }, range.since, range.until);
    let mut log = Log::open(&range.directory, query).context("cannot read the log")?;
    let (mut reading, mut progress, mut count) = (Reading::default(), Progress::new(), 0);
    while let Some(batch) = log.next() {
        match batch {
            Ok(events) => {
                for event in &events {
                    if let Some(facts) = Facts::of(event) {
                        take(event, facts, log.host());
                    }
                }
                count += u64::try_from(events.len()).unwrap_or(u64::MAX);
                progress.update(log.progress(), count);
            }
            Err(error) => {
                eprintln!("egret: {error}");
                reading.failed = true;
                let gap = |(from, to, rows)| Gap { from, to, lost: u64::try_from(rows).unwrap_or(u64::MAX) };
                reading.gaps.extend(error.missed().map(gap));
            }
        }
    }
    Ok(reading)
}

/// A filter that admits at least all flows that a rule covers, so that the reader can skip others.
pub(super) fn filter_for(rule: &Rule) -> Filter {
    let Destination { transport, host, ports } = &rule.destination;
    let mut filter = Filter::default();
    if let Some(path) = rule.subject.executable.as_ref().and_then(Value::as_exact) {
        filter.executables.push(ExecutableIs::At { given: path.to_owned(), resolved: path.to_owned() });
    }
    filter.transports.extend(*transport);
    match host {
        Host::Any => {}
        Host::Name(name) => filter.names.push(NameIs::Exactly(name.to_string())),
        Host::Below(domain) => filter.names.push(NameIs::Below(domain.to_string())),
        Host::Domain(domain) => {
            filter.names.extend([NameIs::Exactly(domain.to_string()), NameIs::Below(domain.to_string())]);
        }
        Host::Address(address) => filter.peers.push(PeerIs::from(IpNet::from(*address))),
        Host::LinkLocal(address, interface) => {
            filter.peers.push(PeerIs { network: IpAddr::from(*address).into(), interface: Some(*interface) });
        }
        Host::Network(network) => filter.peers.push(PeerIs::from(*network)),
    }
    if let Ports::Range(first, last) = *ports {
        filter.ports.push(first..=last);
    }
    filter
}
