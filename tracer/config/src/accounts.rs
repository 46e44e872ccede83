//! The users and groups that this host has, as its name service knows them.

use std::fs;

use nix::errno::Errno;
use nix::unistd::{Group, User};

use crate::sources::nearest;

/// A kind of account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Account {
    /// Users.
    User,
    /// Groups.
    Group,
}

impl Account {
    /// The number of an account, by name or number. A number needs no account.
    #[must_use]
    pub fn id(self, name: &str) -> Option<u32> {
        name.parse().ok().or_else(|| self.look_up(name).ok()?)
    }

    /// Why nothing can be meant by a name or number: this host has no such account.
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
        let meant = nearest(name, names(self)).map(|name| format!("; did you mean {name:?}?"));
        Some(format!("this host has no such {}{}", self.word(), meant.unwrap_or_default()))
    }

    /// Whether there is one; `None` where a name service does not answer.
    pub(crate) fn exists(self, name: &str) -> Option<bool> {
        self.look_up(name).map(|id| id.is_some()).ok()
    }

    /// Those of the host's own files, which are what a name was mistyped from most often.
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
            // These say the same (getpwnam_r(3)). `EINVAL`: a zero within.
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
    fn accounts_are_found_by_name_and_by_any_number() {
        assert_eq!((Account::User.id("root"), Account::Group.id("root")), (Some(0), Some(0)));
        assert_eq!(Account::User.id("4294967295"), Some(u32::MAX));
        assert_eq!((Account::User.problem("root"), Account::Group.problem("3912345678")), (None, None));
    }

    #[test]
    fn an_account_that_is_missing_is_no_account() {
        for name in ["no-such-user", "4294967296", "-1", "", "ro\0ot"] {
            assert_eq!(Account::User.id(name), None, "{name:?}");
            assert!(Account::User.problem(name).is_some(), "{name:?}");
        }
        assert_eq!(Account::Group.problem("no-such-group").unwrap(), "this host has no such group");
        assert_eq!(Account::User.problem("rooot").unwrap(), "this host has no such user; did you mean \"root\"?");
    }
}
