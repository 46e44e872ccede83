//! Names of containers.

use std::fs;

use egret_tests::{Cgroup, Daemon, Event, Setup, Traffic, copy_program, traffic, until};
use libtest_mimic::Trial;

use crate::test;

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        test("containers::container_is_named_from_the_runtime_state", named),
        test("containers::single_connection_of_an_unnamed_container_is_learned", learned),
        test("containers::containers_have_no_names_unless_configured", unnamed),
    ]
}

/// An id that no other test and no container has.
fn id(number: u64) -> String {
    format!("{:064x}", u64::from(std::process::id()) << 32 | number)
}

/// The file system of a host that has a Docker container.
fn host(setup: &Setup, id: &str) -> String {
    let root = setup.path("host");
    let directory = root.join("var/lib/docker/containers").join(id);
    fs::create_dir_all(&directory).unwrap();
    let config = serde_json::json!({"Image": "registry.example:5000/shop/web:1.2", "Labels": {}});
    let state = serde_json::json!({"ID": id, "Name": "/front", "Config": config});
    fs::write(directory.join("config.v2.json"), state.to_string()).unwrap();
    root.to_string_lossy().into_owned()
}

/// The events of a connection that is made in a container.
fn connect(daemon: &Daemon, group: &Cgroup) -> Vec<Event> {
    let waiting = Traffic::new(&["tcp-blocking", "--wait-stdin"]).start();
    group.take(waiting.pid());
    let report = waiting.go();
    let mut events = daemon.wait_for_lines(&report);
    events.retain(|event| event.pid == Some(report.pid));
    assert!(!events.is_empty());
    events
}

fn named() {
    let (setup, id) = (Setup::new().json(), id(11));
    let root = host(&setup, &id);
    let daemon = setup.text("capture.host_root", &root).start();
    let group = Cgroup::new(&format!("egrettest-named-{}.slice/docker-{id}.scope", std::process::id()));
    // Container names are resolved asynchronously: the first events may have none.
    let events = until("events with the name of their container", || {
        let events = connect(&daemon, &group);
        events.iter().all(|event| event.container_name.is_some()).then_some(events)
    });
    for event in events {
        assert_eq!(
            (event.container.as_ref(), event.container_name.as_deref()),
            (Some(&id), Some("front")),
            "{event:?}"
        );
        assert_eq!(event.image.as_deref(), Some("registry.example:5000/shop/web"), "{event:?}");
        assert_eq!(event.image_tags, ["1.2"], "{event:?}");
    }
    group.remove();
    assert!(daemon.stop().status.success());
}

/// The only connection precedes the resolution of the container's name.
fn learned() {
    let (setup, id) = (Setup::new().json().text("baseline.save_every", "1s"), id(13));
    let root = setup.path("host").to_string_lossy().into_owned();
    let daemon = setup.text("capture.host_root", &root).start();
    let program = daemon.setup().path("alone");
    copy_program(&traffic(), &program);
    let group = Cgroup::new(&format!("egrettest-learned-{}.slice/docker-{id}.scope", std::process::id()));
    let waiting = Traffic::by(&program, &["tcp-blocking", "--wait-stdin"]).start();
    group.take(waiting.pid());
    daemon.wait_for_lines(&waiting.go());
    let rule = format!("allow exe={} ", program.display());
    until("a rule", || {
        let text = fs::read_to_string(daemon.setup().path("baseline")).unwrap_or_default();
        text.lines().any(|line| line.starts_with(&rule)).then_some(())
    });
    group.remove();
    assert!(daemon.stop().status.success());
}

fn unnamed() {
    let (setup, id) = (Setup::new().json(), id(12));
    let root = host(&setup, &id);
    let daemon = setup.text("capture.host_root", &root).set("capture.container_names", "false").start();
    let group = Cgroup::new(&format!("egrettest-unnamed-{}.slice/docker-{id}.scope", std::process::id()));
    for event in connect(&daemon, &group) {
        assert_eq!((event.container.as_ref(), event.container_name), (Some(&id), None));
    }
    group.remove();
    assert!(daemon.stop().status.success());
}
