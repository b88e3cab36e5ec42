//! Request bodies, within their limits.

mod receive;

use axum::body::{Bytes, HttpBody};
use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, header};

use crate::app::App;
use crate::caller::Caller;
use crate::limits::{BODY_OVERHEAD_MAX_BYTES, RECORD_OVERHEAD_BYTES};
use crate::memory::BodyPermit;
use crate::problem::Problem;

/// A request body that was received completely.
pub(crate) struct RequestBody {
    pub(crate) format: BodyFormat,
    pub(crate) bytes: Bytes,
    /// To be held until the response.
    permit: BodyPermit,
}

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
        let config = app.config();
        let max = config.body_max_bytes;
        if request.body().size_hint().lower() > max as u64 {
            return Err(Problem::large_body(max));
        }
        let caller = Caller::of(request.extensions());
        // Handlers extract the caller first.
        let holder = caller.holder().ok_or_else(Problem::no_key)?;
        let most = receive::announced(request.body(), max) + BODY_OVERHEAD_MAX_BYTES;
        let mut permit = app.body_memory().permit(holder.clone(), most);
        let bytes = receive::receive(request.into_body(), config, &mut permit).await?;
        Ok(Self { format, bytes: without_byte_order_mark(bytes), permit })
    }
}

impl RequestBody {
    /// Counts the memory of the records of a batch, beside their text. The body then needs no more.
    ///
    /// # Errors
    /// No memory became free for them in time.
    pub(crate) async fn add_records(&mut self, records: usize) -> Result<(), Problem> {
        let bytes = self.bytes.len() + records * RECORD_OVERHEAD_BYTES;
        self.permit.grow_to(bytes).await?;
        Ok(self.permit.complete()?)
    }

    /// Frees the text of a body whose records are parsed. The permit still counts it, for the records.
    pub(crate) fn discard_text(&mut self) {
        self.bytes = Bytes::new();
    }

    /// The bytes of a body that must be a single JSON text.
    pub(crate) fn json(&mut self) -> Result<&[u8], Problem> {
        self.permit.complete()?;
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

/// Removes the mark with which some programs start UTF-8; RFC 8259 §8.1 lets a parser ignore it.
fn without_byte_order_mark(bytes: Bytes) -> Bytes {
    const MARK: &str = "\u{feff}";
    if bytes.starts_with(MARK.as_bytes()) { bytes.slice(MARK.len()..) } else { bytes }
}
