//! Request bodies, within their limits.

use std::sync::Arc;

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, header};
use bytes::BytesMut;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use tokio::sync::OwnedSemaphorePermit;

use crate::app::App;
use crate::problem::Problem;

/// A request body that was received completely.
pub(crate) struct RequestBody {
    pub(crate) format: BodyFormat,
    pub(crate) bytes: Bytes,
    /// To be held until the response.
    pub(crate) permit: BodyPermit,
}

/// A share of the memory for request bodies, released when it is dropped.
///
/// A request holds its share until its response, because its records take as much memory again. This
/// bounds the memory of all concurrent requests.
pub(crate) struct BodyPermit(OwnedSemaphorePermit);

/// The supported body formats.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BodyFormat {
    /// `application/json`
    Json,
    /// `application/x-ndjson`: a JSON text per line.
    Ndjson,
}

impl FromRequest<App> for RequestBody {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &App) -> Result<Self, Problem> {
        let format = format(request.headers())?;
        let length_hint = request.body().size_hint().lower();
        let mut permit = BodyPermit::acquire(length_hint, app).await?;
        let reading = read(request.into_body(), length_hint, app, &mut permit);
        let bytes = tokio::time::timeout(app.config().body_timeout, reading)
            .await
            .unwrap_or_else(|_| Err(Problem::slow_body()))?;
        Ok(Self { format, bytes: without_byte_order_mark(bytes), permit })
    }
}

impl RequestBody {
    /// The bytes of a body that must be a single JSON text.
    pub(crate) fn json(&self) -> Result<&[u8], Problem> {
        match self.format {
            BodyFormat::Json => Ok(&self.bytes),
            BodyFormat::Ndjson => {
                Err(Problem::media_type("send a single record as application/json"))
            }
        }
    }
}

/// The format according to the headers, before any byte of the body is read.
fn format(headers: &HeaderMap) -> Result<BodyFormat, Problem> {
    if headers.get(header::CONTENT_ENCODING).is_some_and(|coding| coding != "identity") {
        return Err(Problem::media_type("Content-Encoding is not supported for request bodies"));
    }
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let essence = content_type.unwrap_or_default().split(';').next().unwrap_or_default().trim();
    match essence.to_ascii_lowercase().as_str() {
        "application/json" => Ok(BodyFormat::Json),
        "application/x-ndjson"
        | "application/ndjson"
        | "application/jsonl"
        | "application/x-jsonl"
        | "application/jsonlines"
        | "application/x-jsonlines"
        | "application/json-lines"
        | "application/x-json-lines"
        | "text/x-ndjson" => Ok(BodyFormat::Ndjson),
        _ => Err(Problem::media_type(
            "set Content-Type to application/json, or to application/x-ndjson for batches",
        )),
    }
}

impl BodyPermit {
    /// Waits for the memory of a body with a `Content-Length`; acquires nothing for one without.
    async fn acquire(length_hint: u64, app: &App) -> Result<Self, Problem> {
        let config = app.config();
        let length = usize::try_from(length_hint).unwrap_or(usize::MAX);
        if length > config.body_max_bytes {
            return Err(Problem::large_body(config.body_max_bytes));
        }
        let permits = u32::try_from(length).unwrap_or(u32::MAX);
        let acquiring = Arc::clone(app.body_memory()).acquire_many_owned(permits);
        match tokio::time::timeout(config.write_timeout, acquiring).await {
            Ok(Ok(permit)) => Ok(Self(permit)),
            // The inner error means that the semaphore was closed, which never happens.
            Ok(Err(_)) | Err(_) => Err(Problem::overloaded()),
        }
    }

    /// Grows the share to `bytes` without waiting: two requests that each hold a part could deadlock.
    fn grow_to(&mut self, bytes: usize, app: &App) -> Result<(), Problem> {
        let missing = bytes.saturating_sub(self.0.num_permits());
        let permits = u32::try_from(missing).unwrap_or(u32::MAX);
        let permit = Arc::clone(app.body_memory())
            .try_acquire_many_owned(permits)
            .map_err(|_| Problem::overloaded())?;
        self.0.merge(permit);
        Ok(())
    }
}

/// Removes the mark with which some programs start UTF-8; RFC 8259 §8.1 lets a parser ignore it.
fn without_byte_order_mark(bytes: Bytes) -> Bytes {
    const MARK: &str = "\u{feff}";
    if bytes.starts_with(MARK.as_bytes()) { bytes.slice(MARK.len()..) } else { bytes }
}

/// Reads a body of at least `length_hint` bytes. The buffer is reserved for that length at once, since
/// growing it step by step would transiently take up to three times as much memory.
async fn read(
    body: Body,
    length_hint: u64,
    app: &App,
    permit: &mut BodyPermit,
) -> Result<Bytes, Problem> {
    let max = app.config().body_max_bytes;
    let expected = usize::try_from(length_hint).unwrap_or(max).min(max);
    let mut body = std::pin::pin!(Limited::new(body, max));
    // A body of a single frame, which is the usual case, is not copied.
    let (mut first, mut all) = (None, BytesMut::new());
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| {
            if error.is::<LengthLimitError>() {
                Problem::large_body(max)
            } else {
                Problem::broken_body()
            }
        })?;
        // Trailers are ignored.
        let Ok(data) = frame.into_data() else { continue };
        match first.take() {
            None if all.is_empty() => first = Some(data),
            previous => {
                let previous = previous.unwrap_or_default();
                let missing = expected.saturating_sub(all.len());
                all.reserve(missing.max(previous.len() + data.len()));
                all.extend_from_slice(&previous);
                all.extend_from_slice(&data);
            }
        }
        permit.grow_to(all.len() + first.as_ref().map_or(0, Bytes::len), app)?;
    }
    Ok(first.unwrap_or_else(|| all.freeze()))
}
