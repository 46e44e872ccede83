//! Which names are worth keeping. They end up in terminals, logs and policies, so that only what a host can sensibly be
//! called passes.

use std::net::IpAddr;

/// The longest name that fits into a DNS message, as text without the root's dot (RFC 1035, section 3.1).
const LONGEST: usize = 253;

/// A name of these labels: lower case, without the root's dot. `None` if no host is called so.
pub(crate) fn from_labels<'a>(labels: impl Iterator<Item = &'a [u8]>) -> Option<String> {
    let mut name = String::with_capacity(LONGEST.min(64));
    for label in labels {
        if !name.is_empty() {
            name.push('.');
        }
        name.push_str(readable(label)?);
    }
    name.make_ascii_lowercase();
    let sensible = !name.is_empty() && name.len() <= LONGEST && name.parse::<IpAddr>().is_err();
    sensible.then_some(name)
}

/// A name as text, perhaps with the root's dot behind it.
pub(crate) fn from_text(text: &[u8]) -> Option<String> {
    from_labels(text.strip_suffix(b".").unwrap_or(text).split(|byte| *byte == b'.'))
}

/// A label that can be shown as it is: printable ASCII, and nothing that a reader would take for syntax around a name.
fn readable(label: &[u8]) -> Option<&str> {
    let fits = |byte: &u8| byte.is_ascii_graphic() && !b".\\\"'`".contains(byte);
    let fine = !label.is_empty() && label.iter().all(fits);
    fine.then(|| str::from_utf8(label).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_lower_case_without_the_roots_dot() {
        assert_eq!(from_text(b"WWW.Example.Com.").as_deref(), Some("www.example.com"));
        assert_eq!(from_text(b"_sip._udp.xn--bcher-kva.example").as_deref(), Some("_sip._udp.xn--bcher-kva.example"));
    }

    #[test]
    fn what_is_no_hosts_name_is_refused() {
        let long = "a.".repeat(128);
        for text in ["", ".", "..", "a..b", "a b", "a\nb", "a\u{1b}[2Jb", "b\u{fc}cher.example", "\"a\"", "a\\b", &long]
        {
            assert_eq!(from_text(text.as_bytes()), None, "{text:?}");
        }
        assert_eq!(from_text(&long.as_bytes()[2..]).map(|name| name.len()), Some(LONGEST));
        assert_eq!(from_labels([&b"a.b"[..], b"c"].into_iter()), None);
    }

    #[test]
    fn an_address_is_no_name() {
        assert_eq!(from_text(b"192.0.2.1"), None);
        assert_eq!(from_text(b"2001:db8::1"), None);
    }
}
