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
//! // Optional: a wrong URL or API key is an error here, and not only a line in the log later.
//! recorder.check().await?;
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
//! retried with full jitter (100 ms doubling to 30 s), and not before a `Retry-After` of up to 300 s.
//!
//! # Invalid and refused records
//!
//! `record` checks a record by the rules of the service before it accepts it
//! ([`CreateInput::validate`](auditrail_core::CreateInput::validate)). An invalid one is rejected with every
//! invalid field ([`RecordError::Invalid`]); under `best_effort`, which never fails, it is counted.
//!
//! A few reasons only the service knows: another record has the id, the action is reserved, the API key is
//! restricted to another tenant. A record that the service permanently rejects is counted by its code in
//! [`Stats::refused_by`], reported to [`RecorderConfig::on_lost`], not sent again, and does not hold up other
//! records.
//!
//! With a spool directory, both kinds are kept in `refused.ndjson` there, up to
//! [`RecorderConfig::dead_letters_max_bytes`]: a line of JSON with `time`, `code`, `detail` and the `record`
//! as it was first sent. A record is there before it leaves the spool, so after a crash it may be there twice.
//! The file is never shortened, and can be moved away at any time.
//!
//! # Clocks
//!
//! The service refuses a `created_at` of more than five minutes in the future. The time that the recorder
//! assigns never costs a record: if the service refuses a record because of it, the record is sent again
//! without a time, under the same id, and gets the time of the service. The spool remembers which times the
//! recorder assigned. A `created_at` of the application is never changed: in the future of the local clock it
//! is invalid, and in the future of the service's clock only, the record is refused.
//!
//! # Logs and trouble
//!
//! Without any set-up, the recorder logs with `tracing`: each kind of loss or refusal when it first occurs and
//! then at most every ten minutes, each kind of failed delivery once until delivery works again, and when it
//! does. A wrong API key is an error, everything else a warning; the contents of records are not logged.
//! [`Stats::trouble`] has the present failure, and [`Recorder::check`] finds a wrong URL or key before the
//! first record.
//!
//! # Limits
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
//! ## Who may write to it
//!
//! Spooled records are delivered with the API key of this process, so another user that can write to the spool can
//! forge records. [`Recorder::open`] refuses a spool by these rules, also when it runs as root
//! ([`OpenError::SpoolUnsafe`]); the TypeScript client has the same rules and messages, except that it leaves
//! permissions to read an existing directory as they are.
//!
//! 1. The directory belongs to the effective user of the process. Root's is no exception in either direction:
//!    root does not use the directory of another user, nor another user that of root. A missing directory is
//!    created with the mode 0700.
//! 2. Neither its group nor others can write to it (mode `& 022`). It is not repaired, because its contents
//!    could be forged already. Other permissions are reduced to 0700.
//! 3. If its path names a symbolic link, the link belongs to the effective user or to root.
//! 4. Each file in it that this process opens is a regular file of the effective user, with one name (no hard
//!    links), that neither group nor others can write. Links are never followed and pipes never waited for, neither
//!    when the spool is opened nor later.
//!
//! The directories above are not checked: a user who can write to the parent, unless it is sticky like `/tmp`, can move
//! the spool away and delay or lose its records, and can put another directory of the same user in its place, but
//! cannot forge records. A mounted volume that belongs to root or that everybody can write, such as `emptyDir` of
//! Kubernetes, cannot be the spool itself: use a directory below it, which the process creates.
//!
//! # Following the log
//!
//! [`Client::feed`] returns every record once, in the order of its seq, and waits for new ones. Its position can be
//! stored and continued from; it retries while the service is unreachable or restarts.
//!
//! # Faults
//!
//! Each line is a test against the real service (`transient_faults`, `outages`, `rejected`,
//! `invalid`, `clock`, `dead_letters`, `trouble`, `spool_disk_full` and `kill` in `tests/it`). No record is ever stored twice.
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
//! | wrong URL or key: DNS, connection refused, TLS, another server, unknown key, missing scope | `check` fails within 5 s; logged at the first attempt; in `Stats::trouble` | the same | the same |
//! | record invalid | rejected at once with every invalid field; kept in `refused.ndjson` | the same; never spooled | counted, logged and kept in `refused.ndjson` |
//! | record refused by the service (400, 409, 413, 422, `other_tenant`) | fails with the reason; kept in `refused.ndjson` | counted, logged, reported and kept in `refused.ndjson` | the same |
//! | `refused.ndjson` full or not writable | counted | counted; other records are delivered | counted |
//! | clock of this host more than five minutes ahead | stored with the time of the service | the same, also by the next process | the same |
//! | `created_at` of the application in the future | rejected at once; if only by the clock of the service, refused | the same | counted and logged |
//! | disk of the spool full | not affected | sent directly, else fails with `spool_full` | not affected |
//! | spool directory or a file in it writable by another user, or a link | `open` fails | `open` fails | `open` fails |
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
mod entry;
mod error;
mod feed;
mod recorder;
mod spool;

pub use auditrail_api::{
    FacetValue, FacetValues, Facets, FieldError, Histogram, HistogramBucket, Values,
};
pub use client::{Client, ClientBuilder};
pub use error::{ClientError, Problem};
pub use feed::{Feed, FeedStart};
pub use recorder::{
    DropReason, Flushed, Lost, OpenError, RecordError, Recorder, RecorderConfig, Stats, Trouble,
};
