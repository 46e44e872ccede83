//! Names of errors, as `error.type` has them.

use std::fmt;

use nix::errno::Errno;

/// Shows an errno by its symbolic name, `ECONNREFUSED`.
///
/// A number that Linux does not define for user space keeps its value behind an `E`: `E512` is what a system
/// call interrupted by a signal may leave in a tracepoint. No symbolic name has digits only, so the two never
/// collide, and unlike one name for all of them this still tells which it was.
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

#[cfg(test)]
mod tests {
    use super::ErrnoName;

    #[test]
    fn known_numbers_have_their_symbolic_name() {
        assert_eq!(ErrnoName(111).to_string(), "ECONNREFUSED");
        assert_eq!(ErrnoName(110).to_string(), "ETIMEDOUT");
        assert_eq!(ErrnoName(11).to_string(), "EAGAIN");
    }

    #[test]
    fn unknown_numbers_keep_their_value() {
        assert_eq!(ErrnoName(512).to_string(), "E512");
        assert_eq!(ErrnoName(-4).to_string(), "E-4");
    }
}
