//! `egret mode`: shows, switches and confirms the mode.

mod session;

use std::fmt::Write as _;

use anyhow::{Context as _, Result};
use egret_args::{ModeAction, ModeOptions};
use egret_config::paths;
use egret_enforcer::Mode;
use egret_view::stdout;
use hyper::Method;
use serde_json::Value;

use crate::control::{Client, SwitchRequest, block_on};

/// Runs the command and returns the exit status.
///
/// # Errors
///
/// No daemon answers, or it refuses.
pub fn run(options: &ModeOptions) -> Result<u8> {
    let client = Client::new(&paths::socket(options.socket.as_deref()));
    let answer = block_on(async {
        match &options.action {
            ModeAction::Show => client.get("/v1/mode", "application/json").await,
            ModeAction::Confirm => client.send(Method::POST, "/v1/mode/confirm", &Value::Null).await,
            ModeAction::Switch { mode, confirm_within, only } => {
                let request = SwitchRequest {
                    mode: *mode,
                    only: only.as_ref().map(ToString::to_string),
                    confirm_within_seconds: confirm_within.map(|within| within.as_secs()),
                    session: session::of_this_process(),
                };
                client.send(Method::PUT, "/v1/mode", &request).await
            }
        }
    })??;
    warnings(&answer).iter().for_each(|warning| eprintln!("egret: {warning}"));
    let mut text = if options.json { String::from_utf8_lossy(&answer).into_owned() } else { shown(&answer)? };
    if !text.ends_with('\n') {
        text.push('\n');
    }
    stdout::print(text.as_bytes())
}

/// The warnings in an answer.
fn warnings(answer: &[u8]) -> Vec<String> {
    let state = serde_json::from_slice::<Value>(answer).unwrap_or_default();
    let warnings = state.get("warnings").and_then(Value::as_array).into_iter().flatten();
    warnings.filter_map(|warning| warning.as_str().map(str::to_owned)).collect()
}

fn shown(answer: &[u8]) -> Result<String> {
    let state: Value = serde_json::from_slice(answer).context("the daemon's answer is not JSON")?;
    let word = |key: &str| state.get(key).and_then(Value::as_str);
    let mode = word("mode").unwrap_or("unknown");
    let since = word("since").map_or_else(|| "unknown".to_owned(), to_the_second);
    let mut text = format!("{mode}, since {since}\n");
    match word("phase") {
        Some("starting") => text.push_str("starting: the mode is not in force yet\n"),
        Some("failed") => text.push_str("failed: enforce.on_failure is in force instead; see egret's log\n"),
        _ => {}
    }
    if let Some(only) = word("only") {
        // Writing to a string does not fail.
        let _ = writeln!(text, "only for {only}; shadow for all other subjects");
    }
    if let Some(until) = word("confirm_by") {
        let until = to_the_second(until);
        let _ = writeln!(text, "reverts at {until} unless `egret mode confirm` comes first");
    }
    let fallback = state.get("last_fallback").and_then(|fallback| {
        let word = |key: &str| fallback.get(key).and_then(Value::as_str);
        Some((word("reason")?, word("at")?))
    });
    if let Some((reason, at)) = fallback.filter(|_| mode != Mode::Enforce.as_str()) {
        let at = to_the_second(at);
        let _ = writeln!(text, "fell back from enforce at {at}: {reason}");
    }
    Ok(text)
}

/// A time without fractions of a second; other text is not changed.
fn to_the_second(time: &str) -> String {
    let read = time.parse::<jiff::Timestamp>();
    read.map_or_else(|_| time.to_owned(), |time| time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_shown_to_the_second() {
        let answer = br#"{"mode":"shadow","since":"2026-11-29T23:51:29.805882930Z",
            "confirm_by":"2026-11-29T23:56:29.805882930Z",
            "last_fallback":{"reason":"overload","at":"2026-11-29T23:51:29.005882930Z"}}"#;
        assert_eq!(
            shown(answer).unwrap(),
            "shadow, since 2026-11-29T23:51:29Z\n\
             reverts at 2026-11-29T23:56:29Z unless `egret mode confirm` comes first\n\
             fell back from enforce at 2026-11-29T23:51:29Z: overload\n"
        );
        assert_eq!(shown(b"{}").unwrap(), "unknown, since unknown\n");
    }
}
