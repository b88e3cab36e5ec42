//! A record in the caller's own transaction, with whatever driver the caller has.
//!
//! Such a record is there exactly when what it tells of is: both are committed, or neither. That is
//! the way to be recommended first; a record that is sent elsewhere may be lost after the change, or
//! stay without it.
//!
//! ```
//! # #[cfg(feature = "sqlx-0_9")]
//! # async fn rename(
//! #     pool: sqlx::PgPool,
//! #     input: auditrail_core::CreateInput,
//! # ) -> Result<(), Box<dyn std::error::Error>> {
//! use auditrail_in_transaction::sqlx_0_9::record_in;
//!
//! let mut tx = pool.begin().await?;
//! sqlx::query("update project set name = 'new' where id = 1").execute(&mut *tx).await?;
//! record_in(&mut tx, &input).await?;
//! tx.commit().await?;
//! # Ok(())
//! # }
//! ```
//!
//! There is a module for each driver, behind a feature that names it with the version of its
//! interface. All send one constant statement, [`SQL`], with one parameter; it calls a function of the
//! database, which other languages call as well. The role needs what
//! `auditrail migrate grants` gives a writer.
//!
//! Absent on purpose: connections, pools and transactions, which are the caller's; reading, for which
//! there is the service and its client; a layer over the drivers.
//!
//! Start with the module of your driver. [`RecordInError`] says what may go wrong.

#[cfg(feature = "diesel-async-0_9")]
pub mod diesel_async_0_9;
mod error;
#[cfg(feature = "sea-orm-2")]
pub mod sea_orm_2;
#[cfg(feature = "sqlx-0_9")]
pub mod sqlx_0_9;
#[cfg(feature = "tokio-postgres-0_7")]
pub mod tokio_postgres_0_7;
#[cfg(any(
    feature = "diesel-async-0_9",
    feature = "sea-orm-2",
    feature = "sqlx-0_9",
    feature = "tokio-postgres-0_7"
))]
mod wire;

pub use error::RecordInError;

/// The statement that writes a record.
///
/// Its only parameter is the record as JSON text, under the names of the columns; its only row has the
/// record as it is stored, in the same form, in the column `record`.
///
/// What it refuses has SQLSTATE 22023, with every wrong field as JSON in the detail of the error, or
/// 23505 when the id belongs to other content.
pub const SQL: &str = "select (to_jsonb(written) - 'xact_id')::text as record \
                       from control_plane.record_audit_log($1::text::jsonb) as written";

/// The Rust that the guide tells people to write does compile.
#[cfg(all(doctest, feature = "sqlx-0_9"))]
#[doc = include_str!("../../../docs/capture.md")]
mod guide {}
