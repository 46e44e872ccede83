use std::fs;
use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use egret_model::{Cgroup, Container, WorkloadKind};
use proptest::prelude::*;
use tempfile::TempDir;

use super::{ContainerNames, state};
use crate::host::cgroup::describe;
use crate::host::test_support::{skip_unless_root, wait_until};

const ID: &str = "4fcbdd3ae0a1a6d9d2c5b0b8c7e3a0d1f2e4c6b8a09182736455463728190abc";
const OTHER: &str = "aaaadd3ae0a1a6d9d2c5b0b8c7e3a0d1f2e4c6b8a09182736455463728190abc";
const USER: u32 = 1000;

/// As dockerd 27 writes it, shortened.
const DOCKER: &str = r#"{"StreamConfig":{},"State":{"Running":true,"Pid":1374767},"ID":"ID","Created":"2023-12-30T13:16:55Z","Managed":false,"Path":"/docker-entrypoint.sh","Args":["nginx"],"Config":{"Hostname":"8ad700d1f711","Env":["PATH=/usr/bin"],"Image":"stackals/custom-nginx:1.0.0","Labels":{"io.kubernetes.pod.name":"forged","io.kubernetes.pod.namespace":"by-the-image","maintainer":"somebody \u003ca@b.example\u003e"}},"Image":"sha256:759fa7c836fbaa3dad4a3ee02c8ac19afccde16aff399154738b074d294be83a","Name":"/web","Driver":"overlay2","MountPoints":{"d":{"Name":"volume"}}}"#;
/// With cri-dockerd.
const DOCKER_POD: &str = r#"{"ID":"ID","Config":{"Image":"sha256:759fa7c836fbaa3dad4a3ee02c8ac19afccde16aff399154738b074d294be83a","Labels":{}},"Name":"/k8s_front_web-6b7f9d8c5d-x2lvq_shop_u_0"}"#;
/// As Podman 4.3 writes it.
const PODMAN: &str = r#"[{"id":"OTHER","names":["db"],"image":"x","metadata":"{}","created":"2026-11-29T22:36:30Z"},{"id":"ID","names":["web"],"image":"28207ad6","layer":"f2d3bc1d","metadata":"{\"image-name\":\"registry.example:5000/shop/web:1.2\",\"image-id\":\"28207ad6\",\"name\":\"web\",\"created-at\":1795991790}","created":"2026-11-29T22:36:30.819902388Z","flags":{"MountLabel":"","ProcessLabel":""}}]"#;
/// As the CRI of containerd 2 writes it, shortened.
const CONTAINERD: &str = r#"{"ociVersion":"1.2.0","process":{"args":["/app"]},"annotations":{"io.kubernetes.cri.container-name":"front","io.kubernetes.cri.container-type":"container","io.kubernetes.cri.image-name":"quay.io/shop/web:1.2@sha256:759fa7c836fbaa3dad4a3ee02c8ac19afccde16aff399154738b074d294be83a","io.kubernetes.cri.sandbox-id":"OTHER","io.kubernetes.cri.sandbox-name":"web-6b7f9d8c5d-x2lvq","io.kubernetes.cri.sandbox-namespace":"shop","io.kubernetes.cri.sandbox-uid":"u"}}"#;
/// As CRI-O 1.30 writes it, shortened.
const CRI_O: &str = r#"{"annotations":{"io.container.manager":"cri-o","io.kubernetes.cri-o.ContainerType":"container","io.kubernetes.cri-o.Image":"1111111111111111111111111111111111111111111111111111111111111111","io.kubernetes.cri-o.ImageName":"quay.io/shop/web:1.2","io.kubernetes.cri-o.Labels":"{\"io.kubernetes.container.name\":\"front\",\"io.kubernetes.pod.name\":\"db-0\",\"io.kubernetes.pod.namespace\":\"shop\"}","io.kubernetes.cri-o.SandboxID":"OTHER"}}"#;

/// A file system of a host.
struct Host(TempDir);

