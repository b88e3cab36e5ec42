//! The body of a request, within its limits.

use std::sync::Arc;

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, header};
use bytes::BytesMut;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use tokio::sync::OwnedSemaphorePermit;

use crate::app::App;
use crate::problem::Problem;

/// A body that has arrived.
pub(crate) struct Entity {
    pub(crate) form: Form,
    pub(crate) bytes: Bytes,
    /// To be kept until the request is answered.
    pub(crate) room: Room,
}

/// A share of the memory that bodies may take, given back when it is dropped.
///
/// A request keeps its share until it is answered, since its records take as much again. That bounds
/// what many callers together can make the service hold.
pub(crate) struct Room(OwnedSemaphorePermit);

/// The forms that are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// `application/json`
    Json,
    /// `application/x-ndjson`: a JSON text in each line.
    Ndjson,
}

impl FromRequest<App> for Entity {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &App) -> Result<Self, Problem> {
        let form = form(request.headers())?;
        let told = request.body().size_hint().lower();
        let mut room = Room::of(told, app).await?;
        let reading = read(request.into_body(), told, app, &mut room);
        let read = tokio::time::timeout(app.config().body_timeout, reading).await;
        Ok(Self { form, bytes: read.unwrap_or_else(|_| Err(Problem::slow_body()))?, room })
    }
}

impl Entity {
    /// The bytes, where only one JSON text will do.
    pub(crate) fn json(&self) -> Result<&[u8], Problem> {
        match self.form {
            Form::Json => Ok(&self.bytes),
            Form::Ndjson => Err(Problem::media_type("send a single record as application/json")),
        }
    }
}

/// The form that the headers name, before a byte of the body is read.
fn form(headers: &HeaderMap) -> Result<Form, Problem> {
    if headers.get(header::CONTENT_ENCODING).is_some_and(|coding| coding != "identity") {
        return Err(Problem::media_type("Content-Encoding is not supported for request bodies"));
    }
    let named = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let essence = named.unwrap_or_default().split(';').next().unwrap_or_default().trim();
    match essence.to_ascii_lowercase().as_str() {
        "application/json" => Ok(Form::Json),
        "application/x-ndjson" | "application/ndjson" | "application/jsonl" => Ok(Form::Ndjson),
        _ => Err(Problem::media_type(
            "set Content-Type to application/json, or to application/x-ndjson for batches",
        )),
    }
}

impl Room {
    /// Waits for as much room as the head says the body needs, if it says so.
    async fn of(told: u64, app: &App) -> Result<Self, Problem> {
        let config = app.config();
        let told = usize::try_from(told).unwrap_or(usize::MAX);
        if told > config.body_max_bytes {
            return Err(Problem::large_body(config.body_max_bytes));
        }
        let asked = u32::try_from(told).unwrap_or(u32::MAX);
        let waiting = Arc::clone(app.bodies()).acquire_many_owned(asked);
        match tokio::time::timeout(config.write_timeout, waiting).await {
            // The semaphore is never closed.
            Ok(Ok(permit)) => Ok(Self(permit)),
            Ok(Err(_)) | Err(_) => Err(Problem::overloaded()),
        }
    }

    /// Makes sure that there is room for `bytes`. Whoever did not say how much is to come is not
    /// waited for: two that each hold a part could wait for each other.
    fn grow_to(&mut self, bytes: usize, app: &App) -> Result<(), Problem> {
        let more = bytes.saturating_sub(self.0.num_permits());
        let asked = u32::try_from(more).unwrap_or(u32::MAX);
        let permit = Arc::clone(app.bodies()).try_acquire_many_owned(asked);
        self.0.merge(permit.map_err(|_| Problem::overloaded())?);
        Ok(())
    }
}

/// Reads a body of which `told` bytes at least are to come; growing step by step would take up to
/// three times as much for a moment.
async fn read(body: Body, told: u64, app: &App, room: &mut Room) -> Result<Bytes, Problem> {
    let max = app.config().body_max_bytes;
    let told = usize::try_from(told).unwrap_or(max).min(max);
    let mut body = std::pin::pin!(Limited::new(body, max));
    let (mut first, mut all) = (None, BytesMut::new());
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| match error.is::<LengthLimitError>() {
            true => Problem::large_body(max),
            false => Problem::broken_body(),
        })?;
        // Trailers say nothing here.
        let Ok(data) = frame.into_data() else { continue };
        match first.take() {
            None if all.is_empty() => first = Some(data),
            before => {
                let before = before.unwrap_or_default();
                all.reserve(told.saturating_sub(all.len()).max(before.len() + data.len()));
                all.extend_from_slice(&before);
                all.extend_from_slice(&data);
            }
        }
        room.grow_to(all.len() + first.as_ref().map_or(0, Bytes::len), app)?;
    }
    Ok(first.unwrap_or_else(|| all.freeze()))
}
