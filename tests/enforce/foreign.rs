//! Others who change the firewall.

use egret_tests::{Daemon, until};
use libtest_mimic::Trial;

use crate::host::{Fate, Host, state, switch};
use crate::test;

pub(crate) fn trials() -> Vec<Trial> {
    vec![test("foreign::rules_that_somebody_flushes_come_back", flushed)]
}

fn recreated(daemon: &Daemon) -> u64 {
    state(daemon)["firewall_recreated"].as_u64().unwrap()
}

fn flushed() {
    let host = Host::new();
    let [allowed, unknown] = ["allowed", "unknown"].map(|name| host.program(name));
    let iptables = |words: &str| {
        let words: Vec<&str> = ["iptables", "-w"].into_iter().chain(words.split(' ')).collect();
        host.run(&words)
    };
    iptables("-t filter -A OUTPUT -p tcp --dport 9 -j ACCEPT");
    let before = host.firewall();
    let daemon =
        host.setup(&[host.rule("allow", &allowed)]).text("enforce.backend", "iptables").start_in(&host.namespace);
    switch(&daemon, &["enforce"]);
    let installed = host.firewall();
    assert!(installed.contains("-j NFQUEUE"), "{installed}");
    for words in ["-t mangle -F", "-t mangle -D OUTPUT 1", "-t filter -D OUTPUT 1"] {
        let before = recreated(&daemon);
        iptables(words);
        until("rules that are back", || (recreated(&daemon) > before).then_some(()));
        assert_eq!(host.firewall(), installed, "{words}");
        assert_eq!([host.fetch(&allowed), host.fetch(&unknown)], [Fate::Passed, Fate::Refused], "{words}");
    }
    // This takes the rule of others along.
    let times = recreated(&daemon);
    iptables("-F");
    until("rules that are back", || (recreated(&daemon) > times).then_some(()));
    iptables("-t filter -A OUTPUT -p tcp --dport 9 -j ACCEPT");
    assert_eq!(host.firewall(), installed);
    assert_eq!([host.fetch(&allowed), host.fetch(&unknown)], [Fate::Passed, Fate::Refused]);
    assert!(daemon.stop().status.success());
    assert_eq!(host.firewall(), before);
}
