//! A value that a rule asks for: one text, or a pattern.

use std::fmt;
use std::sync::Arc;

use super::word::{Letter, quoted};

/// A value that a rule asks for.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Value {
    /// This text.
    Exact(Arc<str>),
    /// Every text of this form.
    Pattern(Arc<[Piece]>),
}

/// A piece of a pattern.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Piece {
    /// This text.
    Text(Box<str>),
    /// `[0-9]`: a digit.
    Digit,
    /// `?`: a character other than `/`.
    Any,
    /// `*`: any number of characters, none of them `/` nor the one that follows in the pattern. So there is one way only to
    /// match a text, and `*-curl` leaves out `a-b-curl`.
    Run,
}

/// How lines have [`Piece::Digit`].
const DIGIT: &str = "[0-9]";

impl Value {
    /// A pattern of these pieces.
    pub(super) fn pattern(pieces: impl IntoIterator<Item = Piece>) -> Self {
        Self::Pattern(pieces.into_iter().collect())
    }

    /// A word of a line: `*`, `?` and `[0-9]` outside quotes make it a pattern.
    pub(super) fn of_word(word: &[Letter]) -> Result<Self, String> {
        let mut pieces = Vec::new();
        let mut text = String::new();
        let mut rest = word;
        while let Some((letter, behind)) = rest.split_first() {
            let piece = if is_digit(rest) {
                Some((Piece::Digit, rest.get(DIGIT.len()..).unwrap_or_default()))
            } else {
                let pieces = [('*', Piece::Run), ('?', Piece::Any)];
                let found = pieces.into_iter().find(|(sign, _)| *letter == Letter::plain(*sign));
                found.map(|(_, piece)| (piece, behind))
            };
            let Some((piece, behind)) = piece else {
                text.push(letter.character);
                rest = behind;
                continue;
            };
            if !text.is_empty() {
                pieces.push(Piece::Text(std::mem::take(&mut text).into()));
            }
            if pieces.last() == Some(&Piece::Run) {
                return Err(format!("`*` is followed by `{piece}`; expected other text between them"));
            }
            pieces.push(piece);
            rest = behind;
        }
        if pieces.is_empty() {
            return Ok(Self::Exact(text.into()));
        }
        if !text.is_empty() {
            pieces.push(Piece::Text(text.into()));
        }
        Ok(Self::Pattern(pieces.into()))
    }

    /// The text, where there is only one.
    #[must_use]
    pub fn as_exact(&self) -> Option<&str> {
        match self {
            Self::Exact(text) => Some(text),
            Self::Pattern(_) => None,
        }
    }

    /// The text, or the pattern as lines have it.
    #[must_use]
    pub fn text(&self) -> Arc<str> {
        match self {
            Self::Exact(text) => Arc::clone(text),
            Self::Pattern(_) => self.to_string().into(),
        }
    }

    /// Whether a text is the one, or one of those, asked for.
    #[must_use]
    pub fn matches(&self, text: &str) -> bool {
        match self {
            Self::Exact(exact) => **exact == *text,
            Self::Pattern(pieces) => matches(pieces, text),
        }
    }

    /// Whether every text that another value asks for is asked for by this one. Of two patterns that differ it is never said.
    #[must_use]
    pub fn includes(&self, other: &Self) -> bool {
        self == other || other.as_exact().is_some_and(|text| self.matches(text))
    }

    /// Of the pattern of a path: the directory above the first component that varies, and the name of the file, empty where it
    /// varies.
    pub(super) fn place(&self) -> (&str, &str) {
        let Self::Pattern(pieces) = self else { return ("", "") };
        let directory = match pieces.first() {
            Some(Piece::Text(text)) => text.rfind('/').and_then(|at| text.get(..at)),
            _ => None,
        };
        let name = match pieces.last() {
            Some(Piece::Text(text)) => text.rfind('/').and_then(|at| text.get(at + 1..)),
            _ => None,
        };
        (directory.unwrap_or_default(), name.unwrap_or_default())
    }
}

fn is_digit(word: &[Letter]) -> bool {
    word.len() >= DIGIT.len() && word.iter().zip(DIGIT.chars()).all(|(letter, digit)| *letter == Letter::plain(digit))
}

/// Goes through a text once: where a run ends is said by what follows it.
fn matches(pieces: &[Piece], text: &str) -> bool {
    let mut rest = text;
    for (at, piece) in pieces.iter().enumerate() {
        let behind = match piece {
            Piece::Text(text) => rest.strip_prefix(&**text),
            Piece::Digit => rest.strip_prefix(|c: char| c.is_ascii_digit()),
            Piece::Any => rest.strip_prefix(|c: char| c != '/'),
            Piece::Run => {
                let follower = match pieces.get(at + 1) {
                    Some(Piece::Text(text)) => text.chars().next(),
                    _ => None,
                };
                let end = rest.find(|c| c == '/' || Some(c) == follower).unwrap_or(rest.len());
                rest.get(end..)
            }
        };
        let Some(behind) = behind else { return false };
        rest = behind;
    }
    rest.is_empty()
}

