//! Whether a user could have chosen the names of a cgroup's unit and container.
//!
//! A name in a path was chosen by a user who could create the directory. Users own parts of the hierarchy: that of
//! their service manager, and that of a service with `Delegate=` and `User=`. Below these they can create any
//! name.

use std::ffi::OsStr;
use std::io::ErrorKind;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use egret_model::{Cgroup, NamedBy, unescaped};

use super::container::{Location, location_of};
use super::unit;

const ROOT: u32 = 0;
/// Users other than the owner may write.
const SHARED: u32 = 0o022;

/// Checks the owners of the directories of cgroup v2 above a name, until one belongs to a user.
#[derive(Debug)]
pub(super) struct Naming {
    hierarchy: Option<PathBuf>,
}

impl Naming {
    /// Without a hierarchy only paths are checked.
    pub(super) const fn new(hierarchy: Option<PathBuf>) -> Self {
        Self { hierarchy }
    }

    /// Sets by whom the unit and the container were named.
    pub(super) fn complete(&self, group: &mut Cgroup) {
        group.unit_named_by = match unit::locate(&group.path) {
            Some(unit) if unit.is_user_s => NamedBy::User,
            Some(unit) => self.owner_of(unit.above),
            None => NamedBy::Unknown,
        };
        group.container_named_by = match location_of(&group.path) {
            // The container around it has its own root.
            Some(Location { is_nested: true, .. }) => NamedBy::Unknown,
            Some(Location { above, .. }) if is_of_user(above) => NamedBy::User,
            Some(Location { above, .. }) => self.owner_of(above),
            None => NamedBy::Unknown,
        };
    }

    /// The same for a container that is only in a hierarchy of version 1: those are not delegated to users.
    pub(super) fn complete_from_v1(&self, group: &mut Cgroup) {
        let container = if is_of_user(&group.path) { NamedBy::User } else { NamedBy::System };
        self.complete(group);
        group.container_named_by = container;
    }

    /// Who can create a cgroup in this one: a user if this one, or one above it, belongs to a user.
    fn owner_of(&self, path: &str) -> NamedBy {
        let Some(hierarchy) = &self.hierarchy else { return NamedBy::System };
        let path = unescaped(path);
        let path = Path::new(OsStr::from_bytes(&path));
        let mut directory = hierarchy.clone();
        for (depth, part) in path.strip_prefix("/").unwrap_or(path).iter().enumerate() {
            directory.push(part);
            match std::fs::metadata(&directory) {
                Ok(metadata) if metadata.uid() != ROOT || metadata.mode() & SHARED != 0 => return NamedBy::User,
                Ok(_) => {}
                // It is only in another hierarchy: of version 1, as above.
                Err(error) if depth == 0 && error.kind() == ErrorKind::NotFound => return NamedBy::System,
                Err(_) => return NamedBy::Unknown,
            }
        }
        NamedBy::System
    }
}

/// Whether a cgroup is in the part of another user than root.
fn is_of_user(path: &str) -> bool {
    let is_slice = |part: &str| {
        let uid = part.strip_prefix("user-").and_then(|rest| rest.strip_suffix(".slice"));
        uid.is_some_and(|uid| uid != "0" && uid.bytes().all(|byte| byte.is_ascii_digit()))
    };
    path.split('/').any(|part| is_slice(part) || (unit::is_user_manager(part) && part != "user@0.service"))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, chown};

    use super::super::describe;
    use super::*;
    use crate::host::test_support::skip_unless_root;

    const USER: u32 = 4242;
    const ID: &str = "4fcbdd3ae0a1a6d9d2c5b0b8c7e3a0d1f2e4c6b8a09182736455463728190abc";

    fn named_by(naming: &Naming, path: &str) -> (NamedBy, NamedBy) {
        let mut group = describe(&path.replace("ID", ID));
        naming.complete(&mut group);
        (group.unit_named_by, group.container_named_by)
    }

    #[test]
    fn names_below_directories_of_a_user_are_named_by_a_user() {
        use NamedBy::{System, Unknown, User};
        if skip_unless_root("owners of cgroups") {
            return;
        }
        let root = tempfile::tempdir().unwrap();
        let directory = |path: &str, uid: u32, mode: u32| {
            let path = root.path().join(path);
            std::fs::create_dir_all(&path).unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            chown(&path, Some(uid), None).unwrap();
        };
        directory("system.slice", 0, 0o755);
        directory("system.slice/web.service", USER, 0o755);
        directory("system.slice/web.service/inner", 0, 0o755);
        directory("delegated.slice", USER, 0o755);
        directory("shared.slice", 0, 0o775);
        directory("user.slice/user-4242.slice/user@4242.service/app.slice", 0, 0o755);
        let naming = Naming::new(Some(root.path().to_owned()));
        for (path, expected) in [
            ("/system.slice/web.service", (System, Unknown)),
            ("/system.slice/docker-ID.scope", (System, System)),
            ("/system.slice/web.service/docker-ID.scope", (System, User)),
            ("/system.slice/web.service/inner/lxc.payload.web", (System, User)),
            ("/system.slice/gone.service/lxc.payload.web", (System, Unknown)),
            ("/delegated.slice/nginx.service", (User, Unknown)),
            ("/delegated.slice/machine-web.scope/payload", (User, User)),
            ("/shared.slice/nginx.service", (User, Unknown)),
            ("/user.slice/user-4242.slice/user@4242.service/app.slice/nginx.service", (User, Unknown)),
            ("/user.slice/user-4242.slice/user@4242.service/app.slice/lxc.payload.web", (System, User)),
            ("/user.slice/user-4242.slice/session-1.scope/lxc.payload.web", (System, User)),
            ("/lxc.payload.web", (Unknown, System)),
            ("/lxc.payload.web/docker/ID", (Unknown, Unknown)),
            ("/docker/ID", (Unknown, System)),
            ("/", (Unknown, Unknown)),
        ] {
            assert_eq!(named_by(&naming, path), expected, "{path}");
        }
        assert_eq!(named_by(&Naming::new(None), "/user@7.service/a.service/docker-ID.scope"), (User, User));
    }
}
