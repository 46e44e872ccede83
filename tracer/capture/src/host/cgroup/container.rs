//! The container in a cgroup's path.
//!
//! Finds the full id, 64 lower-case hexadecimal digits, or the name if a runtime has no ids, in the formats of the
//! runtimes:
//!
//! | runtime | with systemd | without |
//! |---|---|---|
//! | Docker | `docker-ID.scope` | `docker/ID` |
//! | containerd | `cri-containerd-ID.scope`, `nerdctl-ID.scope`, `SLICE:cri-containerd:ID` | `k8s.io/ID` |
//! | containerd, or Docker by `cri-dockerd` | | `kubepods/.../ID` |
//! | CRI-O | `crio-ID.scope` | `kubepods/.../crio-ID` |
//! | Podman | `libpod-ID.scope`, `libpod-payload-ID` | `libpod_parent/libpod-ID` |
//! | LXC, Incus | | `lxc.payload.NAME`, `lxc.payload/NAME`, `lxc/NAME` |
//! | systemd-nspawn | `machine-NAME.scope/payload`, `systemd-nspawn@NAME.service/payload` | |
//!
//! A bare id below `kubepods`, or anywhere else (Docker's `--cgroup-parent`, ECS), is a container of an unknown
//! runtime. Of several containers the innermost is the process's own: that of the pod, not that of a node that is
//! a container itself. The helper processes of a container (`conmon`, `lxc.monitor.NAME`) are in the container
//! around it.

use std::borrow::Cow;

const ID_LENGTH: usize = 64;

/// The prefix of the id in a component, and the runtime that writes it.
const PREFIXES: [(&str, &str); 6] = [
    ("docker", "docker"),
    ("cri-containerd", "containerd"),
    ("nerdctl", "containerd"),
    ("crio", "cri-o"),
    ("libpod-payload", "podman"),
    ("libpod", "podman"),
];

/// A container: its id or name, and its runtime if known.
type Container<'path> = (Cow<'path, str>, Option<&'static str>);

/// The innermost container.
pub(super) fn find(path: &str) -> Option<Container<'_>> {
    find_at(path).map(|(_, container)| container)
}

/// The same, with the number of components down to it.
pub(super) fn find_at(path: &str) -> Option<(usize, Container<'_>)> {
    locate(path).map(|(parents, container)| (parents.split('/').count(), container))
}

/// Location of the cgroup of a container.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::host) struct Location<'path> {
    /// The cgroup above it.
    pub(in crate::host) above: &'path str,
    /// Whether that is in another container.
    pub(in crate::host) is_nested: bool,
}

/// Location of the cgroup of the container that [`find`] returns.
pub(in crate::host) fn location_of(path: &str) -> Option<Location<'_>> {
    let (above, (_, runtime)) = locate(path)?;
    // Podman creates the containers of a pod below a group that is named after the pod.
    let is_pod = |outer: &str| runtime == Some("podman") && outer.ends_with("/libpod_parent");
    let is_nested = locate(above).is_some_and(|(outer, _)| !is_pod(outer));
    Some(Location { above: if above.is_empty() { "/" } else { above }, is_nested })
}

/// The innermost container, and the path above it.
fn locate(path: &str) -> Option<(&str, Container<'_>)> {
    let mut above = path;
    let mut below = None;
    while let Some((parents, component)) = above.rsplit_once('/') {
        above = parents;
        if component == "conmon" {
            // The monitor of the container of the component above.
            above = parents.rsplit_once('/').map_or("", |(parents, _)| parents);
            below = None;
            continue;
        }
        let found = from_id(component, parents)
            .or_else(|| from_lxc(component, parents))
            .or_else(|| from_nspawn(component, below));
        if let Some(found) = found {
            return Some((parents, found));
        }
        below = Some(component);
    }
    None
}

fn from_id<'path>(component: &'path str, parents: &str) -> Option<Container<'path>> {
    from_component(component, parents).map(|(id, runtime)| (id.into(), runtime))
}

