//! Blocks of records with the filters of their words.

use std::collections::HashSet;

use pg_pipeline::Connection;
use uuid::Uuid;

use super::records::{self, Words};
use crate::clock::random_number;
use crate::error::StoreError;
use crate::sql::Sql;
use crate::value::PgTime;
use crate::words::filter::{WORDS_MAX, WordFilter, WordHash};
use crate::words::range::{BLOCK_RECORDS, Place, Range, cut};

/// A block.
#[derive(Debug)]
pub(super) struct Block {
    range: Range,
    filter: WordFilter,
}

/// The blocks of the records with these ids; some may have left.
///
/// The text of at most two blocks is in memory.
pub(super) async fn of(db: &mut Connection, ids: &[Uuid]) -> Result<Vec<Block>, StoreError> {
    let mut places = records::places(db, ids).await?;
    places.sort_unstable();
    let parts: Vec<&[Place]> = cut(&places).collect();
    let mut blocks = Vec::with_capacity(parts.len());
    let mut rest = parts.as_slice();
    while !rest.is_empty() {
        let mut records = 0;
        let fits = |part: &&&[Place]| {
            records += part.len();
            records <= BLOCK_RECORDS
        };
        let (some, others) = rest.split_at(rest.iter().take_while(fits).count().max(1));
        rest = others;
        let ids: Vec<Uuid> = some.iter().flat_map(|part| part.iter().map(|at| at.id)).collect();
        let words = records::words(db, &ids).await?;
        for part in some {
            push(&mut blocks, part, &words)?;
        }
    }
    Ok(blocks)
}

/// Adds the block of some records, or several if they have too many words for one.
fn push(blocks: &mut Vec<Block>, places: &[Place], words: &Words) -> Result<(), StoreError> {
    let Some(range) = Range::of(places) else { return Ok(()) };
    let lists = places.iter().filter_map(|place| words.get(&place.id));
    let all: HashSet<WordHash> = lists.flatten().copied().collect();
    if all.len() > WORDS_MAX && places.len() > 1 {
        let (older, newer) = places.split_at(places.len() / 2);
        push(blocks, older, words)?;
        return push(blocks, newer, words);
    }
    blocks.push(Block { range, filter: WordFilter::new(all.into_iter(), random_number()?) });
    Ok(())
}

/// Adds blocks. There are no more of them than entries, so their ids are free.
pub(super) fn insert_sql(blocks: &[Block], first_id: i64) -> Sql {
    Sql::new(
        "insert into control_plane.audit_log_text_blocks
             (id, oldest_at, oldest_id, newest_at, newest_id, salt, bits, filter)
         select * from unnest($1, $2, $3, $4, $5, $6, $7, $8)",
    )
    .bind_array((first_id..).take(blocks.len()))
    .bind_array(blocks.iter().map(|block| PgTime(block.range.oldest.at)))
    .bind_array(blocks.iter().map(|block| block.range.oldest.id))
    .bind_array(blocks.iter().map(|block| PgTime(block.range.newest.at)))
    .bind_array(blocks.iter().map(|block| block.range.newest.id))
    .bind_array(blocks.iter().map(|block| block.filter.salt()))
    .bind_array(blocks.iter().map(|block| block.filter.bits()))
    .bind_array(blocks.iter().map(|block| block.filter.bytes()))
}
