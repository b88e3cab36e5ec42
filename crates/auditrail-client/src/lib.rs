//! The audit log from afar: an HTTP client, and a recorder that loses nothing it vouched for.
//!
//! [`Client`] is the service as methods: one call, one answer, no retries. It implements
//! [`AuditLogService`](auditrail_core::AuditLogService), as the store does. [`Recorder`] takes records on,
//! batches them, tries again, and keeps them on the local disk while the service is gone. It implements
//! [`RecordSink`](auditrail_core::RecordSink), which the gateway layer hands its records to.
//!
//! ```no_run
//! use std::time::Duration;
//!
//! use auditrail_client::{Client, Recorder, RecorderConfig};
//! use auditrail_core::{Action, Actor, CreateInput, FailurePolicy};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // AUDITRAIL_URL and AUDITRAIL_KEY or AUDITRAIL_KEY_FILE say where the service is and who we are.
//! let client = Client::from_env()?;
//! let config = RecorderConfig::new()
//!     .spool("/var/lib/myapp/audit-spool")
//!     .action("key.*", FailurePolicy::Must);
//! let recorder = Recorder::open(client, config).await?;
//!
//! // Durable on this disk when it returns, and delivered as soon as the service can be reached.
//! let made = CreateInput::new(Actor::user("ana")?, Action::ProjectCreated, "project:apollo".parse()?);
//! recorder.record(made).await?;
//!
//! // A `must` action: acknowledged by the service when it returns; otherwise it is an error.
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
//! | policy | `record` returns | when the service is gone |
//! |---|---|---|
//! | `must` | when the service acknowledged | tries until `must_timeout` (10 s), then an error |
//! | `spool` | when the record is durable on the local disk | keeps it and delivers it later, also from the next process |
//! | `best_effort` | at once, and never an error | keeps it in memory as long as there is room |
//!
//! The policy is that of the call ([`RecordSink::submit`](auditrail_core::RecordSink::submit)), else of the
//! action ([`RecorderConfig::action`]), else the default. Every record gets its id (`UUIDv7`) and time before
//! the first try, so a retry cannot double it. Records go in batches of up to 500, 1 MiB or one second;
//! `must` records do not wait for company. Failures are retried after pauses with full jitter (100 ms
//! doubling to 30 s), and not before a `Retry-After` of up to 300 s. What the service refuses for good is
//! counted, told to [`RecorderConfig::on_lost`] with the reason, not sent again, and holds up none of its
//! neighbours.
//!
//! At most 10,000 records and 16 MiB of their text are in memory, all policies together. Beyond that `must`
//! and `spool` records first push out waiting `best_effort` ones, then fail with
//! [`RecordError::QueueFull`]. [`Recorder::stats`] says what became of every record:
//!
//! ```text
//! accepted + recovered = sent + duplicates + refused + dropped + quarantined + pending
//! ```
//!
//! # The spool
//!
//! A [redb](https://docs.rs/redb) file in a directory that one process has at a time. A record is vouched
//! for after a sync of the disk, which concurrent records share, and removed after the service acknowledged
//! it. The bound (256 MiB) is on the records, with 64 bytes for the place of each; the file itself grows by
//! doubling. It holds records in the clear, readable by their owner alone, and never the API key. Put it on
//! a local disk, not shared between containers or machines.
//!
//! - When the disk is full, `spool` records go straight to the service, and fail with
//!   [`RecordError::SpoolFull`] when that does not take them. What was vouched for stays, is delivered, and
//!   makes room.
//! - A record that is damaged, or in the form of a later version, is put into `quarantine.ndjson` beside the
//!   file and counted.
//! - A file that is damaged as a whole is renamed to `spool.redb.damaged-1` and so on, counted in
//!   [`Stats::damaged_files`] and logged as an error, and a new one is begun. Who cannot start for a damaged
//!   spool could not record at all.
//! - Without the feature `spool` there is none of this, and the policy always fails.
//!
//! # Faults
//!
//! Each line is a test against the real service (`faults`, `lasting`, `refused`, `disk` and `kill` in
//! `tests/it`). Nothing is ever there twice.
//!
//! | fault | `must` | `spool` | `best_effort` |
//! |---|---|---|---|
//! | service slow, and commits after we gave up | returns after the retry, found as a duplicate | delivered once | delivered once |
//! | 500s, answers that are none | returns when they end in time | delivered once | delivered once |
//! | 429 or 503 with `Retry-After` | waits as told; fails at once when that is beyond its time | waits as told | waits as told |
//! | connection reset before the service heard of it | retried | retried | retried |
//! | connection reset after the service committed | returns, found as a duplicate | delivered once | delivered once |
//! | DNS gone, nobody listens, hangs, for ever | fails with `not_acknowledged` | stays in the spool | in memory until `close`, then counted |
//! | 401, 403 | fails at once | stays; tried with the longest pauses | stays while there is room |
//! | record refused (400, 409, 413, 422) | fails with the reason | counted and told | counted and told |
//! | disk of the spool full | no matter | sent directly, else fails with `spool_full` | no matter |
//! | spool at its limit | no matter | fails with `spool_full` | no matter |
//! | kill -9 before `record` returned | there or not | there or not | there or not |
//! | kill -9 after `record` returned | there | there once the next process opens the spool | there or not |
//!
//! A `must` record that failed with `not_acknowledged` may be written all the same. Give it an id of your
//! own and repeat it to find out.
//!
//! # Absent on purpose
//!
//! Redirects, because the key is for the address it was given for; proxies; a cache. The service's
//! statistics and exports, which are for people and their tools. TLS is rustls with the certificates that the
//! system trusts; `SSL_CERT_FILE` names others.
//!
//! Start reading at [`Client`] and [`Recorder`]. In the sources `recorder/ledger` holds what is in memory and
//! counts, `recorder/lane` and `recorder/redelivery` send, and `spool/thread` keeps the disk.

#![cfg_attr(
    not(feature = "spool"),
    expect(
        dead_code,
        reason = "what hears of the spool is there also where nothing is to be heard"
    )
)]

mod client;
mod clock;
mod error;
mod recorder;
mod spool;

pub use client::{Client, ClientBuilder};
pub use error::{ClientError, Problem, WrongField};
pub use recorder::{
    DropReason, Flushed, Lost, OpenError, RecordError, Recorder, RecorderConfig, Stats,
};
