//! Compares the records with the log, and the rows of the log with each other.
//!
//! A *step* of the [`Checker`] reads some bundles with their records, keys and seqs in one snapshot, computes each entry
//! anew, and compares it with the bundle; it adds the entries to a tree of its own, and compares the tiles that are
//! complete. At the end of a pass it compares what is left of the tree. Roots that are known from elsewhere are
//! compared when the tree has their size.
//!
//! A record that left by retention is missing without being a finding, if the ledger of retention has a removal that its id
//! and time fit to, and not more records are missing than were removed.

mod compare;
mod finding;
mod sql;

use auditrail_core::FeedPosition;
use auditrail_evidence::LogEntry;
use pg_pipeline::Connection;
use sqlx::postgres::PgConnectOptions;
use tlog::{Edge, FULL_WIDTH, Hash, Resource, TilePath};
use tokio::task::spawn_blocking;
use uuid::Uuid;

use super::rows;
use crate::db::{Db, Prologue};
use crate::error::StoreError;
use crate::records::entry_ids;
use crate::sequencer::session::{Session, roll_back, run, run_one};
use crate::snapshot;
use compare::{Bundle, compare};
pub use finding::Finding;

/// Bundles of a step: 1,024 entries, which take some 20 to 50 ms.
const STEP_BUNDLES: u64 = 4;
/// The application name of the sessions in `pg_stat_activity`.
const APPLICATION_NAME: &str = "auditrail checker";

/// Compares the records with the log, over a connection of its own.
#[derive(Debug)]
pub struct Checker {
    session: Session,
    /// The tree of the entries so far.
    edge: Edge,
    /// Roots to compare, by ascending size.
    roots: Vec<(u64, Hash)>,
    /// Records of this pass that are missing, and that the ledger of retention explains.
    missing: u64,
}

/// The result of a step.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Checked {
    /// The number of entries that were compared.
    pub entries: u64,
    /// The number of entries of the log.
    pub size: u64,
    /// What is wrong.
    pub findings: Vec<Finding>,
    /// Whether that was the end of a pass; the next step starts another one.
    pub is_end: bool,
}

impl Checker {
    /// For the database of these options, whose role needs the privileges of the service. Does not connect yet.
    #[must_use]
    pub fn new(options: &PgConnectOptions) -> Self {
        let session = Session::new(options, APPLICATION_NAME);
        Self { session, edge: Edge::new(), roots: Vec::new(), missing: 0 }
    }

    /// Starts a pass that also compares these roots, each of a size of the log.
    pub fn restart(&mut self, mut roots: Vec<(u64, Hash)>) {
        roots.sort_unstable_by_key(|(size, _)| *size);
        self.edge = Edge::new();
        self.roots = roots;
        self.missing = 0;
    }

    /// Compares the next entries.
    ///
    /// # Errors
    /// [`StoreError`]; the next step repeats the comparison.
    pub async fn step(&mut self) -> Result<Checked, StoreError> {
        let (db, _) = self.session.connection().await?;
        let [begin, lock] = snapshot::begin_sql();
        let doing = "compare records with the log";
        run(db, &[begin, lock], doing).await?;
        let step = self.checked().await;
        let (db, _) = self.session.open_transaction()?;
        roll_back(db).await;
        let checked = step?;
        if checked.is_end {
            self.restart(Vec::new());
        }
        Ok(checked)
    }

