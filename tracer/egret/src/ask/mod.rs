//! `egret ask`: questions about connections that no rule covers, and their answers.

mod interview;
mod text;
mod watch;

use std::io::{self, IsTerminal as _, Write as _};

use anyhow::{Context as _, Result};
use egret_config::paths;
use hyper::Method;

use crate::args::{AskOptions, AskWhich, AskWish};
use crate::control::{AnswerRequest, Answered, Client, Questions, WithdrawRequest};
use crate::exit;
use crate::history;

/// Does what was asked and gives the exit status.
///
/// # Errors
///
/// No daemon answers, or it refuses.
pub fn run(options: &AskOptions) -> Result<u8> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("cannot start")?;
    let client = Client::new(&paths::socket(options.socket.as_deref()));
    match runtime.block_on(carry_out(&client, &options.wish)) {
        Err(error) if history::is_broken_pipe(&error) => Ok(exit::DONE),
        done => done.map(|()| exit::DONE),
    }
}

async fn carry_out(client: &Client, wish: &AskWish) -> Result<()> {
    match wish {
        AskWish::List { json: true } => {
            let answer = client.get("/v1/questions", "application/json").await?;
            io::stdout().write_all(&answer)?;
            Ok(writeln!(io::stdout())?)
        }
        AskWish::List { json: false } => list(client).await,
        AskWish::Interview if io::stdin().is_terminal() && io::stdout().is_terminal() => interview::run(client).await,
        AskWish::Interview => list(client).await,
        AskWish::Watch => watch::run(client).await,
        AskWish::Answer { which, answer: said } => {
            let (id, subject) = match which {
                AskWhich::Id(id) => (Some(*id), None),
                AskWhich::Subject(subject) => (None, Some(subject.to_string())),
            };
            answer(client, AnswerRequest { id, subject, by: author(), answer: *said }).await
        }
        AskWish::Withdraw(id) => {
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
    serde_json::from_slice(&answer).context("egret answers what this version does not understand")
}

/// Who sits at the terminal behind sudo(8). The daemon believes root alone; of others it knows by itself who they are.
fn author() -> Option<String> {
    std::env::var("SUDO_USER").ok().filter(|name| !name.is_empty())
}

async fn answer(client: &Client, request: AnswerRequest) -> Result<()> {
    let allow = request.answer.allow;
    let answer = client.send(Method::POST, "/v1/questions/answer", &request).await?;
    let answered: Answered =
        serde_json::from_slice(&answer).context("egret answers what this version does not understand")?;
    for rule in &answered.rules {
        let (verb, where_to) =
            (if allow { "allow" } else { "deny" }, if answered.written { "in the baseline" } else { "for now" });
        writeln!(io::stdout(), "{verb} {rule}  ({where_to})")?;
    }
    Ok(())
}
