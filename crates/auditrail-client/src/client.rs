//! The service as methods: one call, one answer. Retries are the recorder's business.

mod answer;
mod builder;
mod key;
mod transport;

use std::sync::Arc;
use std::time::Duration;

use auditrail_core::{
    AuditLogService, BatchOutcome, Count, CreateInput, Created, Cursor, ErrorCode, Filters, Found,
    OnInvalid, Page, PageSize, Position, Query, Record, RecordId, RecordTime, Rejected, TimeRange,
};
use bytes::Bytes;
use hyper::Method;
use serde::Deserialize;
use serde::de::IntoDeserializer;
use serde::de::value::{Error as ValueError, StrDeserializer};

pub(crate) use answer::BatchAnswer;
pub use builder::ClientBuilder;
use transport::{Call, Transport};

use crate::error::ClientError;

const LOGS: &str = "/v1/audit-logs";
/// Most bytes of one record as JSON text: far above what the limits of its fields allow.
const RECORD_MAX_BYTES: usize = 512 * 1024;
/// Most bytes of the answer to a batch: ten thousand refused records and why.
const BATCH_ANSWER_MAX_BYTES: usize = 16 * 1024 * 1024;

/// Reads and writes an audit log over HTTP. Cheap to clone; clones share their connections.
///
/// It follows no redirects, because its key is for the address it was given for, and uses no proxy.
/// The key is in no error and no `Debug`, and is wiped from our memory in the end; the copies that the
/// HTTP library makes of a request's headers are not.
#[derive(Clone, Debug)]
pub struct Client {
    transport: Arc<Transport>,
}

impl Client {
    /// Starts with the address of the service, such as `https://audit.example.com`.
    pub fn builder(url: &str) -> ClientBuilder {
        ClientBuilder::new(url)
    }

    /// Makes a client as the environment has it; see [`ClientBuilder::from_env`].
    ///
    /// # Errors
    /// What is wrong with the settings.
    pub fn from_env() -> Result<Self, ClientError> {
        ClientBuilder::from_env()?.build()
    }

    fn over(transport: Transport) -> Self {
        Self { transport: Arc::new(transport) }
    }

    /// The address of the service.
    #[must_use]
    pub fn url(&self) -> &str {
        self.transport.url()
    }

    /// One page of a search, with the token of the next, which is the quickest way through many pages.
    /// With `cursor`, the token of a page before, the position of the query does not count; without, only
    /// an offset does. A place after a record is for [`query`](AuditLogService::query).
    ///
    /// # Errors
    /// Whatever keeps the service from answering; a cursor that is not of these filters.
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
            (None, Position::Offset(0) | Position::After(_)) => {}
            (None, Position::Offset(offset)) => add("offset", offset.to_string()),
        }
        match query.count {
            Count::None => {}
            Count::Exact => add("count", "exact".to_owned()),
            Count::Estimated => add("count", "estimated".to_owned()),
        }
        let parameters = serde_urlencoded::to_string(&pairs)
            .map_err(|_| ClientError::Url { reason: "cannot hold these filters" })?;
        let max_bytes = RECORD_MAX_BYTES * (usize::from(query.limit.get()) + 1);
        self.get_json(format!("{LOGS}?{parameters}"), max_bytes).await
    }

    /// As [`create_many`](AuditLogService::create_many) with [`OnInvalid::Skip`], of records that are JSON
    /// text already.
    pub(crate) async fn batch(
        &self,
        texts: &[Bytes],
        timeout: Duration,
    ) -> Result<BatchAnswer, ClientError> {
        self.post_batch(texts, OnInvalid::Skip, Some(timeout)).await
    }

    /// A record as JSON text without the key.
    pub(crate) fn text(&self, input: &CreateInput) -> Result<String, serde_json::Error> {
        let mut text = serde_json::to_string(input)?;
        self.transport.hide(&mut text);
        Ok(text)
    }

    async fn post_batch(
        &self,
        texts: &[Bytes],
        on_invalid: OnInvalid,
        timeout: Option<Duration>,
    ) -> Result<BatchAnswer, ClientError> {
        let parameters = match on_invalid {
            OnInvalid::Refuse => "",
            OnInvalid::Skip => "?on_invalid=skip",
        };
        let answer = self.transport.send(Call {
            method: Method::POST,
            path: format!("{LOGS}/batch{parameters}"),
            body: Some(array(texts)),
            max_bytes: BATCH_ANSWER_MAX_BYTES,
            timeout,
        });
        let answer: BatchAnswer = answer.await?.read(|text| self.transport.hide(text))?;
        answer.checked(texts.len())
    }

    async fn get_json<T: serde::de::DeserializeOwned>(
        &self,
        path: String,
        max_bytes: usize,
    ) -> Result<T, ClientError> {
        let call = Call { method: Method::GET, path, body: None, max_bytes, timeout: None };
        self.transport.send(call).await?.read(|text| self.transport.hide(text))
    }

    fn body(&self, input: &CreateInput) -> Result<Bytes, ClientError> {
        let text = self.text(input).map_err(|source| ClientError::NotJson { source })?;
        Ok(Bytes::from(text))
    }
}

