//! Users and groups of this host, looked up through the name service.

use std::fs;

use nix::errno::Errno;
use nix::unistd::{Group, User};

use crate::sources::nearest;

/// A kind of account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Account {
    User,
    Group,
}

impl Account {
    /// The id of an account, by name or number. A number is accepted without an account.
    #[must_use]
    pub fn id(self, name: &str) -> Option<u32> {
        name.parse().ok().or_else(|| self.look_up(name).ok()?)
    }

    /// The error message if `name` is neither a number nor an account of this host.
    #[must_use]
    pub fn problem(self, name: &str) -> Option<String> {
        self.problem_with(name, Self::exists, Self::names)
    }

    pub(crate) fn problem_with(
        self,
        name: &str,
        exists: impl Fn(Self, &str) -> Option<bool>,
        names: impl Fn(Self) -> Vec<String>,
    ) -> Option<String> {
        if name.parse::<u32>().is_ok() || exists(self, name) != Some(false) {
            return None;
        }
        let suggestion = nearest(name, names(self)).map(|name| format!("; did you mean {name:?}?"));
        Some(format!("this host has no such {}{}", self.word(), suggestion.unwrap_or_default()))
    }

    /// Whether the account exists; `None` if the name service does not answer.
    pub(crate) fn exists(self, name: &str) -> Option<bool> {
        self.look_up(name).map(|id| id.is_some()).ok()
    }

    /// Names in the host's own files, as candidates for a suggestion.
    pub(crate) fn names(self) -> Vec<String> {
        let file = match self {
            Self::User => "/etc/passwd",
            Self::Group => "/etc/group",
        };
        let text = fs::read_to_string(file).unwrap_or_default();
        text.lines().filter_map(|line| Some(line.split_once(':')?.0.to_owned())).collect()
    }

    fn look_up(self, name: &str) -> nix::Result<Option<u32>> {
        let found = match self {
            Self::User => User::from_name(name).map(|user| user.map(|user| user.uid.as_raw())),
            Self::Group => Group::from_name(name).map(|group| group.map(|group| group.gid.as_raw())),
        };
        match found {
            // All of these mean "not found" (getpwnam_r(3)); `EINVAL` is a NUL within the name.
            Err(Errno::ENOENT | Errno::ESRCH | Errno::EBADF | Errno::EPERM | Errno::EINVAL) => Ok(None),
            found => found,
        }
    }

    const fn word(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Group => "group",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn account_is_found_by_name_and_by_any_number() {
        assert_eq!((Account::User.id("root"), Account::Group.id("root")), (Some(0), Some(0)));
        assert_eq!(Account::User.id("4294967295"), Some(u32::MAX));
        assert_eq!((Account::User.problem("root"), Account::Group.problem("3912345678")), (None, None));
    }

    #[test]
    fn missing_account_has_no_id_and_is_reported() {
        for name in ["no-such-user", "4294967296", "-1", "", "ro\0ot"] {
            assert_eq!(Account::User.id(name), None, "{name:?}");
            assert!(Account::User.problem(name).is_some(), "{name:?}");
        }
        assert_eq!(Account::Group.problem("no-such-group").unwrap(), "this host has no such group");
        assert_eq!(Account::User.problem("rooot").unwrap(), "this host has no such user; did you mean \"root\"?");
    }
}
