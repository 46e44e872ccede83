//! Names that are saved over a restart.

use proptest::option::of;
use proptest::prelude::*;

use super::names::look_up;
use super::packets::*;
use crate::{Malformed, Names, SavedName, SavedNames};

/// Time of boot: a minute before the first answers.
const BOOTED: f64 = -60.0;

fn restarted(before: &Names, now: f64) -> Names {
    let mut after = names();
    after.restore(&before.save(at(BOOTED)), at(BOOTED), at(now));
    after
}

fn found(names: &mut Names, peer: &str, time: f64) -> Option<(String, bool)> {
    let server = names.find(by(9, Some(99)), ip(peer), at(time));
    names.remove(9);
    server.map(|server| (server.name.to_string(), server.evidence().is_some()))
}

fn evidence(name: &str) -> Option<(String, bool)> {
    Some((name.to_owned(), true))
}

#[test]
fn restart_keeps_the_lifetime_of_names() {
    let mut names = names();
    look_up(&mut names, Socket::new(1, 10), 0.0, "a.example", 100, "203.0.113.7");
    look_up(&mut names, Socket::new(1, 10), 0.0, "b.example", 5, "203.0.113.8");
    let mut after = restarted(&names, 10.0);
    assert_eq!(found(&mut after, "203.0.113.7", 99.0), evidence("a.example"));
    assert_eq!(found(&mut after, "203.0.113.7", 101.0), None);
    assert_eq!(found(&mut after, "203.0.113.8", 59.0), evidence("b.example"), "the floor");
    assert_eq!(found(&mut restarted(&names, 70.0), "203.0.113.8", 59.0), None, "it has expired");
}

#[test]
fn repeated_answer_after_a_restart_is_stored_once() {
    let mut names = names();
    look_up(&mut names, Socket::new(1, 10), 0.0, "a.example", 100, "203.0.113.7");
    let mut after = restarted(&names, 1.0);
    for number in 0..9 {
        look_up(&mut after, Socket::new(1, 10), 2.0 + f64::from(number), "a.example", 100, "203.0.113.7");
    }
    assert_eq!(after.save(at(BOOTED)).len(), 1);
}

#[test]
fn only_evidence_for_all_processes_is_saved() {
    let mut names = names();
    look_up(&mut names, Socket::new(1, 10).to("198.51.100.66:53"), 0.0, "a.example", 100, "203.0.113.7");
    look_up(&mut names, Socket::new(1, 10).inside(77), 0.0, "b.example", 100, "203.0.113.7");
    assert_eq!(names.save(at(BOOTED)), []);
}

#[test]
fn restore_keeps_the_most_recently_used_names() {
    let mut names = names();
    for last in 1..=5 {
        look_up(&mut names, Socket::new(1, 10), f64::from(last), "a.example", 100, &format!("203.0.113.{last}"));
    }
    let mut after = Names::new(settings(2));
    after.restore(&names.save(at(BOOTED)), at(BOOTED), at(6.0));
    assert_eq!(found(&mut after, "203.0.113.3", 7.0), None);
    assert_eq!(found(&mut after, "203.0.113.4", 7.0), evidence("a.example"));
    assert_eq!(found(&mut after, "203.0.113.5", 7.0), evidence("a.example"));
}

#[test]
fn invalid_saved_names_are_not_restored() {
    let second = 1_000_000_000;
    let kept = |last: u64, until: u64| SavedName {
        address: ip("203.0.113.7"),
        name: "a.example".into(),
        process: None,
        user: None,
        since_ns: last * second,
        last_ns: last * second,
        until_ns: until * second,
    };
    let restored = |kept: SavedName| {
        let mut names = names();
        names.restore(&[kept], at(BOOTED), at(0.0));
        found(&mut names, "203.0.113.7", 0.0)
    };
    assert_eq!(restored(kept(50, 70)), evidence("a.example"));
    assert_eq!(restored(kept(61, 70)), None, "received in the future");
    assert_eq!(restored(kept(50, 50 + 8 * 24 * 60 * 60)), None, "longer than the maximum lifetime");
    assert_eq!(restored(kept(40, 59)), None, "over");
}

fn kept() -> impl Strategy<Value = SavedName> {
    let name = "[a-z]{1,5}(\\.[a-z0-9-]{1,5}){0,3}";
    (any::<std::net::IpAddr>(), name, of(any::<u32>()), of(any::<u32>()), any::<[u64; 3]>()).prop_map(
        |(address, name, process, user, times)| {
            let mut times = times;
            times.sort_unstable();
            let [since_ns, last_ns, until_ns] = times;
            SavedName { address, name: name.into(), process, user, since_ns, last_ns, until_ns }
        },
    )
}

fn memory() -> impl Strategy<Value = SavedNames> {
    let names = prop::collection::vec(kept(), 0..5);
    ("[0-9a-f-]{36}", any::<u32>(), any::<u64>(), any::<u64>(), names).prop_map(
        |(boot_id, namespace, watched_ns, saved_ns, names)| SavedNames {
            boot_id,
            namespace,
            watched_ns,
            saved_ns,
            names,
        },
    )
}

proptest! {
    #[test]
    fn saved_names_are_parsed_back(memory in memory()) {
        prop_assert_eq!(memory.to_string().parse(), Ok(memory));
    }

    #[test]
    fn parsed_file_is_written_unchanged(memory in memory(), at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut bytes = memory.to_string().into_bytes();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        let Ok(text) = String::from_utf8(bytes) else { return Ok(()) };
        if let Ok(read) = text.parse::<SavedNames>() {
            prop_assert_eq!(read.to_string().parse(), Ok(read));
        }
    }
}

#[test]
fn parse_error_has_its_line() {
    let head = "format 1\nboot b\nnamespace 1\nwatched 1\nsaved 2\n";
    assert!(head.parse::<SavedNames>().is_ok());
    for (text, line) in [
        (String::new(), 0),
        ("format 2\n".to_owned(), 1),
        ("format 1\nboot b\nnamespace x\n".to_owned(), 3),
        (format!("{head}203.0.113.7 a.example - 1 2\n"), 6),
        (format!("{head}203.0.113.7 a.example - 1 2 3 4 5\n"), 6),
        (format!("{head}203.0.113.7 a.example - 1 2 3 x\n"), 6),
        (format!("{head}203.0.113.7 a.example - 1 2 3 1000"), 6),
        (format!("{head}203.0.113.7 a.example - 2 1 3\n"), 6),
        (format!("{head}203.0.113.7 A.example - 1 2 3\n"), 6),
        (format!("{head}203.0.113.7 a\u{1b}[2J.example - 1 2 3\n"), 6),
        (format!("{head}203.0.113.7 a.example - 1 2 3\n\n"), 7),
    ] {
        let read: Result<SavedNames, Malformed> = text.parse();
        assert_eq!(read.map_err(|malformed| malformed.line), Err(line), "{text:?}");
    }
}
