//! Parsers of single values. An error says what was expected; the caller adds the option and the value.

use std::ffi::OsStr;
use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, absolute};
use std::time::Duration;

use egret_config::Account;
use egret_exporters::values;
use egret_model::{EventName, Reason, Timestamp, Transport, Verdict, escaped, parse_link_local, unescaped};
use egret_view::filter::{Direction, ExecutableIs, NameIs, PeerIs, UserIs};
use ipnet::{IpNet, Ipv4Net};
use jiff::civil::DateTime;
use jiff::{SpanRelativeTo, ZonedDateTime};

pub(super) const TRANSPORTS: [&str; 8] = [
    Transport::Tcp.as_str(),
    Transport::Mptcp.as_str(),
    Transport::Udp.as_str(),
    Transport::UdpLite.as_str(),
    Transport::Icmp.as_str(),
    Transport::Sctp.as_str(),
    Transport::Raw(0).as_str(),
    Transport::Packet.as_str(),
];

const ALL_EVENTS: [EventName; 7] = [
    EventName::ConnectionOpen,
    EventName::ConnectionClose,
    EventName::ConnectionFailed,
    EventName::DatagramSend,
    EventName::Listen,
    EventName::Accept,
    EventName::ConnectionUpdate,
];

pub(super) const EVENTS: [&str; 7] = {
    let [open, close, failed, send, listen, accept, update] = ALL_EVENTS;
    [open.as_str(), close.as_str(), failed.as_str(), send.as_str(), listen.as_str(), accept.as_str(), update.as_str()]
};

pub(super) const VERDICTS: [&str; 3] = {
    let [allow, would_block, block] = values::VERDICTS;
    [values::verdict(allow), values::verdict(would_block), values::verdict(block)]
};

pub(super) const REASONS: [&str; 7] = {
    let [rule, no_rule, answer, unattributed, unjudgeable, late, inbound] = Reason::ALL;
    [
        rule.as_str(),
        no_rule.as_str(),
        answer.as_str(),
        unattributed.as_str(),
        unjudgeable.as_str(),
        late.as_str(),
        inbound.as_str(),
    ]
};

/// A duration longer than zero, such as `30d` or `1w`; days have 24 hours.
pub(super) fn age(text: &str) -> Result<Duration, String> {
    let span = text.parse::<jiff::Span>().ok();
    let duration = span.and_then(|span| span.to_duration(SpanRelativeTo::days_are_24_hours()).ok());
    duration
        .and_then(|duration| Duration::try_from(duration).ok())
        .filter(|duration| !duration.is_zero())
        .ok_or_else(|| "expected a time longer than zero, such as 30d or 12h".to_owned())
}

pub(super) fn pid(text: &str) -> Result<u32, String> {
    let pid = text.parse().ok().filter(|pid| (1..=i32::MAX.unsigned_abs()).contains(pid));
    pid.ok_or_else(|| "expected a process id".to_owned())
}

/// A file name, or a path if it has a slash.
///
/// Symbolic links are resolved, because the kernel reports the resolved path: on a merged-usr system `/bin/curl` runs as
/// `/usr/bin/curl`. A path that does not exist is kept, because it may exist in a container. Bytes that are not UTF-8 are
/// `\xNN`, as in events.
pub(super) fn executable(text: &str) -> Result<ExecutableIs, String> {
    if text.is_empty() {
        return Err("expected a file name or a path".to_owned());
    }
    if !text.contains('/') {
        return Ok(ExecutableIs::Named(text.to_owned()));
    }
    let given = absolute(OsStr::from_bytes(&unescaped(text))).map_err(|error| error.to_string())?;
    let resolved = given.canonicalize().unwrap_or_else(|_| given.clone());
    let text = |path: &Path| escaped(path.as_os_str().as_bytes()).into_owned();
    Ok(ExecutableIs::At { given: text(&given), resolved: text(&resolved) })
}

/// A user id if it is a number, else a user name.
pub(super) fn user(text: &str) -> Result<UserIs, String> {
    if text.is_empty() {
        return Err("expected a user name or number".to_owned());
    }
    if !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Ok(UserIs::Named(text.to_owned()));
    }
    text.parse().map(UserIs::Id).map_err(|_| "a user id has 32 bits".to_owned())
}

/// A user of this host, by name or uid. A uid is accepted without a user.
pub(super) fn local_user(text: &str) -> Result<UserIs, String> {
    match user(text)? {
        UserIs::Id(id) => Ok(UserIs::Id(id)),
        UserIs::Named(name) => Account::User.id(&name).map(UserIs::Id).ok_or_else(|| {
            Account::User.problem(&name).unwrap_or_else(|| "the user cannot be looked up now; give the uid".to_owned())
        }),
    }
}

