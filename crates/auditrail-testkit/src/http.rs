//! A small HTTP client for tests, with one connection for each request. Failures panic.

use std::net::SocketAddr;

use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::http::request::Builder;
use hyper::{HeaderMap, Request, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpStream;

/// A request under construction.
#[derive(Debug)]
pub struct Call {
    to: SocketAddr,
    request: Builder,
    body: Bytes,
}

impl Call {
    /// A request without a body.
    #[must_use]
    pub fn new(to: SocketAddr, method: &str, path: &str) -> Self {
        let request = Request::builder().method(method).uri(path).header("host", "localhost");
        Self { to, request, body: Bytes::new() }
    }

    /// Adds an API key.
    #[must_use]
    pub fn key(self, key: &str) -> Self {
        self.header("authorization", &format!("Bearer {key}"))
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.request = self.request.header(name, value);
        self
    }

    /// Adds a body with its content type.
    #[must_use]
    pub fn body(mut self, content_type: &str, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self.header("content-type", content_type)
    }

    /// Adds a JSON body.
    #[must_use]
    pub fn json(self, body: &Value) -> Self {
        self.body("application/json", body.to_string())
    }

    /// Sends it, and waits for the whole response.
    ///
    /// # Panics
    /// If there is no response.
    pub async fn send(self) -> Answer {
        self.try_send().await.unwrap_or_else(|error| panic!("no response: {error}"))
    }

    /// As [`send`](Self::send), returning connection failures.
    ///
    /// # Errors
    /// If the connection cannot be opened or fails.
    ///
    /// # Panics
    /// If the request is invalid.
    pub async fn try_send(self) -> Result<Answer, SendError> {
        let stream = connect(self.to).await?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        let connection = tokio::spawn(connection);
        let request = self.request.body(Full::new(self.body));
        let request = request.unwrap_or_else(|error| panic!("invalid request: {error}"));
        let (head, body) = sender.send_request(request).await?.into_parts();
        let body = body.collect().await?.to_bytes();
        connection.abort();
        Ok(Answer { status: head.status, headers: head.headers, body })
    }
}

/// Without Nagle's algorithm, which would delay a body that is written after its head.
async fn connect(to: SocketAddr) -> std::io::Result<TcpStream> {
    let stream = TcpStream::connect(to).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// Why there is no response.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// The connection could not be opened.
    #[error("cannot connect")]
    Connect(#[from] std::io::Error),
    /// The connection failed.
    #[error("the connection failed")]
    Http(#[from] hyper::Error),
}

/// A response.
#[derive(Debug)]
pub struct Answer {
    /// Its status.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Bytes,
}

impl Answer {
    /// A header; empty if missing or not text.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap_or_default())
    }

    /// The body as JSON.
    ///
    /// # Panics
    /// If it is not JSON.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("not JSON ({error}): {self:?}"))
    }

    /// The status and the code of a problem, whose other members are checked.
    ///
    /// # Panics
    /// If it is not a problem as in RFC 9457 and the API.
    #[must_use]
    pub fn problem(&self) -> (u16, String) {
        assert_eq!(self.header("content-type"), "application/problem+json", "{self:?}");
        let problem = self.json();
        let text = |name: &str| problem[name].as_str().unwrap_or_default().to_owned();
        assert_eq!(problem["status"], self.status.as_u16());
        assert_eq!(text("request_id"), self.header("x-request-id"));
        assert_eq!(text("type"), format!("urn:auditrail:problem:{}", text("code")));
        assert!(!text("title").is_empty() && !text("detail").is_empty());
        (self.status.as_u16(), text("code"))
    }

    /// The pointer and the code of every invalid field.
    ///
    /// # Panics
    /// If the body is not JSON.
    #[must_use]
    pub fn errors(&self) -> Vec<(String, String)> {
        let problem = self.json();
        let errors = problem["errors"].as_array().cloned().unwrap_or_default();
        let text = |error: &Value, name: &str| error[name].as_str().unwrap_or_default().to_owned();
        errors.iter().map(|error| (text(error, "pointer"), text(error, "code"))).collect()
    }
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn connections_have_tcp_nodelay() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let stream = connect(listener.local_addr().unwrap()).await.unwrap();
        assert!(stream.nodelay().unwrap());
    }
}
