//! The requests, built before the measurement.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;

use auditrail_sample::{DEFAULT_SEED, Sample};
use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST, HeaderMap, HeaderName, HeaderValue};
use hyper::{Method, Request, Uri};
use serde_json::{Value, json};

use crate::error::{Error, invalid_header};

/// Number of different single records; many, so that not all index pages are cached.
const SINGLES: u64 = 4_096;
/// Number of different batches.
const BATCHES: usize = 4;
/// The field that identifies a record; it need not be unique.
pub(crate) const ID: &str = "request_id";

/// The requests, which are sent in turn.
pub(crate) struct Requests {
    method: Method,
    path: Uri,
    headers: HeaderMap,
    bodies: Vec<Bytes>,
    /// Records in each body.
    records: u64,
    /// Every n-th request reads this path instead.
    read: Option<(u64, Uri)>,
    ids: Ids,
}

/// The ids of the records.
enum Ids {
    None,
    /// Generated when sent, with this prefix.
    Made(String),
    /// The ids in the bodies.
    Given(Vec<String>),
}

/// A request, and what it does.
pub(crate) struct Item {
    pub(crate) request: Request<Full<Bytes>>,
    /// Records that it writes.
    pub(crate) records: u64,
    /// Whether it is an interleaved read.
    pub(crate) is_read: bool,
}

impl Requests {
    /// Reads a path.
    pub(crate) fn get(path: &str) -> Result<Self, Error> {
        Self::new(Method::GET, path, vec![Bytes::new()], 0)
    }

    /// Writes records, one a request.
    pub(crate) fn post(path: &str, records: Vec<Value>) -> Result<Self, Error> {
        let bodies = records.into_iter().map(|record| Bytes::from(record.to_string())).collect();
        Self::new(Method::POST, path, bodies, 1)
    }

    /// Writes records in batches.
    pub(crate) fn post_batches(path: &str, records: &[Value], batch: usize) -> Result<Self, Error> {
        let bodies = records.chunks_exact(batch).map(|chunk| Bytes::from(json!(chunk).to_string()));
        Self::new(Method::POST, path, bodies.collect(), batch as u64)
    }

    fn new(method: Method, path: &str, bodies: Vec<Bytes>, records: u64) -> Result<Self, Error> {
        if bodies.is_empty() {
            return Err("there are no records to send".into());
        }
        let (headers, path) = (HeaderMap::new(), path.parse()?);
        Ok(Self { method, path, headers, bodies, records, read: None, ids: Ids::None })
    }

    /// Adds headers to all requests; those in `more`, as `name: value`, replace the default ones.
    pub(crate) fn with_headers(
        mut self,
        to: SocketAddr,
        key: Option<&str>,
        more: &[String],
    ) -> Result<Self, Error> {
        self.headers.insert(HOST, HeaderValue::from_str(&to.to_string())?);
        self.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if let Some(key) = key {
            self.headers.insert(AUTHORIZATION, HeaderValue::from_str(&format!("Bearer {key}"))?);
        }
        for header in more {
            let (name, value) = header.split_once(':').ok_or_else(|| invalid_header(header))?;
            self.headers.insert(name.trim().parse::<HeaderName>()?, value.trim().parse()?);
        }
        Ok(self)
    }

    /// Every n-th request reads this path.
    pub(crate) fn with_reads(mut self, path: &str, every: u64) -> Result<Self, Error> {
        self.read = Some((every, path.parse()?));
        Ok(self)
    }

    /// Gives each request a distinct id with this prefix; the records must have none.
    pub(crate) fn with_ids(self, start: String) -> Self {
        Self { ids: Ids::Made(start), ..self }
    }

    /// Writes records that have ids.
    pub(crate) fn again(path: &str, records: Vec<Value>) -> Result<Self, Error> {
        let id =
            |record: &Value| record[ID].as_str().map(str::to_owned).ok_or("a record has no id");
        let ids = records.iter().map(id).collect::<Result<_, _>>()?;
        Ok(Self { ids: Ids::Given(ids), ..Self::post(path, records)? })
    }

    /// Whether records have ids.
    pub(crate) const fn have_ids(&self) -> bool {
        !matches!(self.ids, Ids::None)
    }

    /// The number of different bodies.
    pub(crate) fn len(&self) -> u64 {
        self.bodies.len() as u64
    }

    /// The `n`th request.
    pub(crate) fn nth(&self, n: u64) -> Item {
        if let Some((_, path)) = self.read.as_ref().filter(|(every, _)| n % every == every - 1) {
            let request = self.make(Method::GET, path, Bytes::new());
            return Item { request, records: 0, is_read: true };
        }
        let mut request = self.make(self.method.clone(), &self.path, self.body(n));
        if let Some(id) = self.id(n).and_then(|id| HeaderValue::from_str(&id).ok()) {
            request.headers_mut().insert("idempotency-key", id);
        }
        Item { request, records: self.records, is_read: false }
    }

    /// The id of the `n`th request.
    pub(crate) fn id(&self, n: u64) -> Option<String> {
        match &self.ids {
            Ids::None => None,
            Ids::Made(start) => Some(format!("{start}-{n}")),
            Ids::Given(ids) => Some(ids[turn(n, ids.len())].clone()),
        }
    }

    /// The body of the `n`th request.
    pub(crate) fn body(&self, n: u64) -> Bytes {
        let body = &self.bodies[turn(n, self.bodies.len())];
        match &self.ids {
            Ids::Made(start) => {
                [format!(r#"{{"{ID}":"{start}-{n}","#).as_bytes(), &body[1..]].concat().into()
            }
            Ids::None | Ids::Given(_) => body.clone(),
        }
    }

    fn make(&self, method: Method, path: &Uri, body: Bytes) -> Request<Full<Bytes>> {
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = method;
        path.clone_into(request.uri_mut());
        self.headers.clone_into(request.headers_mut());
        request
    }
}

#[expect(clippy::cast_possible_truncation, reason = "it is less than the length of a Vec")]
fn turn(n: u64, of: usize) -> usize {
    (n % of as u64) as usize
}

/// Records of the sample, padded to about `record_bytes`.
pub(crate) fn sample(batch: Option<u32>, record_bytes: usize) -> Vec<Value> {
    let records = batch.map_or(SINGLES, |size| u64::from(size) * BATCHES as u64);
    let sample = Sample::new(DEFAULT_SEED, records);
    let padded = sample.iter().map(|record| padded(fresh(json!(record)), record_bytes));
    padded.collect()
}

/// The records of a file, one a line.
pub(crate) fn file(path: &Path, batch: Option<u32>) -> Result<Vec<Value>, Error> {
    let text = fs::read_to_string(path)?;
    let records = batch.map_or(usize::MAX, |size| size as usize * BATCHES);
    let lines = text.lines().take(records).map(|line| Ok(fresh(serde_json::from_str(line)?)));
    lines.collect()
}

/// A record without id and time, so that it can be sent repeatedly.
fn fresh(mut record: Value) -> Value {
    if let Value::Object(fields) = &mut record {
        fields.remove("id");
        fields.remove("created_at");
    }
    record
}

fn padded(mut record: Value, bytes: usize) -> Value {
    let missing = bytes.saturating_sub(record.to_string().len() + r#","note":"""#.len());
    if missing > 0 {
        record["metadata"]["note"] = json!("n".repeat(missing));
    }
    record
}
