//! Which records a search for words needs to read, by the index of words.
//!
//! The index has a filter of words for each block, a range of records in the order `(created_at, id)`. A record that
//! has a word lies in a block whose filter has it, or is not indexed yet: then it is among the entries of the sequence
//! after the position of the index, or has no seq yet. All of that is read in the snapshot of the search, so what it
//! finds is what it would find without the index.

use auditrail_core::FeedPosition;
use auditrail_core::expression::{Condition, Expression};
use auditrail_core::words::Phrase;
use uuid::Uuid;

use super::conditions::Conditions;
use super::feed;
use super::scan::Direction;
use super::times::is_edge;
use crate::db::{Db, Row};
use crate::error::StoreError;
use crate::sql::Sql;
use crate::value::PgTime;
use crate::words::filter::{VERSION, WordHash, push_test};
use crate::words::range::{Place, Range, cut};

/// Most records that are not indexed; with more of them a search reads all candidates. Finding 20,000 takes some
/// 60 ms.
const UNINDEXED_MAX: usize = 20_000;
/// Most words of a term that are looked up: of more words the longest, which are mostly the rarest.
const WORDS_MAX: usize = 4;
/// Most alternatives of a term.
const ALTERNATIVES_MAX: usize = 8;
/// Blocks of the first region, and the most of a later one.
const REGION_BLOCKS: (u32, u32) = (64, 512);

/// Finding the candidates of a block that other conditions leave, in which the text of most records is not judged, takes
/// as long as judging so many.
const BLOCK_COST: u64 = 32;

/// The blocks that may have the words of a search.
#[derive(Debug)]
pub(super) struct Blocks {
    words: Vec<Alternatives>,
    /// The records that are not indexed, without overlaps, the oldest first.
    unindexed: Vec<Range>,
    region_blocks: u32,
}

/// A term: one of these lists of words, each complete.
type Alternatives = Vec<Vec<WordHash>>;

/// What to read of a part of all records, the first of the scan.
#[derive(Debug)]
pub(super) struct Region {
    /// In the order of the scan, without overlaps.
    pub(super) ranges: Vec<Range>,
    /// Reading them takes at most as long as judging about so many candidates.
    pub(super) cost: u64,
    /// The first place of the scan beyond the region; `None` if it reaches to the end.
    pub(super) end: Option<Place>,
}

impl Blocks {
    /// For the words of these conditions; `None` if no word can be looked up, the index is not usable by this role or
    /// in this database, or too many records are not indexed.
    pub(super) async fn open(
        mut db: Db<'_>,
        conditions: &Conditions<'_>,
    ) -> Result<Option<Self>, StoreError> {
        let words = conditions.filters().q.as_ref().map_or_else(Vec::new, words);
        if words.is_empty() || !is_readable(db.again()).await? {
            return Ok(None);
        }
        let Some(next_seq) = next_seq(db.again()).await? else { return Ok(None) };
        let Some(unindexed) = unindexed(db, next_seq).await? else { return Ok(None) };
        let unindexed = Range::merged(cut(&unindexed).filter_map(Range::of).collect());
        Ok(Some(Self { words, unindexed, region_blocks: REGION_BLOCKS.0 }))
    }

