//! Restores rules that others removed.

use egret_enforcer::firewall::{Bypass, Cause, ControlGroup, Guardian, Hierarchy, Inspection, Lack, NAME, Plan};
use egret_tests::{Cgroup, until};

use crate::foreign::{ALL, is_kept, is_same};
use crate::host::Host;
use crate::plans;
use crate::ways::Way;

fn install(host: &Host, way: Way, plan: Plan) -> Guardian {
    host.within(|| Guardian::install(way.firewall(), plan, Hierarchy::find()).unwrap().0)
}

/// The result of the next poll that was not deferred.
fn poll(host: &Host, guardian: &mut Guardian) -> Inspection {
    until("a poll", || match host.within(|| guardian.tick()) {
        Inspection::Unchanged => None,
        polled => Some(polled),
    })
}

/// Asserts that the next poll installs the rules again for this reason and restores the listing.
fn assert_restored(host: &Host, guardian: &mut Guardian, cause: Cause, intact: &str) {
    let before = guardian.recreated().get(&cause).copied().unwrap_or_default();
    let polled = poll(host, guardian);
    assert!(matches!(polled, Inspection::Recreated(because, _) if because == cause), "{polled:?}");
    assert_eq!(guardian.recreated()[&cause], before + 1);
    assert!(matches!(poll(host, guardian), Inspection::Intact));
    assert!(matches!(host.within(|| guardian.tick()), Inspection::Unchanged));
    is_same(&host.listing(), intact);
}

pub(crate) fn flushed_rules_are_restored(way: Way) {
    let [v4, v6] = way.iptables();
    let flushes = match way {
        Way::Nftables => vec!["nft flush ruleset".to_owned(), format!("nft flush table inet {NAME}")],
        _ => vec![
            format!("{v4} -F OUTPUT"),
            format!("{v6} -t mangle -F OUTPUT"),
            format!("{v4} -F && {v4} -X && {v4} -t mangle -F && {v4} -t mangle -X"),
        ],
    };
    let host = Host::new();
    let mut guardian = install(&host, way, plans::closed());
    let intact = host.listing();
    for flush in flushes {
        host.sh(&flush);
        assert_restored(&host, &mut guardian, Cause::Missing, &intact);
    }
}

/// After a slow poll, the next one is deferred; a flush is detected without a poll.
pub(crate) fn flushed_rules_are_restored_at_once_with_slow_tools(way: Way) {
    let [v4, v6] = way.iptables();
    let flushes = match way {
        Way::Nftables => [format!("nft delete table inet {NAME}"), format!("nft flush table inet {NAME}")],
        _ => [format!("{v4} -F OUTPUT"), format!("{v6} -t mangle -F {NAME}")],
    };
    let host = Host::new();
    let (_tools, firewall) = way.slow_firewall();
    let mut guardian = host.within(|| Guardian::install(firewall, plans::closed(), Hierarchy::find()).unwrap().0);
    let intact = host.listing();
    for flush in flushes {
        assert!(matches!(poll(&host, &mut guardian), Inspection::Intact));
        host.sh(&flush);
        let polled = host.within(|| guardian.tick());
        assert!(matches!(polled, Inspection::Recreated(Cause::Missing, _)), "{flush}: {polled:?}");
        is_same(&host.listing(), &intact);
    }
}

pub(crate) fn changed_rule_is_restored(way: Way) {
    let [v4, _] = way.iptables();
    let change = match way {
        Way::Nftables => format!("nft insert rule inet {NAME} judge return"),
        _ => format!("{v4} -t mangle -I {NAME} -j RETURN"),
    };
    let host = Host::new();
    let mut guardian = install(&host, way, plans::closed());
    let intact = host.listing();
    host.sh(&change);
    assert_restored(&host, &mut guardian, Cause::Altered, &intact);
}

