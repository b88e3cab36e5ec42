//! A search: the page and the number of matches, from one snapshot.

use auditrail_core::{Count, Found, Query};

use super::conditions::Conditions;
use super::driving_index::ScanBudget;
use super::text_search::{self, TextBudget, TextPage};
use super::{count, page};
use crate::db::Db;
use crate::error::StoreError;

/// Starts the transaction of a search: one snapshot, and settings that keep the planner to the intended
/// plans. A plan with a sort collects all matches first, possibly millions; the planner prefers it when
/// it underestimates them. JIT compilation takes longer than the statements. A generic plan suits no
/// value.
pub(in crate::records) const SEARCH: &str = "begin isolation level repeatable read read only;
                      set local enable_sort = off;
                      set local jit = off;
                      set local plan_cache_mode = force_custom_plan";

/// The settings of [`SEARCH`] as a statement that can be sent together with others.
pub(in crate::records) const SEARCH_SETTINGS: &str =
    "select set_config('enable_sort', 'off', true),
                                      set_config('jit', 'off', true),
                                      set_config('plan_cache_mode', 'force_custom_plan', true)";

/// Most matches of words and phrases that are counted.
const COUNTED_IN_TEXT_MAX: u32 = 100_000;

/// Finds one page of records; the connection is in a transaction started as [`SEARCH`] does.
pub(in crate::records) async fn find(mut db: Db<'_>, query: &Query) -> Result<Found, StoreError> {
    let filters = query.filters.simplified();
    let conditions = Conditions::of(db.again(), &filters).await?;
    if conditions.has_text() {
        return find_in_text(db, query, &conditions).await;
    }
    // Before the page, which may change planner settings for the rest of the transaction.
    let total = match query.count {
        Count::None => None,
        Count::Exact => Some(count::exact(db.again(), &conditions).await?),
        // The statistics of the planner are of all tenants, and would tell one about the others.
        Count::Estimated if filters.tenant_id.is_some() => {
            Some(count::bounded(db.again(), &conditions).await?)
        }
        Count::Estimated => Some(count::estimated(db.again(), &conditions).await?),
    };
    let (limit, position) = (query.limit, query.position);
    let (records, has_more) =
        page::page(db, &conditions, limit, position, ScanBudget::default()).await?;
    Ok(Found { records, has_more, total, searched_back_to: None })
}

/// As [`find`], with words or phrases. Counts no more than it reads in its time.
async fn find_in_text(
    mut db: Db<'_>,
    query: &Query,
    conditions: &Conditions<'_>,
) -> Result<Found, StoreError> {
    let budget = TextBudget::default();
    let total = match query.count {
        Count::None => None,
        Count::Exact | Count::Estimated => {
            Some(text_search::count(db.again(), conditions, COUNTED_IN_TEXT_MAX, budget).await?)
        }
    };
    let (limit, position) = (query.limit, query.position);
    let TextPage { records, has_more, searched_back_to } =
        text_search::page(db, conditions, limit, position, budget).await?;
    Ok(Found { records, has_more, total, searched_back_to })
}
