//! Converts a filter to a query for the reader of the log.
//!
//! The query may only exclude events that the filter excludes. It does not have to exclude all of them, because the filter
//! checks every event again. A criterion that does not map to single columns is not part of the query.

use std::net::IpAddr;

use egret_exporters::parquet::read::{Criterion, Query};
use egret_exporters::{names, values};
use egret_model::{EventName, Timestamp};
use ipnet::IpNet;

use crate::filter::{ExecutableIs, Filter, NameIs, PeerIs, UnitIs, UserIs};

/// The first event of each flow.
pub const FLOWS: [EventName; 3] = [EventName::ConnectionOpen, EventName::ConnectionFailed, EventName::DatagramSend];

/// A query that finds at least everything that `filter` admits.
#[must_use]
pub fn from_filter(filter: &Filter, since: Option<Timestamp>, until: Option<Timestamp>) -> Query {
    let criteria = [
        pids(&filter.pids),
        executables(&filter.executables),
        users(&filter.users),
        units(&filter.units),
        ports(filter),
        peers(&filter.peers),
        words(names::NETWORK_TRANSPORT, &filter.transports, |transport| transport),
        hosts(&filter.names),
        words(names::EVENT_NAME, &filter.events, |event| event.as_str()),
        words(names::VERDICT, &filter.verdicts, |verdict| values::verdict(*verdict)),
        words(names::VERDICT_REASON, &filter.reasons, |reason| reason.as_str()),
    ];
    Query { since, until, criteria: criteria.into_iter().flatten().collect() }
}

fn words<T>(attribute: &'static str, values: &[T], word: impl Fn(&T) -> &'static str) -> Option<Criterion> {
    let words = values.iter().map(|value| word(value).to_owned()).collect();
    (!values.is_empty()).then(|| Criterion::one_of(attribute, words))
}

fn pids(pids: &[u32]) -> Option<Criterion> {
    let ranges = pids.iter().map(|pid| u64::from(*pid)..=u64::from(*pid)).collect();
    (!pids.is_empty()).then(|| Criterion::Number { attributes: vec![names::PROCESS_PID], ranges })
}

/// Names and paths are in different columns, so this needs values of one kind.
fn executables(executables: &[ExecutableIs]) -> Option<Criterion> {
    let (mut named, mut paths) = (Vec::new(), Vec::new());
    for executable in executables {
        match executable {
            ExecutableIs::Named(name) => named.push(name.clone()),
            ExecutableIs::At { given, resolved } => {
                paths
                    .extend([given, resolved].into_iter().flat_map(|path| [path.clone(), format!("{path} (deleted)")]));
            }
        }
    }
    match (named.is_empty(), paths.is_empty()) {
        (false, true) => Some(Criterion::one_of(names::PROCESS_EXECUTABLE_NAME, named)),
        (true, false) => Some(Criterion::one_of(names::PROCESS_EXECUTABLE_PATH, paths)),
        _ => None,
    }
}

/// Uids and names are in different columns, so this needs values of one kind.
fn users(users: &[UserIs]) -> Option<Criterion> {
    let (mut ranges, mut named) = (Vec::new(), Vec::new());
    for user in users {
        match user {
            UserIs::Id(uid) => ranges.push(u64::from(*uid)..=u64::from(*uid)),
            UserIs::Named(name) => named.push(name.clone()),
        }
    }
    match (ranges.is_empty(), named.is_empty()) {
        (false, true) => Some(Criterion::Number { attributes: vec![names::PROCESS_USER_ID], ranges }),
        (true, false) => Some(Criterion::one_of(names::PROCESS_USER_NAME, named)),
        _ => None,
    }
}

fn units(units: &[UnitIs]) -> Option<Criterion> {
    let spellings = units.iter().flat_map(|UnitIs(unit)| [unit.clone(), format!("{unit}.service")]).collect();
    (!units.is_empty()).then(|| Criterion::one_of(names::SYSTEMD_UNIT, spellings))
}

fn ports(filter: &Filter) -> Option<Criterion> {
    let ranges = filter.ports.iter().map(|range| u64::from(*range.start())..=u64::from(*range.end())).collect();
    let attributes = vec![names::NETWORK_LOCAL_PORT, names::NETWORK_PEER_PORT];
    (!filter.ports.is_empty()).then_some(Criterion::Number { attributes, ranges })
}

/// The interface is in another column and only checked by the filter.
fn peers(peers: &[PeerIs]) -> Option<Criterion> {
    if peers.is_empty() {
        return None;
    }
    let single =
        |network: &IpNet| (network.prefix_len() == network.max_prefix_len()).then(|| spellings(network.addr()));
    // Row group statistics can be used for addresses but not for networks.
    let networks: Vec<IpNet> = peers.iter().map(|peer| peer.network).collect();
    let exactly = networks.iter().map(single).collect::<Option<Vec<_>>>().map(|texts| texts.concat());
    let within = move |text: &str| {
        let address = text.parse().ok().map(|address: IpAddr| address.to_canonical());
        address.is_some_and(|address| networks.iter().any(|network| network.contains(&address)))
    };
    Some(match exactly {
        Some(texts) => Criterion::one_of(names::NETWORK_PEER_ADDRESS, texts),
        None => Criterion::text(names::NETWORK_PEER_ADDRESS, within),
    })
}

/// The forms in which an address may be recorded: an IPv4 address also as v4-mapped.
fn spellings(address: IpAddr) -> Vec<String> {
    let mapped = match address {
        IpAddr::V4(v4) => Some(v4.to_ipv6_mapped().to_string()),
        IpAddr::V6(_) => None,
    };
    std::iter::once(address.to_string()).chain(mapped).collect()
}

fn hosts(hosts: &[NameIs]) -> Option<Criterion> {
    if hosts.is_empty() {
        return None;
    }
    let whole = |host: &NameIs| match host {
        NameIs::Exactly(name) => Some(name.clone()),
        NameIs::Below(_) => None,
    };
    let wanted = hosts.to_vec();
    Some(match hosts.iter().map(whole).collect() {
        Some(whole) => Criterion::one_of(names::SERVER_ADDRESS, whole),
        None => Criterion::text(names::SERVER_ADDRESS, move |name| wanted.iter().any(|host| host.is(name))),
    })
}
