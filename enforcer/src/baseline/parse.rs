//! Reading a baseline: everything that is wrong with it, each at its line.

use std::collections::HashMap;
use std::sync::Arc;

use egret_model::{Timestamp, Transport, parse_link_local};
use ipnet::IpNet;

use super::destination::{Destination, Host, Ports};
use super::evidence::{Evidence, Gap, Period, time};
use super::facts::KERNEL;
use super::file::{Baseline, Entry, FORMAT};
use super::history;
use super::rule::{Action, Rule};
use super::subject::{KEYS, Subject};
use super::value::Value;
use super::word::{self, Letter, split_comment};

/// One thing that is wrong with a baseline.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {reason}")]
pub struct Problem {
    /// The line, counted from one.
    pub line: usize,
    /// What is wrong with it.
    pub reason: String,
}

/// Reads a baseline.
///
/// # Errors
///
/// Everything that is wrong with it.
pub fn parse(text: &str) -> Result<Baseline, Vec<Problem>> {
    let mut reader = Reader::default();
    for (index, line) in text.lines().enumerate() {
        reader.line = index + 1;
        if let Err(reason) = reader.read(line.trim()) {
            reader.problems.push(Problem { line: reader.line, reason });
        }
    }
    if !reader.has_format && reader.problems.is_empty() {
        reader
            .problems
            .push(Problem { line: 1, reason: format!("`format {FORMAT}` is missing before the first rule") });
    }
    // Comments below the last rule belong to no rule.
    reader.baseline.notes.append(&mut reader.notes);
    if reader.problems.is_empty() { Ok(reader.baseline) } else { Err(reader.problems) }
}

#[derive(Default)]
struct Reader {
    line: usize,
    baseline: Baseline,
    problems: Vec<Problem>,
    has_format: bool,
    /// Comments that wait for the rule below them.
    notes: Vec<String>,
    /// The lines of the rules so far.
    lines: HashMap<Rule, usize>,
}

impl Reader {
    fn read(&mut self, line: &str) -> Result<(), String> {
        if let Some(note) = line.strip_prefix('#') {
            self.notes.push(note.trim_end().to_owned());
            return Ok(());
        }
        let (line, remark) = split_comment(line);
        let (head, rest) = word::next(line).map_err(|error| error.to_string())?;
        match head.as_str() {
            "" => Ok(()),
            "format" => self.format(rest.trim()),
            "host" => self.host(rest),
            "day" => history::parse(rest).map(|(day, what)| self.baseline.history.add(day, what)),
            "gap" => gap(rest).map(|gap| self.baseline.gaps.push(gap)),
            "allow" => self.rule(Action::Allow, rest, remark),
            "deny" => self.rule(Action::Deny, rest, remark),
            "tried" => self.rule(Action::Tried, rest, remark),
            other => Err(format!("{other:?} begins no line; expected allow, deny, tried, host, gap, day or format")),
        }
    }

    fn format(&mut self, version: &str) -> Result<(), String> {
        if std::mem::replace(&mut self.has_format, true) {
            return Err("the format is given twice".to_owned());
        }
        // Comments above are about the whole file.
        self.baseline.notes.append(&mut self.notes);
        match version.parse() {
            Ok(FORMAT) => Ok(()),
            _ => Err(format!("format {version:?} is not known; this egret reads format {FORMAT}")),
        }
    }

    fn host(&mut self, text: &str) -> Result<(), String> {
        let (host, period) = host(text)?;
        match self.baseline.hosts.insert(host, period) {
            None => Ok(()),
            Some(_) => Err("the host is given twice".to_owned()),
        }
    }

    fn rule(&mut self, action: Action, text: &str, remark: Option<&str>) -> Result<(), String> {
        let notes = std::mem::take(&mut self.notes);
        let rule = rule(text)?;
        if let Some(first) = self.lines.insert(rule.clone(), self.line) {
            return Err(format!("line {first} has this subject and destination already"));
        }
        let (evidence, note) = remark.map(read_remark).unwrap_or_default();
        self.baseline.entries.insert(rule, Entry { action, notes, note, evidence });
        Ok(())
    }
}

