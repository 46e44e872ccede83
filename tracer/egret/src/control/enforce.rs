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
use egret_enforcer::baseline::{Action, Subject, parse_subject};
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

/// Why nothing is done of what was asked for.
#[derive(Debug, thiserror::Error)]
pub(super) enum Declined {
    #[error("this egret only looks on: enforce.enabled is false")]
    OnlyLooksOn,
    #[error("{0}")]
    Refused(#[from] Refused),
}

impl Declined {
    fn because(reason: impl Into<String>) -> Self {
        Self::Refused(Refused(reason.into()))
    }
}

impl IntoResponse for Declined {
    fn into_response(self) -> Response {
        (StatusCode::CONFLICT, format!("{self}\n")).into_response()
    }
}

pub(super) async fn mode(State(service): State<Service>) -> Result<Response, Declined> {
    Ok(Json(desk(&service)?.state()).into_response())
}

pub(super) async fn switch(
    State(service): State<Service>,
    Json(request): Json<SwitchRequest>,
) -> Result<Response, Declined> {
    let desk = desk(&service)?;
    request.only.as_deref().map(subject).transpose()?;
    let switch = Switch {
        mode: request.mode,
        only: request.only,
        confirm_within: request.confirm_within_seconds.map(Duration::from_secs),
        session: request.session.as_deref().and_then(session),
    };
    desk.switch(switch).await?;
    Ok(Json(desk.state()).into_response())
}

pub(super) async fn confirm(State(service): State<Service>) -> Result<Response, Declined> {
    let desk = desk(&service)?;
    desk.confirm().await?;
    Ok(Json(desk.state()).into_response())
}

pub(super) async fn questions(State(service): State<Service>) -> Result<Response, Declined> {
    let questions = &desk(&service)?.questions;
    let (open, standing) = (questions.open(), questions.standing());
    Ok(Json(Questions { open, standing }).into_response())
}

pub(super) async fn answer(
    State(service): State<Service>,
    Json(request): Json<AnswerRequest>,
) -> Result<Response, Declined> {
    let desk = desk(&service)?;
    let which = match (request.id, request.subject.as_deref()) {
        (Some(id), None) => Which::Id(id),
        (None, Some(text)) => Which::Subject(subject(text)?),
        _ => return Err(Declined::because("expected the id of a question, or a subject")),
    };
    Ok(Json(answered(desk, &which, request.answer)?).into_response())
}

pub(super) async fn withdraw(
    State(service): State<Service>,
    Json(request): Json<WithdrawRequest>,
) -> Result<Response, Declined> {
    if !desk(&service)?.questions.withdraw(request.id) {
        return Err(Declined::because(format!("no answer to question {} is in force", request.id)));
    }
    Ok(StatusCode::NO_CONTENT.into_response())
}

fn subject(text: &str) -> Result<Subject, Declined> {
    parse_subject(text).map_err(|reason| Declined::because(format!("the subject is wrong: {reason}")))
}

/// Answers, and makes rules of answers that are for good.
fn answered(desk: &Desk, which: &Which, answer: Answer) -> Result<Answered, Refused> {
    let settled = desk.questions.answer(which, answer).map_err(|error| Refused(error.to_string()))?;
    let book = desk.book.as_ref().filter(|_| settled.always && answer.lasts == Lasts::Always);
    let mut written = false;
    if let Some(book) = book {
        let action = if answer.allow { Action::Allow } else { Action::Deny };
        for rule in &settled.rules {
            let edit = Edit::Set {
                which: args::Which::Rule(Box::new(rule.clone())),
                action,
                note: Some("answered".to_owned()),
            };
            // The answer is in force until egret ends, whatever becomes of the rule.
            book.edit(&edit, now()).map_err(|error| Refused(format!("it holds until egret ends, but: {error}")))?;
        }
        desk.questions.hand_over(&settled.rules);
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

fn desk(service: &Service) -> Result<&Desk, Declined> {
    service.desk.as_deref().ok_or(Declined::OnlyLooksOn)
}
