//! Escapes names of the kernel, which are arbitrary bytes, to text, since records are UTF-8.
//!
//! Bytes that are not UTF-8 become `\xNN`. In a name with such bytes, or with text that looks like an escape, a backslash becomes
//! `\\`. So distinct names have distinct texts, and nearly all names are unchanged.

use std::borrow::Cow;
use std::fmt::Write as _;

/// Escapes a name.
#[must_use]
pub fn escaped(name: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(name) {
        Ok(text) if !has_escape(text) => Cow::Borrowed(text),
        _ => Cow::Owned(escape(name)),
    }
}

/// Reverses [`escaped`].
#[must_use]
pub fn unescaped(text: &str) -> Cow<'_, [u8]> {
    if has_escape(text) { Cow::Owned(unescape(text.as_bytes())) } else { Cow::Borrowed(text.as_bytes()) }
}

/// Whether a text contains an escaped byte.
fn has_escape(text: &str) -> bool {
    text.as_bytes().windows(4).any(|window| byte_of(window).is_some())
}

/// The byte of `\xNN`. Bytes below 0x80 are never escaped.
fn byte_of(window: &[u8]) -> Option<u8> {
    let [b'\\', b'x', high, low] = window else { return None };
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    let byte = digit(*high)? << 4 | digit(*low)?;
    (byte >= 0x80).then_some(byte)
}

fn escape(name: &[u8]) -> String {
    let mut text = String::with_capacity(name.len() + 8);
    for chunk in name.utf8_chunks() {
        text.push_str(&chunk.valid().replace('\\', r"\\"));
        for byte in chunk.invalid() {
            // Writing to a string does not fail.
            let _ = write!(text, "\\x{byte:02x}");
        }
    }
    text
}

/// Text that is not an escape stays as it is.
fn unescape(mut text: &[u8]) -> Vec<u8> {
    let mut name = Vec::with_capacity(text.len());
    while let Some((first, rest)) = text.split_first() {
        let (byte, rest) = match text {
            [b'\\', b'\\', rest @ ..] => (b'\\', rest),
            _ => match text.split_at_checked(4).and_then(|(window, rest)| Some((byte_of(window)?, rest))) {
                Some(found) => found,
                None => (*first, rest),
            },
        };
        name.push(byte);
        text = rest;
    }
    name
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn utf_8_names_are_not_escaped() {
        for name in ["/usr/bin/curl", "/opt/grüße", r"/a\b", r"dev-disk-by\x2duuid-a.swap", r"\x", r"\xg0", r"\x8", ""]
        {
            assert_eq!((&*escaped(name.as_bytes()), &*unescaped(name)), (name, name.as_bytes()));
            assert!(matches!(escaped(name.as_bytes()), Cow::Borrowed(_)));
        }
    }

    #[test]
    fn invalid_utf_8_and_its_look_alikes_are_escaped() {
        for (name, text) in [
            (&b"/opt/a\xff"[..], r"/opt/a\xff"),
            (br"/opt/a\xff", r"/opt/a\\xff"),
            (b"/opt/\\a\xff", r"/opt/\\a\xff"),
            (b"\xc3\x28", r"\xc3("),
            (b"a\x80\x80/\xf0\x9f\x90\xa6", "a\\x80\\x80/\u{1f426}"),
        ] {
            assert_eq!((&*escaped(name), &*unescaped(text)), (text, name));
        }
    }

    proptest! {
        #[test]
        fn unescaped_reverses_escaped(name in prop_oneof![any::<Vec<u8>>(), "[\\\\x8-9f/a]{0,12}".prop_map(String::into_bytes)]) {
            prop_assert_eq!(unescaped(&escaped(&name)).into_owned(), name);
        }

        #[test]
        fn distinct_names_have_distinct_texts(one in "[\\\\x8f]{0,8}", other in "[\\\\x8f]{0,8}", byte in 0x80_u8.., at in any::<prop::sample::Index>()) {
            prop_assert_eq!(escaped(one.as_bytes()) == escaped(other.as_bytes()), one == other);
            let mut with = one.clone().into_bytes();
            with.insert(at.index(with.len() + 1), byte);
            prop_assert!(escaped(&with) != escaped(one.as_bytes()) && escaped(&with) != escaped(other.as_bytes()));
        }

        #[test]
        fn any_text_is_unescaped(text in any::<String>()) {
            let _ = unescaped(&text);
        }
    }
}
