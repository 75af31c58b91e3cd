//! How a fault changes the answer of a call.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header, response};
use axum::response::Response;
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use wecom_kf_raw::ErrCode;

use crate::http::connection::Peer;
use crate::http::exchange::Exchange;
use crate::http::outcome::{Answer, JSON, Outcome, Told, VALID, response};
use crate::world::body::Body as Shown;
use crate::world::fault::Effect;
use crate::world::finding;

const HTML: &str = "text/html; charset=UTF-8";

impl Exchange {
    /// Answers the call, changed by its fault.
    pub(super) async fn answer(self: Arc<Self>, peer: &Peer) -> Response {
        match &self.effect {
            None | Some(Effect::TokenRevoked | Effect::CursorsLost | Effect::MsgSendFail(_)) => {
                self.reply(self.process())
            }
            Some(Effect::RateLimited(window)) => {
                self.world.faults.limit(self.operation, self.world.clock.now() + *window);
                self.reply(self.process())
            }
            Some(Effect::ContentType(content_type)) => {
                let content_type = HeaderValue::from_str(content_type);
                let content_type = content_type.unwrap_or(HeaderValue::from_static("text/plain"));
                let mut response = self.reply(self.process());
                response.headers_mut().insert(header::CONTENT_TYPE, content_type);
                response
            }
            // The last four are for callbacks.
            Some(Effect::Pass | Effect::Lost | Effect::Late(_) | Effect::Duplicated | Effect::Reordered) => {
                self.reply(self.process())
            }
            Some(Effect::Delay(by)) => self.clone().reply_after(*by).await,
            Some(Effect::Errcode(code)) => self.reply(self.refuse(ErrCode(*code))),
            Some(Effect::Status(status)) => {
                let status = StatusCode::from_u16(*status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
                self.foreign(status, HTML, html(status.canonical_reason().unwrap_or("Error")))
            }
            Some(Effect::Html) => self.foreign(StatusCode::OK, HTML, html("Sign in to the network")),
            Some(Effect::Body(body)) => self.foreign(StatusCode::OK, JSON, body.clone()),
            Some(Effect::NeverAnswers) => self.no_answer(None).await,
            Some(Effect::ResetBefore) => {
                peer.reset();
                self.no_answer(None).await
            }
            Some(Effect::ResetAfter) => {
                let outcome = self.process();
                peer.reset();
                self.no_answer(Some(outcome)).await
            }
            Some(Effect::HalfABody) => self.reply_by(self.process(), half_a_body),
        }
    }

    /// Does the call later, on a task of its own: a client that gives up does not stop WeCom either.
    async fn reply_after(self: Arc<Self>, by: Duration) -> Response {
        self.look_ahead();
        let late = async move {
            tokio::time::sleep(by).await;
            self.reply(self.process())
        };
        tokio::spawn(late).await.expect("nobody aborts the task")
    }

    fn reply(&self, outcome: Outcome) -> Response {
        self.reply_by(outcome, |head, body| head.body(body.into()).expect(VALID))
    }

    fn reply_by(&self, outcome: Outcome, send: fn(response::Builder, Bytes) -> Response) -> Response {
        let Answer { head, body, told } = outcome.answer(self.content_type(), &self.world.masking);
        let response = send(head, body);
        self.record(response.status().as_u16(), told);
        response
    }

    /// Answers in place of the platform, as a proxy does. The call is not done.
    fn foreign(&self, status: StatusCode, content_type: &str, body: String) -> Response {
        self.look_ahead();
        let shown = Shown::text(body.clone(), &self.world.masking);
        self.record(status.as_u16(), Told { shown, ..Told::default() });
        response(status, content_type, body)
    }

    /// Never answers: waits until the connection is closed.
    async fn no_answer(&self, outcome: Option<Outcome>) -> Response {
        if outcome.is_none() {
            self.look_ahead();
        }
        let answer = outcome.map(|outcome| outcome.answer(self.content_type(), &self.world.masking));
        self.record(0, answer.map(|answer| answer.told).unwrap_or_default());
        std::future::pending().await
    }

    /// Returns whether the platform's answer reaches the bot.
    pub(super) fn arrives(&self) -> finding::Answer {
        match &self.effect {
            Some(effect) if effect.row().is_reply_lost => finding::Answer::Unknown,
            _ => finding::Answer::Arrived,
        }
    }
}

fn html(title: &str) -> String {
    format!("<!DOCTYPE html><html><head><title>{title}</title></head><body><h1>{title}</h1></body></html>")
}

/// Announces the whole body, sends half of it, and closes the connection.
fn half_a_body(head: response::Builder, whole: Bytes) -> Response {
    let half = whole.slice(..whole.len() / 2);
    // The pause lets the half be flushed. Otherwise the error would discard it.
    let breaks = stream::once(async {
        tokio::task::yield_now().await;
        Err(io::Error::from(io::ErrorKind::BrokenPipe))
    });
    let body = Body::from_stream(stream::iter([Ok::<_, io::Error>(half)]).chain(breaks));
    head.header(header::CONTENT_LENGTH, whole.len()).body(body).expect(VALID)
}
