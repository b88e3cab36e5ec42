//! The requests, made before the clock starts.

use std::net::SocketAddr;

use auditrail_testkit::sample::{DEFAULT_SEED, Sample};
use http_body_util::Full;
use hyper::Request;
use hyper::body::Bytes;
use serde_json::{Value, json};

/// Single records that are sent in turn: more than there are indexes could be warm for by chance.
const SINGLES: u64 = 4_096;
/// Batches that are sent in turn.
const BATCHES: u32 = 4;

/// What is sent, in turn.
pub(crate) struct Requests {
    method: &'static str,
    path: String,
    bodies: Vec<Bytes>,
    /// In each body.
    pub(crate) records: u64,
    to: String,
    authorization: String,
}

impl Requests {
    /// Reads this path.
    pub(crate) fn get(path: &str) -> Self {
        Self::new("GET", path, vec![Bytes::new()], 0)
    }

    /// Writes records of the sample without ids, so that each is new however often it is sent.
    pub(crate) fn post(batch: Option<u32>, record_bytes: usize) -> Self {
        let size = u64::from(batch.unwrap_or(1));
        let all = if batch.is_some() { size * u64::from(BATCHES) } else { SINGLES };
        let sample = Sample::new(DEFAULT_SEED, all);
        let mut records = sample.iter().map(|record| padded(json!(record), record_bytes));
        let path = if batch.is_some() { "/v1/audit-logs/batch" } else { "/v1/audit-logs" };
        let mut bodies = Vec::new();
        while let Some(first) = records.next() {
            let body = match batch {
                None => first,
                Some(size) => {
                    let rest = records.by_ref().take(size as usize - 1);
                    Value::Array(std::iter::once(first).chain(rest).collect())
                }
            };
            bodies.push(Bytes::from(body.to_string()));
        }
        Self::new("POST", path, bodies, size)
    }

    fn new(method: &'static str, path: &str, bodies: Vec<Bytes>, records: u64) -> Self {
        let (to, authorization) = (String::new(), String::new());
        Self { method, path: path.to_owned(), bodies, records, to, authorization }
    }

    pub(crate) fn with_key(self, to: SocketAddr, key: &str) -> Self {
        Self { to: to.to_string(), authorization: format!("Bearer {key}"), ..self }
    }

    /// The `n`th request.
    pub(crate) fn nth(&self, n: usize) -> Request<Full<Bytes>> {
        let body = self.bodies[n % self.bodies.len()].clone();
        let request = Request::builder()
            .method(self.method)
            .uri(&self.path)
            .header("host", &self.to)
            .header("authorization", &self.authorization)
            .header("content-type", "application/json")
            .body(Full::new(body));
        request.unwrap_or_else(|error| panic!("not a request: {error}"))
    }
}

/// A record without what would make it a duplicate when it is sent again.
fn padded(mut record: Value, bytes: usize) -> Value {
    if let Value::Object(fields) = &mut record {
        fields.remove("id");
        fields.remove("created_at");
    }
    let missing = bytes.saturating_sub(record.to_string().len() + r#","note":"""#.len());
    if missing > 0 {
        record["metadata"]["note"] = json!("n".repeat(missing));
    }
    record
}
