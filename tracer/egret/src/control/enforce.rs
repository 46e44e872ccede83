//! Mode and questions.
//!
//! ```text
//! GET  /v1/mode              the state of enforcement
//! PUT  /v1/mode              {"mode", "only"?, "confirm_within_seconds"?, "session"?}: switches
//! POST /v1/mode/confirm      confirms the last switch
//! GET  /v1/questions         open questions, and answers in force
//! POST /v1/questions/answer  {"id" or "subject", "by"?, "allow", "lasts", "extent"?}: answers
//! POST /v1/questions/withdraw {"id"}: withdraws an answer
//! ```

use std::time::Duration;

use axum::Extension;
use axum::Json;
use axum::extract::ConnectInfo;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use egret_capture::host::Users;
use egret_enforcer::Mode;
use egret_enforcer::ask::{Answer, AnswerInForce, Lasts, Question, Which};
use egret_enforcer::baseline::{Action, Subject, parse_subject};
use egret_enforcer::clock::{boot_now, now};
use egret_enforcer::controller::{ControllerHandle, Refused, Switch};
use egret_enforcer::store::edit::{Edit, RuleSelector, answer_note, apply};
use egret_model::Flow;
use egret_model::snapshot::EnforcementState;
use egret_names::names_of_hosts;
use serde::{Deserialize, Serialize};
use tokio::task::spawn_blocking;

