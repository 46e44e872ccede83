use std::sync::Arc;

use egret_enforcer::baseline::parse;
use egret_model::{Event, EventName, Reason, Timestamp, Verdict, sample};
use proptest::prelude::*;

use crate::document::Document;
use crate::gather::{Gathered, OTHER, Period, SLICES};
use crate::place::Place;
use crate::{html, markdown};

const TIME: Timestamp = Timestamp(1_700_000_000_123_456_789);
const HOUR: i64 = 3_600_000_000_000;

fn period() -> Period {
    Period::new(TIME.shifted(-HOUR), TIME.shifted(HOUR))
}

fn to(address: &str, name: Option<&str>) -> Event {
    Event { peer: sample::endpoint(address, 443), server: name.map(sample::server), ..sample::event() }
}

fn closed(open: &Event, sent: u64) -> Event {
    Event { name: EventName::ConnectionClose, bytes_sent: Some(sent), bytes_received: Some(1), ..open.clone() }
}

fn gathered(events: &[Event]) -> Gathered {
    let mut gathered = Gathered::new(period(), 1000);
    events.iter().for_each(|event| gathered.put(event));
    gathered
}

fn section<'a>(page: &'a str, title: &str) -> &'a str {
    let (_, rest) = page.split_once(&format!("## {title}\n")).unwrap();
    rest.split("\n## ").next().unwrap()
}

#[test]
fn each_connection_is_in_the_sums_of_its_program_and_destination() {
    let upload = to("203.0.113.9", Some("upload.example"));
    let database = to("10.1.2.3", None);
    let accepted = Event { name: EventName::Accept, inbound: true, ..to("198.51.100.7", None) };
    let failed = Event { name: EventName::ConnectionFailed, ..to("203.0.113.8", None) };
    let earlier = Event { time: TIME.shifted(-2 * HOUR), ..upload.clone() };
    let events = [closed(&upload, 4096), closed(&database, 5), upload, database, accepted, failed, earlier];
    let gathered = gathered(&events);
    let page = markdown::page(&Document::new(&gathered, None, None));
    assert!(
        page.contains(
            "* connections: **4**\n* of these failed: **1**\n* of these within this host: **0**\n* sent: **4.0K**"
        ),
        "{page}"
    );
    let external = section(&page, "External destinations");
    assert!(external.contains("| upload.example | 1 | 4.0K | 1B | /usr/bin/curl |"), "{external}");
    assert!(external.contains("| 203.0.113.8 | 1 |") && !external.contains("198.51.100.7"), "{external}");
    let internal = section(&page, "Internal destinations");
    assert!(internal.contains("| 10.1.2.3 | 1 | 5B |") && !internal.contains("upload"), "{internal}");
    let programs = section(&page, "Programs");
    assert!(programs.contains("| /usr/bin/curl | 4 | 1 | 1 | 3 | 4.0K | 2B |"), "{programs}");
    assert_eq!(gathered.slices.iter().map(|slice| slice.connections).sum::<u64>(), 4);
    assert!(page.matches("There is no baseline.").count() == 3, "{page}");
}

#[test]
fn blocked_flows_have_their_rule_and_count_once() {
    let blocked = |verdict| Event {
        name: EventName::ConnectionFailed,
        verdict: Some(verdict),
        evaluation: Some(sample::evaluation(Reason::NoRule)),
        ..to("203.0.113.9", None)
    };
    let outstanding = Event { name: EventName::ConnectionOpen, outstanding: true, ..blocked(Verdict::Block) };
    let events = [outstanding, blocked(Verdict::Block), blocked(Verdict::Block), blocked(Verdict::WouldBlock)];
    let page = markdown::page(&Document::new(&gathered(&events), None, None));
    let section = section(&page, "Blocked");
    assert!(section.contains("| 2 | blocked | /usr/bin/curl | tcp 203.0.113.9:443 | no\\_rule |"), "{section}");
    assert!(section.contains("| 1 | would be blocked |"), "{section}");
    assert!(page.contains("* blocked: **2**\n* would be blocked: **1**"), "{page}");
}

