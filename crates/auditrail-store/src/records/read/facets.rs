//! The most frequent values of fields among the newest matches, within a time budget.

use std::time::Duration;

use auditrail_core::{Facet, Filters, RecordTime, StoredAddress, parse_network};

use super::conditions::Conditions;
use super::deadline::{self, Deadline};
use super::summary::{RECENT_MAX, RECENT_OF_VALUE_MAX, start_of_recent};
use crate::db::{Db, Row};
use crate::error::StoreError;
use crate::sql::Sql;
use crate::value::PgTime;

/// The most frequent values of a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FacetCounts {
    /// The field.
    pub facet: Facet,
    /// Its values, most records first. A record without a value is not counted.
    pub values: Vec<ValueCount>,
    /// Whether there are more values.
    pub has_more: bool,
    /// The oldest counted time; `None` when all matches were counted.
    pub since: Option<RecordTime>,
    /// Whether the values were counted. If not, the time was not sufficient, and there are none.
    pub is_complete: bool,
}

/// How many records a value has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ValueCount {
    /// The value, as the filter of the same name takes it.
    pub value: String,
    /// Number of matching records.
    pub count: u64,
}

/// What to count.
#[derive(Clone, Copy, Debug)]
pub struct FacetsOptions<'a> {
    /// The fields. Each ignores its own filter.
    pub facets: &'a [Facet],
    /// Whether the filter on the tenant applies to each field, as it does for a caller who may see that tenant
    /// only.
    pub is_tenant_fixed: bool,
    /// Most values of each field.
    pub top: u16,
    /// How long counting may take.
    pub budget: Duration,
}

/// The parts of the sample that are tried: when all of it takes more than half of the time, a small part.
const PARTS: [u32; 2] = [1, 20];

/// Counts the values; the connection is in a transaction with one snapshot. Fields with equal filters are counted
/// together.
pub(in crate::records) async fn facets(
    mut db: Db<'_>,
    filters: &Filters,
    options: FacetsOptions<'_>,
) -> Result<Vec<FacetCounts>, StoreError> {
    let deadline = Deadline::after(options.budget);
    let mut groups: Vec<(Filters, Vec<Facet>)> = Vec::new();
    for facet in options.facets {
        let is_fixed = options.is_tenant_fixed && *facet == Facet::TenantId;
        let own = if is_fixed { filters.clone() } else { facet.without_own_filter(filters) };
        match groups.iter_mut().find(|(others, _)| *others == own) {
            Some((_, facets)) => facets.push(*facet),
            None => groups.push((own, vec![*facet])),
        }
    }
    // The group of most fields first, in case that the time is not sufficient for all.
    groups.sort_by_key(|(_, facets)| std::cmp::Reverse(facets.len()));
    let mut counted = Vec::with_capacity(options.facets.len());
    for (filters, facets) in &groups {
        counted.extend(group(db.again(), filters, facets, options, deadline).await?);
    }
    let place = |facet: Facet| options.facets.iter().position(|other| *other == facet);
    counted.sort_by_key(|counts| place(counts.facet));
    Ok(counted)
}

/// Counts the values of fields with these filters, of a part of the sample if all of it takes too long.
async fn group(
    mut db: Db<'_>,
    filters: &Filters,
    facets: &[Facet],
    options: FacetsOptions<'_>,
    deadline: Deadline,
) -> Result<Vec<FacetCounts>, StoreError> {
    for part in PARTS {
        let Some(left) = deadline.left() else { break };
        let attempt = if part == 1 { Deadline::after(left / 2) } else { deadline };
        deadline::attempt(db.again()).await?;
        let counted = sample(db.again(), filters, facets, (options.top, part), attempt).await;
        match deadline::unless_timed_out(counted)? {
            Some(counted) => return Ok(counted),
            None => deadline::give_up(db.again()).await?,
        }
    }
    let missing = |facet: &Facet| FacetCounts {
        facet: *facet,
        values: Vec::new(),
        has_more: false,
        since: None,
        is_complete: false,
    };
    Ok(facets.iter().map(missing).collect())
}