pub(crate) fn rule_inserted_before_is_overtaken(way: Way) {
    let [v4, _] = way.iptables();
    let host = Host::new();
    host.sh(&format!("{v4} -A OUTPUT -p tcp --dport 9 -j DROP"));
    let mut guardian = install(&host, way, plans::closed());
    host.sh(&format!("{v4} -I OUTPUT -p tcp --dport 10 -j ACCEPT"));
    let polled = poll(&host, &mut guardian);
    assert!(matches!(polled, Inspection::Recreated(Cause::Displaced, _)), "{polled:?}");
    let rules = host.sh(&format!("{v4} -S OUTPUT"));
    let places = [format!("-j {NAME}"), "--dport 10".to_owned(), "--dport 9".to_owned()];
    let lines = rules.lines().skip(1).zip(&places);
    assert!(rules.lines().count() == 4 && lines.clone().all(|(line, place)| line.contains(place)), "{rules}");
}

pub(crate) fn reload_by_another_tool_is_undone(way: Way) {
    for foreign in &ALL {
        let host = Host::new();
        foreign.load(way, &host);
        let mut guardian = install(&host, way, plans::closed());
        let [v4, _] = way.iptables();
        // As `firewall-cmd --complete-reload` and `ufw reload` do: they replace all tables.
        let saved = host.sh(&format!("{v4}-save 2>/dev/null | grep -v {NAME}"));
        host.feed(&format!("{v4}-restore"), &[], &saved);
        let reloaded = host.listing();
        let polled = poll(&host, &mut guardian);
        assert!(matches!(polled, Inspection::Recreated(Cause::Missing, _)), "{polled:?}");
        is_kept(&reloaded, &host.listing());
        assert!(matches!(poll(&host, &mut guardian), Inspection::Intact));
        host.within(|| guardian.remove().unwrap());
        assert!(!host.listing().contains(&format!("-j {NAME}\n")));
    }
}

pub(crate) fn foreign_changes_cause_no_reinstallation(way: Way) {
    let [v4, _] = way.iptables();
    let host = Host::new();
    let mut guardian = install(&host, way, plans::closed());
    assert!(matches!(poll(&host, &mut guardian), Inspection::Intact));
    host.sh(&format!("{v4} -A OUTPUT -p tcp --dport 9 -j DROP && nft add table inet others"));
    assert!(matches!(poll(&host, &mut guardian), Inspection::Intact));
    assert!(guardian.recreated().is_empty());
}

pub(crate) fn new_cgroup_is_bypassed(way: Way) {
    let path = format!("egret-guard-{way}-{}", std::process::id());
    let group = ControlGroup::new(&path).unwrap();
    let bypass = Bypass { cgroups: vec![group.clone()], ..Bypass::default() };
    let host = Host::new();
    let plan = Plan { bypass, ..plans::closed() };
    let (mut guardian, installed) = host.within(|| Guardian::install(way.firewall(), plan, Hierarchy::find()).unwrap());
    assert_eq!(installed.lacks, [Lack::ControlGroup(group)]);
    assert!(!host.listing().contains(&path));

    // Twice, as a unit that is restarted.
    for _ in 0..2 {
        let made = Cgroup::new(&path);
        let polled = poll(&host, &mut guardian);
        assert!(
            matches!(&polled, Inspection::Recreated(Cause::ControlGroup, now) if now.lacks.is_empty()),
            "{polled:?}"
        );
        assert!(host.listing().contains(&path));
        made.remove();
        let polled = poll(&host, &mut guardian);
        assert!(
            matches!(&polled, Inspection::Recreated(Cause::ControlGroup, now) if now.lacks.len() == 1),
            "{polled:?}"
        );
    }
    assert_eq!(guardian.recreated()[&Cause::ControlGroup], 4);
}

pub(crate) fn removed_rules_stay_removed(way: Way) {
    let host = Host::new();
    let mut guardian = install(&host, way, plans::closed());
    assert!(host.within(|| guardian.remove().unwrap()));
    assert!(matches!(host.within(|| guardian.tick()), Inspection::Unchanged));
    assert!(!host.listing().contains(NAME));
}

pub(crate) fn new_plan_replaces_the_former_plan(way: Way) {
    let host = Host::new();
    let mut guardian = install(&host, way, plans::closed());
    let closed = host.listing();
    host.within(|| guardian.replace(plans::open()).unwrap());
    assert_ne!(host.listing(), closed);
    assert!(matches!(poll(&host, &mut guardian), Inspection::Intact));
    host.within(|| guardian.replace(plans::closed()).unwrap());
    is_same(&host.listing(), &closed);
    assert!(guardian.recreated().is_empty());
}