impl Host {
    fn new() -> Self {
        let host = Self(tempfile::tempdir().unwrap());
        host.write("etc/passwd", "root:x:0:0::/root:/bin/sh\nalice:x:1000:1000::/home/alice:/bin/sh\nbroken\n");
        host.write("etc/hostname", "node-1\n");
        host
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name.replace("OTHER", OTHER).replace("ID", ID))
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text.replace("OTHER", OTHER).replace("\"ID\"", &format!("\"{ID}\""))).unwrap();
    }

    /// Resolves the container in a cgroup; directories of cgroups are below `cgroup`.
    fn name(&self, cgroup: &str) -> Option<Container> {
        let hierarchy = self.path("cgroup");
        fs::create_dir_all(&hierarchy).unwrap();
        let names = ContainerNames::start_with(self.0.path(), Some(hierarchy), || {}).unwrap();
        let group = Arc::new(describe(&cgroup.replace("OTHER", OTHER).replace("ID", ID)));
        names.request(&group);
        wait_until("the container's names are known", || group.details.get().is_some());
        group.known_container().cloned()
    }

    /// A directory of cgroups, of a user.
    fn cgroup(&self, path: &str, owner: u32) {
        let path = self.path(&format!("cgroup{path}"));
        fs::create_dir_all(&path).unwrap();
        chown(path, Some(owner), Some(owner)).unwrap();
    }
}

fn shown(found: Option<&Container>) -> String {
    let Some(container) = found else { return "nothing".to_owned() };
    let image = container.image.as_ref().map_or("-", |image| image.reference());
    let pod = container.pod.as_ref().map_or("-", |pod| pod.subject());
    format!("{} {image} {pod}", container.name.as_deref().unwrap_or("-"))
}

#[test]
fn each_runtime_s_state_is_read_as_it_writes_it() {
    let host = Host::new();
    host.write("docker/containers/ID/config.v2.json", DOCKER);
    host.write("cri-docker/containers/ID/config.v2.json", DOCKER_POD);
    host.write("storage/vfs-containers/containers.json", PODMAN);
    host.write("storage/overlay-containers/ID/userdata/config.json", CRI_O);
    host.write("removed/overlay-containers/containers.json", "[]");
    host.write("removed/overlay-containers/volatile-containers.json", PODMAN);
    host.write("containerd/io.containerd.runtime.v2.task/k8s.io/ID/config.json", CONTAINERD);
    host.write(&format!("log/web-6b7f9d8c5d-x2lvq_shop_front-{ID}.log"), "");
    let at = |name| host.path(name);
    let node = Some("node-1");
    for (found, expected) in [
        (state::docker(&at("docker"), ID, node), "web stackals/custom-nginx:1.0.0 -"),
        (state::docker(&at("cri-docker"), ID, node), "front - shop/web"),
        (state::podman(&at("storage"), ID), "web registry.example:5000/shop/web:1.2 -"),
        (state::podman(&at("removed"), ID), "web registry.example:5000/shop/web:1.2 -"),
        (state::cri_o(&at("storage"), ID, node), "front quay.io/shop/web:1.2 shop/db"),
        (state::containerd(&at("containerd"), ID, node), "front quay.io/shop/web:1.2 shop/web"),
        (state::kubelet(&at("log"), ID, node), "front - shop/web"),
        (state::docker(&at("docker"), OTHER, node), "nothing"),
        (state::podman(&at("storage"), &"b".repeat(64)), "nothing"),
        (state::podman(&at("nowhere"), ID), "nothing"),
        (state::containerd(&at("containerd"), OTHER, node), "nothing"),
        (state::kubelet(&at("log"), OTHER, node), "nothing"),
    ] {
        assert_eq!(shown(found.as_ref()), expected);
    }
    let pod = state::cri_o(&at("storage"), ID, node).unwrap().pod.unwrap();
    assert_eq!((&*pod.name, pod.workload.kind), ("db-0", Some(WorkloadKind::StatefulSet)));
}

