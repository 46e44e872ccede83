//! The container in a cgroup's path.
//!
//! Looks for the full id, 64 lower-case hexadecimal digits, in the shapes that the runtimes write:
//!
//! | runtime | with systemd | without |
//! |---|---|---|
//! | Docker | `docker-ID.scope` | `docker/ID` |
//! | containerd | `cri-containerd-ID.scope`, `nerdctl-ID.scope`, `SLICE:cri-containerd:ID` | `kubepods/.../ID`, `k8s.io/ID` |
//! | CRI-O | `crio-ID.scope` | `kubepods/.../crio-ID` |
//! | Podman | `libpod-ID.scope`, `libpod-payload-ID` | `libpod_parent/libpod-ID` |
//!
//! A bare id below `kubepods` is put down to containerd; `cri-dockerd` with the cgroupfs driver writes the
//! same. A bare id anywhere else (Docker's `--cgroup-parent`, ECS) is a container whose runtime is not known.
//! Of several ids the innermost is the process's own. The helpers that stand beside a container (`conmon`)
//! are not in it.

const ID_LENGTH: usize = 64;

/// What stands before the id in a component, and the runtime that writes it.
const PREFIXES: [(&str, &str); 6] = [
    ("docker", "docker"),
    ("cri-containerd", "containerd"),
    ("nerdctl", "containerd"),
    ("crio", "cri-o"),
    ("libpod-payload", "podman"),
    ("libpod", "podman"),
];

/// Id and runtime of the innermost container.
pub(super) fn find(path: &str) -> Option<(&str, Option<&'static str>)> {
    let mut above = path;
    while let Some((parents, component)) = above.rsplit_once('/') {
        if is_helper(component) {
            return None;
        }
        if let Some(found) = of_component(component, parents) {
            return Some(found);
        }
        above = parents;
    }
    None
}

/// Podman's and CRI-O's monitor.
fn is_helper(component: &str) -> bool {
    component == "conmon" || component.starts_with("libpod-conmon-") || component.starts_with("crio-conmon-")
}

fn of_component<'path>(component: &'path str, parents: &str) -> Option<(&'path str, Option<&'static str>)> {
    let name = component.strip_suffix(".scope").unwrap_or(component);
    let (before, id) = name.split_at_checked(name.len().checked_sub(ID_LENGTH)?)?;
    if !id.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')) {
        return None;
    }
    match before.strip_suffix(['-', ':']) {
        Some(prefix) => of_prefix(prefix).map(|runtime| (id, Some(runtime))),
        None if before.is_empty() => Some((id, of_parents(parents))),
        None => None,
    }
}

/// `docker`, or `SLICE:docker` where a runtime took systemd's notation for a path.
fn of_prefix(prefix: &str) -> Option<&'static str> {
    let prefix = prefix.rsplit(':').next()?;
    PREFIXES.iter().find(|(known, _)| *known == prefix).map(|(_, runtime)| *runtime)
}

fn of_parents(parents: &str) -> Option<&'static str> {
    match parents.rsplit('/').next() {
        Some("docker") => Some("docker"),
        Some("k8s.io") => Some("containerd"),
        _ => parents.split('/').any(|parent| parent.starts_with("kubepods")).then_some("containerd"),
    }
}

#[cfg(test)]
mod tests {
    use super::find;

    const ID: &str = "4fcbdd3ae0a1a6d9d2c5b0b8c7e3a0d1f2e4c6b8a09182736455463728190abc";
    const OTHER: &str = "aaaadd3ae0a1a6d9d2c5b0b8c7e3a0d1f2e4c6b8a09182736455463728190abc";

    #[test]
    fn shapes_that_runtimes_write() {
        for (path, runtime) in [
            ("/docker/ID", Some("docker")),
            ("/docker/ID/init.scope", Some("docker")),
            ("/system.slice/docker-ID.scope", Some("docker")),
            ("/user.slice/user-1000.slice/user@1000.service/app.slice/docker-ID.scope", Some("docker")),
            ("/system.slice:docker:ID", Some("docker")),
            ("/ecs/3f0e1f8c/ID", None),
            ("/my-parent/ID", None),
            ("/kubepods/burstable/pod2b8e0e0a-5a41-4f8e-9a2b-ad8f4cfd5d41/ID", Some("containerd")),
            ("/kubepods.slice/kubepods-pod2b8e.slice/cri-containerd-ID.scope", Some("containerd")),
            (
                "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod2b8e0e0a_5a41.slice/cri-containerd-ID.scope/init",
                Some("containerd"),
            ),
            ("/system.slice/containerd.service/kubepods-besteffort-pod2b.slice:cri-containerd:ID", Some("containerd")),
            ("/k8s.io/ID", Some("containerd")),
            ("/system.slice/nerdctl-ID.scope", Some("containerd")),
            ("/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod1.slice/crio-ID.scope", Some("cri-o")),
            ("/kubepods/besteffort/pod1/crio-ID", Some("cri-o")),
            ("/machine.slice/libpod-ID.scope", Some("podman")),
            ("/machine.slice/libpod-ID.scope/container", Some("podman")),
            ("/libpod_parent/libpod-ID", Some("podman")),
            ("/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-ID.scope/container", Some("podman")),
            ("/system.slice/web.service/libpod-payload-ID", Some("podman")),
            ("/machine.slice/machine-libpod_pod_1.slice/libpod-ID.scope", Some("podman")),
        ] {
            assert_eq!(find(&path.replace("ID", ID)), Some((ID, runtime)), "{path}");
        }
    }

    #[test]
    fn innermost_container_is_the_process_s_own() {
        let path = format!("/docker/{OTHER}/kubelet.slice/kubelet-kubepods.slice/cri-containerd-{ID}.scope");
        assert_eq!(find(&path), Some((ID, Some("containerd"))));
    }

    #[test]
    fn not_containers() {
        for path in [
            "/",
            "",
            "/system.slice/docker.service",
            "/machine.slice/libpod-conmon-ID.scope",
            "/kubepods.slice/crio-conmon-ID.scope",
            "/libpod_parent/libpod-ID/conmon",
            "/system.slice/web.service/supervisor",
            "/docker/IDff",
            "/docker/4fcbdd3ae0a1",
            "/system.slice/docker-4fcbdd3ae0a1.scope",
            "/system.slice/other-ID.scope",
            "/lxc.payload.web",
            "/docker/é",
        ] {
            assert_eq!(find(&path.replace("ID", ID)), None, "{path}");
        }
        assert_eq!(find(&format!("/docker/{}", ID.to_uppercase())), None);
        assert_eq!(find(&format!("/docker/é{}", &ID[1..])), None);
    }
}
