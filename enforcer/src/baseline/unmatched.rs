//! Rules that no flow can match, as far as their text shows that.

use std::net::IpAddr;

use egret_model::Transport;

use super::destination::{Destination, Host, Ports};
use super::facts::{KERNEL, MEMORY, PRIVATE};
use super::rule::Rule;
use super::subject::{HOST, Subject};
use super::value::{Piece, Value};

/// Characters of a SHA-256 in hexadecimal.
const DIGEST: usize = 64;

/// What unit names end with (systemd.unit(5)); processes are in the first three.
const UNIT_TYPES: [&str; 5] = [".service", ".scope", ".slice", ".socket", ".mount"];

impl Rule {
    /// Why no flow can match this rule.
    #[must_use]
    pub fn unmatched(&self) -> Option<String> {
        self.subject.unmatched().or_else(|| self.destination.unmatched())
    }
}

impl Subject {
    /// Why no process can match this subject.
    #[must_use]
    pub fn unmatched(&self) -> Option<String> {
        self.unmatched_path()
            .or_else(|| self.sha256.as_ref().and_then(unmatched_digest))
            .or_else(|| self.unit.as_ref().and_then(unmatched_unit))
            .or_else(|| self.pod.as_ref().and_then(unmatched_pod))
            .or_else(|| self.file.as_ref().and_then(unmatched_file))
    }

    fn unmatched_path(&self) -> Option<String> {
        // Files in memory have names.
        let is_in_memory = self.file.as_ref().is_some_and(|file| file.matches(MEMORY));
        let paths = [("exe", &self.executable), ("parent", &self.parent)];
        paths.into_iter().filter(|_| !is_in_memory).find_map(|(key, path)| {
            let path = path.as_ref().filter(|path| **path != Value::from(KERNEL))?;
            let reason = if is_relative(path) { "is no absolute path" } else { unnormalised(path)? };
            Some(format!("{key}={path}: {path} {reason}; no process has it"))
        })
    }
}

/// Whether a path, or every path of a pattern, begins without a `/`.
fn is_relative(path: &Value) -> bool {
    let is_absolute = |text: &str| text.starts_with('/');
    match path {
        Value::Exact(path) => !is_absolute(path),
        Value::Pattern(pieces) => match &**pieces {
            // A star may match nothing.
            [Piece::Run, Piece::Text(text), ..] | [Piece::Text(text), ..] => !is_absolute(text),
            _ => true,
        },
    }
}

/// What a path has that the kernel never puts into one.
fn unnormalised(path: &Value) -> Option<&'static str> {
    let path = path.as_exact()?;
    let mut components = path.split('/').skip(1);
    if components.clone().any(|component| component == "." || component == "..") {
        return Some("has a component `.` or `..`");
    }
    components.any(str::is_empty).then_some("has an empty component")
}

fn unmatched_digest(digest: &Value) -> Option<String> {
    let digest = digest.as_exact()?;
    let is_digit = |c: char| matches!(c, '0'..='9' | 'a'..='f');
    (digest.len() != DIGEST || !digest.chars().all(is_digit))
        .then(|| format!("sha256={digest}: expected {DIGEST} digits, in lower case"))
}

fn unmatched_unit(unit: &Value) -> Option<String> {
    let name = unit.as_exact()?;
    let has_type = UNIT_TYPES.iter().any(|suffix| name.strip_suffix(suffix).is_some_and(|front| !front.is_empty()));
    (!has_type).then(|| format!("unit={unit}: the name of a unit ends with its type, as in {name}.service"))
}

fn unmatched_pod(pod: &Value) -> Option<String> {
    let name = pod.as_exact()?;
    let is_full = name
        .split_once('/')
        .is_some_and(|(space, workload)| !space.is_empty() && !workload.is_empty() && !workload.contains('/'));
    (!is_full).then(|| format!("pod={pod}: expected NAMESPACE/WORKLOAD, as in shop/web"))
}

fn unmatched_file(file: &Value) -> Option<String> {
    let kinds = [HOST, PRIVATE, MEMORY];
    (!kinds.iter().any(|kind| file.matches(kind))).then(|| format!("file={file}: expected one of {}", kinds.join(", ")))
}