#[test]
fn containers_of_the_system_are_named_by_the_state_of_every_runtime() {
    if skip_unless_root("cgroups of root") {
        return;
    }
    for (files, cgroup, expected) in [
        (
            &[("var/lib/docker/containers/ID/config.v2.json", DOCKER)][..],
            "/system.slice/docker-ID.scope",
            "web stackals/custom-nginx:1.0.0 -",
        ),
        (
            &[
                ("etc/docker/daemon.json", r#"{"data-root":"/data/docker"}"#),
                ("data/docker/containers/ID/config.v2.json", DOCKER),
            ],
            "/docker/ID",
            "web stackals/custom-nginx:1.0.0 -",
        ),
        (
            &[("var/lib/containers/storage/overlay-containers/containers.json", PODMAN)],
            "/machine.slice/libpod-ID.scope/container",
            "web registry.example:5000/shop/web:1.2 -",
        ),
        (
            &[("run/k3s/containerd/io.containerd.runtime.v2.task/k8s.io/ID/config.json", CONTAINERD)],
            "/kubepods/besteffort/podu/ID",
            "front quay.io/shop/web:1.2 shop/web",
        ),
        (
            &[("run/containers/storage/overlay-containers/ID/userdata/config.json", CRI_O)],
            "/kubepods.slice/crio-ID.scope",
            "front quay.io/shop/web:1.2 shop/db",
        ),
        (
            &[("var/log/containers/etcd-node-1_kube-system_etcd-ID.log", "")],
            "/kubepods/podu/ID",
            "etcd - kube-system/etcd",
        ),
        (&[], "/system.slice/docker-ID.scope", "nothing"),
    ] {
        let host = Host::new();
        for (file, text) in files {
            host.write(file, text);
        }
        host.cgroup(cgroup.rsplit_once(if cgroup.ends_with("/container") { "/libpod" } else { "/" }).unwrap().0, 0);
        assert_eq!(shown(host.name(cgroup).as_ref()), expected, "{cgroup}");
    }
}

#[test]
fn containers_of_a_user_are_named_only_by_the_state_of_that_user() {
    if skip_unless_root("cgroups of a user") {
        return;
    }
    let host = Host::new();
    let slice = "/user.slice/user-1000.slice/user@1000.service/user.slice";
    host.cgroup(slice, USER);
    host.write("var/lib/docker/containers/ID/config.v2.json", DOCKER);
    assert_eq!(host.name(&format!("{slice}/docker-ID.scope")), None, "a cgroup with the id of a container of root");
    host.write("home/alice/.local/share/containers/storage/overlay-containers/containers.json", PODMAN);
    let found = host.name(&format!("{slice}/libpod-ID.scope/container")).unwrap();
    assert_eq!(shown(Some(&found)), "web registry.example:5000/shop/web:1.2 -");
    host.write("home/alice/.local/share/docker/containers/OTHER/config.v2.json", DOCKER_POD);
    let claimed = host.name(&format!("{slice}/docker-OTHER.scope")).unwrap();
    assert_eq!(shown(Some(&claimed)), "front - -", "pods belong to the system");
    // A service of the system with a cgroup that is delegated to a user.
    host.cgroup("/system.slice/web.service", USER);
    let delegated = host.name("/system.slice/web.service/docker-ID.scope").unwrap();
    assert_eq!(shown(Some(&delegated)), shown(Some(&found)), "whatever its id");
}

#[test]
fn nested_container_is_not_named() {
    if skip_unless_root("cgroups of root") {
        return;
    }
    let host = Host::new();
    host.write("var/lib/docker/containers/ID/config.v2.json", DOCKER);
    host.cgroup("/system.slice/docker-OTHER.scope", 0);
    assert_eq!(host.name("/system.slice/docker-OTHER.scope/docker-ID.scope"), None);
    assert_eq!(host.name("/system.slice/gone.slice/docker-ID.scope"), None, "its owner is unknown");
}

#[test]
fn state_that_is_written_later_is_found() {
    if skip_unless_root("cgroups of root") {
        return;
    }
    let host = Host::new();
    host.cgroup("/docker", 0);
    let names = ContainerNames::start_with(host.0.path(), Some(host.path("cgroup")), || {}).unwrap();
    let group = Arc::new(describe(&format!("/docker/{ID}")));
    names.request(&group);
    host.write("var/lib/docker/containers/ID/config.v2.json", DOCKER);
    wait_until("the container's names are known", || group.details.get().is_some());
    assert_eq!(group.known_container().and_then(|found| found.name.clone()).as_deref(), Some("web"));
}

#[test]
fn name_of_a_container_is_not_used_as_a_path() {
    let host = Host::new();
    for cgroup in ["/lxc.payload.web", "/lxc/..", "/machine.slice/machine-..-..-etc.scope/payload"] {
        assert_eq!(host.name(cgroup), None, "{cgroup}");
    }
}

#[test]
fn long_files_and_other_kinds_of_files_are_ignored() {
    let host = Host::new();
    let place = "var/lib/docker/containers/ID/config.v2.json";
    host.write(place, DOCKER);
    let read = || state::docker(&host.path("var/lib/docker"), ID, None).is_some();
    assert!(read());
    let path = host.path(place);
    fs::write(&path, format!("{}{DOCKER}", " ".repeat(4 << 20))).unwrap();
    assert!(!read(), "too long");
    fs::remove_file(&path).unwrap();
    nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRWXU).unwrap();
    assert!(!read(), "a pipe without a writer");
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    assert!(!read(), "a directory");
    fs::remove_dir(&path).unwrap();
    host.write("elsewhere.json", DOCKER);
    std::os::unix::fs::symlink(host.path("elsewhere.json"), &path).unwrap();
    assert!(!read(), "a link");
}

