//! What rules match, and which of them wins.

use egret_model::Interface;
use proptest::prelude::*;

use super::super::{
    Action, Baseline, Facts, Index, MEMORY, PRIVATE, RuleMatch, parse, parse_destination, parse_subject,
};
use super::strategy;

/// Tries every rule.
fn slowly(baseline: &Baseline, facts: &Facts<'_>) -> Option<Action> {
    let covering = baseline.entries.iter().filter(|(rule, _)| rule.covers(facts));
    let covering = covering.filter(|(_, entry)| entry.action != Action::Tried);
    covering.map(|(_, entry)| entry.action).max()
}

proptest! {
    #[test]
    fn index_agrees_with_a_linear_search(baseline in strategy::baseline(), flows in prop::collection::vec(strategy::facts(), 1..30)) {
        let index = Index::of(&baseline);
        for facts in &flows {
            let matched = match index.match_rule(facts) {
                RuleMatch::Allow(rule) => {
                    prop_assert!(rule.covers(facts));
                    Some(Action::Allow)
                }
                RuleMatch::Deny(rule) => {
                    prop_assert!(rule.covers(facts));
                    Some(Action::Deny)
                }
                RuleMatch::NoRule => None,
            };
            prop_assert_eq!(matched, slowly(&baseline, facts));
        }
    }

    #[test]
    fn match_without_a_name_holds_for_every_name(baseline in strategy::baseline(), facts in strategy::facts(), names in prop::collection::vec(strategy::facts(), 1..10)) {
        let index = Index::of(&baseline);
        let matched = action(index.match_without_name(&facts));
        for name in names.into_iter().map(|other| other.name).chain([None]) {
            let named = action(index.match_rule(&Facts { name, ..facts.clone() }));
            prop_assert!(matched.is_none() || matched == named, "{:?} for {:?}, {:?} without a name", named, name, matched);
        }
    }
}

fn action(matched: RuleMatch<'_>) -> Option<Action> {
    match matched {
        RuleMatch::Allow(_) => Some(Action::Allow),
        RuleMatch::Deny(_) => Some(Action::Deny),
        RuleMatch::NoRule => None,
    }
}

fn matched(rules: &str, facts: &Facts<'_>) -> Option<Action> {
    let baseline = parse(&format!("format 1\n{rules}")).unwrap();
    action(Index::of(&baseline).match_rule(facts))
}

fn curl() -> Facts<'static> {
    Facts {
        executable: Some("/usr/bin/curl"),
        user: Some("alice".into()),
        transport: Some("tcp"),
        name: Some("www.example.org"),
        address: "192.0.2.7".parse().ok(),
        port: Some(443),
        ..Facts::default()
    }
}

#[test]
fn suffix_matches_only_names_below_it() {
    let rule = "allow exe=/usr/bin/curl -> tcp *.example.org 443\n";
    assert_eq!(matched(rule, &curl()), Some(Action::Allow));
    for name in ["example.org", "badexample.org", ".example.org", "example.org.evil.test"] {
        assert_eq!(matched(rule, &Facts { name: Some(name), ..curl() }), None, "{name}");
    }
}

#[test]
fn domain_matches_its_name_and_names_below_it() {
    for action in ["allow", "deny"] {
        let rule = format!("{action} exe=/usr/bin/curl -> tcp .example.org 443\n");
        for name in ["example.org", "www.example.org", "a.b.example.org"] {
            assert!(matched(&rule, &Facts { name: Some(name), ..curl() }).is_some(), "{action} {name}");
        }
        for name in ["badexample.org", "org", ".example.org", "example.org.evil.test"] {
            assert_eq!(matched(&rule, &Facts { name: Some(name), ..curl() }), None, "{action} {name}");
        }
        assert_eq!(matched(&rule, &Facts { name: None, ..curl() }), None, "{action}");
    }
}

#[test]
fn rule_without_a_transport_matches_every_transport() {
    for rule in ["allow exe=/usr/bin/curl -> www.example.org 443\n", "allow exe=/usr/bin/curl -> * .example.org 443\n"]
    {
        for transport in ["tcp", "mptcp", "udp", "sctp"] {
            let facts = Facts { transport: Some(transport), ..curl() };
            assert_eq!(matched(rule, &facts), Some(Action::Allow), "{rule} {transport}");
        }
        assert_eq!(matched(rule, &Facts { port: Some(80), ..curl() }), None, "{rule}");
    }
}

proptest! {
    #[test]
    fn flow_of_a_narrower_rule_matches_the_wider_one(narrow in strategy::rule(), wide in strategy::rule(), facts in strategy::facts()) {
        if narrow.is_within(&wide) && narrow.covers(&facts) {
            prop_assert!(wide.covers(&facts), "{} is not within {}: {:?}", narrow, wide, facts);
        }
    }
}

