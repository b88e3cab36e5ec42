//! The body of a request, within its limits.

use axum::body::{Body, Bytes};
use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, header};
use http_body_util::{BodyExt, LengthLimitError, Limited};

use crate::app::App;
use crate::config::ServerConfig;
use crate::problem::Problem;

/// A body that has arrived.
pub(crate) struct Entity {
    pub(crate) form: Form,
    pub(crate) bytes: Bytes,
}

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
        let reading = read(request.into_body(), app.config());
        let read = tokio::time::timeout(app.config().body_timeout, reading).await;
        Ok(Self { form, bytes: read.unwrap_or_else(|_| Err(Problem::slow_body()))? })
    }
}

impl Entity {
    /// The bytes, where only one JSON text will do.
    pub(crate) fn json(self) -> Result<Bytes, Problem> {
        match self.form {
            Form::Json => Ok(self.bytes),
            Form::Ndjson => Err(Problem::media_type("send one record as application/json")),
        }
    }
}

/// The form that the headers name, before a byte of the body is read.
fn form(headers: &HeaderMap) -> Result<Form, Problem> {
    if headers.get(header::CONTENT_ENCODING).is_some_and(|coding| coding != "identity") {
        return Err(Problem::media_type("send the body without Content-Encoding"));
    }
    let named = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let essence = named.unwrap_or_default().split(';').next().unwrap_or_default().trim();
    match essence.to_ascii_lowercase().as_str() {
        "application/json" => Ok(Form::Json),
        "application/x-ndjson" | "application/ndjson" | "application/jsonl" => Ok(Form::Ndjson),
        _ => Err(Problem::media_type(
            "name the form in Content-Type: application/json, or for batches application/x-ndjson",
        )),
    }
}

async fn read(body: Body, config: &ServerConfig) -> Result<Bytes, Problem> {
    let max = config.body_max_bytes;
    let collected = Limited::new(body, max).collect().await;
    let collected = collected.map_err(|error| match error.is::<LengthLimitError>() {
        true => Problem::large_body(max),
        false => Problem::broken_body(),
    })?;
    Ok(collected.to_bytes())
}
