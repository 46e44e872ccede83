//! The outcome of an event in a word.

use std::borrow::Cow;

use egret_exporters::errno::ErrnoName;
use egret_model::{Event, EventName, Layer, Reason, Transport, Verdict};
use nix::errno::Errno;

/// The tone of an outcome, which selects its colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tone {
    /// Failed or blocked.
    Bad,
    /// Would be blocked.
    Warning,
    /// A beginning.
    Good,
    Quiet,
    Plain,
}

/// The word for `event`: the error of a failed connection, else the event with its error after a colon. A blocked flow has the
/// reason after a colon, unless no rule covers it, which is the usual reason.
pub(super) fn outcome(event: &Event) -> (Cow<'static, str>, Tone) {
    let error = event.error.filter(|errno| *errno != 0).map(reason);
    match (event.verdict, event.name, error) {
        (Some(Verdict::Block), ..) => (judged("blocked", event), Tone::Bad),
        (Some(Verdict::WouldBlock), ..) => (judged("would-block", event), Tone::Warning),
        (_, EventName::ConnectionFailed, reason) => (reason.unwrap_or("failed".into()), Tone::Bad),
        (_, _, Some(reason)) => (format!("{}:{reason}", word(event)).into(), Tone::Bad),
        (_, _, None) => (word(event).into(), tone(event)),
    }
}

fn judged(verdict: &'static str, event: &Event) -> Cow<'static, str> {
    match event.evaluation.as_ref().map(|evaluation| evaluation.reason) {
        None | Some(Reason::NoRule) => verdict.into(),
        Some(reason) => format!("{verdict}:{}", reason.as_str()).into(),
    }
}

fn word(event: &Event) -> &'static str {
    match event.name {
        EventName::ConnectionOpen | EventName::Accept | EventName::Listen if event.preexisting => "standing",
        EventName::ConnectionOpen if is_outstanding(event) => "connecting",
        EventName::ConnectionOpen => "open",
        EventName::ConnectionClose => "close",
        EventName::ConnectionFailed => "failed",
        EventName::DatagramSend => "send",
        EventName::Listen => "listen",
        EventName::Accept => "accept",
        EventName::ConnectionUpdate => "update",
    }
}

/// Whether the peer has not answered yet. Scans of `/proc` have no duration of handshakes, so this is false for them.
fn is_outstanding(event: &Event) -> bool {
    event.transport.is_some_and(Transport::has_handshake)
        && event.connect_duration_ns.is_none()
        && event.layer != Layer::Procfs
}

fn tone(event: &Event) -> Tone {
    match event.name {
        EventName::ConnectionClose | EventName::ConnectionUpdate => Tone::Quiet,
        _ if event.preexisting => Tone::Quiet,
        EventName::ConnectionOpen | EventName::Accept => Tone::Good,
        _ => Tone::Plain,
    }
}

/// Common errors as words, others by their symbolic name.
fn reason(errno: i32) -> Cow<'static, str> {
    match Errno::from_raw(errno) {
        Errno::ECONNREFUSED => "refused".into(),
        Errno::ECONNRESET => "reset".into(),
        Errno::ETIMEDOUT => "timeout".into(),
        Errno::EHOSTUNREACH | Errno::ENETUNREACH => "unreachable".into(),
        _ => ErrnoName(errno).to_string().into(),
    }
}

#[cfg(test)]
mod tests {
    use egret_model::{Event, EventName, Layer, Reason, Transport, Verdict, sample};

    use super::{Tone, outcome};

    fn word(event: &Event) -> String {
        outcome(event).0.into_owned()
    }

    #[test]
    fn failures_show_the_error() {
        let failed = |error| Event { name: EventName::ConnectionFailed, error, ..sample::event() };
        assert_eq!(outcome(&failed(Some(111))), ("refused".into(), Tone::Bad));
        assert_eq!(word(&failed(Some(110))), "timeout");
        assert_eq!(word(&failed(Some(1))), "EPERM");
        assert_eq!(word(&failed(None)), "failed");
        assert_eq!(word(&Event { name: EventName::ConnectionClose, ..failed(Some(104)) }), "close:reset");
    }

    #[test]
    fn a_handshake_under_way_is_not_yet_open() {
        let unanswered = Event { connect_duration_ns: None, ..sample::event() };
        assert_eq!(word(&sample::event()), "open");
        assert_eq!(word(&unanswered), "connecting");
        assert_eq!(word(&Event { transport: Some(Transport::Udp), ..unanswered.clone() }), "open");
        assert_eq!(word(&Event { layer: Layer::Procfs, ..unanswered }), "open");
    }

    #[test]
    fn preexisting_connections_are_marked() {
        let preexisting = Event { preexisting: true, ..sample::event() };
        assert_eq!(outcome(&preexisting), ("standing".into(), Tone::Quiet));
        assert_eq!(word(&Event { name: EventName::ConnectionClose, ..preexisting }), "close");
    }

    #[test]
    fn verdicts_have_precedence_over_events() {
        let judged = |verdict| Event { verdict: Some(verdict), ..sample::event() };
        assert_eq!(outcome(&judged(Verdict::Block)), ("blocked".into(), Tone::Bad));
        assert_eq!(outcome(&judged(Verdict::WouldBlock)), ("would-block".into(), Tone::Warning));
        assert_eq!(word(&judged(Verdict::Allow)), "open");
        let why = |reason, verdict| Event { evaluation: Some(sample::evaluation(reason)), ..judged(verdict) };
        assert_eq!(word(&why(Reason::NoRule, Verdict::Block)), "blocked");
        assert_eq!(word(&why(Reason::Late, Verdict::Block)), "blocked:late");
        assert_eq!(word(&why(Reason::Rule, Verdict::WouldBlock)), "would-block:rule");
        assert_eq!(word(&why(Reason::Rule, Verdict::Allow)), "open");
    }
}
