//! What a signer of checkpoints reads and writes. It has no key: signing is up to its caller.

use pg_pipeline::Connection;
use sqlx::postgres::PgConnectOptions;
use tlog::{Checkpoint, Hash};
use uuid::Uuid;

use super::restore;
use super::rows::number;
use crate::db::{Db, Prologue};
use crate::error::StoreError;
use crate::sequencer::session::{Session, run, run_one};
use crate::sql::Sql;

/// The application name of the sessions in `pg_stat_activity`.
const APPLICATION_NAME: &str = "auditrail signer";

/// Reads roots of the log, and stores checkpoints, over a connection of its own.
#[derive(Debug)]
pub struct SignerSession {
    session: Session,
}

/// Roots of the log, which its rows have now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TreeHeads {
    /// The root that the log had at an earlier size; none if it has fewer entries.
    pub earlier: Option<Hash>,
    /// The number of entries.
    pub size: u64,
    /// The root.
    pub root: Hash,
}

impl SignerSession {
    /// For the database of these options, whose role needs the privileges of the service. Does not connect yet.
    #[must_use]
    pub fn new(options: &PgConnectOptions) -> Self {
        Self { session: Session::new(options, APPLICATION_NAME) }
    }

    /// The id of the log, which never changes.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn log_id(&mut self) -> Result<Uuid, StoreError> {
        let doing = "read the id of the log";
        let (db, _) = self.session.connection().await?;
        let sql = Sql::new("select log_id from control_plane.audit_log_tree");
        let rows = run_one(db, &sql, doing).await?;
        let id = rows.first().ok_or(sqlx::Error::RowNotFound).and_then(|row| row.get(0));
        id.map_err(StoreError::while_trying_to(doing))
    }

    /// The root of the log at an earlier size and now, both computed from its rows.
    ///
    /// # Errors
    /// [`StoreError`]; [`StoreError::DamagedTree`] if rows are missing or do not fit together.
    pub async fn heads(&mut self, earlier: u64) -> Result<TreeHeads, StoreError> {
        let doing = "read the size of the log";
        let (db, _) = self.session.connection().await?;
        let sql = Sql::new("select size from control_plane.audit_log_tree");
        let rows = run_one(db, &sql, doing).await?;
        let size = rows.first().ok_or(sqlx::Error::RowNotFound).and_then(|row| row.get(0));
        let size: i64 = size.map_err(StoreError::while_trying_to(doing))?;
        let size = u64::try_from(size).unwrap_or(0);
        let root = root(db, size).await?;
        let earlier = match earlier {
            earlier if earlier > size => None,
            earlier if earlier == size => Some(root),
            earlier => Some(self::root(db, earlier).await?),
        };
        Ok(TreeHeads { earlier, size, root })
    }

    /// Stores a checkpoint and the keys that verify it, unless they are stored.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn add(
        &mut self,
        checkpoint: &Checkpoint,
        note: &str,
        verifier_keys: &[String],
    ) -> Result<(), StoreError> {
        let (db, _) = self.session.connection().await?;
        let statements = [
            Sql::new("begin"),
            keys_sql(verifier_keys),
            checkpoint_sql(checkpoint, note),
            Sql::new("commit"),
        ];
        run(db, &statements, "store a checkpoint").await.map(drop)
    }

    /// Deletes checkpoints that are older than a day but the last one of each hour.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn thin_out(&mut self) -> Result<(), StoreError> {
        let (db, _) = self.session.connection().await?;
        let sql = Sql::new(
            "delete from control_plane.audit_log_checkpoints c
              where c.signed_at between now() - interval '8 days' and now() - interval '1 day'
                and exists (select from control_plane.audit_log_checkpoints later
                             where later.origin = c.origin
                               and later.size > c.size
                               and later.signed_at >= c.signed_at
                               and date_trunc('hour', later.signed_at, 'UTC')
                                   = date_trunc('hour', c.signed_at, 'UTC'))",
        );
        run_one(db, &sql, "delete old checkpoints").await.map(drop)
    }

    /// Closes the connection; a later call opens another one.
    pub async fn close(&mut self) {
        self.session.close().await;
    }
}

async fn root(db: &mut Connection, size: u64) -> Result<Hash, StoreError> {
    let mut prologue = Prologue::default();
    let db = Db::Pipeline { connection: db, prologue: &mut prologue };
    Ok(restore::edge(db, size).await?.root())
}

fn keys_sql(verifier_keys: &[String]) -> Sql {
    Sql::new(
        "insert into control_plane.audit_log_verifier_keys (verifier_key)
         select * from unnest($1) on conflict do nothing",
    )
    .bind_array(verifier_keys.iter().map(String::as_str))
}

fn checkpoint_sql(checkpoint: &Checkpoint, note: &str) -> Sql {
    Sql::new(
        "insert into control_plane.audit_log_checkpoints (origin, size, root, note)
         values ($1, $2, $3, $4) on conflict (origin, size) do nothing",
    )
    .bind(checkpoint.origin())
    .bind(number(checkpoint.size()))
    .bind(&checkpoint.root().0[..])
    .bind(note)
}