    /// The next region of a scan, after a place.
    ///
    /// `None` if there is none to read by the index: a time may be clamped, or too many blocks include the place.
    pub(super) async fn region(
        &mut self,
        mut db: Db<'_>,
        conditions: &Conditions<'_>,
        direction: Direction,
        after: Place,
    ) -> Result<Option<Region>, StoreError> {
        let doing = "look up words";
        let wanted = self.region_blocks;
        self.region_blocks = wanted.saturating_mul(2).min(REGION_BLOCKS.1);
        let sql = blocks_sql(&self.words, conditions, direction, after, wanted);
        let rows = db.fetch(&sql).await.map_err(StoreError::while_trying_to(doing))?;
        let blocks = rows.iter().map(read).collect::<Result<Vec<_>, _>>();
        let mut blocks = blocks.map_err(StoreError::while_trying_to(doing))?;
        let beyond = if rows.len() > wanted as usize { blocks.pop() } else { None };
        let end = beyond.map(|block| match direction {
            Direction::Older => block.newest,
            Direction::Newer => block.oldest,
        });
        let is_behind = |end: Place| match direction {
            Direction::Older => end >= after,
            Direction::Newer => end <= after,
        };
        if end.is_some_and(|end| is_edge(end.at) || is_behind(end)) {
            return Ok(None);
        }
        let cost = blocks.len() as u64 * BLOCK_COST;
        blocks.extend(&self.unindexed);
        let (oldest, newest) = match direction {
            Direction::Older => (end.map(Place::after), Some(after.before())),
            Direction::Newer => (Some(after.after()), end.map(Place::before)),
        };
        let blocks = blocks.into_iter().filter_map(|range| range.within(oldest, newest));
        let mut ranges = Range::merged(blocks.collect());
        if ranges.iter().any(|range| is_edge(range.oldest.at) || is_edge(range.newest.at)) {
            return Ok(None);
        }
        if direction == Direction::Older {
            ranges.reverse();
        }
        Ok(Some(Region { ranges, cost, end }))
    }
}

/// The words of the terms that require some.
fn words(expression: &Expression) -> Vec<Alternatives> {
    let required = expression.text_terms().filter(|term| !term.is_excluded);
    let alternatives = required.filter_map(|term| match &term.condition {
        Condition::Text(phrase) => Some(vec![words_of_phrase(phrase)]),
        Condition::Agent(phrases) if phrases.len() <= ALTERNATIVES_MAX => {
            Some(phrases.iter().map(words_of_phrase).collect())
        }
        _ => None,
    });
    // A phrase without a word to look up may be in any block.
    alternatives.filter(|lists| lists.iter().all(|words| !words.is_empty())).collect()
}

fn words_of_phrase(phrase: &Phrase) -> Vec<WordHash> {
    let mut words: Vec<&str> = phrase.whole_words().collect();
    words.sort_unstable_by_key(|word| std::cmp::Reverse(word.len()));
    words.dedup();
    words.into_iter().take(WORDS_MAX).map(WordHash::of).collect()
}

/// Whether the role may read what the index consists of. An older schema has no index.
async fn is_readable(mut db: Db<'_>) -> Result<bool, StoreError> {
    let sql = Sql::new(
        "select coalesce(bool_and(has_table_privilege(to_regclass(name), 'select')), false)
                and count(to_regclass(name)) = 4
           from unnest(array['control_plane.audit_log_text_index',
                             'control_plane.audit_log_text_blocks',
                             'control_plane.audit_log_sequencer',
                             'control_plane.audit_log_entries']) as name",
    );
    let doing = "look for the index of words";
    let rows = db.fetch(&sql).await.map_err(StoreError::while_trying_to(doing))?;
    let row = rows.first().ok_or(sqlx::Error::RowNotFound);
    row.and_then(|row| row.get(0)).map_err(StoreError::while_trying_to(doing))
}

/// The position of the index; `None` if records may be without an entry although they are visible in the snapshot of
/// the sequencer (before its first round is done, in a recovery, and after a restore until the recovery begins), or if
/// too many entries are not indexed.
async fn next_seq(mut db: Db<'_>) -> Result<Option<i64>, StoreError> {
    let sql = Sql::new(
        "select t.next_seq
           from control_plane.audit_log_text_index t
          cross join control_plane.audit_log_sequencer s
          where t.version = $1 and s.done is not null and s.xmin = xid(s.xact_id)
            and s.next_seq - t.next_seq between 0 and $2",
    )
    .bind(VERSION)
    .bind(i64::try_from(UNINDEXED_MAX).unwrap_or(i64::MAX));
    let doing = "read the position of the index of words";
    let rows = db.fetch(&sql).await.map_err(StoreError::while_trying_to(doing))?;
    let next_seq = rows.first().map(|row| row.get(0)).transpose();
    next_seq.map_err(StoreError::while_trying_to(doing))
}

