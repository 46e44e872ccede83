//! The kernel itself as the subject of rules.

use std::sync::Arc;

use egret_model::{
    ConnectionId, Endpoint, Event, EventName, Executable, Flow, Identity, Layer, Origin, Process, Timestamp, Transport,
};

use crate::baseline::{Baseline, Facts, Index, KERNEL, Learned, Learner, Precision, RuleMatch, parse, parse_subject};

fn process(executable: Executable) -> Arc<Process> {
    Arc::new(Process {
        pid: 77,
        start_time: None,
        parent_pid: Some(2),
        executable: Arc::new(executable),
        uid: Some(0),
        user: Some("root".into()),
        cgroup: None,
    })
}

fn thread() -> Arc<Process> {
    process(Executable { origin: Origin::Kernel, ..Executable::default() })
}

fn mount(process: Arc<Process>) -> Event {
    Event {
        process: Some(process),
        transport: Some(Transport::Tcp),
        peer: Endpoint { address: Some([192, 0, 2, 1].into()), port: Some(2049), interface: None },
        ..Event::new(EventName::ConnectionOpen, Timestamp(0), ConnectionId { socket: 1, opened: 1 }, Layer::Sockets)
    }
}

#[test]
fn kernel_flow_is_learned_and_then_allowed() {
    let event = mount(thread());
    let mut learner = Learner::new(Baseline::default(), Precision::default());
    assert_eq!(learner.learn(&Facts::of(&event).unwrap(), Timestamp(0)), Learned::New);
    let rules: Vec<String> = learner.baseline().entries.keys().map(ToString::to_string).collect();
    assert_eq!(rules, ["kernel -> tcp 192.0.2.1 2049"]);
    let identity = Identity { process: Some(thread()), ..Identity::default() };
    let end = |text: &str| text.parse().unwrap();
    let flow =
        Flow { transport: Transport::Tcp, local: end("192.0.2.9:700"), peer: end("192.0.2.1:2049"), interface: None };
    let index = Index::of(learner.baseline());
    assert!(matches!(index.match_rule(&Facts::of_identity(&identity, &flow)), RuleMatch::Allow(_)));
}

#[test]
fn program_does_not_match_a_rule_about_the_kernel() {
    let index = Index::of(&parse("format 1\nallow kernel -> * * *\n").unwrap());
    for origin in Origin::ALL.into_iter().filter(|origin| *origin != Origin::Kernel) {
        let executable = Executable { path: Some(KERNEL.into()), path_as_typed: true, origin, ..Executable::default() };
        let event = mount(process(executable));
        assert_eq!(index.match_rule(&Facts::of(&event).unwrap()), RuleMatch::NoRule, "{origin:?}");
    }
}

#[test]
fn kernel_subject_has_no_other_attribute() {
    let subject = parse_subject("kernel").unwrap();
    assert_eq!(subject.to_string(), "kernel");
    assert_eq!(parse_subject("exe=kernel").unwrap(), subject);
    for text in ["kernel user=root", "user=root kernel", "* kernel", "kernel exe=/bin/a"] {
        assert!(parse_subject(text).unwrap_err().contains("cannot be combined"), "{text}");
    }
}