/// Evidence, and what people wrote behind it.
fn read_remark(remark: &str) -> (Option<Evidence>, Option<String>) {
    let (front, note) = match remark.split_once("; ") {
        Some((front, note)) => (front, Some(note)),
        None => (remark, None),
    };
    match Evidence::parse(front) {
        Some(evidence) => (Some(evidence), note.map(str::to_owned)),
        None => (None, (!remark.is_empty()).then(|| remark.to_owned())),
    }
}

/// A host, and the flows of it that are counted.
fn host(text: &str) -> Result<(String, Option<Period>), String> {
    let (host, rest) = word::next(text).map_err(|error| error.to_string())?;
    if host.is_empty() {
        return Err("the name of the host is missing".to_owned());
    }
    match *rest.split_whitespace().collect::<Vec<_>>().as_slice() {
        [] => Ok((host, None)),
        [first, last] => Ok((host, Some(Period { first: moment(first)?, last: moment(last)? }))),
        _ => Err("expected the name of a host, or with it the times of the first and the last flow counted".to_owned()),
    }
}

fn moment(text: &str) -> Result<Timestamp, String> {
    time(text).ok_or_else(|| format!("{text:?} is no time such as 2026-11-20T08:00:01Z"))
}

fn gap(text: &str) -> Result<Gap, String> {
    let words: Vec<&str> = text.split_whitespace().collect();
    let [from, to, lost] = words.as_slice() else {
        return Err("expected the begin and the end of the gap and the number of records lost".to_owned());
    };
    let lost = lost.parse().map_err(|_| format!("{lost:?} is no number of records"))?;
    Ok(Gap { from: moment(from)?, to: moment(to)?, lost })
}

/// A rule as somebody typed it or copied it out of a file: with or without its action, a comment behind it passed over.
///
/// # Errors
///
/// What is wrong with it.
pub fn parse_rule(text: &str) -> Result<(Option<Action>, Rule), String> {
    let (text, _) = split_comment(text);
    let (first, rest) = word::next(text).map_err(|error| error.to_string())?;
    let action = Action::ALL.into_iter().find(|action| action.as_str() == first);
    Ok((action, rule(if action.is_some() { rest } else { text })?))
}

/// Who, as files have it before `->`.
///
/// # Errors
///
/// What is wrong with it.
pub fn parse_subject(text: &str) -> Result<Subject, String> {
    match subject(text)? {
        (subject, None) => Ok(subject),
        (_, Some(_)) => Err("expected what comes before `->`, and not that".to_owned()),
    }
}

/// Reads a rule without its action.
fn rule(text: &str) -> Result<Rule, String> {
    let (subject, destination_text) = subject(text)?;
    let rest = destination_text.ok_or("`->` and a destination are missing")?;
    Ok(Rule { subject, destination: parse_destination(rest)? })
}

/// Who, and what follows `->`.
fn subject(text: &str) -> Result<(Subject, Option<&str>), String> {
    let mut subject = Subject::default();
    let mut rest = text;
    let (mut anybody, mut kernel) = (false, false);
    let behind = loop {
        let (letters, after) = word::letters(rest).map_err(|error| error.to_string())?;
        rest = after;
        let word: String = letters.iter().map(|letter| letter.character).collect();
        match word.as_str() {
            "->" => break Some(rest),
            "" => break None,
            "*" => anybody = true,
            KERNEL => kernel = true,
            pair => subject_word(&mut subject, pair, &letters)?,
        }
    };
    if kernel && (anybody || subject.given() > 0) {
        return Err("`kernel` stands for the kernel itself and cannot be combined".to_owned());
    }
    subject.executable = subject.executable.or_else(|| kernel.then(|| Value::from(KERNEL)));
    match (anybody, subject.given()) {
        (true, 1..) => Err("`*` stands for anybody and cannot be combined".to_owned()),
        (false, 0) => Err("who is missing before `->`; `*` stands for anybody".to_owned()),
        _ => Ok((subject, behind)),
    }
}