/// A port or an inclusive range of ports.
pub(super) fn ports(text: &str) -> Result<RangeInclusive<u16>, String> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let port = |text: &str| text.parse().ok().filter(|port| *port != 0);
    match (port(first), port(last)) {
        (Some(first), Some(last)) if first <= last => Ok(first..=last),
        (Some(_), Some(_)) => Err("the range ends before it begins".to_owned()),
        _ => Err("expected a port from 1 to 65535, or a range such as 8000-8099".to_owned()),
    }
}

/// A network, an address, or a link-local address with an interface. v4-mapped addresses become IPv4, as in events.
pub(super) fn peer(text: &str) -> Result<PeerIs, String> {
    if let Some((address, interface)) = parse_link_local(text) {
        return Ok(PeerIs { network: IpAddr::from(address).into(), interface: Some(interface) });
    }
    let network = text.parse().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
    network
        .map(|network| PeerIs::from(canonical(network)))
        .map_err(|_| "expected an address, a network such as 10.0.0.0/8 or 2001:db8::/32, or fe80::1%eth0".to_owned())
}

/// Converts a network of v4-mapped addresses to IPv4.
fn canonical(network: IpNet) -> IpNet {
    let IpNet::V6(v6) = network else { return network };
    let v4 = v6.addr().to_ipv4_mapped().zip(v6.prefix_len().checked_sub(96));
    v4.and_then(|(address, length)| Ipv4Net::new(address, length).ok()).map_or(network, IpNet::V4)
}

pub(super) const DIRECTIONS: [&str; 2] = ["in", "out"];

pub(super) fn direction(text: &str) -> Result<Direction, String> {
    match text {
        "in" => Ok(Direction::In),
        "out" => Ok(Direction::Out),
        _ => Err(format!("expected one of: {}", DIRECTIONS.join(", "))),
    }
}

/// Text that is not empty.
pub(super) fn named(what: &str, text: &str) -> Result<String, String> {
    if text.is_empty() { Err(format!("expected {what}")) } else { Ok(text.to_owned()) }
}

pub(super) fn transport(text: &str) -> Result<&'static str, String> {
    let known = TRANSPORTS.into_iter().find(|name| *name == text);
    known.ok_or_else(|| format!("expected one of: {}", TRANSPORTS.join(", ")))
}

/// The name of a host, or `*.DOMAIN`.
pub(super) fn host(text: &str) -> Result<NameIs, String> {
    let (domain, name) = text.strip_prefix("*.").map_or((false, text), |name| (true, name));
    let name = name.strip_suffix('.').unwrap_or(name).to_lowercase();
    if name.is_empty() || name.contains(['*', '/']) || name.starts_with('.') {
        return Err("expected a name, or a domain such as *.example.org".to_owned());
    }
    Ok(if domain { NameIs::Below(name) } else { NameIs::Exactly(name) })
}

pub(super) fn event(text: &str) -> Result<EventName, String> {
    let known = ALL_EVENTS.into_iter().find(|event| event.as_str() == text);
    known.ok_or_else(|| format!("expected one of: {}", EVENTS.join(", ")))
}

pub(super) fn verdict(text: &str) -> Result<Verdict, String> {
    let known = values::VERDICTS.into_iter().find(|verdict| values::verdict(*verdict) == text);
    known.ok_or_else(|| format!("expected one of: {}", VERDICTS.join(", ")))
}

pub(super) fn reason(text: &str) -> Result<Reason, String> {
    let known = Reason::ALL.into_iter().find(|reason| reason.as_str() == text);
    known.ok_or_else(|| format!("expected one of: {}", REASONS.join(", ")))
}

/// A number greater than zero.
pub(super) fn count(text: &str) -> Result<u64, String> {
    text.parse().ok().filter(|count| *count > 0).ok_or_else(|| "expected a number, 1 or more".to_owned())
}

/// A point in time: a duration before `now`, or a date and time, which is local without a zone.
pub(super) fn moment(text: &str, now: &ZonedDateTime) -> Result<Timestamp, String> {
    let nanoseconds = if let Ok(span) = text.parse::<jiff::Span>() {
        let ago = if span.is_negative() { now.checked_add(span) } else { now.checked_sub(span) };
        ago.map(|moment| moment.timestamp().as_nanosecond())
    } else if let Ok(moment) = text.parse::<jiff::Timestamp>() {
        Ok(moment.as_nanosecond())
    } else {
        let local = text.parse::<DateTime>().and_then(|local| now.time_zone().to_timestamp(local));
        local.map(jiff::Timestamp::as_nanosecond)
    };
    let nanoseconds = nanoseconds.ok().and_then(|nanoseconds| i64::try_from(nanoseconds).ok());
    nanoseconds.map(Timestamp).ok_or_else(|| {
        "expected a duration before now such as 90m or 2d, or a time such as 2026-11-24T08:00 or 2026-11-24T08:00:00Z".to_owned()
    })
}
