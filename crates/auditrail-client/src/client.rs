//! The HTTP client: one request per call, without retries. The recorder retries.

mod aggregate;
mod builder;
mod key;
mod positions;
mod response;
mod transport;

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use auditrail_api::{BatchResponse, FeedPage};
use auditrail_core::{
    AuditLogService, BatchOutcome, Count, CreateInput, Created, Cursor, ErrorCode, Found,
    OnInvalid, Order, Page, PageSize, Position, Query, Record, RecordId, Rejected,
};
use bytes::Bytes;
use hyper::Method;
use serde::Deserialize;
use serde::de::IntoDeserializer;
use serde::de::value::{Error as ValueError, StrDeserializer};

pub use builder::ClientBuilder;
use transport::{ApiRequest, Transport};

use crate::error::ClientError;

const LOGS: &str = "/v1/audit-logs";
/// Maximum bytes of a record as JSON text: far above the sum of its fields' limits.
const RECORD_MAX_BYTES: usize = 512 * 1024;
/// Maximum bytes of the response to a batch: ten thousand rejected records with their errors.
const BATCH_RESPONSE_MAX_BYTES: usize = 16 * 1024 * 1024;

/// Timeout of [`Client::check`].
const CHECK_TIMEOUT: Duration = Duration::from_secs(5);

/// An HTTP client of the service. Cheap to clone; clones share their connections.
///
/// It does not follow redirects, because the API key must be sent only to the configured host, and
/// it uses no proxy. The key appears in no error and no `Debug` output, and is zeroized on drop;
/// copies that the HTTP library makes of the request's headers are not.
#[derive(Clone, Debug)]
pub struct Client {
    transport: Arc<Transport>,
}

impl Client {
    /// Starts a client with the base URL of the service, such as `https://audit.example.com`.
    pub fn builder(url: &str) -> ClientBuilder {
        ClientBuilder::new(url)
    }

    /// Creates a client from environment variables; see [`ClientBuilder::from_env`].
    ///
    /// # Errors
    /// When a setting is missing, invalid or conflicting.
    pub fn from_env() -> Result<Self, ClientError> {
        ClientBuilder::from_env()?.build()
    }

    fn new(transport: Transport) -> Self {
        Self { transport: Arc::new(transport) }
    }

    /// The base URL of the service.
    #[must_use]
    pub fn url(&self) -> &str {
        self.transport.url()
    }

    /// Verifies that the service is reachable at the URL and that the API key is valid and may write, within
    /// five seconds. It sends an empty batch, which writes nothing.
    ///
    /// # Errors
    /// [`ClientError::Unreachable`] or [`ClientError::Timeout`] when there is no connection,
    /// [`ClientError::UnexpectedResponse`] or a problem of code `http_404` or the like when the server is not
    /// an Auditrail service, and a problem of status 401 or 403 for an unknown, revoked or expired key, or one
    /// without the scope `write`.
    pub async fn check(&self) -> Result<(), ClientError> {
        self.batch(&[], CHECK_TIMEOUT).await.map(drop)
    }

    /// Returns one page of a search with the cursor of the next, the fastest way through many
    /// pages. With `cursor`, that of an earlier page, the position of the query is ignored;
    /// without, only an offset and a record in the middle are supported. For a position after or before a record
    /// use [`query`](AuditLogService::query).
    ///
    /// [`Filters::from_pairs`](auditrail_core::Filters::from_pairs) reads filters by their names over HTTP and on the command line, such as `actor`,
    /// `since` and `metadata.KEY`.
    ///
    /// # Errors
    /// When the request fails, or the cursor was issued for other filters.
    pub async fn page(
        &self,
        query: &Query,
        cursor: Option<&str>,
    ) -> Result<Page<Record>, ClientError> {
        let mut pairs = query.filters.to_pairs();
        let mut add = |name: &'static str, value: String| pairs.push((name.into(), value));
        add("limit", query.limit.to_string());
        match (cursor, query.position) {
            (Some(cursor), _) => add("cursor", cursor.to_owned()),
            (None, Position::Offset(0) | Position::After(_) | Position::Before(_)) => {}
            (None, Position::Offset(offset)) => add("offset", offset.to_string()),
            (None, Position::Around(id)) => add("around", id.to_string()),
        }
        if query.order != Order::default() {
            add("order", query.order.as_str().to_owned());
        }
        match query.count {
            Count::None => {}
            Count::Exact => add("count", "exact".to_owned()),
            Count::Estimated => add("count", "estimated".to_owned()),
        }
        let parameters = encode(&pairs)?;
        let max_bytes = RECORD_MAX_BYTES * (usize::from(query.limit.get()) + 1);
        self.get_json(format!("{LOGS}?{parameters}"), max_bytes).await
    }

    /// Returns one page of the sequence of records, within a timeout other than that of the client.
    pub(crate) async fn feed_page(
        &self,
        parameters: &str,
        limit: PageSize,
        timeout: Option<Duration>,
    ) -> Result<FeedPage, ClientError> {
        let max_bytes = RECORD_MAX_BYTES * (usize::from(limit.get()) + 1);
        let path = format!("{LOGS}/feed?{parameters}");
        let request = ApiRequest { method: Method::GET, path, body: None, max_bytes, timeout };
        self.transport.send(request).await?.json(|text| self.transport.redact(text))
    }

