//! A search: the page and the number of matches, from one snapshot.

use auditrail_core::{Count, Found, Query};

use super::conditions::Conditions;
use super::text_search::{self, TextBudget};
use super::{count, turn};
use crate::db::Db;
use crate::error::StoreError;
use crate::snapshot::begin_snapshot;

/// Starts the transaction of a search: one snapshot, and settings that keep the planner to the intended
/// plans. A plan with a sort collects all matches first, possibly millions; the planner prefers it when
/// it underestimates them. JIT compilation takes longer than the statements. A generic plan suits no
/// value, except for a [walk](begins_with_walk).
pub(in crate::records) const SEARCH: &str = concat!(
    begin_snapshot!(),
    "; set local enable_sort = off;
       set local jit = off;
       set local plan_cache_mode = force_custom_plan"
);

/// The settings of [`SEARCH`] as a statement that can be sent together with others.
pub(in crate::records) const SEARCH_SETTINGS: &str =
    "select set_config('enable_sort', 'off', true),
                                      set_config('jit', 'off', true),
                                      set_config('plan_cache_mode', 'force_custom_plan', true)";

/// As [`SEARCH`], for a [walk](begins_with_walk). An incremental sort reads all records with a value, where the planner assumes few.
pub(in crate::records) const WALK: &str = concat!(
    begin_snapshot!(),
    "; set local enable_sort = off;
       set local enable_incremental_sort = off;
       set local jit = off;
       set local plan_cache_mode = force_generic_plan"
);

/// As [`SEARCH_SETTINGS`], for a [walk](begins_with_walk).
pub(in crate::records) const WALK_SETTINGS: &str = "select set_config('enable_sort', 'off', true),
                                      set_config('enable_incremental_sort', 'off', true),
                                      set_config('jit', 'off', true),
                                      set_config('plan_cache_mode', 'force_generic_plan', true)";

/// Whether the search begins with walks of indexes, for which there is one plan, whatever the values: each has one
/// index in its order. They are planned once for each connection: where the table has some tens of partitions,
/// planning takes longer than the walk itself, and locks every index of each.
///
/// A count and a search in text begin with statements whose plans depend on the values.
/// [`COLLECT`](super::page::COLLECT) ends the walks of a search.
pub(in crate::records) fn begins_with_walk(query: &Query) -> bool {
    query.count == Count::None && !query.filters.has_text_terms()
}

/// The statements that start the transaction of a search.
pub(in crate::records) fn beginning(query: &Query) -> &'static str {
    if begins_with_walk(query) { WALK } else { SEARCH }
}

/// Most matches of words and phrases that are counted.
const COUNTED_IN_TEXT_MAX: u32 = 100_000;

/// Finds one page of records; the connection is in a transaction started as [`beginning`] says.
pub(in crate::records) async fn find(mut db: Db<'_>, query: &Query) -> Result<Found, StoreError> {
    let filters = query.filters.simplified();
    let conditions = Conditions::of(db.again(), &filters).await?;
    let budget = TextBudget::default();
    // Before the page, which may change planner settings for the rest of the transaction.
    let total = match query.count {
        Count::None => None,
        // As many as it reads in its time.
        Count::Exact | Count::Estimated if conditions.has_text() => {
            Some(text_search::count(db.again(), &conditions, COUNTED_IN_TEXT_MAX, budget).await?)
        }
        Count::Exact => Some(count::exact(db.again(), &conditions).await?),
        // The statistics of the planner are of all tenants, and would tell one about the others.
        Count::Estimated if filters.tenant_id.is_some() => {
            Some(count::bounded(db.again(), &conditions).await?)
        }
        Count::Estimated => Some(count::estimated(db.again(), &conditions).await?),
    };
    let page = turn::page(db, &conditions, query, budget).await?;
    Ok(Found { total, ..page })
}

#[cfg(test)]
mod tests {
    use auditrail_core::CursorKey;
    use jiff::Timestamp;

    use super::*;

    #[test]
    fn search_in_text_begins_with_no_walk() {
        for (q, expected) in [
            ("actor:ana", true),
            ("actor:ana since:2026-01-01", true),
            ("since:2026-01-01", true),
            ("ana", false),
            ("-ana", false),
            ("agent:curl", false),
            ("actor:ana prod", false),
            ("actor:ana,bob", true),
            ("actor:ana -action:key.made", true),
            ("actor:ana action:key.made", true),
        ] {
            let pairs = [("q", q)];
            let query = Query::from_pairs(pairs, &CursorKey::public(), Timestamp::UNIX_EPOCH);
            assert_eq!(begins_with_walk(&query.unwrap()), expected, "{q}");
        }
    }
}
