//! Words of a line: separated by blanks, `"` around what holds blanks.

use std::borrow::Cow;
use std::fmt::Write as _;

/// A word that ends too soon or holds what no word may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum WordError {
    /// The closing quote is missing.
    #[error("the closing quote is missing")]
    Unclosed,
    /// Something other than `\"`, `\\` and `\u{...}` behind a backslash.
    #[error("a backslash is followed by neither `\"`, `\\` nor `u{{...}}`")]
    Escape,
}

/// A character of a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Letter {
    pub(super) character: char,
    /// It was quoted.
    pub(super) quoted: bool,
}

impl Letter {
    /// One outside quotes.
    pub(super) const fn plain(character: char) -> Self {
        Self { character, quoted: false }
    }
}

/// Whether a value needs no quotes.
fn is_plain(value: &str) -> bool {
    let plain =
        |c: char| !c.is_whitespace() && !c.is_control() && !matches!(c, '"' | '\\' | '#' | '=' | '*' | '?' | '[');
    !value.is_empty() && value.chars().all(plain) && value != "->"
}

/// The value as a line has it.
pub(super) fn quoted(value: &str) -> Cow<'_, str> {
    if is_plain(value) {
        return Cow::Borrowed(value);
    }
    let mut text = String::from("\"");
    for character in value.chars() {
        match character {
            '"' | '\\' => text.extend(['\\', character]),
            control if control.is_control() => {
                // Writing to a string does not fail.
                let _ = write!(text, "\\u{{{:x}}}", u32::from(control));
            }
            other => text.push(other),
        }
    }
    text.push('"');
    Cow::Owned(text)
}

/// The next word of a line with quotes undone, and the rest of the line behind it. Empty where nothing is left.
pub(super) fn next(line: &str) -> Result<(String, &str), WordError> {
    let (word, rest) = letters(line)?;
    Ok((word.into_iter().map(|letter| letter.character).collect(), rest))
}

/// The next word of a line by its characters, and the rest of the line behind it.
pub(super) fn letters(line: &str) -> Result<(Vec<Letter>, &str), WordError> {
    let line = line.trim_start();
    let mut word = Vec::new();
    let mut characters = line.char_indices();
    let mut quotes = false;
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => quotes = !quotes,
            '\\' if quotes => word.push(Letter { character: escaped(&mut characters)?, quoted: true }),
            blank if blank.is_whitespace() && !quotes => return Ok((word, line.get(at..).unwrap_or_default())),
            character => word.push(Letter { character, quoted: quotes }),
        }
    }
    if quotes { Err(WordError::Unclosed) } else { Ok((word, "")) }
}

fn escaped(characters: &mut std::str::CharIndices<'_>) -> Result<char, WordError> {
    match characters.next().map(|(_, character)| character) {
        Some(character @ ('"' | '\\')) => Ok(character),
        Some('u') => {
            let digits: String =
                characters.by_ref().map(|(_, digit)| digit).take_while(|digit| *digit != '}').collect();
            let digits = digits.strip_prefix('{').ok_or(WordError::Escape)?;
            u32::from_str_radix(digits, 16).ok().and_then(char::from_u32).ok_or(WordError::Escape)
        }
        _ => Err(WordError::Escape),
    }
}

/// The line without the comment at its end, and that comment. A `#` within quotes or within a word begins none.
pub(super) fn split_comment(line: &str) -> (&str, Option<&str>) {
    let (mut quotes, mut before, mut skip) = (false, ' ', false);
    for (at, character) in line.char_indices() {
        match character {
            _ if skip => skip = false,
            '\\' if quotes => skip = true,
            '"' => quotes = !quotes,
            '#' if !quotes && before.is_whitespace() => {
                let (rule, comment) = line.split_at(at);
                return (rule.trim_end(), comment.get(1..).map(str::trim));
            }
            _ => {}
        }
        before = character;
    }
    (line.trim_end(), None)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn written_value_is_parsed_back(value in any::<String>(), rest in "( [a-z ]*)?") {
            let line = format!("{}{rest}", quoted(&value));
            prop_assert_eq!(next(&line), Ok((value, rest.as_str())));
        }

        #[test]
        fn value_with_a_hash_starts_no_comment(value in any::<String>()) {
            let line = format!("exe={} -> tcp * *  # why", quoted(&value));
            let (rule, comment) = split_comment(&line);
            prop_assert_eq!(comment, Some("why"));
            prop_assert!(rule.ends_with("tcp * *"));
        }

        #[test]
        fn any_line_is_parsed_or_refused(line in any::<String>()) {
            let _ = next(&line);
            let _ = split_comment(&line);
        }
    }

    #[test]
    fn frequent_mistakes_are_reported() {
        assert_eq!(next("\"never closed"), Err(WordError::Unclosed));
        assert_eq!(next("\"a\\nb\""), Err(WordError::Escape));
        assert_eq!(next("  "), Ok((String::new(), "")));
    }
}