#[test]
fn what_is_new_and_who_decided_come_from_the_baseline() {
    let baseline = parse(
        "format 1\n\
         allow exe=/usr/bin/new -> tcp new.example 443  # seen 2 times on 1 day, 2023-11-14T22:13:00Z to 2023-11-14T22:13:10Z\n\
         allow exe=/usr/bin/old -> tcp old.example 443  # seen 2 times on 2 days, 2023-10-14T22:13:00Z to 2023-11-14T22:13:10Z\n\
         deny exe=/usr/bin/bad -> tcp bad.example 443 # by hand\n\
         allow exe=/usr/bin/asked -> tcp asked.example 443 # answered by alice, 2023-11-14\n\
         allow exe=/usr/bin/asked -> tcp before.example 443 # answered by alice, 2023-01-14\n",
    );
    let baseline = baseline.unwrap();
    let page = markdown::page(&Document::new(&gathered(&[]), Some(&baseline), Some("verdict    ready\n")));
    let new = section(&page, "New in this period");
    let expected = "| 2023-11-14T22:13:00Z | new program | exe=/usr/bin/new | 1 | tcp new.example 443 |";
    assert!(new.contains(expected) && !new.contains("/usr/bin/old"), "{new}");
    let people = section(&page, "Rules by people");
    assert!(people.contains("bad.example") && people.contains("answered by alice, 2023-11-14"), "{people}");
    assert!(!people.contains("before.example") && !people.contains("new.example"), "{people}");
    assert!(section(&page, "Readiness to enforce").contains("    verdict    ready\n"), "{page}");
}

#[test]
fn names_cannot_write_markup() {
    let hostile = "<script>alert(1)</script>|[x](http://x)\u{1b}[2J\u{202e}";
    let mut process = sample::process();
    let executable = egret_model::Executable { path: Some(hostile.into()), ..Default::default() };
    process.executable = Arc::new(executable);
    let event = Event { process: Some(Arc::new(process)), ..to("203.0.113.9", Some(hostile)) };
    let document = Document::new(&gathered(&[event]), None, None);
    let page = html::page(&document);
    assert!(page.contains("&lt;script&gt;") && !page.contains("<script") && !page.contains('\u{1b}'), "{page}");
    let text = markdown::page(&document);
    let row = text.lines().find(|line| line.contains("alert")).unwrap();
    let mut letters = row.chars();
    let mut unescaped = String::new();
    while let Some(letter) = letters.next() {
        if letter == '\\' {
            letters.next();
        } else {
            unescaped.push(letter);
        }
    }
    assert!(!unescaped.contains(['<', '>', '[', ']', '\u{1b}', '\u{202e}']), "{row}");
    assert_eq!(unescaped.matches('|').count(), 6, "{row}");
}

proptest! {
    #[test]
    fn tables_are_bounded_and_lose_no_connection(peers in prop::collection::vec((0_u8..60, 0_u32..3), 0..200), most in 1_usize..20) {
        let mut gathered = Gathered::new(period(), most);
        for (peer, bytes) in &peers {
            let open = to(&format!("203.0.113.{peer}"), None);
            gathered.put(&open);
            gathered.put(&closed(&open, u64::from(*bytes)));
        }
        prop_assert!(gathered.destinations.len() <= 2 * most);
        let sum: u64 = gathered.destinations.values().map(|destination| destination.figures.connections).sum();
        prop_assert_eq!(sum, peers.len() as u64);
        let named = gathered.destinations.keys().any(|(_, name)| &**name == OTHER);
        let different: std::collections::HashSet<u8> = peers.iter().map(|(peer, _)| *peer).collect();
        prop_assert!(!named || different.len() > most);
    }

    /// One destination has more traffic than all others together, however many there are and whenever it comes.
    #[test]
    fn the_largest_destination_is_kept(before in 0_u8..200, after in 0_u8..200, most in 2_usize..20) {
        let mut gathered = Gathered::new(period(), most);
        let peer = |number: u8, bytes: u64, gathered: &mut Gathered| {
            let open = to(&format!("203.0.113.{number}"), None);
            gathered.put(&open);
            gathered.put(&closed(&open, bytes));
        };
        (0..before).for_each(|number| peer(number, 1, &mut gathered));
        peer(255, 1_000_000, &mut gathered);
        (0..after).for_each(|number| peer(number, 2, &mut gathered));
        let kept = gathered.destinations.get(&(Place::External, "203.0.113.255".into()));
        prop_assert_eq!(kept.map(|destination| destination.figures.sent), Some(1_000_000));
    }

    #[test]
    fn every_time_of_the_period_is_in_a_slice(offset in 0_i64..2 * HOUR) {
        let mut gathered = Gathered::new(period(), 10);
        gathered.put(&Event { time: TIME.shifted(offset - HOUR), ..sample::event() });
        let filled: Vec<usize> = (0..SLICES).filter(|slice| gathered.slices[*slice].connections == 1).collect();
        prop_assert_eq!(filled.len(), 1);
    }
}