/// The records that are not indexed, in their order; `None` if there are too many.
async fn unindexed(mut db: Db<'_>, next_seq: i64) -> Result<Option<Vec<Place>>, StoreError> {
    let last = FeedPosition { seq: next_seq - 1, id: None };
    let entries = match feed::entry_ids(db.again(), last, UNINDEXED_MAX).await {
        Ok(entries) => entries,
        // The index is of another sequence.
        Err(StoreError::PositionUnknown { .. }) => return Ok(None),
        Err(error) => return Err(error),
    };
    let doing = "find records that are not indexed";
    let sql = Sql::new(UNINDEXED)
        .bind_array(entries)
        .bind(i64::try_from(UNINDEXED_MAX + 1).unwrap_or(i64::MAX));
    let rows = db.fetch(&sql).await.map_err(StoreError::while_trying_to(doing))?;
    if rows.len() > UNINDEXED_MAX {
        return Ok(None);
    }
    let places = rows.iter().map(|row| read_place(row, 0)).collect::<Result<Vec<_>, _>>();
    let mut places = places.map_err(StoreError::while_trying_to(doing))?;
    places.sort_unstable();
    places.dedup();
    Ok(Some(places))
}

/// `$1` are the entries that are not indexed, `$2` is the maximum of each part. Records of a round in progress may have
/// an entry already.
const UNINDEXED: &str = "
    select r.created_at, r.id
      from unnest($1) as entry (id)
     cross join lateral (select created_at, id from control_plane.audit_logs
                          where id = entry.id limit 1) r
    union all
    select r.created_at, r.id
      from control_plane.audit_log_sequencer s
     cross join lateral pg_snapshot_xip(s.done) as open (xact_id)
     cross join lateral (select created_at, id from control_plane.audit_logs
                          where (xact_id, id) >= (open.xact_id, '00000000-0000-0000-0000-000000000000')
                            and xact_id <= open.xact_id
                          order by xact_id, id limit $2) r
    union all
    (select r.created_at, r.id
       from control_plane.audit_logs r
      where (r.xact_id, r.id) >= ((select pg_snapshot_xmax(s.done)
                                     from control_plane.audit_log_sequencer s),
                                  '00000000-0000-0000-0000-000000000000')
        and r.xact_id < pg_snapshot_xmax(pg_current_snapshot())
      order by r.xact_id, r.id limit $2)";

/// The next blocks that may have the words, in the order of the scan, and one more to learn where the region ends.
fn blocks_sql(
    words: &[Alternatives],
    conditions: &Conditions<'_>,
    direction: Direction,
    after: Place,
    blocks: u32,
) -> Sql {
    let mut sql = Sql::new(
        "select oldest_at, oldest_id, newest_at, newest_id
           from control_plane.audit_log_text_blocks where true",
    );
    sql.push(match direction {
        Direction::Older => " and (oldest_at, oldest_id) < (",
        Direction::Newer => " and (newest_at, newest_id) > (",
    });
    sql.push_bind(PgTime(after.at)).push(", ").push_bind(after.id).push(")");
    let times = &conditions.filters().created_at;
    if let Some(start) = times.start() {
        sql.push(" and newest_at >= ").push_bind(PgTime(start));
    }
    if let Some(end) = times.end() {
        sql.push(" and oldest_at < ").push_bind(PgTime(end));
    }
    for alternatives in words {
        let mut between = " and (";
        for words in alternatives {
            sql.push(between).push("(true");
            for word in words {
                sql.push(" and ");
                push_test(&mut sql, *word);
            }
            sql.push(")");
            between = " or ";
        }
        sql.push(")");
    }
    sql.push(match direction {
        Direction::Older => " order by newest_at desc, newest_id desc limit ",
        Direction::Newer => " order by oldest_at, oldest_id limit ",
    });
    sql.push_bind(i64::from(blocks) + 1);
    sql
}

fn read(row: &Row) -> Result<Range, sqlx::Error> {
    Ok(Range { oldest: read_place(row, 0)?, newest: read_place(row, 2)? })
}

fn read_place(row: &Row, column: usize) -> Result<Place, sqlx::Error> {
    let PgTime(at) = row.get(column)?;
    Ok(Place { at, id: row.get::<Uuid>(column + 1)? })
}
