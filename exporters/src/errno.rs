//! Names of errors, the values of `error.type`.

use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;

use nix::errno::Errno;

/// Numbers that may have a symbolic name; on Linux the highest is 133.
const NUMBERS: RangeInclusive<i32> = 1..=255;

/// An errno that is displayed by its symbolic name, `ECONNREFUSED`.
///
/// A number that Linux does not define for user space is displayed after an `E`: `E512`, for example, is the result of an interrupted
/// system call in a tracepoint. The two forms do not collide, because no symbolic name has digits only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ErrnoName(pub i32);

impl fmt::Display for ErrnoName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match Errno::from_raw(self.0) {
            Errno::UnknownErrno => write!(f, "E{}", self.0),
            known => fmt::Debug::fmt(&known, f),
        }
    }
}

/// A text that is not the name of an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not the name of an error")]
pub struct UnknownName;

impl FromStr for ErrnoName {
    type Err = UnknownName;

    fn from_str(name: &str) -> Result<Self, UnknownName> {
        let number = match name.strip_prefix('E').ok_or(UnknownName)?.parse() {
            Ok(number) => Some(number),
            Err(_) => NUMBERS.into_iter().find(|number| format!("{:?}", Errno::from_raw(*number)) == name),
        };
        number.map(Self).ok_or(UnknownName)
    }
}

#[cfg(test)]
mod tests {
    use super::{ErrnoName, UnknownName};

    #[test]
    fn known_numbers_have_their_symbolic_name() {
        assert_eq!(ErrnoName(111).to_string(), "ECONNREFUSED");
        assert_eq!(ErrnoName(110).to_string(), "ETIMEDOUT");
        assert_eq!(ErrnoName(11).to_string(), "EAGAIN");
    }

    #[test]
    fn names_are_parsed() {
        for number in -300..300 {
            assert_eq!(ErrnoName(number).to_string().parse(), Ok(ErrnoName(number)));
        }
        for text in ["", "E", "UnknownErrno", "ENONSENSE", "111"] {
            assert_eq!(text.parse::<ErrnoName>(), Err(UnknownName), "{text}");
        }
    }

    #[test]
    fn unknown_numbers_keep_their_value() {
        assert_eq!(ErrnoName(512).to_string(), "E512");
        assert_eq!(ErrnoName(-4).to_string(), "E-4");
    }
}
