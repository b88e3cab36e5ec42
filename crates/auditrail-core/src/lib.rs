//! The domain of the audit log: record types, limits, parsing of untrusted input, queries, the
//! [`AuditLogService`] trait of stores and the [`RecordSink`] trait of delivery paths.
//!
//! Deliberately without I/O, clock, random numbers, async runtime and SQL: everything is a pure function
//! of its arguments, so the command line, the HTTP server, the client and the store apply the same rules.
//! The current time is an argument.
//!
//! Each type has two kinds of constructors. *Parsing* (`FromStr`, `TryFrom`, [`CreateInput::from_json`])
//! is for new records and enforces every rule. `from_stored` is for stored records: plain SQL may have
//! written text that parsing rejects, and such a row must still be readable.
//!
//! Entry points: [`CreateInput`] is the input of a write, [`Record`] a row of the table, [`Query`] a
//! search, [`ApiKey`] a credential; [`limits`] has every limit.

mod action;
mod actor;
mod api_key;
mod archive;
mod backoff;
mod context;
mod erasure;
mod error;
mod export;
mod feed;
mod id;
mod id_bytes;
mod inet;
mod input;
pub mod limits;
mod metadata;
mod object_reader;
mod open_enum;
#[cfg(feature = "openapi")]
pub mod openapi;
mod outcome;
mod page;
mod query;
mod record;
mod retention;
mod service;
mod sink;
mod target;
mod text;
mod time;
pub mod words;

pub use action::{Action, OtherAction};
pub use actor::{Actor, ActorType};
pub use api_key::{
    ApiKey, ApiKeyEnv, ApiKeyHash, ApiKeyId, ApiKeySecret, ApiKeySecretError, ApiKeyState,
    NewApiKey, Scope, ScopeSet,
};
pub use archive::{ArchiveManifest, ArchiveName, ArchivedLine, InvalidArchive, SeqBounds};
pub use backoff::Backoff;
pub use context::RequestContext;
pub use erasure::{
    HOLD_NAME_MAX_CHARS, HoldInput, NewErasure, REASON_MAX_CHARS, parse_hold_name, parse_reason,
};
pub use error::{ErrorCode, FieldError, InputError, ValidationErrors, ValueError};
#[doc(hidden)]
pub use error::{with_sources, write_messages};
pub use export::{BYTE_ORDER_MARK, ExportEncoder, ExportFormat, MANIFEST_KEY, Rewrite};
pub use feed::{FeedItem, FeedPosition, FeedQuery};
pub use id::RecordId;
pub use id_bytes::IdBytes;
pub use inet::{StoredAddress, canonical_network, mapped_network, parse_address, parse_network};
pub use input::{CreateInput, ProvidedFields};
pub use metadata::Metadata;
pub use outcome::Outcome;
pub use page::{Page, Pagination};
pub use query::expression;
pub use query::{
    ActionFilter, ActionPrefix, Bars, BucketWidth, Count, Cursor, CursorError, CursorKey,
    Expression, ExpressionError, Facet, Filters, Intents, Interval, MetadataFilter, Order,
    PageSize, Position, Query, TimeRange, TokenPage, Total, TotalRelation, ValueField, ValuePrefix,
    ValuesLimit,
};
pub use record::Record;
pub use retention::{KeepDays, NewRetentionRule, RetentionRule, RetentionRuleId};
pub use service::{AuditLogService, BatchOutcome, Created, Found, OnInvalid, Rejected};
pub use sink::{DeliveryStatus, FailurePolicy, RecordSink};
pub use target::{OtherTargetType, Target, TargetType};
pub use text::{
    ActorId, ActorName, ApiKeyHint, ApiKeyName, RecordedBy, RequestId, TargetId, TargetName,
    TenantId, UserAgent,
};
pub use time::RecordTime;
