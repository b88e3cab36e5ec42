//! What an audit record is: its types, its limits, how it is parsed from strangers, how records are
//! searched, the [`AuditLogService`] trait that every place to keep them offers, and the [`RecordSink`]
//! trait of what takes them on to deliver them.
//!
//! Absent on purpose: input and output, a clock, a random number generator, an async runtime and
//! SQL. Everything here is a pure function of its arguments, so the command line, the HTTP server,
//! the client and the store all apply the same rules. Where a time is needed it is an argument.
//!
//! Two ways lead into each type. *Parsing* (`FromStr`, `TryFrom`, [`CreateInput::from_json`]) is for
//! what someone asks us to write and enforces every rule. `from_stored` is for what the table already
//! holds: plain SQL may have written text that we would refuse, and such a row must still be shown
//! unchanged.
//!
//! Where to start reading: [`CreateInput`] is what a caller asks to write, [`Record`] is what the
//! table holds, [`Query`] finds records, [`ApiKey`] is what may ask, [`limits`] names every limit.

mod action;
mod actor;
mod api_key;
mod backoff;
mod context;
mod cursor;
mod error;
mod export;
mod id;
mod id_bytes;
mod inet;
mod input;
pub mod limits;
mod metadata;
mod object_reader;
mod open_enum;
mod page;
mod query;
mod record;
mod service;
mod sink;
mod target;
mod text;
mod time;

pub use action::{Action, OtherAction};
pub use actor::{Actor, ActorType};
pub use api_key::{
    ApiKey, ApiKeyEnv, ApiKeyHash, ApiKeyId, ApiKeySecret, ApiKeySecretError, ApiKeyState,
    NewApiKey, Scope, ScopeSet,
};
pub use backoff::Backoff;
pub use context::RequestContext;
pub use cursor::{Cursor, CursorError, CursorKey};
pub use error::{ErrorCode, FieldError, InputError, ValidationErrors, ValueError};
pub use export::{ExportEncoder, ExportFormat, MANIFEST_KEY, Rewrite};
pub use id::RecordId;
pub use id_bytes::IdBytes;
pub use inet::{StoredAddress, parse_address, parse_network};
pub use input::{CreateInput, ProvidedFields};
pub use metadata::Metadata;
pub use page::{Page, Pagination};
pub use query::{
    ActionFilter, ActionPrefix, Count, Filters, MetadataFilter, PageSize, Position, Query,
    TimeRange,
};
pub use record::Record;
pub use service::{AuditLogService, BatchOutcome, Created, Found, OnInvalid, Rejected};
pub use sink::{DeliveryStatus, FailurePolicy, RecordSink};
pub use target::{OtherTargetType, Target, TargetType};
pub use text::{ActorId, ApiKeyHint, ApiKeyName, RequestId, TargetId, TenantId, UserAgent};
pub use time::RecordTime;
