//! Validates names. They are shown on terminals and used in logs and policies, so only valid host names are accepted.

use std::net::IpAddr;

/// Maximum length of a name in a DNS message, as text without the trailing dot (RFC 1035, section 3.1).
const MAX_LENGTH: usize = 253;

/// The name of these labels in lower case, without the trailing dot. `None` if it is no valid host name.
pub(crate) fn from_labels<'a>(labels: impl Iterator<Item = &'a [u8]>) -> Option<String> {
    let mut name = String::with_capacity(MAX_LENGTH.min(64));
    for label in labels {
        if !name.is_empty() {
            name.push('.');
        }
        name.push_str(readable(label)?);
    }
    name.make_ascii_lowercase();
    let valid = !name.is_empty() && name.len() <= MAX_LENGTH && name.parse::<IpAddr>().is_err();
    valid.then_some(name)
}

/// Parses a name, with or without the trailing dot.
pub(crate) fn from_text(text: &[u8]) -> Option<String> {
    from_labels(text.strip_suffix(b".").unwrap_or(text).split(|byte| *byte == b'.'))
}

/// A label of printable ASCII without characters that could be taken for syntax around a name.
fn readable(label: &[u8]) -> Option<&str> {
    let allowed = |byte: &u8| byte.is_ascii_graphic() && !b".\\\"'`".contains(byte);
    let valid = !label.is_empty() && label.iter().all(allowed);
    valid.then(|| str::from_utf8(label).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn name_is_lower_case_without_the_trailing_dot() {
        assert_eq!(from_text(b"WWW.Example.Com.").as_deref(), Some("www.example.com"));
        assert_eq!(from_text(b"_sip._udp.xn--bcher-kva.example").as_deref(), Some("_sip._udp.xn--bcher-kva.example"));
    }

    #[test]
    fn invalid_host_names_are_refused() {
        let long = "a.".repeat(128);
        for text in ["", ".", "..", "a..b", "a b", "a\nb", "a\u{1b}[2Jb", "b\u{fc}cher.example", "\"a\"", "a\\b", &long]
        {
            assert_eq!(from_text(text.as_bytes()), None, "{text:?}");
        }
        assert_eq!(from_text(&long.as_bytes()[2..]).map(|name| name.len()), Some(MAX_LENGTH));
        assert_eq!(from_labels([&b"a.b"[..], b"c"].into_iter()), None);
    }

    #[test]
    fn addresses_are_refused() {
        assert_eq!(from_text(b"192.0.2.1"), None);
        assert_eq!(from_text(b"2001:db8::1"), None);
    }
}