/// Counts the values in a part of the newest matches. Each statement ends at the deadline.
async fn sample(
    mut db: Db<'_>,
    filters: &Filters,
    facets: &[Facet],
    (top, part): (u16, u32),
    deadline: Deadline,
) -> Result<Vec<FacetCounts>, StoreError> {
    let filters = &*filters.simplified();
    let records = (RECENT_MAX / part, RECENT_OF_VALUE_MAX / part);
    deadline.limit(db.again()).await?;
    let since = start_of_recent(db.again(), filters, records).await?;
    deadline.limit(db.again()).await?;
    let conditions = Conditions::of(db.again(), filters).await?;
    deadline.limit(db.again()).await?;
    let rows = if conditions.match_nothing() {
        Vec::new()
    } else {
        let sql = sql(&conditions, facets, top, since);
        db.fetch(&sql).await.map_err(StoreError::while_trying_to("count the values of fields"))?
    };
    let mut counted: Vec<_> = facets
        .iter()
        .map(|facet| FacetCounts {
            facet: *facet,
            values: Vec::new(),
            has_more: false,
            since: since.map(|PgTime(since)| since),
            is_complete: true,
        })
        .collect();
    for row in &rows {
        let (number, value) = read(row).map_err(StoreError::while_trying_to("read a row"))?;
        if let Some(counts) = usize::try_from(number).ok().and_then(|at| counted.get_mut(at)) {
            counts.values.push(value);
        }
    }
    for counts in &mut counted {
        counts.has_more = counts.values.len() > usize::from(top);
        counts.values.truncate(usize::from(top));
        if counts.facet == Facet::IpAddress {
            counts.values.iter_mut().for_each(|counted| to_canonical(&mut counted.value));
        }
    }
    Ok(counted)
}

fn read(row: &Row) -> Result<(i64, ValueCount), sqlx::Error> {
    let count = u64::try_from(row.get::<i64>(2)?).unwrap_or(0);
    Ok((row.get(0)?, ValueCount { value: row.get::<&str>(1)?.to_owned(), count }))
}

/// Writes an address as a record has it: PostgreSQL prints some IPv6 addresses in another form.
fn to_canonical(address: &mut String) {
    if let Ok(network) = parse_network(address) {
        *address = StoredAddress::from(network).to_string();
    }
}

/// The statement: each match has one row for each field.
fn sql(conditions: &Conditions<'_>, facets: &[Facet], top: u16, since: Option<PgTime>) -> Sql {
    let mut sql = Sql::new(
        "select facet, value, records
           from (select facet, value, count(*) as records,
                        row_number() over (partition by facet order by count(*) desc, value) as place
                   from (select actor_type, actor_id, action, target_type, target_id, tenant_id,
                                request_id, ip_address, outcome",
    )
    .unprepared();
    conditions.push_from_where(&mut sql);
    if let Some(since) = since {
        sql.push(" and created_at >= ").push_bind(since);
    }
    sql.push(") matches cross join lateral (values ");
    let mut between = "";
    for (number, facet) in (0_i64..).zip(facets) {
        sql.push(between).push("(").push_bind(number).push(", (").push(value(*facet));
        sql.push(r#") collate "C")"#);
        between = ", ";
    }
    sql.push(
        ") as fields (facet, value)
                  where value is not null
                  group by facet, value) ranked
          where place <= ",
    )
    .push_bind(i64::from(top) + 1)
    .push(" order by facet, place");
    sql
}

/// The value of a field as text.
const fn value(facet: Facet) -> &'static str {
    match facet {
        Facet::Actor => {
            "case actor_type when 'system' then actor_id else actor_type || ':' || actor_id end"
        }
        Facet::ActorType => "actor_type",
        Facet::Action => "action",
        Facet::Target => "target_type || ':' || target_id",
        Facet::TargetType => "target_type",
        Facet::TenantId => "tenant_id",
        Facet::RequestId => "request_id",
        Facet::IpAddress => ADDRESS,
        Facet::Outcome => "outcome",
    }
}

/// An address as text: in the mapped form, which records from before migration 019 may have, as IPv4 address.
pub(super) const ADDRESS: &str = "case when ip_address <<= '::ffff:0:0/96' and masklen(ip_address) = 128 \
     then substr(host(ip_address), 8) else abbrev(ip_address) end";
