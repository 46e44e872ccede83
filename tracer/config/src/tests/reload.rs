//! Reloading.

use proptest::prelude::*;

use super::right;
use crate::options::{self, DefaultValue};
use crate::{Change, Reload, reload_difference};

#[test]
fn only_different_values_are_changes() {
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
fn options_that_need_a_restart_keep_their_values() {
    let old = right("", &[]);
    let new = right("[json]\nenabled = true\n[capture]\nhash = false", &[]);
    let mixture = old.taking_over(&new).unwrap();
    assert!(mixture.settings.json.is_some() && mixture.settings.capture.hash);
    assert_eq!(reload_difference(&mixture, &new), [Change { key: "capture.hash", reload: Reload::Restart }]);
    assert_eq!(mixture.sources()["json.enabled"], new.sources()["json.enabled"]);
    assert_eq!(mixture.sources()["capture.hash"], old.sources()["capture.hash"]);
}

proptest! {
    /// The mixture is valid whichever example values are set before and after.
    #[test]
    fn mixtures_are_valid(before in any::<u64>(), after in any::<u64>()) {
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
        let mixture = old.taking_over(&new).unwrap();
        prop_assert!(reload_difference(&mixture, &new).iter().all(|change| change.reload == Reload::Restart));
        prop_assert!(reload_difference(&old, &mixture).iter().all(|change| change.reload != Reload::Restart));
    }
}
