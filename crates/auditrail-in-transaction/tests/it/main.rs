//! Each driver with a real PostgreSQL: the record exists exactly if the transaction commits.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod behind_layer;
mod diesel_async;
mod example;
mod sea_orm;
mod sqlx;
mod support;
mod tokio_postgres;
