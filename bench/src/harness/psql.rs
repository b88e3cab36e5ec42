//! Statements by psql.

use std::path::Path;

use xtask::error::Result;
use xtask::sh::Sh;

/// The columns of a record as callers know it.
pub(crate) const COLUMNS: &str = "id, actor_id, actor_type, action, target_type, target_id, \
                                  metadata, ip_address, user_agent, created_at, tenant_id, \
                                  request_id";

/// A database, and the programs to reach it with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Database<'a> {
    /// The directory of `psql` and, if installed, `pgbench`.
    pub(crate) bin: &'a Path,
    pub(crate) url: &'a str,
}

impl Database<'_> {
    /// The output of a statement, unaligned and without headers.
    pub(crate) fn sql(self, sql: &str) -> Result<String> {
        let args = ["-X", "-q", "-v", "ON_ERROR_STOP=1", "-At", "-d", self.url, "-c", sql];
        Ok(Sh::new(self.bin.join("psql")).args(args).read()?.trim().to_owned())
    }
}