/// The service answers as it does for everybody; only a place after a record takes a way around,
/// because its tokens are signed by the service.
impl AuditLogService for Client {
    type Error = ClientError;

    async fn create(&self, input: CreateInput) -> Result<Created, ClientError> {
        let call = Call {
            method: Method::POST,
            path: LOGS.to_owned(),
            body: Some(self.body(&input)?),
            max_bytes: RECORD_MAX_BYTES,
            timeout: None,
        };
        let answer = self.transport.send(call).await?;
        let record = answer.read(|text| self.transport.hide(text))?;
        Ok(if answer.status == 201 { Created::New(record) } else { Created::Duplicate(record) })
    }

    async fn create_many(
        &self,
        inputs: Vec<CreateInput>,
        on_invalid: OnInvalid,
    ) -> Result<BatchOutcome, ClientError> {
        let texts = inputs.iter().map(|input| self.body(input)).collect::<Result<Vec<_>, _>>()?;
        drop(inputs);
        let answer = self.post_batch(&texts, on_invalid, None).await?;
        let rejected = answer.errors.into_iter().map(|error| Rejected {
            index: error.index,
            code: code(&error.code),
            detail: error.detail,
        });
        Ok(BatchOutcome {
            created: answer.created,
            duplicates: answer.duplicates,
            rejected: rejected.collect(),
        })
    }

    async fn query(&self, query: &Query) -> Result<Found, ClientError> {
        match query.position {
            Position::Offset(_) => {
                let Page { data: records, pagination } = self.page(query, None).await?;
                let (has_more, total) = (pagination.has_more, pagination.total);
                Ok(Found { records, has_more, total })
            }
            Position::After(cursor) => self.after(query, cursor).await,
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

impl Client {
    /// The page after a record: everything up to its time, without what is not after it.
    async fn after(&self, query: &Query, cursor: Cursor) -> Result<Found, ClientError> {
        let total = self.total(query).await?;
        let place = (cursor.created_at, cursor.id);
        let Some(filters) = until(&query.filters, cursor.created_at) else {
            return Ok(Found { total, ..Found::default() });
        };
        let wanted = usize::from(query.limit.get());
        let from_there = Query { filters, limit: query.limit, ..Query::default() };
        let (mut records, mut token) = (Vec::new(), None);
        loop {
            let page = self.page(&from_there, token.as_deref()).await?;
            let later = page.data.into_iter();
            records.extend(later.filter(|record| (record.created_at, record.id) < place));
            token = page.pagination.next_cursor;
            if records.len() > wanted || token.is_none() {
                break;
            }
        }
        let has_more = records.len() > wanted;
        records.truncate(wanted);
        Ok(Found { records, has_more, total })
    }

    /// How many match in all, when the query asks for it.
    async fn total(&self, query: &Query) -> Result<Option<u64>, ClientError> {
        if query.count == Count::None {
            return Ok(None);
        }
        let limit = PageSize::new(1).unwrap_or_default();
        let count =
            Query { filters: query.filters.clone(), limit, count: query.count, ..Query::default() };
        Ok(self.page(&count, None).await?.pagination.total)
    }
}

/// The same filters, and nothing later than that time; `None` when nothing can match.
fn until(filters: &Filters, last: RecordTime) -> Option<Filters> {
    // No record is later than the last time that can be kept, so there it needs no end.
    let after = RecordTime::from_unix_micros(last.unix_micros() + 1).ok();
    let end = match (filters.created_at.end(), after) {
        (Some(end), Some(after)) => Some(end.min(after)),
        (end, after) => end.or(after),
    };
    let created_at = TimeRange::new(filters.created_at.start(), end)?;
    Some(Filters { created_at, ..filters.clone() })
}

/// The code of a refused record. One from a later service is a rule that we do not know.
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
