//! Switching modes, and answering questions.
//!
//! ```text
//! GET  /v1/mode              how enforcing stands
//! PUT  /v1/mode              {"mode", "only"?, "confirm_within_seconds"?, "session"?}: switches
//! POST /v1/mode/confirm      lets the mode on trial hold
//! GET  /v1/questions         questions that are open, and answers that hold until egret ends
//! POST /v1/questions/answer  {"id" or "subject", "allow", "lasts"}: answers
//! POST /v1/questions/withdraw {"id"}: takes an answer back
//! ```

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use egret_enforcer::Mode;
use egret_enforcer::ask::{Answer, Lasts, Question, Standing, Which};
use egret_enforcer::baseline::{Action, parse_subject};
use egret_model::Flow;
use serde::{Deserialize, Serialize};

use super::server::Service;
use crate::args;
use crate::baseline::Edit;
use crate::enforce::{Desk, Refused, Switch, now};

/// A mode that is asked for.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SwitchRequest {
    pub(crate) mode: Mode,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) only: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) confirm_within_seconds: Option<u64>,
    /// The session of who asks: client's address and port, server's address and port, as sshd(8) gives them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) session: Option<String>,
}

/// An answer to questions.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AnswerRequest {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) id: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) subject: Option<String>,
    #[serde(flatten)]
    pub(crate) answer: Answer,
}

/// What became of an answer.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Answered {
    /// The questions that it answered, as rules.
    pub(crate) rules: Vec<String>,
    /// Whether they are rules of the baseline now.
    pub(crate) written: bool,
}

/// An answer that is taken back.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct WithdrawRequest {
    pub(crate) id: u64,
}

/// Questions and answers.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Questions {
    pub(crate) open: Vec<Question>,
    pub(crate) standing: Vec<Standing>,
}

pub(super) async fn mode(State(service): State<Service>) -> Response {
    match desk(&service) {
        Ok(desk) => Json(desk.state()).into_response(),
        Err(response) => response,
    }
}

pub(super) async fn switch(State(service): State<Service>, Json(request): Json<SwitchRequest>) -> Response {
    let desk = match desk(&service) {
        Ok(desk) => desk,
        Err(response) => return response,
    };
    if let Some(Err(reason)) = request.only.as_deref().map(parse_subject) {
        return refused(&Refused(format!("the subject is wrong: {reason}")));
    }
    let switch = Switch {
        mode: request.mode,
        only: request.only,
        confirm_within: request.confirm_within_seconds.map(Duration::from_secs),
        session: request.session.as_deref().and_then(session),
    };
    match desk.switch(switch).await {
        Ok(()) => Json(desk.state()).into_response(),
        Err(error) => refused(&error),
    }
}

pub(super) async fn confirm(State(service): State<Service>) -> Response {
    let desk = match desk(&service) {
        Ok(desk) => desk,
        Err(response) => return response,
    };
    match desk.confirm().await {
        Ok(()) => Json(desk.state()).into_response(),
        Err(error) => refused(&error),
    }
}

pub(super) async fn questions(State(service): State<Service>) -> Response {
    match desk(&service) {
        Ok(desk) => {
            let (open, standing) = (desk.questions.open(), desk.questions.standing());
            Json(Questions { open, standing }).into_response()
        }
        Err(response) => response,
    }
}

pub(super) async fn answer(State(service): State<Service>, Json(request): Json<AnswerRequest>) -> Response {
    let desk = match desk(&service) {
        Ok(desk) => desk,
        Err(response) => return response,
    };
    let which = match (request.id, request.subject.as_deref().map(parse_subject)) {
        (Some(id), None) => Which::Id(id),
        (None, Some(Ok(subject))) => Which::Subject(subject),
        (None, Some(Err(reason))) => return refused(&Refused(format!("the subject is wrong: {reason}"))),
        _ => return refused(&Refused("expected the id of a question, or a subject".to_owned())),
    };
    match answered(desk, &which, request.answer) {
        Ok(answered) => Json(answered).into_response(),
        Err(error) => refused(&error),
    }
}

pub(super) async fn withdraw(State(service): State<Service>, Json(request): Json<WithdrawRequest>) -> Response {
    match desk(&service) {
        Ok(desk) if desk.questions.withdraw(request.id) => StatusCode::NO_CONTENT.into_response(),
        Ok(_) => refused(&Refused(format!("no answer to question {} is in force", request.id))),
        Err(response) => response,
    }
}

/// Answers, and makes rules of answers that are for good.
fn answered(desk: &Desk, which: &Which, answer: Answer) -> Result<Answered, Refused> {
    let settled = desk.questions.answer(which, answer).map_err(|error| Refused(error.to_string()))?;
    let book = desk.book.as_ref().filter(|_| settled.always && answer.lasts == Lasts::Always);
    let mut written = false;
    if let Some(book) = book {
        let action = if answer.allow { Action::Allow } else { Action::Deny };
        for rule in &settled.rules {
            let edit = Edit::Set { which: args::Which::Rule(rule.clone()), action, note: Some("answered".to_owned()) };
            // The answer is in force until egret ends, whatever becomes of the rule.
            book.edit(&edit, now()).map_err(|error| Refused(format!("it holds until egret ends, but: {error}")))?;
        }
        written = true;
    }
    Ok(Answered { rules: settled.rules.iter().map(ToString::to_string).collect(), written })
}

/// `SSH_CONNECTION` as a flow of this host's.
fn session(text: &str) -> Option<Flow> {
    let mut words = text.split_whitespace();
    let mut end = || Some(std::net::SocketAddr::new(words.next()?.parse().ok()?, words.next()?.parse().ok()?));
    let (peer, local) = (end()?, end()?);
    Some(Flow { transport: egret_model::Transport::Tcp, local, peer })
}

fn desk(service: &Service) -> Result<&Desk, Response> {
    service.desk.as_deref().ok_or_else(|| {
        let reason = "this egret only looks on: enforce.enabled is false\n";
        (StatusCode::CONFLICT, reason).into_response()
    })
}

fn refused(error: &Refused) -> Response {
    (StatusCode::CONFLICT, format!("{error}\n")).into_response()
}
