//! Follows the records of a DNS answer from the queried name to its addresses.
//!
//! Other records are ignored, so that an answer cannot name addresses that were not queried.

use std::net::IpAddr;
use std::time::Duration;

use hickory_proto::rr::rdata::SVCB;
use hickory_proto::rr::rdata::svcb::{IpHint, SvcParamValue};
use hickory_proto::rr::{DNSClass, Name, RData, Record};

/// Maximum number of names in a chain, the queried one included. Resolvers follow 8 to 16 (unbound: 11, BIND: 16).
const LINKS: usize = 16;
/// Maximum number of addresses taken from an answer, so that an answer cannot fill the table.
const ADDRESSES: usize = 64;
/// Maximum lifetime of an answer (RFC 8767, section 4).
pub(crate) const LONGEST_TTL: u32 = 7 * 24 * 60 * 60;

/// A name of the chain, and the minimum lifetime of the records that lead to it.
#[derive(Clone, Copy)]
struct Link<'a> {
    name: &'a Name,
    ttl: u32,
}

/// The addresses of a name, with their lifetimes.
pub(crate) fn addresses(asked: &Name, records: &[Record]) -> Vec<(IpAddr, Duration)> {
    let links = links(asked, records);
    let mut found = Vec::new();
    for record in records {
        let Some(link) = links.iter().find(|link| owns(link, record)) else { continue };
        let ttl = Duration::from_secs(link.ttl.min(ttl_of(record)).into());
        let addresses = addresses_of(&record.data).map(|address| address.to_canonical());
        let specified = addresses.filter(|address| !address.is_unspecified());
        found.extend(specified.map(|address| (address, ttl)).take(ADDRESSES.saturating_sub(found.len())));
    }
    found
}

/// The queried name and its aliases. An alias of an earlier name of the chain is not followed again.
fn links<'a>(asked: &'a Name, records: &'a [Record]) -> Vec<Link<'a>> {
    let mut links = vec![Link { name: asked, ttl: LONGEST_TTL }];
    let mut index = 0;
    while let Some(&link) = links.get(index) {
        for record in records.iter().filter(|record| owns(&link, record)) {
            let next = target(&record.data).filter(|name| !links.iter().any(|known| known.name == *name));
            if let Some(name) = next.filter(|_| links.len() < LINKS) {
                links.push(Link { name, ttl: link.ttl.min(ttl_of(record)) });
            }
        }
        index += 1;
    }
    links
}

fn owns(link: &Link<'_>, record: &Record) -> bool {
    record.dns_class == DNSClass::IN && record.name == *link.name
}

/// A TTL with the highest bit set counts as zero (RFC 2181, section 8).
const fn ttl_of(record: &Record) -> u32 {
    if record.ttl > i32::MAX.unsigned_abs() { 0 } else { record.ttl }
}

/// The name that a record points to.
fn target(data: &RData) -> Option<&Name> {
    match data {
        RData::CNAME(alias) => Some(&alias.0),
        _ => service(data).map(|service| &service.target_name).filter(|name| !name.is_root()),
    }
}

/// The addresses in a record.
fn addresses_of(data: &RData) -> Box<dyn Iterator<Item = IpAddr> + '_> {
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