    /// The same as [`create_many`](AuditLogService::create_many) with [`OnInvalid::Skip`], for
    /// encoded records.
    pub(crate) async fn batch(
        &self,
        texts: &[Bytes],
        timeout: Duration,
    ) -> Result<BatchResponse, ClientError> {
        self.post_batch(texts, OnInvalid::Skip, Some(timeout)).await
    }

    /// Encodes a record as JSON text with the API key redacted.
    pub(crate) fn encode(&self, input: &CreateInput) -> Result<String, serde_json::Error> {
        let mut text = serde_json::to_string(input)?;
        self.transport.redact(&mut text);
        Ok(text)
    }

    async fn post_batch(
        &self,
        texts: &[Bytes],
        on_invalid: OnInvalid,
        timeout: Option<Duration>,
    ) -> Result<BatchResponse, ClientError> {
        let parameters = match on_invalid {
            OnInvalid::Refuse => "",
            OnInvalid::Skip => "?on_invalid=skip",
        };
        let request = ApiRequest {
            method: Method::POST,
            path: format!("{LOGS}/batch{parameters}"),
            body: Some(array(texts)),
            max_bytes: BATCH_RESPONSE_MAX_BYTES,
            timeout,
        };
        let response = self.transport.send(request).await?;
        let response: BatchResponse = response.json(|text| self.transport.redact(text))?;
        response::validated(response, texts.len())
    }

    async fn get_json<T: serde::de::DeserializeOwned>(
        &self,
        path: String,
        max_bytes: usize,
    ) -> Result<T, ClientError> {
        let request =
            ApiRequest { method: Method::GET, path, body: None, max_bytes, timeout: None };
        self.transport.send(request).await?.json(|text| self.transport.redact(text))
    }

    fn body(&self, input: &CreateInput) -> Result<Bytes, ClientError> {
        self.encode(input).map(Bytes::from).map_err(|source| ClientError::Encode { source })
    }
}

/// `query` with a position after or before a record needs several requests, because only the service can sign
/// the cursor of an arbitrary record.
impl AuditLogService for Client {
    type Error = ClientError;

    async fn create(&self, input: CreateInput) -> Result<Created, ClientError> {
        let request = ApiRequest {
            method: Method::POST,
            path: LOGS.to_owned(),
            body: Some(self.body(&input)?),
            max_bytes: RECORD_MAX_BYTES,
            timeout: None,
        };
        let response = self.transport.send(request).await?;
        let record = response.json(|text| self.transport.redact(text))?;
        Ok(if response.status == 201 { Created::New(record) } else { Created::Duplicate(record) })
    }

    async fn create_many(
        &self,
        inputs: Vec<CreateInput>,
        on_invalid: OnInvalid,
    ) -> Result<BatchOutcome, ClientError> {
        let texts = inputs.iter().map(|input| self.body(input)).collect::<Result<Vec<_>, _>>()?;
        drop(inputs);
        let response = self.post_batch(&texts, on_invalid, None).await?;
        let rejected = response.errors.into_iter().map(|error| Rejected {
            index: error.index,
            code: code(&error.code),
            detail: error.detail,
        });
        Ok(BatchOutcome {
            created: response.created,
            duplicates: response.duplicates,
            rejected: rejected.collect(),
        })
    }

    async fn query(&self, query: &Query) -> Result<Found, ClientError> {
        match query.position {
            Position::Offset(_) | Position::Around(_) => {
                let Page { data: records, pagination } = self.page(query, None).await?;
                Ok(Found {
                    records,
                    has_previous: pagination.prev_cursor.is_some(),
                    has_more: pagination.has_more,
                    total: pagination.total(),
                    searched_back_to: pagination
                        .searched_back_to
                        .map(|time| Cursor::before_all_at(time, query.order)),
                })
            }
            Position::After(cursor) => self.after(query, cursor).await,
            Position::Before(cursor) => self.before(query, cursor).await,
        }
    }

    async fn get(&self, id: RecordId) -> Result<Option<Record>, ClientError> {
        match self.get_json(format!("{LOGS}/{id}"), RECORD_MAX_BYTES).await {
            Ok(record) => Ok(Some(record)),
            Err(error) if error.code() == "not_found" => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// Encodes parameters of a request.
fn encode(pairs: &[(Cow<'static, str>, String)]) -> Result<String, ClientError> {
    serde_urlencoded::to_string(pairs)
        .map_err(|_| ClientError::Url { reason: "cannot contain these filters" })
}

/// Parses the code of a rejected record. A code that this version does not know becomes the most
/// general one.
fn code(text: &str) -> ErrorCode {
    let text: StrDeserializer<'_, ValueError> = text.into_deserializer();
    ErrorCode::deserialize(text).unwrap_or(ErrorCode::RejectedByDatabase)
}

fn array(texts: &[Bytes]) -> Bytes {
    let length = texts.iter().map(|text| text.len() + 1).sum::<usize>() + 2;
    let mut body = Vec::with_capacity(length);
    body.push(b'[');
    for (n, text) in texts.iter().enumerate() {
        if n > 0 {
            body.push(b',');
        }
        body.extend_from_slice(text);
    }
    body.push(b']');
    Bytes::from(body)
}