impl Destination {
    /// Why no flow can go to this destination.
    #[must_use]
    pub fn unmatched(&self) -> Option<String> {
        self.unmatched_port().or_else(|| self.host.unmatched())
    }

    fn unmatched_port(&self) -> Option<String> {
        let Ports::Range(_, last) = self.ports else { return None };
        let has_none = [Transport::Icmp, Transport::Raw(0), Transport::Packet].map(|transport| transport.as_str());
        match self.transport {
            Some(transport) if has_none.contains(&transport) => {
                Some(format!("{transport} has no ports; expected `*` in place of {}", self.ports))
            }
            _ => (last == 0).then(|| "nothing has port 0; `*` is any port".to_owned()),
        }
    }
}

impl Host {
    fn unmatched(&self) -> Option<String> {
        match self {
            Self::Name(name) | Self::Below(name) | Self::Domain(name) => {
                let is_foreign = |c: char| matches!(c, '[' | ']' | '%' | ':' | '/');
                name.contains(is_foreign).then(|| {
                    format!(
                        "no host has the name {name}; an address has no brackets, no port, and no `%` and interface \
                         behind it"
                    )
                })
            }
            Self::Address(address @ IpAddr::V6(_)) if address.to_canonical() != *address => {
                Some(format!("{address} is an address of IPv4; egret has it as {}", address.to_canonical()))
            }
            Self::Any | Self::Address(_) | Self::LinkLocal(..) | Self::Network(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::parse_rule;
    use super::super::tests::strategy;

    const DIGEST: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

    #[test]
    fn unmatchable_rules_are_recognised_by_their_text() {
        for (rule, is_matched) in [
            ("exe=curl -> tcp * 443", false),
            ("exe=cu*l -> tcp * 443", false),
            ("exe=*curl -> tcp * 443", false),
            ("exe=* -> tcp * 443", false),
            ("exe=?usr/bin/curl -> tcp * 443", false),
            ("exe=./curl -> tcp * 443", false),
            ("exe=/usr/bin/../bin/curl -> tcp * 443", false),
            ("exe=/usr//bin/curl -> tcp * 443", false),
            ("exe=/usr/bin/ -> tcp * 443", false),
            ("exe=/usr/bin/curl parent=bash -> tcp * 443", false),
            ("exe=/usr/bin/curl parent=/usr/bin/bash -> tcp * 443", true),
            ("exe=/opt/*/curl -> tcp * 443", true),
            ("exe=*/curl -> tcp * 443", true),
            ("exe=/opt/..curl -> tcp * 443", true),
            ("exe=kernel -> tcp * 2049", true),
            (&format!("exe=payload file=memory sha256={DIGEST} -> tcp * 443"), true),
            (&format!("sha256={} -> tcp * 443", DIGEST.to_uppercase()), false),
            ("sha256=0123 -> tcp * 443", false),
            ("unit=nginx -> tcp * 443", false),
            ("unit=.service -> tcp * 443", false),
            ("unit=nginx.service -> tcp * 443", true),
            ("unit=run-u*.service -> tcp * 443", true),
            ("pod=web -> tcp * 443", false),
            ("pod=shop/web -> tcp * 443", true),
            ("exe=/a file=disk -> tcp * 443", false),
            ("exe=/a file=* -> tcp * 443", true),
            ("* -> icmp 192.0.2.1 8", false),
            ("* -> icmp 192.0.2.1 *", true),
            ("* -> tcp 192.0.2.1 0", false),
            ("* -> tcp ::ffff:192.0.2.1 443", false),
            ("* -> tcp [2001:db8::1] 443", false),
            ("* -> tcp example.org:443 443", false),
            ("* -> tcp fe80::1 443", true),
            ("* -> tcp *.example.org 443", true),
        ] {
            let (_, rule) = parse_rule(rule).unwrap();
            assert_eq!(rule.unmatched().is_none(), is_matched, "{rule}: {:?}", rule.unmatched());
        }
    }

    proptest! {
        #[test]
        fn rule_that_matches_a_flow_is_never_refused(
            rule in strategy::rule(),
            flows in prop::collection::vec(strategy::facts(), 200),
        ) {
            let is_matched = flows.iter().any(|facts| rule.covers(facts));
            prop_assert!(!is_matched || rule.unmatched().is_none(), "{} {:?}", rule, rule.unmatched());
        }
    }
}
