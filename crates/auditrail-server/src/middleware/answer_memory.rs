//! The memory of large responses.

use std::sync::Arc;

use axum::body::{Body, HttpBody};
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use http_body_util::BodyExt;

use crate::app::App;
use crate::caller::Caller;
use crate::limits::SMALL_ANSWER_MAX_BYTES;
use crate::memory::AnswerPermit;
use crate::problem::Problem;

/// A permit that a handler took for its response before it changed anything: an extension of the response.
#[derive(Clone, Debug)]
pub(crate) struct ReservedAnswer(Arc<AnswerPermit>);

impl ReservedAnswer {
    /// Takes memory for a response of an estimated size, unless that is small.
    ///
    /// # Errors
    /// No memory is free.
    pub(crate) fn take(app: &App, caller: &Caller, bytes: usize) -> Result<Option<Self>, Problem> {
        let Some(holder) = caller.holder().filter(|_| bytes > SMALL_ANSWER_MAX_BYTES) else {
            return Ok(None);
        };
        let permit = app.answer_memory().take(holder, bytes).ok_or_else(Problem::overloaded)?;
        Ok(Some(Self(Arc::new(permit))))
    }
}

/// Takes a permit for each large response, which its bytes hold until they were sent. Streams, which are read
/// as fast as they are sent, need none.
pub(super) async fn layer(
    app: App,
    mut request: Request,
    next: impl AsyncFnOnce(Request) -> Response,
) -> Response {
    let caller = Caller::of(request.extensions());
    if request.extensions().get::<Caller>().is_none() {
        request.extensions_mut().insert(caller.clone());
    }
    let is_read = request.method().is_safe();
    let response = next(request).await;
    match response.body().size_hint().exact() {
        Some(size) if size > SMALL_ANSWER_MAX_BYTES as u64 => {
            hold(&app, &caller, is_read, response).await
        }
        _ => response,
    }
}

async fn hold(app: &App, caller: &Caller, is_read: bool, response: Response) -> Response {
    let (mut parts, body) = response.into_parts();
    let Ok(body) = body.collect().await else {
        return Problem::internal("internal").into_response();
    };
    let bytes = body.to_bytes();
    let reserved = parts.extensions.remove::<ReservedAnswer>();
    let reserved = reserved.and_then(|ReservedAnswer(permit)| Arc::into_inner(permit));
    let Some(holder) = caller.holder() else {
        return Response::from_parts(parts, Body::from(bytes));
    };
    let permit = match reserved {
        Some(permit) => Some(permit),
        None if is_read => app.answer_memory().take(holder, bytes.len()),
        // What was written must be reported.
        None => Some(app.answer_memory().take_anyway(holder, bytes.len())),
    };
    match permit {
        Some(permit) => Response::from_parts(parts, Body::from(permit.hold(bytes))),
        None => Problem::large_answers().into_response(),
    }
}
