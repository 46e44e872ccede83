//! `egret ask`: questions about connections that no rule covers, and their answers.

mod interview;
mod text;
mod watch;

use std::io::{self, IsTerminal as _, Write as _};

use anyhow::{Context as _, Result};
use egret_args::{AskAction, AskOptions, QuestionSelector};
use egret_config::paths;
use egret_view::{exit, stdout};
use hyper::Method;

use crate::control::{AnswerRequest, Answered, Client, Questions, WithdrawRequest, block_on};

/// Runs the command and returns the exit status.
///
/// # Errors
///
/// No daemon answers, or it refuses.
pub fn run(options: &AskOptions) -> Result<u8> {
    let client = Client::new(&paths::socket(options.socket.as_deref()));
    stdout::ignore_broken_pipe(block_on(perform(&client, &options.action))?.map(|()| exit::DONE))
}

async fn perform(client: &Client, action: &AskAction) -> Result<()> {
    match action {
        AskAction::List { json: true } => {
            let answer = client.get("/v1/questions", "application/json").await?;
            io::stdout().write_all(&answer)?;
            Ok(writeln!(io::stdout())?)
        }
        AskAction::List { json: false } => list(client).await,
        AskAction::Interactive if io::stdin().is_terminal() && io::stdout().is_terminal() => {
            interview::run(client).await
        }
        AskAction::Interactive => list(client).await,
        AskAction::Watch => watch::run(client).await,
        AskAction::Answer { which, answer: given } => {
            let (id, subject) = match which {
                QuestionSelector::Id(id) => (Some(*id), None),
                QuestionSelector::Subject(subject) => (None, Some(subject.to_string())),
            };
            answer(client, AnswerRequest { id, subject, by: author(), answer: *given }).await
        }
        AskAction::Withdraw(id) => {
            client.send(Method::POST, "/v1/questions/withdraw", &WithdrawRequest { id: *id }).await?;
            Ok(writeln!(io::stdout(), "withdrawn: {id}")?)
        }
    }
}

async fn list(client: &Client) -> Result<()> {
    let questions = open(client).await?;
    Ok(io::stdout().write_all(text::list(&questions).as_bytes())?)
}

async fn open(client: &Client) -> Result<Questions> {
    let answer = client.get("/v1/questions", "application/json").await?;
    serde_json::from_slice(&answer).context("the daemon's answer is not valid for this version of egret")
}

/// The user who called sudo(8). The daemon uses it only for root; it knows any other user from the socket.
fn author() -> Option<String> {
    std::env::var("SUDO_USER").ok().filter(|name| !name.is_empty())
}

async fn answer(client: &Client, request: AnswerRequest) -> Result<()> {
    let allow = request.answer.allow;
    let answer = client.send(Method::POST, "/v1/questions/answer", &request).await?;
    let answered: Answered =
        serde_json::from_slice(&answer).context("the daemon's answer is not valid for this version of egret")?;
    for rule in &answered.rules {
        let (verb, where_to) =
            (if allow { "allow" } else { "deny" }, if answered.written { "in the baseline" } else { "for now" });
        writeln!(io::stdout(), "{verb} {rule}  ({where_to})")?;
    }
    Ok(())
}