#[test]
fn invalid_values_are_ignored() {
    let host = Host::new();
    let with = |name: &str, image: &str| {
        let text = serde_json::json!({"Name": name, "Config": {"Image": image}}).to_string();
        host.write("d/containers/ID/config.v2.json", &text);
        shown(state::docker(&host.path("d"), ID, None).as_ref())
    };
    assert_eq!(with("/web", "nginx"), "web nginx -");
    assert_eq!(with("/we\u{1b}[31mb", "ngi nx"), "- - -");
    assert_eq!(with(&"a".repeat(513), &"a".repeat(513)), "- - -");
}

#[test]
fn groups_of_a_container_share_its_details() {
    if skip_unless_root("cgroups of root") {
        return;
    }
    let host = Host::new();
    host.cgroup("/docker", 0);
    host.write("var/lib/docker/containers/ID/config.v2.json", DOCKER);
    let names = ContainerNames::start_with(host.0.path(), Some(host.path("cgroup")), || {}).unwrap();
    let groups: [Arc<Cgroup>; 2] =
        ["init.scope", "app.service"].map(|below| Arc::new(describe(&format!("/docker/{ID}/{below}"))));
    groups.iter().for_each(|group| names.request(group));
    wait_until("both are named", || groups.iter().all(|group| group.details.get().is_some()));
    let details = groups.each_ref().map(|group| group.details.get().cloned().flatten().unwrap());
    assert!(Arc::ptr_eq(&details[0], &details[1]));
}

proptest! {
    /// Any content is read or ignored.
    #[test]
    fn arbitrary_state_never_panics(text in prop_oneof![any::<String>(), "[\\[{\"ID:,}\\]a-zA-Z]{0,60}"]) {
        let host = Host::new();
        for place in ["containers/ID/config.v2.json", "vfs-containers/containers.json", "vfs-containers/ID/userdata/config.json",
            "io.containerd.runtime.v2.task/ns/ID/config.json"] {
            host.write(place, &text);
        }
        let at: &Path = host.0.path();
        let _ = (state::docker(at, ID, None), state::podman(at, ID), state::cri_o(at, ID, None), state::containerd(at, ID, None));
    }
}
