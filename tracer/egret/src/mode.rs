//! `egret mode`: how far egret goes.

mod session;

use std::fmt::Write as _;
use std::io::{self, Write as _};

use anyhow::{Context as _, Result};
use egret_enforcer::Mode;
use hyper::Method;
use serde_json::Value;

use crate::args::{ModeOptions, ModeWish, exit};
use crate::config::places;
use crate::control::{Client, SwitchRequest};
use crate::history;

/// Asks the daemon, and shows what holds; says the exit status.
///
/// # Errors
///
/// No daemon answers, or it refuses.
pub fn run(options: &ModeOptions) -> Result<u8> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("cannot start")?;
    let client = Client::new(&places::socket(options.socket.as_deref()));
    let answer = runtime.block_on(async {
        match &options.wish {
            ModeWish::Show => client.get("/v1/mode", "application/json").await,
            ModeWish::Confirm => client.send(Method::POST, "/v1/mode/confirm", &Value::Null).await,
            ModeWish::Switch { mode, confirm_within, only } => {
                let request = SwitchRequest {
                    mode: *mode,
                    only: only.as_ref().map(ToString::to_string),
                    confirm_within_seconds: confirm_within.map(|within| within.as_secs().max(1)),
                    session: session::of_this_process(),
                };
                client.send(Method::PUT, "/v1/mode", &request).await
            }
        }
    })?;
    let mut text = if options.json { String::from_utf8_lossy(&answer).into_owned() } else { shown(&answer)? };
    if !text.ends_with('\n') {
        text.push('\n');
    }
    match io::stdout().write_all(text.as_bytes()).map_err(anyhow::Error::from) {
        Err(error) if !history::is_broken_pipe(&error) => Err(error).context("cannot write to standard output"),
        _ => Ok(exit::DONE),
    }
}

fn shown(answer: &[u8]) -> Result<String> {
    let state: Value = serde_json::from_slice(answer).context("egret answers what is no JSON")?;
    let word = |key: &str| state.get(key).and_then(Value::as_str);
    let mode = word("mode").unwrap_or("unknown");
    let mut text = format!("{mode}, since {}\n", word("since").unwrap_or("unknown"));
    if let Some(only) = word("only") {
        // Writing to a string does not fail.
        let _ = writeln!(text, "only for {only}; for all others, shadow");
    }
    if let Some(until) = word("confirm_by") {
        let _ = writeln!(text, "ends by itself at {until}, unless `egret mode confirm` comes before");
    }
    let fallback = state.get("last_fallback").and_then(|fallback| {
        let word = |key: &str| fallback.get(key).and_then(Value::as_str);
        Some((word("reason")?, word("at")?))
    });
    if let Some((reason, at)) = fallback.filter(|_| mode != Mode::Enforce.as_str()) {
        let _ = writeln!(text, "went back from enforce by itself at {at}: {reason}");
    }
    Ok(text)
}