fn to_neighbour(interface: Option<&'static str>) -> Facts<'static> {
    let interface = interface.and_then(Interface::from_name);
    Facts { name: None, address: "fe80::1".parse().ok(), interface, ..curl() }
}

#[test]
fn link_local_address_matches_only_on_its_interface() {
    let rule = "allow exe=/usr/bin/curl -> tcp fe80::1%eth0 443\n";
    assert_eq!(matched(rule, &to_neighbour(Some("eth0"))), Some(Action::Allow));
    for other in [Some("eth1"), None] {
        assert_eq!(matched(rule, &to_neighbour(other)), None, "{other:?}");
    }
    let widely = ["fe80::1", "fe80::/64", "*"].map(|host| format!("allow exe=/usr/bin/curl -> tcp {host} 443\n"));
    for (rule, interface) in widely.iter().flat_map(|rule| [Some("eth0"), Some("eth1"), None].map(|name| (rule, name)))
    {
        assert_eq!(matched(rule, &to_neighbour(interface)), Some(Action::Allow), "{rule} {interface:?}");
    }
    let denied = "allow exe=/usr/bin/curl -> tcp fe80::1 443\ndeny exe=/usr/bin/curl -> tcp fe80::1%eth1 443\n";
    assert_eq!(matched(denied, &to_neighbour(Some("eth0"))), Some(Action::Allow));
    assert_eq!(matched(denied, &to_neighbour(Some("eth1"))), Some(Action::Deny));
}

#[test]
fn only_link_local_addresses_have_an_interface_in_rules() {
    let host = |text: &str| parse_destination(&format!("tcp {text} 443")).map(|destination| destination.host);
    assert_eq!(host("fe80::1%eth0").unwrap().to_string(), "fe80::1%eth0");
    for text in ["2001:db8::1%eth0", "192.0.2.1%eth0", "example.org%eth0", "fe80::1%", "fe80::/64%eth0", "fe80::1%a/b"]
    {
        assert!(host(text).unwrap_err().contains("fe80::1%eth0"), "{text}");
    }
    for (narrow, wide) in [("fe80::1%eth0", "fe80::1"), ("fe80::1%eth0", "fe80::/10"), ("fe80::1%eth0", "fe80::1%eth0")]
    {
        assert!(host(narrow).unwrap().is_within(&host(wide).unwrap()), "{narrow} {wide}");
    }
    for wide in ["fe80::1%eth1", "fe80::2", "fe80::2%eth0"] {
        assert!(!host("fe80::1%eth0").unwrap().is_within(&host(wide).unwrap()), "{wide}");
    }
    assert!(!host("fe80::1").unwrap().is_within(&host("fe80::1%eth0").unwrap()));
}

#[test]
fn domain_contains_its_name_and_suffix() {
    let host = |text: &str| parse_destination(&format!("tcp {text} 443")).unwrap().host;
    for (narrow, wide) in [
        ("example.org", ".example.org"),
        ("*.example.org", ".example.org"),
        ("a.example.org", ".example.org"),
        (".a.example.org", ".example.org"),
        (".a.example.org", "*.example.org"),
        (".example.org", ".example.org"),
        (".example.org", "*"),
    ] {
        assert!(host(narrow).is_within(&host(wide)), "{narrow} {wide}");
    }
    for (wide, narrow) in
        [(".example.org", "*.example.org"), (".example.org", "example.org"), ("x.org", ".example.org")]
    {
        assert!(!host(wide).is_within(&host(narrow)), "{wide} {narrow}");
    }
}

#[test]
fn rule_does_not_match_another_program() {
    let rule = "allow exe=/usr/bin/curl user=alice -> tcp www.example.org 443\n";
    assert_eq!(matched(rule, &curl()), Some(Action::Allow));
    assert_eq!(matched(rule, &Facts { executable: Some("/tmp/curl"), ..curl() }), None);
    assert_eq!(matched(rule, &Facts { executable: None, ..curl() }), None);
    assert_eq!(matched(rule, &Facts { user: None, ..curl() }), None);
    assert_eq!(matched(rule, &Facts { port: Some(80), ..curl() }), None);
    assert_eq!(matched(rule, &Facts { name: None, ..curl() }), None);
}

#[test]
fn deny_precedes_allow() {
    let rules = "allow exe=/usr/bin/curl -> tcp www.example.org 443\ndeny * -> * 192.0.2.0/24 *\n";
    assert_eq!(matched(rules, &curl()), Some(Action::Deny));
}

#[test]
fn host_path_matches_only_files_of_the_host() {
    let rule = "allow exe=/usr/bin/curl -> tcp www.example.org 443\n";
    assert_eq!(matched(rule, &curl()), Some(Action::Allow));
    for file in [PRIVATE, MEMORY] {
        let disguised = Facts { file: Some(file), ..curl() };
        assert_eq!(matched(rule, &disguised), None, "{file}");
        let named = format!("allow exe=/usr/bin/curl file={file} -> tcp www.example.org 443\n");
        assert_eq!([matched(&named, &disguised), matched(&named, &curl())], [Some(Action::Allow), None]);
        let any = "allow exe=/usr/bin/curl file=* -> tcp www.example.org 443\n";
        assert_eq!([matched(any, &disguised), matched(any, &curl())], [Some(Action::Allow); 2]);
        assert_eq!(matched("deny user=alice -> * * *\n", &disguised), Some(Action::Deny), "no path is asked for");
    }
    let contained = Facts { file: Some(PRIVATE), container: Some("c1"), ..curl() };
    assert_eq!(matched("allow exe=/usr/bin/curl container=c1 -> * * *\n", &contained), Some(Action::Allow));
}

#[test]
fn rule_about_an_image_or_pod_matches_new_containers() {
    let nginx = Facts { file: Some(PRIVATE), container: Some("c1"), image: Some("nginx:1.27"), ..curl() };
    let pod = Facts { container: Some("c2"), pod: Some("shop/web"), ..nginx.clone() };
    for (rule, yes, no) in [
        ("allow exe=/usr/bin/curl image=nginx:1.27 -> * * *\n", &nginx, &curl()),
        (
            "allow exe=/usr/bin/curl image=nginx:* -> * * *\n",
            &nginx,
            &Facts { image: Some("nginx-evil:1.27"), ..nginx.clone() },
        ),
        ("allow exe=/usr/bin/curl pod=shop/web -> * * *\n", &pod, &nginx),
        ("allow pod=*/web -> * * *\n", &pod, &Facts { pod: Some("a/b/web"), ..pod.clone() }),
        ("allow image=nginx:1.27 -> * * *\n", &nginx, &Facts { image: None, ..nginx.clone() }),
    ] {
        assert_eq!([matched(rule, yes), matched(rule, no)], [Some(Action::Allow), None], "{rule}");
        let restarted = Facts { container: Some("c3"), ..yes.clone() };
        assert_eq!(matched(rule, &restarted), Some(Action::Allow), "{rule}");
    }
}

#[test]
fn rootless_image_name_matches_only_rules_about_its_user() {
    let forged = Facts { image: Some("nginx:1.27"), is_rootless: true, file: Some(PRIVATE), ..curl() };
    assert_eq!(matched("allow image=nginx:1.27 -> * * *\n", &forged), None);
    let user = forged.user.as_deref().unwrap();
    assert_eq!(matched(&format!("allow image=nginx:1.27 user={user} -> * * *\n"), &forged), Some(Action::Allow));
    assert_eq!(matched("allow image=nginx:1.27 user=somebody-else -> * * *\n", &forged), None);
}

#[test]
fn unit_or_container_named_by_a_user_matches_only_rules_about_that_user() {
    let unit = Facts { unit: Some("nginx.service"), ..curl() };
    let container = Facts { container: Some("web"), pod: Some("shop/web"), file: Some(PRIVATE), ..curl() };
    for (asked, facts) in [
        ("unit=nginx.service", &unit),
        ("unit=nginx.*", &unit),
        ("container=web", &container),
        ("exe=/usr/bin/curl container=web", &container),
        ("pod=shop/web", &container),
    ] {
        let forged = Facts { is_user_unit: true, is_rootless: true, ..facts.clone() };
        for action in ["allow", "deny"] {
            let matched = |user: &str, facts| matched(&format!("{action} {asked}{user} -> * * *\n"), facts).is_some();
            assert_eq!([matched("", facts), matched("", &forged)], [true, false], "{action} {asked}");
            assert!(matched(" user=alice", &forged) && matched(" user=*", &forged), "{action} {asked}");
            assert!(!matched(" user=bob", &forged), "{action} {asked}");
        }
    }
}

#[test]
fn user_unit_rule_is_not_within_the_system_unit_rule() {
    let [narrow, wide] = ["unit=a.service user=alice", "unit=a.service"].map(|text| parse_subject(text).unwrap());
    assert!(!narrow.is_within(&wide) && narrow.is_about(&wide) && !wide.is_about(&narrow));
    let [narrow, wide] = ["exe=/a unit=a.service user=alice", "user=alice"].map(|text| parse_subject(text).unwrap());
    assert!(narrow.is_within(&wide));
}

#[test]
fn pattern_matches_wherever_its_star_is() {
    for pattern in ["/usr/*/curl", "/usr/bin/*", "/*/bin/curl", "/usr/bin/cur?", "/usr/*/*"] {
        let rules = format!("allow exe={pattern} -> tcp www.example.org 443\n");
        assert_eq!(matched(&rules, &curl()), Some(Action::Allow), "{pattern}");
        assert_eq!(matched(&rules, &Facts { executable: Some("/opt/x/y/z"), ..curl() }), None, "{pattern}");
    }
    let quoted = "allow exe=\"/usr/*/curl\" -> tcp www.example.org 443\n";
    assert_eq!(matched(quoted, &curl()), None);
    assert_eq!(matched(quoted, &Facts { executable: Some("/usr/*/curl"), ..curl() }), Some(Action::Allow));
}
