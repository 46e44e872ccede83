//! The peer of a connection to the control socket, and its permissions.

use axum::extract::connect_info::Connected;
use axum::serve::IncomingStream;
use egret_capture::host::{Users, peer_groups};
use nix::unistd::{Gid, Uid, geteuid};
use tokio::net::UnixListener;

/// User and groups of the peer when it connected, from the kernel.
#[derive(Clone, Debug)]
pub(super) struct Peer(Option<Credentials>);

#[derive(Clone, Debug)]
struct Credentials {
    user: Uid,
    groups: Vec<Gid>,
}

impl Connected<IncomingStream<'_, UnixListener>> for Peer {
    fn connect_info(stream: IncomingStream<'_, UnixListener>) -> Self {
        let io = stream.io();
        let credentials = io.peer_cred().map(|peer| {
            let further = peer_groups(io).unwrap_or_default();
            let groups = further.into_iter().chain([peer.gid()]).map(Gid::from_raw).collect();
            Credentials { user: Uid::from_raw(peer.uid()), groups }
        });
        Self(credentials.ok())
    }
}

impl Peer {
    /// Whether the peer may change state. Other admitted peers may only read.
    pub(super) fn may_change(&self) -> bool {
        self.0.as_ref().is_some_and(|Credentials { user, .. }| user.is_root() || *user == geteuid())
    }

    /// The author for the comment of a rule: the user of the peer. Only for root the user that it acts for (sudo(8)) is used;
    /// other users could name anybody.
    pub(super) fn author(&self, acts_for: Option<&str>, users: &mut Users) -> Option<String> {
        let Credentials { user, .. } = self.0.as_ref()?;
        let named = acts_for.filter(|name| user.is_root() && !name.is_empty()).map(str::to_owned);
        let own = || users.name(user.as_raw()).map_or_else(|| user.to_string(), |name| name.as_ref().to_owned());
        Some(named.unwrap_or_else(own))
    }
}

/// Who may use the socket, besides root and egret's own user.
#[derive(Clone, Debug, Default)]
pub(crate) struct Admission {
    /// Members of this group (gid and name).
    pub(crate) group: Option<(Gid, String)>,
}

impl Admission {
    pub(super) fn admits(&self, peer: &Peer) -> bool {
        let Some(Credentials { user, groups }) = &peer.0 else { return false };
        let is_member = || self.group.as_ref().is_some_and(|(group, _)| groups.contains(group));
        user.is_root() || *user == geteuid() || is_member()
    }

    /// The answer to a peer that is not admitted.
    pub(super) fn refusal(&self) -> String {
        match &self.group {
            Some((_, name)) => {
                format!("only root, egret's own user and members of the group {name} may use this socket\n")
            }
            None => "only root and egret's own user may use this socket; control.group admits others\n".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(user: Uid, groups: &[u32]) -> Peer {
        Peer(Some(Credentials { user, groups: groups.iter().copied().map(Gid::from_raw).collect() }))
    }

    #[test]
    fn the_author_is_the_peer_unless_root_acts_for_another_user() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "root:x:0:0::/root:/bin/sh\nalice:x:1000:1000::/:/bin/sh\n").unwrap();
        let mut users = Users::from_file(file.path());
        let mut author = |user, acts_for| peer(Uid::from_raw(user), &[]).author(acts_for, &mut users);
        assert_eq!(author(0, Some("alice")).as_deref(), Some("alice"));
        assert_eq!([author(0, None), author(0, Some(""))], [Some("root".to_owned()), Some("root".to_owned())]);
        assert_eq!(author(1000, Some("root")).as_deref(), Some("alice"), "it could be forged");
        assert_eq!(author(1001, Some("alice")).as_deref(), Some("1001"), "this uid has no name");
        assert_eq!(Peer(None).author(Some("alice"), &mut users), None);
    }

    #[test]
    fn other_users_need_membership_of_the_group() {
        let stranger = Uid::from_raw(65_534);
        let none = Admission::default();
        assert!(none.admits(&peer(geteuid(), &[65_534])) && none.admits(&peer(Uid::from_raw(0), &[])));
        assert!(!none.admits(&peer(stranger, &[0])) && !none.admits(&Peer(None)));
        let some = Admission { group: Some((Gid::from_raw(77), "watchers".to_owned())) };
        assert!(some.admits(&peer(stranger, &[1, 77])) && !some.admits(&peer(stranger, &[1])));
        assert!(some.refusal().contains("watchers") && none.refusal().contains("control.group"));
    }
}