fn subject_word(subject: &mut Subject, pair: &str, letters: &[Letter]) -> Result<(), String> {
    let (key, value) = pair.split_once('=').ok_or_else(|| format!("{pair:?} is neither KEY=VALUE nor `->`"))?;
    let place = subject
        .value_mut(key)
        .ok_or_else(|| format!("{key:?} names nothing of a process; expected one of {}", KEYS.join(", ")))?;
    if value.is_empty() {
        return Err(format!("{key} is empty"));
    }
    let letters = letters.get(key.chars().count() + 1..).unwrap_or_default();
    if place.replace(Value::of_word(letters).map_err(|reason| format!("{key}: {reason}"))?).is_some() {
        return Err(format!("{key} is given twice"));
    }
    Ok(())
}

/// To whom, as files have it behind `->`. The transport may be left out: it is any then.
///
/// # Errors
///
/// What is wrong with it.
pub fn parse_destination(text: &str) -> Result<Destination, String> {
    let words: Vec<&str> = text.split_whitespace().collect();
    let (transport, host, ports) = match *words.as_slice() {
        [transport, host, ports] => (read_transport(transport)?, host, ports),
        // Behind a transport, it would be a guess which of the other two is missing.
        [host, ports] if host == "*" || read_transport(host).is_err() => (None, host, ports),
        _ => return Err("expected transport, host and port behind `->`, such as tcp example.org 443".to_owned()),
    };
    Ok(Destination { transport, host: read_host(host)?, ports: read_ports(ports)? })
}

/// Names of transports.
const TRANSPORTS: [Transport; 8] = [
    Transport::Tcp,
    Transport::Mptcp,
    Transport::Udp,
    Transport::UdpLite,
    Transport::Icmp,
    Transport::Sctp,
    Transport::Raw(0),
    Transport::Packet,
];

fn read_transport(text: &str) -> Result<Option<&'static str>, String> {
    if text == "*" {
        return Ok(None);
    }
    let mut names = TRANSPORTS.iter().map(|transport| transport.as_str());
    let found = names.clone().find(|name| *name == text);
    found.map(Some).ok_or_else(|| {
        let names = names.by_ref().collect::<Vec<_>>().join(", ");
        format!("{text:?} is no transport; expected * or one of {names}")
    })
}

fn read_host(text: &str) -> Result<Host, String> {
    if text == "*" {
        return Ok(Host::Any);
    }
    if let Ok(address) = text.parse() {
        return Ok(Host::Address(address));
    }
    if text.contains('%') {
        let (address, interface) = parse_link_local(text)
            .ok_or_else(|| format!("{text:?} is no link-local address behind an interface such as fe80::1%eth0"))?;
        return Ok(Host::LinkLocal(address, interface));
    }
    if text.contains('/') {
        let network: IpNet = text.parse().map_err(|_| format!("{text:?} is no network such as 192.0.2.0/24"))?;
        return if network.trunc() == network {
            Ok(Host::Network(network))
        } else {
            Err(format!("{text} has bits beyond its prefix; meant may be {}", network.trunc()))
        };
    }
    type Named = fn(Arc<str>) -> Host;
    let prefixed = |prefix, named: Named| text.strip_prefix(prefix).map(|name| (name, named));
    let below = prefixed("*.", Host::Below).or_else(|| prefixed(".", Host::Domain));
    let (name, named) = below.unwrap_or((text, Host::Name));
    host_name(name).map(named).ok_or_else(|| format!("{text:?} is no host name, address or network"))
}

/// A name as records have it: lower case, without the root's dot.
fn host_name(text: &str) -> Option<Arc<str>> {
    let text = text.strip_suffix('.').unwrap_or(text);
    let fits =
        |label: &str| !label.is_empty() && !label.chars().any(|c| c == '*' || c.is_control() || c.is_whitespace());
    (text.len() <= 253 && text.split('.').all(fits)).then(|| text.to_lowercase().into())
}

fn read_ports(text: &str) -> Result<Ports, String> {
    if text == "*" {
        return Ok(Ports::Any);
    }
    let port = |text: &str| {
        text.parse::<u16>().map_err(|_| format!("{text:?} is no port or range of ports such as 443 or 8000-8999"))
    };
    let (first, last) = match text.split_once('-') {
        Some((first, last)) => (port(first)?, port(last)?),
        None => (port(text)?, port(text)?),
    };
    if first > last { Err(format!("the range of ports {text} is empty")) } else { Ok(Ports::Range(first, last)) }
}