fn from_lxc<'path>(component: &'path str, parents: &str) -> Option<Container<'path>> {
    let above = parents.rsplit('/').next().unwrap_or("");
    let name = match component.strip_prefix("lxc.payload.") {
        Some(name) => name,
        // Only at the top: elsewhere any user may create a group `lxc`.
        None if matches!(parents, "/lxc" | "/lxc.payload") || above == "lxc.payload" => component,
        None => return None,
    };
    (!name.is_empty()).then(|| (name.into(), Some("lxc")))
}

/// Virtual machines have such scopes without a payload.
fn from_nspawn<'path>(component: &'path str, below: Option<&str>) -> Option<Container<'path>> {
    if below != Some("payload") {
        return None;
    }
    let service = || component.strip_prefix("systemd-nspawn@")?.strip_suffix(".service");
    let name = component.strip_prefix("machine-").and_then(|name| name.strip_suffix(".scope")).or_else(service)?;
    (!name.is_empty()).then(|| (unescaped(name), Some("systemd-nspawn")))
}

/// A name without systemd's escapes (`\x2d`).
fn unescaped(name: &str) -> Cow<'_, str> {
    let mut parts = name.split("\\x");
    let mut text = parts.next().unwrap_or("").to_owned();
    for part in parts {
        match part.split_at_checked(2).and_then(|(digits, rest)| Some((u8::from_str_radix(digits, 16).ok()?, rest))) {
            Some((byte, rest)) if byte.is_ascii() => {
                text.push(char::from(byte));
                text.push_str(rest);
            }
            _ => return Cow::Borrowed(name),
        }
    }
    Cow::Owned(text)
}

fn from_component<'path>(component: &'path str, parents: &str) -> Option<(&'path str, Option<&'static str>)> {
    let name = component.strip_suffix(".scope").unwrap_or(component);
    let (before, id) = name.split_at_checked(name.len().checked_sub(ID_LENGTH)?)?;
    if !id.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')) {
        return None;
    }
    match before.strip_suffix(['-', ':']) {
        Some(prefix) => runtime_of_prefix(prefix).map(|runtime| (id, Some(runtime))),
        None if before.is_empty() => Some((id, runtime_of_parents(parents))),
        None => None,
    }
}

/// `docker`, or `SLICE:docker` if a runtime used systemd's notation as a path.
fn runtime_of_prefix(prefix: &str) -> Option<&'static str> {
    let prefix = prefix.rsplit(':').next()?;
    PREFIXES.iter().find(|(known, _)| *known == prefix).map(|(_, runtime)| *runtime)
}

