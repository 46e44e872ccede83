//! Flows in other network namespaces.

use egret_model::{ConnectionId, Endpoint, Event, EventName, Layer, NetworkNamespace, Timestamp, Transport};

use super::super::{Baseline, Facts, Learned, Learner, MEMORY, Outcome, PRIVATE, Precision, parse};

fn elsewhere() -> Facts<'static> {
    Facts {
        executable: Some("/usr/bin/curl"),
        user: Some("nobody".into()),
        transport: Some("tcp"),
        address: "203.0.113.66".parse().ok(),
        port: Some(4433),
        other_namespace: true,
        ..Facts::default()
    }
}

#[test]
fn flow_of_another_namespace_is_recognised_by_its_event() {
    let of = |namespace| {
        let event = Event {
            transport: Some(Transport::Tcp),
            peer: Endpoint { address: Some([192, 0, 2, 1].into()), port: Some(443), interface: None },
            namespace,
            ..Event::new(EventName::ConnectionOpen, Timestamp(0), ConnectionId { socket: 1, opened: 1 }, Layer::Sockets)
        };
        Facts::of(&event).unwrap().other_namespace
    };
    let namespace = |own| Some(NetworkNamespace { inode: 1, own });
    assert_eq!([of(None), of(namespace(true)), of(namespace(false))], [false, false, true]);
}

#[test]
fn flow_of_another_namespace_does_not_change_the_baseline_of_the_host() {
    let text = "format 1\nallow exe=/usr/bin/git -> * * *\ntried exe=/usr/bin/wget -> * * *\n";
    let before = parse(text).unwrap();
    let mut learner = Learner::new(before.clone(), Precision::default());
    learner.set_host("web1");
    for facts in [
        elsewhere(),
        Facts { outcome: Outcome::Failed, ..elsewhere() },
        Facts { executable: Some("/usr/bin/git"), ..elsewhere() },
        Facts { executable: Some("/usr/bin/wget"), ..elsewhere() },
        // Anybody can have these in the host's network namespace too.
        Facts { file: Some(PRIVATE), ..elsewhere() },
        Facts { file: Some(MEMORY), sha256: Some("0f"), ..elsewhere() },
        Facts { file: Some(PRIVATE), container: Some("c1"), ..elsewhere() },
        Facts { image: Some("nginx:1.27"), is_rootless: true, ..elsewhere() },
    ] {
        assert_eq!(learner.learn(&facts, Timestamp(0)), Learned::OtherNamespace, "{facts:?}");
        assert_eq!(learner.learn_again(&facts, Timestamp(0)).0, Learned::OtherNamespace, "{facts:?}");
    }
    assert_eq!(*learner.baseline(), before);
}

#[test]
fn flow_of_a_container_is_learned_and_counts_on_no_day() {
    let mut learner = Learner::new(Baseline::default(), Precision::default());
    let web = Facts { file: Some(PRIVATE), image: Some("nginx:1.27"), ..elsewhere() };
    let pod = Facts { pod: Some("shop/web"), outcome: Outcome::Failed, ..web.clone() };
    assert_eq!(learner.learn(&web, Timestamp(0)), Learned::New);
    assert_eq!(learner.learn(&web, Timestamp(1)), Learned::Known);
    assert_eq!(learner.learn(&Facts { image: None, ..pod }, Timestamp(2)), Learned::Failed);
    let rules: Vec<String> = learner.baseline().to_string().lines().map(str::to_owned).collect();
    assert!(rules.iter().any(|line| line.starts_with("allow ") && line.contains("image=nginx:1.27")), "{rules:?}");
    assert!(rules.iter().any(|line| line.starts_with("tried ") && line.contains("pod=shop/web")), "{rules:?}");
    assert_eq!(learner.baseline().history.days().len(), 0);
}
