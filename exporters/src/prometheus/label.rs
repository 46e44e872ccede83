//! Values of labels: what they may be, and how long.

use std::sync::Arc;

use egret_model::{NetworkType, Transport};

/// Stands for whatever has no series of its own.
pub(super) const OTHER: &str = "other";
/// Stands for what nobody knows.
pub(super) const UNKNOWN: &str = "unknown";

/// Longest value of a label, bytes.
pub(super) const LONGEST: usize = 256;
/// Ends a value that was cut.
const CUT: &str = "\u{2026}";

/// The text, cut if it is longer than a label's value may be. Cheap if it is not.
pub(super) fn bounded(text: &Arc<str>) -> Arc<str> {
    if text.len() <= LONGEST { Arc::clone(text) } else { cut(text).into() }
}

fn cut(text: &str) -> String {
    let longest = LONGEST - CUT.len();
    let end = (0..=longest).rev().find(|end| text.is_char_boundary(*end)).unwrap_or_default();
    format!("{}{CUT}", text.get(..end).unwrap_or_default())
}

/// The text as a label's value. A host that is called like one of the words above gets the root's dot, which names of
/// hosts are recorded without.
pub(super) fn value(text: &str) -> String {
    let dot = if [OTHER, UNKNOWN].contains(&text) { "." } else { "" };
    format!("{text}{dot}")
}

/// Values of `direction` for connections, by [`direction`].
pub(super) const DIRECTIONS: [&str; 2] = ["outbound", "inbound"];

/// Index of a direction.
pub(super) fn direction(inbound: bool) -> usize {
    usize::from(inbound)
}

/// Values of `transport`, by [`transport`].
pub(super) const TRANSPORTS: [&str; 9] = ["tcp", "mptcp", "udp", "udplite", "icmp", "sctp", "raw", "packet", UNKNOWN];

/// Index of a transport.
pub(super) const fn transport(transport: Option<Transport>) -> usize {
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
pub(super) const NETWORK_TYPES: [&str; 3] = ["ipv4", "ipv6", UNKNOWN];

/// Index of a network type.
pub(super) const fn network_type(network_type: Option<NetworkType>) -> usize {
    match network_type {
        Some(NetworkType::Ipv4) => 0,
        Some(NetworkType::Ipv6) => 1,
        None => 2,
    }
}

/// The value at an index.
pub(super) fn at<const N: usize>(values: &[&'static str; N], index: usize) -> &'static str {
    values.get(index).copied().unwrap_or(UNKNOWN)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn indices_agree_with_the_names_of_records() {
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
    fn a_host_called_other_is_not_the_others() {
        assert_eq!((value(OTHER).as_str(), value("otter").as_str()), ("other.", "otter"));
    }

    proptest! {
        #[test]
        fn values_are_bounded(text in "\\PC{0,400}") {
            let text: Arc<str> = text.into();
            let bounded = bounded(&text);
            prop_assert!(bounded.len() <= LONGEST);
            prop_assert!(bounded == text || (text.len() > LONGEST && text.starts_with(bounded.strip_suffix(CUT).unwrap())));
        }
    }
}
