//! Any record round-trips through the table, by COPY and by INSERT.

use std::net::IpAddr;

use auditrail_core::{
    Action, Actor, ActorId, ActorName, AuditLogService, Metadata, Outcome, Record, RecordTime,
    RecordedBy, RequestId, StoredAddress, Target, TargetId, TargetName, TargetType, TenantId,
    UserAgent, limits,
};
use auditrail_store::{BulkWriter, PgAuditLog};
use auditrail_testkit::TestDb;
use ipnet::IpNet;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseError, TestRunner};
use tokio::runtime::Runtime;
use uuid::Uuid;

use crate::support::{log, record, stored};

/// Text that PostgreSQL can store: anything but NUL.
fn text() -> impl Strategy<Value = String> {
    any::<String>().prop_map(|text| text.replace('\0', ""))
}

fn actor() -> impl Strategy<Value = Actor> {
    prop_oneof![
        Just(Actor::system()),
        text().prop_map(|id| Actor::User(ActorId::from_stored(id))),
        text().prop_map(|id| Actor::ApiKey(ActorId::from_stored(id))),
    ]
}

fn address() -> impl Strategy<Value = StoredAddress> {
    let address = prop_oneof![
        any::<u32>().prop_map(|bits| IpAddr::V4(bits.into())),
        any::<u128>().prop_map(|bits| IpAddr::V6(bits.into())),
        any::<u32>().prop_map(|bits| IpAddr::V6(std::net::Ipv4Addr::from(bits).to_ipv6_mapped())),
    ];
    (address, 0..=128_u8).prop_map(|(address, mask)| {
        let full = IpNet::from(address).max_prefix_len();
        IpNet::new(address, mask.min(full)).unwrap().into()
    })
}

fn metadata() -> impl Strategy<Value = Metadata> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        (-1e30..1e30_f64).prop_map(Into::into),
        text().prop_map(Into::into),
    ];
    let value = leaf.prop_recursive(4, 24, 6, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..6).prop_map(Into::into),
            vec((text(), inner), 0..6).prop_map(|fields| fields.into_iter().collect()),
        ]
    });
    vec((text(), value), 0..6).prop_map(|fields| {
        let object: serde_json::Value = fields.into_iter().collect();
        object.to_string().parse().unwrap()
    })
}

fn any_record() -> impl Strategy<Value = Record> {
    let times = RecordTime::MIN_UNIX_MICROS..=RecordTime::MAX_UNIX_MICROS;
    let times =
        prop_oneof![times, Just(RecordTime::MIN_UNIX_MICROS), Just(RecordTime::MAX_UNIX_MICROS),];
    let needed = (any::<u128>(), actor(), text(), text(), text(), times);
    let optional = (
        proptest::option::of(metadata()),
        proptest::option::of(address()),
        proptest::option::of(text()),
        proptest::option::of(text()),
        proptest::option::of(text()),
    );
    let about = (
        proptest::option::of(proptest::sample::select(&Outcome::ALL[..])),
        proptest::option::of(text()),
        proptest::option::of(text()),
        text(),
    );
    (needed, optional, about).prop_map(|(needed, optional, about)| {
        let (id, actor, action, target_type, target_id, micros) = needed;
        let (metadata, ip_address, user_agent, tenant_id, request_id) = optional;
        let (outcome, actor_name, target_name, recorded_by) = about;
        Record {
            id: Uuid::from_u128(id).into(),
            actor,
            action: Action::from_stored(action),
            target: Target::new(
                TargetType::from_stored(target_type),
                TargetId::from_stored(target_id),
            ),
            metadata,
            ip_address,
            user_agent: user_agent.map(UserAgent::from_stored),
            created_at: RecordTime::from_unix_micros(micros).unwrap(),
            tenant_id: tenant_id.map(TenantId::from_stored),
            request_id: request_id.map(RequestId::from_stored),
            outcome,
            actor_name: actor_name.map(ActorName::from_stored),
            target_name: target_name.map(TargetName::from_stored),
            recorded_by: Some(RecordedBy::from_stored(recorded_by)),
        }
    })
}

/// Whether a record is unchanged: jsonb may format the same metadata differently.
fn same(written: &Record, read: &Record) -> bool {
    let metadata = match (&written.metadata, &read.metadata) {
        (Some(written), Some(read)) => written.same_content(read),
        (written, read) => written == read,
    };
    let rest = Record { metadata: written.metadata.clone(), ..read.clone() };
    metadata && rest == *written
}

async fn come_back(log: &PgAuditLog, records: &[Record]) -> Result<(), TestCaseError> {
    for written in records {
        let read = log.get(written.id).await.unwrap().unwrap();
        prop_assert!(same(written, &read), "wrote {written:?}\nread  {read:?}");
    }
    Ok(())
}

#[test]
fn records_round_trip_by_copy_and_insert() {
    let runtime = Runtime::new().unwrap();
    let db = runtime.block_on(TestDb::migrated());
    let log = runtime.block_on(log(&db));
    let mut runner =
        TestRunner::new(Config { cases: 48, failure_persistence: None, ..Config::default() });
    let chunk = || vec(any_record(), 1..24);
    let ran = runner.run(&(chunk(), chunk()), |(copied, mut inserted)| {
        runtime.block_on(async {
            // Only the service may set the writer of a record.
            let mut writer = BulkWriter::connect(&db.service()).await.unwrap();
            let done = writer.write(&copied).await.unwrap();
            prop_assert_eq!(done.created, copied.len() as u64);
            come_back(&log, &copied).await?;
            // With a taken id the chunk is written by INSERT; both comparisons must then detect every
            // duplicate.
            inserted.push(copied[0].clone());
            let done = writer.write(&inserted).await.unwrap();
            prop_assert_eq!(done.duplicates, 1);
            prop_assert_eq!(done.conflicts, []);
            come_back(&log, &inserted).await?;
            for _ in 0..2 {
                let done = writer.write(&inserted).await.unwrap();
                prop_assert_eq!(done.duplicates, inserted.len() as u64);
            }
            writer.close().await.unwrap();
            Ok(())
        })
    });
    ran.unwrap();
}

#[tokio::test]
async fn largest_record_round_trips_by_copy() {
    let db = TestDb::migrated().await;
    let log = log(&db).await;
    let filler = "é".repeat((limits::METADATA_MAX_BYTES - 100) / 2);
    let records: Vec<_> = (1..=40)
        .map(|n| {
            let mut record = record(n, 0);
            record.metadata = Some(format!(r#"{{"text":"{filler}"}}"#).parse().unwrap());
            // Four bytes per character; the index entry must still fit.
            record.actor = Actor::user(&"🦀".repeat(limits::ACTOR_ID_MAX_CHARS)).unwrap();
            record.target.target_id = "🦀".repeat(limits::TARGET_ID_MAX_CHARS).parse().unwrap();
            record.user_agent = Some("x".repeat(limits::USER_AGENT_MAX_CHARS).parse().unwrap());
            record
        })
        .collect();
    let mut writer = BulkWriter::connect(&db.app()).await.unwrap();
    assert_eq!(writer.write(&records).await.unwrap().created, 40);
    let read = log.get(records[39].id).await.unwrap().unwrap();
    assert!(same(&stored(records[39].clone()), &read));
}
