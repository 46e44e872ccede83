//! The cgroup of a process, from `/proc/PID/cgroup`.

use egret_model::Cgroup;
use procfs::ProcessCGroup;

use super::{container, describe};

/// The cgroup by the lines of `/proc/PID/cgroup`.
///
/// The v2 line has the cgroup of the process. On a hybrid host that is `/` for every process, and systemd's own v1
/// hierarchy has it. A container that is in neither (Docker on v1 without systemd) is in any other hierarchy.
pub(super) fn choose(lines: &[ProcessCGroup]) -> Cgroup {
    let v2 = lines.iter().find(|line| line.hierarchy == 0);
    let systemd = lines.iter().find(|line| line.controllers.iter().any(|name| name == "name=systemd"));
    let own_line = [v2, systemd].into_iter().flatten().find(|line| line.pathname != "/");
    let mut group = describe(own_line.map_or("/", |line| &line.pathname));
    // In a hierarchy without its own groups a nested container is in the group of the one around it.
    let deepest = lines.iter().filter_map(|line| Some((container::find_at(&line.pathname)?.0, line)));
    let deepest = deepest.max_by_key(|(depth, _)| *depth);
    let own = own_line.and_then(|line| container::find_at(&line.pathname)).map_or(0, |(depth, _)| depth);
    if let Some((depth, line)) = deepest
        && depth > own
    {
        let contained = describe(&line.pathname);
        group.container = contained.container;
        group.runtime = contained.runtime;
        if own_line.is_none() {
            group.path = contained.path;
        }
    }
    group
}

#[cfg(test)]
mod tests {
    use procfs::{FromRead, ProcessCGroups};

    use super::*;

    const ID: &str = "4fcbdd3ae0a1a6d9d2c5b0b8c7e3a0d1f2e4c6b8a09182736455463728190abc";

    fn group(file: &str) -> Cgroup {
        choose(&ProcessCGroups::from_read(file.replace("ID", ID).as_bytes()).unwrap().0)
    }

    #[test]
    fn unified_host_uses_v2() {
        let group = group("0::/system.slice/docker-ID.scope\n");
        assert_eq!(&*group.path, format!("/system.slice/docker-{ID}.scope"));
        assert_eq!(group.unit.as_deref(), Some(&*format!("docker-{ID}.scope")));
        assert_eq!((group.container.as_deref(), group.runtime), (Some(ID), Some("docker")));
    }

    #[test]
    fn hybrid_host_uses_the_hierarchy_of_systemd() {
        let group = group("5:memory:/system.slice\n1:name=systemd:/system.slice/ssh.service\n0::/\n");
        assert_eq!(&*group.path, "/system.slice/ssh.service");
        assert_eq!(group.unit.as_deref(), Some("ssh.service"));
        assert_eq!(group.container, None);
    }

    #[test]
    fn container_is_found_on_v1_without_systemd() {
        let group = group("9:name=systemd:/\n4:memory:/docker/ID\n1:cpu,cpuacct:/docker/ID\n0::/\n");
        assert_eq!(&*group.path, format!("/docker/{ID}"));
        assert_eq!((group.container.as_deref(), group.runtime), (Some(ID), Some("docker")));
    }

    #[test]
    fn container_of_another_hierarchy_does_not_replace_the_unit() {
        let group = group("4:memory:/docker/ID\n0::/system.slice/docker.service\n");
        assert_eq!(group.unit.as_deref(), Some("docker.service"));
        assert_eq!(&*group.path, "/system.slice/docker.service");
        assert_eq!(group.container.as_deref(), Some(ID));
    }

    #[test]
    fn innermost_container_of_all_hierarchies_is_returned() {
        let outer = "f".repeat(64);
        let group = group(&format!("4:memory:/docker/{outer}/docker/ID\n1:cpu:/docker/{outer}\n0::/docker/{outer}\n"));
        assert_eq!((group.container.as_deref(), group.runtime), (Some(ID), Some("docker")));
        assert_eq!(&*group.path, format!("/docker/{outer}"));
    }

    #[test]
    fn path_of_a_removed_group_has_no_mark() {
        assert_eq!(&*group("0::/system.slice/a.service (deleted)\n").path, "/system.slice/a.service");
        assert_eq!(&*group("9:name=systemd:/\n0::/\n").path, "/");
        assert_eq!(&*group("").path, "/");
    }
}
