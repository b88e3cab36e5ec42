//! Generated records, for comparisons with plain statements.

use auditrail_core::Filters;
use auditrail_store::PgAuditLog;
use auditrail_testkit::TestDb;
use jiff::Timestamp;
use sqlx::{Executor, PgConnection};

use crate::support::{allow_any_time, log, sql};

/// 3,000 records with random values: three share each time; times come in bursts with long gaps, and some are
/// outside the range. Of every ten, one is an intent with an outcome, which is not counted.
const FILL: &str = r#"insert into control_plane.audit_logs
    (id, actor_id, actor_type, action, target_type, target_id, metadata, ip_address, created_at,
     tenant_id, request_id, outcome)
select case n % 10 when 0 then encode(set_bit(uuid_send(md5(n::text)::uuid), 120, 0), 'hex')::uuid
                   when 1 then encode(set_bit(uuid_send(md5((n - 1)::text)::uuid), 120, 1), 'hex')::uuid
                   else md5(n::text)::uuid end,
       case when kind = 'system' then 'system' else 'u' || floor(30 * power(a, 4)) end, kind,
       (array['project.made', 'project.gone', 'key.made', 'key.lost', 'odd'])[1 + floor(5 * power(b, 3))::int],
       (array['project', 'key', 'bucket', 'ü'])[1 + floor(4 * power(c, 3))::int],
       't' || floor(40 * power(c, 4)),
       case n % 10 when 1 then jsonb_build_object('intent_id',
           encode(set_bit(uuid_send(md5((n - 1)::text)::uuid), 120, 0), 'hex')::uuid) else '{"k": 5}' end,
       (array['10.0.0.1', '::ffff:10.0.0.1', '10.0.0.2', '10.0.0.1/8', '2001:db8::1', '::10.1.0.1',
              null])[1 + floor(7 * power(e, 2))::int]::inet,
       case when n % 97 = 0 then 'infinity' when n % 89 = 0 then '-infinity'
            when n % 83 = 0 then '200000-01-01' when n % 79 = 0 then '0010-01-01 BC'
            else timestamptz '2026-01-01 00:00:00Z' + n / 3 * interval '1 second'
                 + n / 300 * interval '5 days' end,
       case when f < 0.7 then 'acme' when f < 0.8 then 'rare' end,
       case when f < 0.05 then 'job' when f < 0.9 then 'r' || n / 2 end,
       case n % 10 when 0 then 'unknown'
            else (array['success', null, 'failure', 'denied', 'unknown'])[1 + floor(5 * power(g, 2))::int] end
  from (select n, random() a, random() b, random() c, random() e, random() f, random() g,
               (array['user', 'api_key', 'system'])[1 + floor(3 * power(random(), 2))::int] as kind
          from generate_series(1, 3000) n) r"#;

/// The condition of records that count: no intents with an outcome.
pub(super) const COUNTED: &str = "(outcome is distinct from 'unknown' \
     or control_plane.audit_intent_is_open(id, tenant_id))";

/// A log with generated records.
pub(super) async fn filled() -> (TestDb, PgAuditLog, PgConnection) {
    let db = TestDb::migrated().await;
    let mut owner = db.connect(db.owner()).await;
    allow_any_time(&mut owner).await;
    owner.execute("select setseed(0.25)").await.unwrap();
    sql(&mut owner, FILL).await;
    sql(&mut owner, "analyze control_plane.audit_logs").await;
    let log = log(&db).await;
    (db, log, owner)
}

/// Filters from parameters.
pub(super) fn filters(parameters: &str) -> Filters {
    let pairs = parameters.split('&').filter_map(|pair| pair.split_once('='));
    Filters::from_pairs(pairs, Timestamp::UNIX_EPOCH).unwrap()
}

/// Makes the function that a search calls for an intent wait for longer than any budget, if the record is older
/// than a time.
pub(super) fn slow_intents_before(time: &str) -> String {
    format!(
        "alter function control_plane.audit_intent_is_open(uuid, text) rename to intent_is_open;
         create function control_plane.audit_intent_is_open(intent uuid, tenant text) returns boolean
             language plpgsql volatile as $$
         begin
             if (select created_at < '{time}' from control_plane.audit_logs where id = intent) then
                 perform pg_catalog.pg_sleep(60);
             end if;
             return control_plane.intent_is_open(intent, tenant);
         end $$"
    )
}
