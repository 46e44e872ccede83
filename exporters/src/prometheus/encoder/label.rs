//! Values of labels.

use std::sync::Arc;

use egret_model::{NetworkType, Transport};

/// The value for all keys without their own series.
pub(crate) const OTHER: &str = "other";
/// The value where the key is unknown.
pub(crate) const UNKNOWN: &str = "unknown";

/// Maximum length of a value, bytes.
pub(crate) const MAX_LENGTH: usize = 256;
/// The end of a truncated value.
const ELLIPSIS: &str = "\u{2026}";

/// Truncates a text to the maximum length of a value. Cheap if it is not longer.
pub(crate) fn bounded(text: &Arc<str>) -> Arc<str> {
    if text.len() <= MAX_LENGTH { Arc::clone(text) } else { truncate(text).into() }
}

fn truncate(text: &str) -> String {
    let longest = MAX_LENGTH - ELLIPSIS.len();
    let end = (0..=longest).rev().find(|end| text.is_char_boundary(*end)).unwrap_or_default();
    format!("{}{ELLIPSIS}", text.get(..end).unwrap_or_default())
}

/// A text as a value. A host named like one of the values above gets a trailing dot, which recorded host names do not have.
pub(crate) fn value(text: &str) -> String {
    let dot = if [OTHER, UNKNOWN].contains(&text) { "." } else { "" };
    format!("{text}{dot}")
}

/// Values of `direction` for connections, by [`direction`].
pub(crate) const DIRECTIONS: [&str; 2] = ["outbound", "inbound"];

pub(crate) fn direction(inbound: bool) -> usize {
    usize::from(inbound)
}

/// Values of `scope`, by [`scope`].
pub(crate) const SCOPES: [&str; 2] = ["network", "loopback"];

pub(crate) fn scope(loopback: bool) -> usize {
    usize::from(loopback)
}

/// Values of `transport`, by [`transport`].
pub(crate) const TRANSPORTS: [&str; 9] = ["tcp", "mptcp", "udp", "udplite", "icmp", "sctp", "raw", "packet", UNKNOWN];

pub(crate) const fn transport(transport: Option<Transport>) -> usize {
    match transport {
        Some(Transport::Tcp) => 0,
        Some(Transport::Mptcp) => 1,
        Some(Transport::Udp) => 2,
        Some(Transport::UdpLite) => 3,
        Some(Transport::Icmp) => 4,
        Some(Transport::Sctp) => 5,
        Some(Transport::Raw(_)) => 6,
        Some(Transport::Packet) => 7,
        None => 8,
    }
}

/// Values of `network_type`, by [`network_type`].
pub(crate) const NETWORK_TYPES: [&str; 3] = ["ipv4", "ipv6", UNKNOWN];

pub(crate) const fn network_type(network_type: Option<NetworkType>) -> usize {
    match network_type {
        Some(NetworkType::Ipv4) => 0,
        Some(NetworkType::Ipv6) => 1,
        None => 2,
    }
}

pub(crate) fn at<const N: usize>(values: &[&'static str; N], index: usize) -> &'static str {
    values.get(index).copied().unwrap_or(UNKNOWN)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn indices_agree_with_the_names_in_records() {
        let all = [
            Transport::Tcp,
            Transport::Mptcp,
            Transport::Udp,
            Transport::UdpLite,
            Transport::Icmp,
            Transport::Sctp,
            Transport::Raw(89),
            Transport::Packet,
        ];
        for known in all {
            assert_eq!(TRANSPORTS[transport(Some(known))], known.as_str());
        }
        assert_eq!(TRANSPORTS[transport(None)], UNKNOWN);
        for known in [NetworkType::Ipv4, NetworkType::Ipv6] {
            assert_eq!(NETWORK_TYPES[network_type(Some(known))], crate::values::network_type(known));
        }
    }

    #[test]
    fn host_named_other_is_distinct_from_the_other_series() {
        assert_eq!((value(OTHER).as_str(), value("otter").as_str()), ("other.", "otter"));
    }

    proptest! {
        #[test]
        fn values_are_truncated_to_the_maximum_length(text in "\\PC{0,400}") {
            let text: Arc<str> = text.into();
            let bounded = bounded(&text);
            prop_assert!(bounded.len() <= MAX_LENGTH);
            prop_assert!(bounded == text || (text.len() > MAX_LENGTH && text.starts_with(bounded.strip_suffix(ELLIPSIS).unwrap())));
        }
    }
}
