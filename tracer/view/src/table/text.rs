//! Text that is safe for a terminal and fits its column.

use std::borrow::Cow;

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Escapes everything in `text` that could control a terminal.
///
/// Process names, arguments and host names are not trusted. Control characters, characters without width, which reorder or
/// join text, and line separators are written as `\u{1b}`; without UTF-8 also everything beyond ASCII.
#[must_use]
pub fn printable(text: &str, utf8: bool) -> Cow<'_, str> {
    if text.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        return Cow::Borrowed(text);
    }
    let mut printable = String::with_capacity(text.len());
    for character in text.chars() {
        if is_safe(character, utf8) {
            printable.push(character);
        } else {
            printable.extend(character.escape_unicode());
        }
    }
    Cow::Owned(printable)
}

fn is_safe(character: char, utf8: bool) -> bool {
    match character {
        ' '..='~' => true,
        '\u{ad}' | '\u{2028}' | '\u{2029}' => false,
        other => utf8 && !other.is_control() && other.width().is_some_and(|width| width > 0),
    }
}

/// The width of `text` in terminal columns.
pub(crate) fn width(text: &str) -> usize {
    text.width()
}

/// Shortens `text` to at most `room` columns in the middle: a path ends in its file name, an endpoint in its port.
pub(super) fn shorten<'a>(text: &'a str, room: usize, ellipsis: &str) -> Cow<'a, str> {
    if width(text) <= room {
        return Cow::Borrowed(text);
    }
    let kept = room.saturating_sub(width(ellipsis));
    let head = prefix(text.chars(), kept / 2);
    let tail = prefix(text.chars().rev(), kept - kept / 2);
    Cow::Owned(head.chars().chain(ellipsis.chars()).chain(tail.chars().rev()).collect())
}

/// The first `characters` that fit into `room` columns.
fn prefix(characters: impl Iterator<Item = char>, room: usize) -> String {
    let widths = |used: &mut usize, character: char| {
        *used += character.width().unwrap_or(0);
        (*used <= room).then_some(character)
    };
    characters.scan(0, widths).collect()
}

#[cfg(test)]
mod tests {
    use super::{printable, shorten, width};
    use proptest::prelude::*;

    #[test]
    fn control_sequences_are_escaped() {
        assert_eq!(printable("a\u{1b}]0;x\u{7}b", true), "a\\u{1b}]0;x\\u{7}b");
        assert_eq!(printable("\u{9b}2J", true), "\\u{9b}2J");
        assert_eq!(printable("exe\u{202e}gpj\u{200d}\u{feff}", true), "exe\\u{202e}gpj\\u{200d}\\u{feff}");
        assert_eq!(printable("a\nb\rc\td\u{2028}", true), "a\\u{a}b\\u{d}c\\u{9}d\\u{2028}");
    }

    #[test]
    fn letters_beyond_ascii_need_utf8() {
        assert_eq!(printable("grüße 漢字", true), "grüße 漢字");
        assert_eq!(printable("grüße", false), "gr\\u{fc}\\u{df}e");
    }

    #[test]
    fn text_is_shortened_in_the_middle() {
        assert_eq!(shorten("[2001:db8:1:2:3:4:5:6]:443", 21, "…"), "[2001:db8:…4:5:6]:443");
        assert_eq!(shorten("short", 5, "…"), "short");
        assert_eq!(shorten("longer", 5, ".."), "l..er");
    }

    proptest! {
        #[test]
        fn no_control_character_is_left(text in any::<String>(), utf8 in any::<bool>()) {
            let printable = printable(&text, utf8);
            prop_assert!(!printable.chars().any(char::is_control));
            prop_assert!(utf8 || printable.is_ascii());
        }

        #[test]
        fn shortened_text_fits(text in any::<String>(), room in 1..60_usize) {
            let text = printable(&text, true);
            prop_assert!(width(&shorten(&text, room, "…")) <= room);
        }
    }
}
