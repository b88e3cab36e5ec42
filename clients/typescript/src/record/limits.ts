/** The limits of the fields of a record, as in the crate `auditrail-core` (`src/limits.rs`). */

/** Maximum characters (code points) of the text fields. */
export const MAX_CHARS = {
  actor_id: 500,
  action: 100,
  target_type: 50,
  target_id: 500,
  user_agent: 1_024,
  tenant_id: 200,
  request_id: 200,
  actor_name: 200,
  target_name: 200,
} as const;

/** Maximum bytes of metadata as JSON text, also with its numbers written out. */
export const METADATA_MAX_BYTES = 64 * 1024;
/** Maximum levels of nesting of metadata, including the object itself. */
export const METADATA_MAX_DEPTH = 32;
/** Maximum digits of a number in metadata when written without an exponent. */
export const METADATA_MAX_NUMBER_DIGITS = 1_000;
/** How far `created_at` may be ahead of the service's clock, in milliseconds. */
export const AHEAD_MAX_MS = 5 * 60 * 1_000;
/** Maximum errors of one record. */
export const ERRORS_MAX = 100;
/** Maximum characters of an unknown field's name in an error. */
export const NAME_MAX_CHARS = 100;
