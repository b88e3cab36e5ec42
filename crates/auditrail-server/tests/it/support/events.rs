//! A client of server-sent events.

use std::net::SocketAddr;
use std::time::Duration;

use auditrail_testkit::http::Answer;
use axum::body::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper::{HeaderMap, Request, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpStream;
use tokio::time::timeout;

/// How long a test waits for an event.
const WAIT: Duration = Duration::from_secs(30);

/// A response with events.
pub(crate) struct Events {
    pub(crate) headers: HeaderMap,
    body: Incoming,
    text: String,
    /// The connection is open as long as this exists.
    _sender: SendRequest<Empty<Bytes>>,
}

/// An event, or a comment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Event {
    pub(crate) id: Option<i64>,
    pub(crate) name: String,
    pub(crate) data: Value,
    pub(crate) comment: String,
}

impl Events {
    /// Opens a tail.
    pub(crate) async fn open(to: SocketAddr, query: &str, key: &str) -> Self {
        Self::open_after(to, query, key, None).await
    }

    /// Opens a tail as a browser does that has received an event before.
    pub(crate) async fn open_after(
        to: SocketAddr,
        query: &str,
        key: &str,
        last_event: Option<i64>,
    ) -> Self {
        match Self::try_open(to, query, key, last_event).await {
            Ok(events) => events,
            Err(answer) => panic!("{answer:?}"),
        }
    }

    /// Opens a tail; the error is an error response.
    pub(crate) async fn try_open(
        to: SocketAddr,
        query: &str,
        key: &str,
        last_event: Option<i64>,
    ) -> Result<Self, Answer> {
        let stream = TcpStream::connect(to).await.unwrap();
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        let mut request = Request::get(format!("/v1/audit-logs/tail{query}"))
            .header("host", "localhost")
            .header("accept-encoding", "gzip")
            .header("authorization", format!("Bearer {key}"));
        if let Some(id) = last_event {
            request = request.header("last-event-id", id);
        }
        let request = request.body(Empty::new()).unwrap();
        let (head, body) = sender.send_request(request).await.unwrap().into_parts();
        if head.status != StatusCode::OK {
            let body = body.collect().await.unwrap().to_bytes();
            return Err(Answer { status: head.status, headers: head.headers, body });
        }
        Ok(Self { headers: head.headers, body, text: String::new(), _sender: sender })
    }

    /// The next event or comment; none at the end of the response or of the connection.
    pub(crate) async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some((event, rest)) = self.text.split_once("\n\n") {
                let event = parse(event);
                self.text = rest.to_owned();
                return Some(event);
            }
            let frame = timeout(WAIT, self.body.frame()).await.expect("no event came in time");
            let bytes = frame?.ok()?.into_data().unwrap();
            self.text.push_str(std::str::from_utf8(&bytes).unwrap());
        }
    }

    /// The next event with this name; others are skipped, and heartbeats do not prolong the wait.
    pub(crate) async fn named(&mut self, name: &str) -> Event {
        let found = async {
            loop {
                let event = self.next().await.expect("the response has ended");
                if event.name == name {
                    return event;
                }
            }
        };
        timeout(WAIT, found).await.expect("the event did not come in time")
    }

    /// The seqs of the next records.
    pub(crate) async fn seqs(&mut self, count: usize) -> Vec<i64> {
        let mut seqs = Vec::new();
        while seqs.len() < count {
            let event = self.named("record").await;
            assert_eq!(event.data["seq"], event.id.unwrap());
            seqs.extend(event.id);
        }
        seqs
    }
}

fn parse(text: &str) -> Event {
    let mut event = Event::default();
    for line in text.lines() {
        let (field, value) = line.split_once(':').unwrap();
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "" => event.comment = value.to_owned(),
            "id" => event.id = Some(value.parse().unwrap()),
            "event" => event.name = value.to_owned(),
            "data" => event.data = serde_json::from_str(value).unwrap(),
            "retry" => {}
            _ => panic!("{line}"),
        }
    }
    event
}
