//! What changes while egret runs.

use proptest::prelude::*;

use super::right;
use crate::options::{self, DefaultValue};
use crate::{Change, Reload, reload_difference};

#[test]
fn only_what_differs_is_a_change() {
    let old = right("[log]\nfilter = \"info\"", &[]);
    assert_eq!(reload_difference(&old, &right("", &[])), []);
    let new = right("[parquet]\nkeep_for = \"1d\"\n[log]\nfilter = \"debug\"\n[capture]\nhash = false", &[]);
    assert_eq!(
        reload_difference(&old, &new),
        [
            Change { key: "capture.hash", reload: Reload::Restart },
            Change { key: "parquet.keep_for", reload: Reload::Sink },
            Change { key: "log.filter", reload: Reload::Live },
        ]
    );
}

#[test]
fn what_waits_for_a_restart_stays_until_then() {
    let old = right("", &[]);
    let new = right("[json]\nenabled = true\n[capture]\nhash = false", &[]);
    let held = old.taking_over(&new).unwrap();
    assert!(held.settings.json.is_some() && held.settings.capture.hash);
    assert_eq!(reload_difference(&held, &new), [Change { key: "capture.hash", reload: Reload::Restart }]);
    assert_eq!(held.sources()["json.enabled"], new.sources()["json.enabled"]);
    assert_eq!(held.sources()["capture.hash"], old.sources()["capture.hash"]);
}

proptest! {
    /// Whatever of the example's values are set before and after, the mixture of both is right.
    #[test]
    fn mixtures_are_right(before in any::<u64>(), after in any::<u64>()) {
        let examples = options::all().filter_map(|entry| match entry.default {
            // These are wrong alone, or name files.
            _ if entry.key.contains("client_") || entry.key.ends_with("_file") => None,
            DefaultValue::Unset { example, .. } => Some(format!("{} = {example}\n", entry.key)),
            DefaultValue::Text("true") => Some(format!("{} = false\n", entry.key)),
            DefaultValue::Text("false") => Some(format!("{} = true\n", entry.key)),
            DefaultValue::Text(_) => None,
        });
        let examples: Vec<_> = examples.collect();
        let chosen = |bits: u64| -> String {
            examples.iter().enumerate().filter(|(index, _)| bits >> (index % 64) & 1 == 1).map(|(_, line)| line.as_str()).collect()
        };
        let (old, new) = (right(&chosen(before), &[]), right(&chosen(after), &[]));
        let held = old.taking_over(&new).unwrap();
        prop_assert!(reload_difference(&held, &new).iter().all(|change| change.reload == Reload::Restart));
        prop_assert!(reload_difference(&old, &held).iter().all(|change| change.reload != Reload::Restart));
    }
}