impl<T: Into<Arc<str>>> From<T> for Value {
    fn from(text: T) -> Self {
        Self::Exact(text.into())
    }
}

/// As lines have it.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact(text) => f.write_str(&quoted(text)),
            Self::Pattern(pieces) => pieces.iter().try_for_each(|piece| piece.fmt(f)),
        }
    }
}

impl fmt::Display for Piece {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => f.write_str(&quoted(text)),
            Self::Digit => f.write_str(DIGIT),
            Self::Any => f.write_str("?"),
            Self::Run => f.write_str("*"),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::word;
    use super::*;

    fn read(text: &str) -> Result<Value, String> {
        let (word, rest) = word::letters(text).unwrap();
        assert_eq!(rest, "");
        Value::of_word(&word)
    }

    #[test]
    fn star_matches_within_a_path_component() {
        for (pattern, yes, no) in [
            (
                "/snap/app/*/bin/x",
                &["/snap/app/12/bin/x", "/snap/app/x1/bin/x"][..],
                &["/snap/app/12/y/bin/x", "/snap/app/12/bin/xy", "/snap/app/12/bin", "/snap/other/12/bin/x"][..],
            ),
            (
                "run-u*.service",
                &["run-u41.service"],
                &["run-41.service", "run-u41.scope", "run-u4/1.service", "run-u41.service.service"],
            ),
            (
                "/nix/store/*-curl-[0-9]*/bin/curl",
                &["/nix/store/abc-curl-8.5.0-bin/bin/curl"],
                &[
                    "/nix/store/abc-evil-curl-8/bin/curl",
                    "/nix/store/abc-curl-impersonate-1/bin/curl",
                    "/nix/store/abc-curl-/bin/curl",
                ],
            ),
            ("\"/opt/a*b/\"*/x", &["/opt/a*b/1/x"], &["/opt/acb/1/x", "/opt/a*b/*/y"]),
            ("/a/??", &["/a/bc"], &["/a/b", "/a/bcd", "/a/b/"]),
            ("*", &["x"], &["a/b"]),
        ] {
            let value = read(pattern).unwrap();
            for text in yes {
                assert!(value.matches(text), "{pattern} {text}");
            }
            for text in no {
                assert!(!value.matches(text), "{pattern} {text}");
            }
            assert_eq!(value.to_string(), pattern);
        }
    }

    #[test]
    fn quoted_star_is_literal() {
        assert_eq!(read("\"/opt/a*b\""), Ok(Value::Exact("/opt/a*b".into())));
        assert_eq!(Value::from("/opt/a*b[0-9]").to_string(), "\"/opt/a*b[0-9]\"");
        assert!(read("/opt/**/x").is_err());
        assert!(read("/opt/*[0-9]/x").is_err());
    }

    fn piece() -> impl Strategy<Value = Piece> {
        let text = prop_oneof!["[a-z/ *\"\\[-]{1,6}", any::<String>()].prop_filter("empty", |text| !text.is_empty());
        prop_oneof![
            text.prop_map(|text| Piece::Text(text.into())),
            Just(Piece::Digit),
            Just(Piece::Any),
            Just(Piece::Run)
        ]
    }

    /// Pieces as reading makes them.
    fn pattern() -> impl Strategy<Value = Value> {
        prop::collection::vec(piece(), 0..6).prop_map(|pieces| {
            let mut kept: Vec<Piece> = Vec::new();
            for piece in pieces {
                match (kept.last_mut(), piece) {
                    (Some(Piece::Text(_)), Piece::Text(_)) => {}
                    (Some(Piece::Run), Piece::Run | Piece::Digit | Piece::Any) => {}
                    (_, piece) => kept.push(piece),
                }
            }
            match kept.as_slice() {
                [] => Value::from(""),
                [Piece::Text(text)] => Value::from(&**text),
                _ => Value::Pattern(kept.into()),
            }
        })
    }

    proptest! {
        #[test]
        fn written_pattern_is_parsed_back(value in pattern()) {
            let text = value.to_string();
            prop_assert_eq!(read(&text), Ok(value), "{}", text);
        }

        #[test]
        fn any_text_is_matched_without_panic(value in pattern(), text in any::<String>()) {
            if let Some(exact) = value.as_exact() {
                prop_assert_eq!(value.matches(&text), exact == text);
            } else {
                let _ = value.matches(&text);
            }
        }
    }
}
