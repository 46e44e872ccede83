use std::time::Duration;

use proptest::prelude::*;

use super::{Attributes, Buckets, Count, Headers, Kind, Limit, Listen, LogFilter, RingSize, Size, Time, Url, split};
use crate::raw::{Origin, RawValue, Value};

fn read<K: Kind>(text: &str) -> Option<K::Value> {
    K::read(&RawValue::bare(text, Origin::Default)).ok()
}

/// The displayed value is TOML that parses to the same value.
fn round_trips<K: Kind>(value: &K::Value) {
    let text = K::show(value).unwrap();
    let quoted = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or(&text);
    assert_eq!(read::<K>(quoted).as_ref(), Some(value), "{text}");
}

#[test]
fn times_have_units() {
    let times = [("10s", 10), ("1h30m", 5400), ("1d", 86_400), ("1d12h", 129_600), ("90d", 7_776_000)];
    for (text, seconds) in times {
        assert_eq!(read::<Time>(text), Some(Duration::from_secs(seconds)), "{text}");
    }
    for wrong in ["", "10", "-5s", "0s", "0d", "d", "1dd", "soon", "99999999999d", "40000d", "1.5d"] {
        assert_eq!(read::<Time>(wrong), None, "{wrong:?}");
    }
}

#[test]
fn sizes_have_bounds() {
    assert_eq!(read::<Size<1>>("10GiB"), Some(10 << 30));
    assert_eq!(read::<Size<1>>("1MB"), Some(1_000_000));
    assert_eq!(read::<Size<1024>>("1023B"), None);
    assert_eq!(read::<RingSize>("64KiB"), Some(65_536));
    for wrong in ["3MiB", "1KiB", "4GiB", "big"] {
        assert_eq!(read::<RingSize>(wrong), None, "{wrong}");
    }
}

#[test]
fn unlimited_turns_a_limit_off() {
    assert_eq!(read::<Limit<Time>>("unlimited"), Some(None));
    assert_eq!(read::<Limit<Time>>("1s"), Some(Some(Duration::from_secs(1))));
    assert_eq!(read::<Limit<Time>>("never"), None);
    round_trips::<Limit<Time>>(&None);
}

#[test]
fn counts_have_bounds() {
    assert_eq!((read::<Count<1, 22>>("1"), read::<Count<1, 22>>("22")), (Some(1), Some(22)));
    assert_eq!(read::<Count<1, 300, u8>>("300"), None, "it does not fit into the type");
    for wrong in ["0", "23", "-1", "1.5", "", "99999999999999999999"] {
        assert_eq!(read::<Count<1, 22>>(wrong), None, "{wrong}");
    }
}

#[test]
fn buckets_must_ascend() {
    let bounds = vec![Duration::from_millis(1), Duration::from_secs(1)];
    assert_eq!(read::<Buckets>("1ms, 1s"), Some(bounds));
    for wrong in ["", "1s,1s", "1s,1ms", "1s,", "1s,later"] {
        assert_eq!(read::<Buckets>(wrong), None, "{wrong}");
    }
}

#[test]
fn endpoints_need_a_host() {
    for right in ["http://localhost:4318", "https://[::1]:4318/base/", "collector:4317"] {
        assert!(read::<Url>(right).is_some(), "{right}");
    }
    for wrong in ["", "localhost", "ftp://x", "http://", "/v1/traces", "http:///x", "http://a b"] {
        assert!(read::<Url>(wrong).is_none(), "{wrong}");
    }
}

#[test]
fn listen_addresses_need_a_port() {
    assert!(read::<Listen>("[::]:9464").is_some() && read::<Listen>("127.0.0.1:0").is_some());
    assert!(read::<Listen>("localhost:9464").is_none() && read::<Listen>("127.0.0.1").is_none());
}

#[test]
fn log_filters_have_the_syntax_of_tracing_subscriber() {
    assert!(read::<LogFilter>("warn,egret_capture=debug").is_some());
    assert!(read::<LogFilter>("egret=[[[").is_none() && read::<LogFilter>("egret=loud").is_none());
}

/// Letters beyond ASCII in the middle of a directive.
#[test]
fn log_filter_that_made_tracing_subscriber_panic_is_refused() {
    assert!(read::<LogFilter>(" 7`c:?$𖫇ుF𐠃𐪜ೠ=🫟ན").is_none());
}

/// Examples of <https://www.w3.org/TR/baggage/> without properties, and invalid ones.
#[test]
fn pairs_are_percent_decoded() {
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    assert_eq!(split("a=1 , b = x%20y%2Cz,c==").unwrap(), [pair("a", "1"), pair("b", "x y,z"), pair("c", "=")]);
    assert_eq!(split("userId=Am%C3%A9lie").unwrap(), [pair("userId", "Amélie")]);
    for wrong in ["a", "a=%", "a=%2", "a=%zz", "a=%+1", "a=%ff"] {
        assert!(split(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn later_pairs_replace_earlier_ones() {
    let [mut all, later] = ["a=1,b=2", "b=3,c=4"].map(|text| read::<Attributes>(text).unwrap());
    Attributes::merge(&mut all, later);
    assert_eq!(Some(all), read::<Attributes>("a=1,b=3,c=4"));
}

#[test]
fn debug_output_does_not_contain_header_values() {
    let headers = read::<Headers>("Authorization=Bearer%20secret").unwrap();
    assert_eq!(headers.0, [("authorization".to_owned(), "Bearer secret".to_owned())]);
    assert_eq!(format!("{headers:?}"), "[\"authorization\"]");
}

#[test]
fn every_invalid_pair_is_reported() {
    let flag = RawValue { value: Value::Flag(true), origin: Origin::Default };
    let members = [("a b", RawValue::bare("x", Origin::Default)), ("c", flag)];
    let value = Value::Table(members.into_iter().map(|(name, raw)| (name.to_owned(), raw)).collect());
    let invalid = Headers::read(&RawValue { value, origin: Origin::Default }).unwrap_err();
    assert_eq!(invalid.into_iter().filter_map(|error| error.within).collect::<Vec<_>>(), ["a b", "c"]);
}

proptest! {
    #[test]
    fn times_round_trip(nanoseconds in 1..u64::pow(10, 18)) {
        round_trips::<Time>(&Duration::from_nanos(nanoseconds));
    }

    #[test]
    fn sizes_round_trip(bytes in 1..u64::MAX, shift in 0..63) {
        round_trips::<Size<0>>(&bytes);
        round_trips::<Size<0>>(&(1_u64 << shift));
    }

    #[test]
    fn no_text_makes_a_parser_panic(text in any::<String>()) {
        let _ = (read::<Time>(&text), read::<Size<1>>(&text), read::<Attributes>(&text), read::<Url>(&text));
        let _ = (read::<Buckets>(&text), read::<LogFilter>(&text), read::<Headers>(&text));
    }

    #[test]
    fn percent_encoding_round_trips(value in any::<String>()) {
        let encoded: String = value.bytes().map(|byte| format!("%{byte:02X}")).collect();
        prop_assert_eq!(split(&format!("k={encoded}")).unwrap(), [("k".to_owned(), value)]);
    }
}