use super::peer::Peer;
use super::server::Service;
use crate::status::text::elapsed;

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SwitchRequest {
    pub(crate) mode: Mode,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) only: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) confirm_within_seconds: Option<u64>,
    /// The SSH session of the client: its address and port, the server's address and port (`SSH_CONNECTION`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) session: Option<String>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AnswerRequest {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) id: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) subject: Option<String>,
    /// The user whom root acts for (sudo(8)), for the comment of the rule. Ignored for other users, whom the kernel reports.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) by: Option<String>,
    #[serde(flatten)]
    pub(crate) answer: Answer,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Answered {
    /// The flows that were answered, as rules.
    pub(crate) rules: Vec<String>,
    /// Whether the rules were added to the baseline.
    pub(crate) written: bool,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct WithdrawRequest {
    pub(crate) id: u64,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Questions {
    pub(crate) open: Vec<Question>,
    #[serde(rename = "standing")]
    pub(crate) in_force: Vec<AnswerInForce>,
}

/// Why a request is refused.
#[derive(Debug, thiserror::Error)]
pub(super) enum Declined {
    #[error("this daemon cannot enforce: enforce.enabled is false")]
    Disabled,
    #[error("{0}")]
    Refused(#[from] Refused),
}

impl Declined {
    fn refused(reason: impl Into<String>) -> Self {
        Self::Refused(Refused(reason.into()))
    }
}

impl IntoResponse for Declined {
    fn into_response(self) -> Response {
        (StatusCode::CONFLICT, format!("{self}\n")).into_response()
    }
}

pub(super) async fn mode(Extension(service): Extension<Service>) -> Result<Response, Declined> {
    let controller = controller(&service)?;
    // Answers only once the mode is in force, because the client may rely on it.
    controller.started().await;
    Ok(Json(controller.state()).into_response())
}

pub(super) async fn switch(
    Extension(service): Extension<Service>,
    Json(request): Json<SwitchRequest>,
) -> Result<Response, Declined> {
    let controller = controller(&service)?;
    if let Some(only) = &request.only {
        check_only(controller, &subject(only)?)?;
    }
    if request.confirm_within_seconds == Some(0) {
        return Err(Declined::refused("confirm_within_seconds must be at least 1"));
    }
    let switch = Switch {
        mode: request.mode,
        only: request.only,
        confirm_within: request.confirm_within_seconds.map(Duration::from_secs),
        session: request.session.as_deref().and_then(session),
    };
    let warnings = if request.mode == Mode::Enforce {
        unreliable_names(&service, controller).into_iter().collect()
    } else {
        Vec::new()
    };
    controller.switch(switch).await?;
    Ok(Json(Switched { state: controller.state(), warnings }).into_response())
}

#[derive(Serialize)]
struct Switched {
    #[serde(flatten)]
    state: EnforcementState,
    /// Learned flows that may be blocked.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<String>,
}

/// Names are reliable after this time: few programs use an address for longer without a new look-up.
const NAMES_RELIABLE_AFTER: Duration = Duration::from_secs(60 * 60);

/// A warning for rules with names, if names have been read only for a short time.
fn unreliable_names(service: &Service, controller: &ControllerHandle) -> Option<String> {
    let known = service.hosts.as_deref().map(names_of_hosts).unwrap_or_default();
    let rules =
        controller.baseline.as_ref().map(|baseline| baseline.rules_by_name(&known)).filter(|rules| *rules != 0)?;
    let since_ns = service.describe.describe().snapshot.names.and_then(|names| names.watched_since_ns);
    let watched = since_ns.map(|since| Duration::from_nanos(boot_now().saturating_sub(since)));
    let rules = if rules == 1 { "1 rule allows".to_owned() } else { format!("{rules} rules allow") };
    match watched {
        None => Some(format!("names are not read from DNS, and {rules} flows by name")),
        Some(watched) if watched < NAMES_RELIABLE_AFTER => Some(format!(
            "names have been read for only {}, and {rules} flows by name: programs that use an older address may be blocked",
            elapsed(watched.as_secs())
        )),
        Some(_) => None,
    }
}

pub(super) async fn confirm(Extension(service): Extension<Service>) -> Result<Response, Declined> {
    let controller = controller(&service)?;
    controller.confirm().await?;
    Ok(Json(controller.state()).into_response())
}

pub(super) async fn questions(Extension(service): Extension<Service>) -> Result<Response, Declined> {
    let questions = &controller(&service)?.questions;
    let (open, in_force) = (questions.open(), questions.in_force());
    Ok(Json(Questions { open, in_force }).into_response())
}

pub(super) async fn answer(
    Extension(service): Extension<Service>,
    ConnectInfo(peer): ConnectInfo<Peer>,
    Json(request): Json<AnswerRequest>,
) -> Result<Response, Declined> {
    let controller = service.controller.clone().ok_or(Declined::Disabled)?;
    let which = match (request.id, request.subject.as_deref()) {
        (Some(id), None) => Which::Id(id),
        (None, Some(text)) => Which::Subject(Box::new(subject(text)?)),
        _ => return Err(Declined::refused("expected the id of a question, or a subject")),
    };
    let author = peer.author(request.by.as_deref(), &mut Users::new());
    let note = answer_note(author.as_deref(), jiff::ZonedDateTime::now().date());
    // May block on a file lock and on the disk.
    let answering = spawn_blocking(move || answered(&controller, &which, request.answer, &note));
    let answered = answering.await.map_err(|error| Declined::refused(error.to_string()))??;
    Ok(Json(answered).into_response())
}

pub(super) async fn withdraw(
    Extension(service): Extension<Service>,
    Json(request): Json<WithdrawRequest>,
) -> Result<Response, Declined> {
    if !controller(&service)?.questions.withdraw(request.id) {
        return Err(Declined::refused(format!("no answer to question {} is in force", request.id)));
    }
    Ok(StatusCode::NO_CONTENT.into_response())
}

fn subject(text: &str) -> Result<Subject, Declined> {
    parse_subject(text).map_err(|reason| Declined::refused(format!("invalid subject: {reason}")))
}

/// Refuses `only` for a subject without rules: all its flows would be blocked, so it is most likely a mistake.
fn check_only(controller: &ControllerHandle, only: &Subject) -> Result<(), Declined> {
    if let Some(reason) = only.unmatched() {
        return Err(Declined::refused(reason));
    }
    let has_rules = controller.baseline.as_ref().is_none_or(|baseline| baseline.rules_in_memory().0.has_subject(only));
    if has_rules {
        return Ok(());
    }
    Err(Declined::refused(format!(
        "no rule is about {only}, so that all its flows would be blocked; `egret baseline show` lists the rules"
    )))
}

/// Answers questions, and adds permanent answers to the baseline.
fn answered(controller: &ControllerHandle, which: &Which, answer: Answer, note: &str) -> Result<Answered, Refused> {
    let settled = controller.questions.answer(which, answer).map_err(|error| Refused(error.to_string()))?;
    let baseline = controller.baseline.as_ref().filter(|_| settled.always && answer.lasts == Lasts::Always);
    let mut written = false;
    if let Some(baseline) = baseline {
        let action = if answer.allow { Action::Allow } else { Action::Deny };
        for rule in &settled.rules {
            let selector = RuleSelector::Rule(Box::new(rule.clone()));
            let edit = Edit::Set { selector, action, note: Some(note.to_owned()) };
            // The answer stays in force until egret ends even if the rule cannot be saved.
            baseline
                .edit(now(), |baseline| apply(baseline, &edit))
                .map_err(|error| Refused(format!("the answer is in force only until egret ends: {error}")))?;
        }
        controller.questions.hand_over(&settled.rules);
        written = true;
    }
    Ok(Answered { rules: settled.rules.iter().map(ToString::to_string).collect(), written })
}

/// Parses `SSH_CONNECTION` as a flow of this host.
fn session(text: &str) -> Option<Flow> {
    let mut words = text.split_whitespace();
    let mut endpoint = || Some(std::net::SocketAddr::new(words.next()?.parse().ok()?, words.next()?.parse().ok()?));
    let (peer, local) = (endpoint()?, endpoint()?);
    Some(Flow { transport: egret_model::Transport::Tcp, local, peer, interface: None })
}

fn controller(service: &Service) -> Result<&ControllerHandle, Declined> {
    service.controller.as_deref().ok_or(Declined::Disabled)
}
