//! Follows the records of an answer from the name asked for to its addresses.
//!
//! Records that the name does not lead to are ignored: an answer cannot name addresses that nobody asked for.

use std::net::IpAddr;
use std::time::Duration;

use hickory_proto::rr::rdata::SVCB;
use hickory_proto::rr::rdata::svcb::{IpHint, SvcParamValue};
use hickory_proto::rr::{DNSClass, Name, RData, Record};

/// Names followed, the one asked for included. Resolvers give up at 8 to 16 (unbound: 11, BIND: 16).
const LINKS: usize = 16;
/// Addresses taken from one answer, so that one answer cannot fill the table.
const ADDRESSES: usize = 64;
/// The longest time that an answer is believed (RFC 8767, section 4).
const LONGEST_TTL: u32 = 7 * 24 * 60 * 60;

/// A name on the way, and how long all the records that led there hold.
#[derive(Clone, Copy)]
struct Link<'a> {
    name: &'a Name,
    ttl: u32,
}

/// The addresses that a name leads to, with how long that holds.
pub(crate) fn addresses(asked: &Name, records: &[Record]) -> Vec<(IpAddr, Duration)> {
    let links = links(asked, records);
    let mut found = Vec::new();
    for record in records {
        let Some(link) = links.iter().find(|link| owns(link, record)) else { continue };
        let ttl = Duration::from_secs(link.ttl.min(ttl_of(record)).into());
        let sensible = given(&record.data).map(|address| address.to_canonical()).filter(|one| !one.is_unspecified());
        found.extend(sensible.map(|address| (address, ttl)).take(ADDRESSES.saturating_sub(found.len())));
    }
    found
}

/// The name asked for, and those that stand for it. A name that leads back to an earlier one is not followed again.
fn links<'a>(asked: &'a Name, records: &'a [Record]) -> Vec<Link<'a>> {
    let mut links = vec![Link { name: asked, ttl: LONGEST_TTL }];
    let mut at = 0;
    while let Some(&link) = links.get(at) {
        for record in records.iter().filter(|record| owns(&link, record)) {
            let next = target(&record.data).filter(|name| !links.iter().any(|known| known.name == *name));
            if let Some(name) = next.filter(|_| links.len() < LINKS) {
                links.push(Link { name, ttl: link.ttl.min(ttl_of(record)) });
            }
        }
        at += 1;
    }
    links
}

fn owns(link: &Link<'_>, record: &Record) -> bool {
    record.dns_class == DNSClass::IN && record.name == *link.name
}

/// A lifetime with the highest bit set is none (RFC 2181, section 8).
const fn ttl_of(record: &Record) -> u32 {
    if record.ttl > i32::MAX.unsigned_abs() { 0 } else { record.ttl }
}

/// The name that stands for the owner of a record.
fn target(data: &RData) -> Option<&Name> {
    match data {
        RData::CNAME(alias) => Some(&alias.0),
        _ => service(data).map(|service| &service.target_name).filter(|name| !name.is_root()),
    }
}

/// The addresses that a record itself gives.
fn given(data: &RData) -> Box<dyn Iterator<Item = IpAddr> + '_> {
    match data {
        RData::A(address) => Box::new(std::iter::once(address.0.into())),
        RData::AAAA(address) => Box::new(std::iter::once(address.0.into())),
        _ => Box::new(service(data).into_iter().flat_map(hints)),
    }
}

/// Service bindings (RFC 9460).
const fn service(data: &RData) -> Option<&SVCB> {
    match data {
        RData::HTTPS(binding) => Some(&binding.0),
        RData::SVCB(binding) => Some(binding),
        _ => None,
    }
}

fn hints(service: &SVCB) -> impl Iterator<Item = IpAddr> + '_ {
    service.svc_params.iter().flat_map(|(_, value)| -> Box<dyn Iterator<Item = IpAddr> + '_> {
        match value {
            SvcParamValue::Ipv4Hint(IpHint(hints)) => Box::new(hints.iter().map(|hint| hint.0.into())),
            SvcParamValue::Ipv6Hint(IpHint(hints)) => Box::new(hints.iter().map(|hint| hint.0.into())),
            _ => Box::new(std::iter::empty()),
        }
    })
}
