//! Remote access to an Auditrail service: an HTTP client, and a recorder with durable delivery.
//!
//! [`Client`] maps the HTTP API to methods: one request per call, without retries. It implements
//! [`AuditLogService`](auditrail_core::AuditLogService), as the store does. [`Recorder`] accepts records,
//! batches and retries them, and spools them to the local disk while the service is unreachable. It
//! implements [`RecordSink`](auditrail_core::RecordSink), which the gateway layer sends its records to.
//!
//! ```no_run
//! use std::time::Duration;
//!
//! use auditrail_client::{Client, Recorder, RecorderConfig};
//! use auditrail_core::{Action, Actor, CreateInput, FailurePolicy};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // Reads AUDITRAIL_URL, and AUDITRAIL_KEY or AUDITRAIL_KEY_FILE.
//! let client = Client::from_env()?;
//! let config = RecorderConfig::new()
//!     .spool("/var/lib/myapp/audit-spool")
//!     .action("key.*", FailurePolicy::Must);
//! let recorder = Recorder::open(client, config).await?;
//!
//! // Durable on this disk when it returns; delivered as soon as the service is reachable.
//! let created = CreateInput::new(Actor::user("ana")?, Action::ProjectCreated, "project:apollo".parse()?);
//! recorder.record(created).await?;
//!
//! // A `must` action: acknowledged by the service when it returns, else an error.
//! let revoked = CreateInput::new(Actor::user("ana")?, Action::KeyRevoked, "api_key:k1".parse()?);
//! recorder.record(revoked).await?;
//!
//! recorder.close(Duration::from_secs(10)).await;
//! # Ok(())
//! # }
//! ```
//!
//! # Policies
//!
//! | policy | `record` returns | while the service is unreachable |
//! |---|---|---|
//! | `must` | when the service has acknowledged the record | retries until `must_timeout` (10 s), then fails |
//! | `spool` | when the record is durable on the local disk | keeps it and delivers it later, also from the next process |
//! | `best_effort` | immediately, never with an error | keeps it in memory while the queue has space |
//!
//! The policy of the call ([`RecordSink::submit`](auditrail_core::RecordSink::submit)) takes precedence
//! over that of the action ([`RecorderConfig::action`]), and that over the default. Every record gets its
//! id (`UUIDv7`) and time before the first attempt, so retries are idempotent. A batch has up to 500
//! records or 1 MiB and lingers for up to one second; `must` records do not linger. Failed requests are
//! retried with full jitter (100 ms doubling to 30 s), and not before a `Retry-After` of up to 300 s. A
//! record that the service permanently rejects is counted, reported to [`RecorderConfig::on_lost`] with
//! the reason, not sent again, and does not hold up other records.
//!
//! At most 10,000 records and 16 MiB of text are in memory, all policies together. When that limit is
//! reached, `must` and `spool` records evict queued `best_effort` records; if there are none, they fail
//! with [`RecordError::QueueFull`]. [`Recorder::stats`] accounts for every record:
//!
//! ```text
//! accepted + recovered = sent + duplicates + refused + dropped + quarantined + pending
//! ```
//!
//! # The spool
//!
//! A [redb](https://docs.rs/redb) file in a directory that one process at a time can open. A record is
//! reported as spooled after a sync of the disk, which concurrent records share, and is removed after the
//! service has acknowledged it. The limit (256 MiB) applies to the records, with an overhead of 64 bytes
//! each; the file itself grows by doubling. It contains records in plain text, readable by their owner
//! only, and never the API key. Put it on a local disk that containers or machines do not share.
//!
//! - When the disk is full, `spool` records are sent directly, and fail with
//!   [`RecordError::SpoolFull`] if that fails. Spooled records stay and are delivered, which frees space.
//! - A record that is damaged or has an unknown version is moved to `quarantine.ndjson` beside the file
//!   and counted.
//! - A file that is damaged as a whole is renamed to `spool.redb.damaged-1` and so on, counted in
//!   [`Stats::damaged_files`] and logged as an error, and a new one is created: refusing to start would
//!   lose every further record.
//! - Without the feature `spool` the policy always fails.
//!
//! # Faults
//!
//! Each line is a test against the real service (`transient_faults`, `outages`, `rejected`,
//! `spool_disk_full` and `kill` in `tests/it`). No record is ever stored twice.
//!
//! | fault | `must` | `spool` | `best_effort` |
//! |---|---|---|---|
//! | service slow, commits after the request timed out | returns after the retry, which finds a duplicate | delivered once | delivered once |
//! | status 500, unexpected responses | returns if they end in time | delivered once | delivered once |
//! | 429 or 503 with `Retry-After` | waits; fails at once if it exceeds the deadline | waits | waits |
//! | connection reset before the service received the request | retried | retried | retried |
//! | connection reset after the service committed | returns; the retry finds a duplicate | delivered once | delivered once |
//! | permanent: DNS failure, connection refused, no response | fails with `not_acknowledged` | stays in the spool | in memory until `close`, then counted |
//! | 401, 403 | fails at once | stays; retried with the longest pauses | stays while the queue has space |
//! | record rejected (400, 409, 413, 422) | fails with the reason | counted and reported | counted and reported |
//! | disk of the spool full | not affected | sent directly, else fails with `spool_full` | not affected |
//! | spool at its limit | not affected | fails with `spool_full` | not affected |
//! | kill -9 before `record` returned | may be stored | may be stored | may be stored |
//! | kill -9 after `record` returned | stored | stored once the next process opens the spool | may be stored |
//!
//! A `must` record that failed with `not_acknowledged` may have been stored. To find out, set its id
//! yourself and repeat it.
//!
//! # Not supported
//!
//! Redirects, because the API key must be sent only to the configured host; proxies; caching; the
//! statistics and exports of the service, which are for people and their tools. TLS is rustls with the
//! root certificates of the system; `SSL_CERT_FILE` sets others.
//!
//! To read the code, start with [`Client`] and [`Recorder`]. `recorder/ledger` has the queues and counters,
//! `recorder/worker` and `recorder/redelivery` send, and `spool/worker` writes to the disk.

#![cfg_attr(
    not(feature = "spool"),
    expect(dead_code, reason = "the observer of the spool exists in all builds")
)]

mod client;
mod clock;
mod error;
mod recorder;
mod spool;

pub use auditrail_api::FieldError;
pub use client::{Client, ClientBuilder};
pub use error::{ClientError, Problem};
pub use recorder::{
    DropReason, Flushed, Lost, OpenError, RecordError, Recorder, RecorderConfig, Stats,
};
