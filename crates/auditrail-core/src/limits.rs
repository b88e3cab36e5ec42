//! Every limit, by name. Text limits count characters (Unicode scalar values), not bytes.
//!
//! The values are part of the public interface: lowering one rejects records that were accepted before.

/// Most characters in an actor id. An AWS role session ARN is the longest common one, below 200.
pub const ACTOR_ID_MAX_CHARS: usize = 500;
/// Most characters in an action.
pub const ACTION_MAX_CHARS: usize = 100;
/// Most characters in a target type.
pub const TARGET_TYPE_MAX_CHARS: usize = 50;
/// Most characters in a target id; paths and ARNs are used as ids.
pub const TARGET_ID_MAX_CHARS: usize = 500;
/// Most characters in a user agent. Longer ones exist; the caller truncates them.
pub const USER_AGENT_MAX_CHARS: usize = 1_024;
/// Most characters in a tenant id.
pub const TENANT_ID_MAX_CHARS: usize = 200;
/// Most characters in a request id.
pub const REQUEST_ID_MAX_CHARS: usize = 200;
/// Most characters in the name of an actor.
pub const ACTOR_NAME_MAX_CHARS: usize = 200;
/// Most characters in the name of a target.
pub const TARGET_NAME_MAX_CHARS: usize = 200;
/// Most characters in the writer of a record: `role:` and a role name of 63 bytes, or `key:` and a UUID.
pub const RECORDED_BY_MAX_CHARS: usize = 68;

/// Most bytes of metadata as JSON text, both as sent and with its numbers written out in full.
pub const METADATA_MAX_BYTES: usize = 64 * 1_024;
/// Most levels of nesting in metadata, including the object itself.
pub const METADATA_MAX_DEPTH: usize = 32;
/// Most digits a number in metadata may have when written without an exponent.
///
/// jsonb keeps a number as PostgreSQL's `numeric` and prints it in full: `1e1000` becomes 1,001
/// digits, and beyond 131,072 digits before the point or 16,383 after it the insert fails.
pub const METADATA_MAX_NUMBER_DIGITS: u64 = 1_000;

/// How far `created_at` may be ahead of the local clock, in seconds; allows for clock skew.
pub const CREATED_AT_MAX_AHEAD_SECONDS: i64 = 5 * 60;

/// Most records in one page.
pub const PAGE_SIZE_MAX: u16 = 1_000;
/// Records in a page by default.
pub const PAGE_SIZE_DEFAULT: u16 = 100;
/// Most buckets of a histogram: more than a screen has room for.
pub const BARS_MAX: u16 = 200;
/// Buckets of a histogram by default.
pub const BARS_DEFAULT: u16 = 60;
/// Most values in one list of values.
pub const VALUES_MAX: u16 = 100;
/// Values in a list of values by default.
pub const VALUES_DEFAULT: u16 = 20;
/// Most values of each facet.
pub const FACET_VALUES: u16 = 20;
/// Most records an offset may skip. PostgreSQL reads and discards each of them; use a cursor for deep
/// paging.
pub const OFFSET_MAX: u64 = 100_000;
/// Most `metadata.KEY=VALUE` filters in one query.
pub const METADATA_FILTERS_MAX: usize = 10;
/// Most characters in the key of a metadata filter.
pub const METADATA_FILTER_KEY_MAX_CHARS: usize = 200;
/// Most characters in the value of a metadata filter.
pub const METADATA_FILTER_VALUE_MAX_CHARS: usize = 1_000;

/// Most characters in a search expression, the parameter `q`.
pub const EXPRESSION_MAX_CHARS: usize = 2_000;
/// Most terms of a search expression.
pub const EXPRESSION_TERMS_MAX: usize = 32;
/// Most words and phrases of a search expression, those of `agent` included: a PostgreSQL session keeps 32
/// compiled patterns.
pub const EXPRESSION_PHRASES_MAX: usize = 16;
/// Most alternatives of a term of a search expression.
pub const EXPRESSION_ALTERNATIVES_MAX: usize = 32;
/// Most characters in a word or a phrase of a search expression.
pub const PHRASE_MAX_CHARS: usize = 200;

/// Most characters in the name of an API key.
pub const KEY_NAME_MAX_CHARS: usize = 200;
/// Most characters in the environment label of an API key, such as `live`.
pub const KEY_ENV_MAX_CHARS: usize = 16;
/// Random bytes in an API key: with 160 bits a key cannot be guessed, and a fast hash suffices to store
/// it.
pub const KEY_SECRET_BYTES: usize = 20;
/// Characters of the secret of an API key: base62 digits that hold [`KEY_SECRET_BYTES`].
pub const KEY_SECRET_CHARS: usize = 27;
/// Characters of the checksum of an API key: base62 digits that hold 32 bits.
pub const KEY_CHECKSUM_CHARS: usize = 6;
/// Characters of the secret that are stored and shown, by which people distinguish keys. 136 bits remain
/// unknown.
pub const KEY_HINT_SECRET_CHARS: usize = 4;
/// Most characters in the hint of an API key: `adt_`, the label, `_` and the shown characters.
pub const KEY_HINT_MAX_CHARS: usize = 4 + KEY_ENV_MAX_CHARS + 1 + KEY_HINT_SECRET_CHARS;
/// Most characters in an API key.
pub const KEY_MAX_CHARS: usize =
    4 + KEY_ENV_MAX_CHARS + 1 + KEY_SECRET_CHARS + 1 + KEY_CHECKSUM_CHARS;

/// Fewest days that a rule of retention keeps records: time to notice a rule that was set by mistake.
pub const RETENTION_DAYS_MIN: i32 = 7;
/// Most days that a rule of retention keeps records, a century. A rule can also keep them for ever.
pub const RETENTION_DAYS_MAX: i32 = 36_500;
/// Most rules of retention. Each is read for every tenant and action that a run meets.
pub const RETENTION_RULES_MAX: usize = 1_000;

/// Most bytes in the manifest of an archive; one that this program writes has about 1,200.
pub const ARCHIVE_MANIFEST_MAX_BYTES: usize = 16 * 1_024;
/// Most bytes in a line of an archive. A record within its limits has at most 90 KiB as a line; plain SQL can
/// write larger ones.
pub const ARCHIVE_LINE_MAX_BYTES: usize = 64 * 1_024 * 1_024;

/// Most errors in one response; without a limit a hostile body could get a response larger than itself.
pub const REPORTED_ERRORS_MAX: usize = 100;
/// Most characters of an unknown field's name that an error contains.
pub const REPORTED_NAME_MAX_CHARS: usize = 100;
