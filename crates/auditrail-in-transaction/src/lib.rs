//! Writes audit records in the caller's own transaction, with the caller's driver.
//!
//! The record and the recorded change are committed together, or neither is. This is the preferred way: a record
//! that is sent separately may be lost after the change, or stay without it.
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
//! Each driver has a module, behind a feature with the name and API version of the driver. All execute the
//! constant statement [`SQL`] with one parameter; it calls a database function, which other languages can call
//! too. The role needs the privileges that `auditrail migrate grants` lists for a writer.
//!
//! Out of scope: connections, pools and transactions, which belong to the caller; reading, which the service and
//! its client provide; an abstraction of drivers.
//!
//! Start with the module of your driver. [`RecordInError`] lists the errors.

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
/// Its parameter is the record as JSON text, with the names of the columns. It returns one row, whose column
/// `record` is the stored record in the same format.
///
/// Invalid records fail with SQLSTATE 22023, with all invalid fields as JSON in the detail of the error, and
/// an id with other content fails with 23505.
pub const SQL: &str = "select (to_jsonb(written) - 'xact_id')::text as record \
                       from control_plane.record_audit_log($1::text::jsonb) as written";

/// Compiles the Rust examples of the guide.
#[cfg(all(doctest, feature = "sqlx-0_9"))]
#[doc = include_str!("../../../docs/capture.md")]
mod guide {}
