//! An intent whose outcome is recorded is neither listed nor counted, unless all intents are asked for.

use auditrail_core::{
    Count, Filters, Intents, Outcome, PageSize, Query, Record, RecordId, TenantId,
};
use auditrail_store::{PgAuditLog, SummaryOptions};
use auditrail_testkit::TestDb;
use futures_util::TryStreamExt;

use crate::support::{id, log, record};

fn intent(number: u32) -> Record {
    Record { id: id(number).as_intent(), outcome: Some(Outcome::Unknown), ..record(number, number) }
}

fn outcome_of(intent: &Record) -> Record {
    let metadata = format!(r#"{{"phase": "outcome", "intent_id": "{}"}}"#, intent.id);
    Record {
        id: intent.id.outcome_of_intent(),
        outcome: Some(Outcome::Failure),
        metadata: Some(metadata.parse().unwrap()),
        ..intent.clone()
    }
}

async fn listed(log: &PgAuditLog, filters: Filters) -> (Vec<RecordId>, u64) {
    let limit = PageSize::default();
    let query = Query { filters: filters.clone(), limit, count: Count::Exact, ..Query::default() };
    let page = log.page(&query).await.unwrap();
    let summary = log.summary(&filters, SummaryOptions { top: 9, interval: None, recent: false });
    let ids: Vec<_> = page.data.iter().map(|record| record.id).collect();
    assert_eq!(summary.await.unwrap().total, ids.len() as u64, "statistics count what is listed");
    (ids, page.pagination.total().unwrap().count)
}

#[tokio::test]
async fn an_intent_with_an_outcome_is_listed_once() {
    let db = TestDb::migrated().await;
    let log = log(&db).await;
    let resolved = intent(10);
    let outcome = outcome_of(&resolved);
    let open = intent(20);
    let plain = record(31, 31);
    let all = [resolved.clone(), outcome.clone(), open.clone(), plain.clone()];
    log.bulk_writer().await.unwrap().write(&all).await.unwrap();

    let shown = vec![plain.id, open.id, outcome.id];
    assert_eq!(listed(&log, Filters::default()).await, (shown, 3));
    let unknown = Filters { outcome: Some(Outcome::Unknown), ..Filters::default() };
    assert_eq!(listed(&log, unknown).await, (vec![open.id], 1));
    let every = Filters { intents: Some(Intents::All), ..Filters::default() };
    assert_eq!(listed(&log, every).await.1, 4);
    let exported: Vec<_> = log.export(Filters::default()).try_collect().await.unwrap();
    assert_eq!(exported.len(), 4, "an export is complete");
    let open_only = Filters { intents: Some(Intents::Open), ..Filters::default() };
    let exported: Vec<_> = log.export(open_only).try_collect().await.unwrap();
    assert_eq!(exported.len(), 3);
}

#[tokio::test]
async fn other_records_do_not_hide_an_intent() {
    let db = TestDb::migrated().await;
    let log = log(&db).await;
    let tenant = |name: &str| Some(name.parse::<TenantId>().unwrap());
    let of_other_tenant = Record { tenant_id: tenant("a"), ..intent(10) };
    let other_tenant = Record { tenant_id: tenant("b"), ..outcome_of(&of_other_tenant) };
    let unnamed = intent(20);
    let not_naming = Record { metadata: None, ..outcome_of(&unnamed) };
    let successful = Record { outcome: Some(Outcome::Success), ..intent(30) };
    let outcome = outcome_of(&successful);
    let all = [of_other_tenant, other_tenant, unnamed, not_naming, successful, outcome];
    log.bulk_writer().await.unwrap().write(&all).await.unwrap();
    assert_eq!(listed(&log, Filters::default()).await.1, 6);
}
