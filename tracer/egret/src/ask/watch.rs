//! Reports new questions.

use std::collections::BTreeSet;
use std::io::{self, Write as _};
use std::process::Stdio;
use std::time::Duration;

use anyhow::Result;
use egret_enforcer::ask::Question;
use tokio::process::Command;
use tokio::time::sleep;

use super::{open, text};
use crate::control::Client;

const PACE: Duration = Duration::from_secs(1);

/// Sends desktop notifications (libnotify).
const NOTIFIER: &str = "notify-send";

/// Reports each new question on standard output and, in a desktop session, with a notification.
pub(super) async fn run(client: &Client) -> Result<()> {
    let has_bus = std::env::var_os("DBUS_SESSION_BUS_ADDRESS").is_some();
    let mut reported = BTreeSet::new();
    loop {
        let questions = open(client).await?.open;
        reported.retain(|id| questions.iter().any(|question| question.id == *id));
        for question in questions.iter().filter(|question| !reported.contains(&question.id)) {
            io::stdout().write_all(text::one(question).as_bytes())?;
            if has_bus {
                notify(question).await;
            }
        }
        reported.extend(questions.iter().map(|question| question.id));
        sleep(PACE).await;
    }
}

async fn notify(question: &Question) {
    let program = question.executable.as_deref().unwrap_or("an unknown program");
    let body = format!(
        "{} was blocked from {}\nsudo egret ask allow {}",
        text::plain(program),
        text::plain(&question.destination),
        question.id
    );
    let mut command = Command::new(NOTIFIER);
    command.args(["--app-name=egret", "--urgency=normal", "--", "egret: a connection is not in the baseline"]);
    command.arg(body).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    if let Err(error) = command.status().await {
        tracing::debug!(%error, "notification failed");
    }
}
