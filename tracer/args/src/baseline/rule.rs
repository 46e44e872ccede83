//! Resolves a rule from the command line.

use std::net::IpAddr;

use egret_enforcer::baseline::{Action, Destination, Rule, Subject, Value, parse_destination, parse_rule};
use egret_enforcer::store::edit::RuleSelector;
use egret_view::filter::ExecutableIs;
use ipnet::IpNet;

use super::super::problem::{Problem, Problems};
use super::super::value;
use super::RuleArgs;

impl RuleArgs {
    /// Resolves the rule. An action within its text must be `action`, if that is given.
    pub(super) fn resolve(&self, action: Option<Action>, problems: &mut Problems) -> Option<RuleSelector> {
        let selector = match &self.rule {
            Some(text) => by_text(text, action, problems),
            None => self.by_pieces(problems),
        };
        // Remove and explain accept rules that cannot match.
        if let (Some(RuleSelector::Rule(rule)), Some(_)) = (&selector, action) {
            let is_matched = |_: &str| rule.unmatched().map_or(Ok(()), Err);
            problems.one("RULE", &rule.to_string(), is_matched)?;
        }
        selector
    }

    fn by_pieces(&self, problems: &mut Problems) -> Option<RuleSelector> {
        let text = |value: &Option<String>| value.as_deref().map(Value::from);
        let subject = Subject {
            executable: self.exe.as_deref().and_then(|path| problems.one("--exe <PATH>", path, resolved_path)),
            file: None,
            script: text(&self.script),
            sha256: self.sha256.as_deref().and_then(|text| problems.one("--sha256 <DIGEST>", text, digest)),
            user: text(&self.user),
            unit: text(&self.unit),
            container: text(&self.container),
            image: text(&self.image),
            pod: text(&self.pod),
            parent: self.parent.as_deref().and_then(|path| problems.one("--parent <PATH>", path, resolved_path)),
        };
        let transport = self.transport.as_deref().unwrap_or("*");
        let read = |to: &str| destination(transport, to);
        let destination = self.to.as_deref().and_then(|to| problems.one("--to <HOST[:PORT[-PORT]]>", to, read));
        if self.to.is_none() {
            problems.push(Problem::Conflict(
                "a rule is missing: give it in quotes, or give --to and the subject, such as --exe",
            ));
        } else if subject.given() == 0 && self.exe.is_none() && self.sha256.is_none() && self.parent.is_none() {
            problems.push(Problem::Conflict(
                "the subject is missing: give --exe, --user or another option; give a rule for every subject as one text, \
                 such as '* -> udp 192.0.2.1 53'",
            ));
        }
        destination.map(|destination| RuleSelector::Rule(Box::new(Rule { subject, destination })))
    }
}

fn by_text(text: &str, wanted: Option<Action>, problems: &mut Problems) -> Option<RuleSelector> {
    problems.one("RULE|N", text, |text| {
        if let Ok(number) = text.trim().parse::<usize>() {
            return if number > 0 { Ok(RuleSelector::Number(number)) } else { Err("rules count from 1".to_owned()) };
        }
        match (parse_rule(text)?, wanted) {
            ((Some(typed), _), Some(wanted)) if typed != wanted => {
                Err(format!("the rule begins with {:?}; use `egret baseline {0}`", typed.as_str()))
            }
            ((_, rule), _) => Ok(RuleSelector::Rule(Box::new(rule))),
        }
    })
}

/// The path of an executable as the kernel reports it.
fn resolved_path(text: &str) -> Result<Value, String> {
    match value::executable(text)? {
        ExecutableIs::At { resolved, .. } => Ok(resolved.into()),
        ExecutableIs::Named(_) => Err("expected a path, such as /usr/bin/curl".to_owned()),
    }
}

fn digest(text: &str) -> Result<Value, String> {
    let is_digest = text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    if is_digest { Ok(text.to_ascii_lowercase().into()) } else { Err("expected 64 hexadecimal digits".to_owned()) }
}

fn destination(transport: &str, to: &str) -> Result<Destination, String> {
    let (host, port) = host_and_port(to);
    parse_destination(&format!("{transport} {host} {}", port.unwrap_or("*")))
}

/// Splits `example.org:443`, `192.0.2.0/24:443`, `[2001:db8::1]:443`, or any of them without port or brackets.
fn host_and_port(text: &str) -> (&str, Option<&str>) {
    if let Some((host, rest)) = text.strip_prefix('[').and_then(|text| text.split_once(']')) {
        return (host, rest.strip_prefix(':'));
    }
    if text.parse::<IpAddr>().is_ok() || text.parse::<IpNet>().is_ok() {
        return (text, None);
    }
    text.rsplit_once(':').map_or((text, None), |(host, port)| (host, Some(port)))
}

#[cfg(test)]
mod tests {
    use super::destination;

    #[test]
    fn destinations_are_parsed() {
        for (to, expected) in [
            ("example.org:443", "tcp example.org 443"),
            ("Example.org", "tcp example.org *"),
            ("*.example.org:8000-8099", "tcp *.example.org 8000-8099"),
            (".example.org:443", "tcp .example.org 443"),
            ("*:53", "tcp * 53"),
            ("192.0.2.1:53", "tcp 192.0.2.1 53"),
            ("192.0.2.0/24:53", "tcp 192.0.2.0/24 53"),
            ("2001:db8::1", "tcp 2001:db8::1 *"),
            ("[2001:db8::1]:443", "tcp 2001:db8::1 443"),
            ("[2001:db8::/32]", "tcp 2001:db8::/32 *"),
        ] {
            assert_eq!(destination("tcp", to).map(|parsed| parsed.to_string()).as_deref(), Ok(expected), "{to}");
        }
        for wrong in ["", ".", "..example.org", "example.org:https", "two words:1", "192.0.2.1/24:1", ":53"] {
            assert!(destination("tcp", wrong).is_err(), "{wrong}");
        }
        assert!(destination("quic", "example.org").is_err());
    }
}