fn runtime_of_parents(parents: &str) -> Option<&'static str> {
    match parents.rsplit('/').next() {
        Some("docker") => Some("docker"),
        Some("k8s.io") => Some("containerd"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::Cow;

    fn find(path: &str) -> Option<(&str, Option<&'static str>)> {
        super::find(path).map(|(id, runtime)| match id {
            Cow::Borrowed(id) => (id, runtime),
            Cow::Owned(id) => (&*id.leak(), runtime),
        })
    }

    const ID: &str = "4fcbdd3ae0a1a6d9d2c5b0b8c7e3a0d1f2e4c6b8a09182736455463728190abc";
    const OTHER: &str = "aaaadd3ae0a1a6d9d2c5b0b8c7e3a0d1f2e4c6b8a09182736455463728190abc";

    #[test]
    fn formats_of_runtimes_are_recognised() {
        for (path, runtime) in [
            ("/docker/ID", Some("docker")),
            ("/docker/ID/init.scope", Some("docker")),
            ("/system.slice/docker-ID.scope", Some("docker")),
            ("/user.slice/user-1000.slice/user@1000.service/app.slice/docker-ID.scope", Some("docker")),
            ("/system.slice:docker:ID", Some("docker")),
            ("/ecs/3f0e1f8c/ID", None),
            ("/my-parent/ID", None),
            ("/kubepods/burstable/pod2b8e0e0a-5a41-4f8e-9a2b-ad8f4cfd5d41/ID", None),
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
    fn innermost_container_is_returned() {
        for (path, runtime) in [
            ("/docker/OTHER/kubelet.slice/kubelet-kubepods.slice/cri-containerd-ID.scope", Some("containerd")),
            ("/docker/OTHER/kubelet/kubepods/burstable/pod2b8e/ID", None),
            ("/system.slice/docker-OTHER.scope/docker/ID", Some("docker")),
            ("/machine.slice/libpod-OTHER.scope/container/kubelet.slice/crio-ID.scope/container", Some("cri-o")),
            ("/lxc.payload.node/system.slice/docker-ID.scope", Some("docker")),
            // A monitor is in the container around its own.
            ("/docker/ID/kubelet.slice/crio-conmon-OTHER.scope", Some("docker")),
            ("/docker/ID/libpod_parent/libpod-OTHER/conmon", Some("docker")),
        ] {
            let path = path.replace("ID", ID).replace("OTHER", OTHER);
            assert_eq!(find(&path), Some((ID, runtime)), "{path}");
        }
    }

    #[test]
    fn names_of_runtimes_without_ids_are_returned() {
        for (path, name, runtime) in [
            ("/lxc.payload.web", "web", "lxc"),
            ("/lxc.payload.web/system.slice/nginx.service", "web", "lxc"),
            ("/lxc.payload/web", "web", "lxc"),
            ("/lxc/101/ns/init.scope", "101", "lxc"),
            ("/user.slice/user-1000.slice/session-1.scope/lxc.payload.mine/init.scope", "mine", "lxc"),
            ("/machine.slice/machine-web.scope/payload/system.slice/nginx.service", "web", "systemd-nspawn"),
            (r"/machine.slice/machine-my\x2dweb.scope/payload", "my-web", "systemd-nspawn"),
            ("/machine.slice/systemd-nspawn@web.service/payload/init.scope", "web", "systemd-nspawn"),
        ] {
            assert_eq!(find(path), Some((name, Some(runtime))), "{path}");
        }
    }

    #[test]
    fn location_has_the_group_above_and_whether_it_is_nested() {
        for (path, above, is_nested) in [
            ("/system.slice/docker-ID.scope", "/system.slice", false),
            ("/docker/ID/init.scope", "/docker", false),
            (
                "/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-ID.scope/container",
                "/user.slice/user-1000.slice/user@1000.service/user.slice",
                false,
            ),
            ("/libpod_parent/OTHER/libpod-ID", "/libpod_parent/OTHER", false),
            ("/system.slice/docker-OTHER.scope/docker-ID.scope", "/system.slice/docker-OTHER.scope", true),
            (
                "/system.slice/docker-OTHER.scope/kubelet/kubepods/pod1/ID",
                "/system.slice/docker-OTHER.scope/kubelet/kubepods/pod1",
                true,
            ),
            ("/libpod_parent/OTHER/docker-ID.scope", "/libpod_parent/OTHER", true),
            ("/lxc.payload.web/docker/ID", "/lxc.payload.web/docker", true),
        ] {
            let put = |text: &str| text.replace("OTHER", OTHER).replace("ID", ID);
            let (path, above) = (put(path), put(above));
            assert_eq!(super::location_of(&path), Some(super::Location { above: &above, is_nested }), "{path}");
        }
        assert_eq!(super::location_of("/system.slice/web.service"), None);
    }

    #[test]
    fn other_paths_have_no_container() {
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
            "/lxc.monitor.web",
            "/lxc",
            "/home/lxc/web",
            r"/machine.slice/machine-qemu\x2d1\x2dvm.scope/libvirt/emulator",
            "/machine.slice/machine-web.scope/supervisor",
            "/machine.slice/systemd-nspawn@web.service/supervisor",
            "/docker/é",
        ] {
            assert_eq!(find(&path.replace("ID", ID)), None, "{path}");
        }
        assert_eq!(find(&format!("/docker/{}", ID.to_uppercase())), None);
        assert_eq!(find(&format!("/docker/é{}", &ID[1..])), None);
    }
}