    /// The newest checkpoint that is stored beside the log, which a pass may compare: its size and root.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn stored_root(&mut self) -> Result<Option<(u64, Hash)>, StoreError> {
        let (db, _) = self.session.connection().await?;
        sql::newest_root(db).await
    }

    /// Closes the connection; a later call opens another one.
    pub async fn close(&mut self) {
        self.session.close().await;
    }

    async fn checked(&mut self) -> Result<Checked, StoreError> {
        let (db, _) = self.session.open_transaction()?;
        let size = sql::size(db).await?;
        let first = self.edge.size() / FULL_WIDTH as u64;
        let mut checked = Checked { size, ..Checked::default() };
        for number in first..first + STEP_BUNDLES {
            let from = number * FULL_WIDTH as u64;
            let width = size.saturating_sub(from).min(FULL_WIDTH as u64);
            if width == 0 {
                break;
            }
            let (db, _) = self.session.open_transaction()?;
            let bundle = read(db, number, from, width).await?;
            let compared = spawn_blocking(move || (compare(&bundle), bundle)).await;
            let (findings, bundle) = compared
                .map_err(|_| StoreError::Overloaded { doing: "compare records with the log" })?;
            checked.entries += width;
            let findings = self.explained(findings, &mut checked).await?;
            checked.findings.extend(findings);
            self.grow(&bundle.entries, &mut checked).await?;
        }
        checked.is_end = self.edge.size() >= size;
        if checked.is_end {
            self.finish(&mut checked).await?;
        }
        Ok(checked)
    }

    /// Leaves out records that retention has removed.
    async fn explained(
        &mut self,
        findings: Vec<Finding>,
        checked: &mut Checked,
    ) -> Result<Vec<Finding>, StoreError> {
        let (missing, others): (Vec<_>, Vec<_>) =
            findings.into_iter().partition(|finding| matches!(finding, Finding::Missing { .. }));
        if !missing.is_empty() {
            let (db, _) = self.session.open_transaction()?;
            let explained = sql::removed(db, &missing).await?;
            self.missing += explained.len() as u64;
            let is_unexplained = |finding: &&Finding| match finding {
                Finding::Missing { id, .. } => !explained.contains(id.as_uuid()),
                _ => true,
            };
            checked.findings.extend(missing.iter().filter(is_unexplained).cloned());
        }
        Ok(others)
    }

    /// Adds entries to the tree, and compares the tiles and roots that it has then.
    async fn grow(
        &mut self,
        entries: &[LogEntry],
        checked: &mut Checked,
    ) -> Result<(), StoreError> {
        let mut completed = Vec::new();
        for entry in entries {
            self.edge.push(entry.leaf_hash(), &mut |level, index, hashes| {
                if level > 0 {
                    completed.push((level, index, hashes.to_vec()));
                }
            });
            let size = self.edge.size();
            while let Some((_, root)) = self.roots.first().copied().filter(|(at, _)| *at == size) {
                self.roots.remove(0);
                if root != self.edge.root() {
                    checked.findings.push(Finding::OtherRoot { size });
                }
            }
        }
        self.compare_tiles(completed, checked).await
    }

    async fn compare_tiles(
        &mut self,
        tiles: Vec<(u8, u64, Vec<Hash>)>,
        checked: &mut Checked,
    ) -> Result<(), StoreError> {
        let paths =
            tiles.iter().map(|(level, index, _)| TilePath::full(Resource::Hashes(*level), *index));
        let paths: Vec<TilePath> = paths.collect();
        let (db, _) = self.session.open_transaction()?;
        let mut prologue = Prologue::default();
        let found = rows::hashes(pipeline(db, &mut prologue), paths).await?;
        for (level, index, expected) in tiles {
            let stored = found.get(&(level, index)).and_then(|hashes| hashes.get(..expected.len()));
            if stored != Some(expected.as_slice()) {
                checked.findings.push(Finding::Tile { level, index });
            }
        }
        Ok(())
    }

    async fn finish(&mut self, checked: &mut Checked) -> Result<(), StoreError> {
        let size = self.edge.size();
        let levels = 1..self.edge.levels();
        let partial = levels.filter_map(|level| {
            let hashes = self.edge.level(level).to_vec();
            let index = size.checked_shr(8 * (u32::try_from(level).ok()? + 1)).unwrap_or(0);
            (!hashes.is_empty()).then_some((u8::try_from(level).ok()?, index, hashes))
        });
        self.compare_tiles(partial.collect(), checked).await?;
        // The log is shorter than what is known of it.
        for (known, _) in std::mem::take(&mut self.roots) {
            checked.findings.push(Finding::Shorter { size, known });
        }
        let (db, _) = self.session.open_transaction()?;
        let removed = sql::removals(db).await?;
        if self.missing > removed {
            checked.findings.push(Finding::MoreMissing { missing: self.missing, removed });
        }
        Ok(())
    }
}

fn pipeline<'c>(connection: &'c mut Connection, prologue: &'c mut Prologue) -> Db<'c> {
    Db::Pipeline { connection, prologue }
}

/// Reads a bundle with the records, keys and seqs of its entries.
async fn read(
    db: &mut Connection,
    number: u64,
    from: u64,
    width: u64,
) -> Result<Bundle, StoreError> {
    let mut prologue = Prologue::default();
    let entries = rows::bundle(pipeline(db, &mut prologue), number).await?.unwrap_or_default();
    let width = usize::try_from(width).unwrap_or(FULL_WIDTH);
    let entries: Vec<LogEntry> = entries.into_iter().take(width).collect();
    if entries.len() < width {
        return Err(StoreError::DamagedTree {
            detail: format!("bundle {number} has {} entries instead of {width}", entries.len()),
        });
    }
    let position = FeedPosition { seq: rows::number(from) - 1, id: None };
    let order = entry_ids(pipeline(db, &mut prologue), position, width).await?;
    let keys = sql::keys(db, number).await?;
    let ids: Vec<Uuid> = entries.iter().map(LogEntry::id).collect();
    let records = run_one(db, &super::records::fields_sql(&ids), sql::DOING).await?;
    let kept = crate::tree::kept::read(pipeline(db, &mut prologue), &ids).await?;
    Ok(Bundle { from, entries, order, keys, records, kept })
}
