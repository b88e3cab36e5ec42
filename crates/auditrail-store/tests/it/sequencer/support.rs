//! Shared helpers.

use std::collections::HashSet;

use auditrail_store::sequencer::{Checked, Reconciler, Sequencer, Step, Unsequenced};
use sqlx::postgres::PgConnectOptions;
use sqlx::{PgConnection, Row};
use uuid::Uuid;

use crate::support::{number, sql};

/// Adds records with these ids in one statement.
pub(super) async fn write(db: &mut PgConnection, ids: std::ops::Range<u32>) {
    sql(
        db,
        &format!(
            "insert into control_plane.audit_logs
                 (id, actor_id, actor_type, action, target_type, target_id)
             select lpad(to_hex(n), 32, '0')::uuid, 'u1', 'user', 'project.created', 'project', 'p1'
               from generate_series({}, {} - 1) n",
            ids.start, ids.end
        ),
    )
    .await;
}

/// Does steps until nothing is left; returns how many records were given a seq.
pub(super) async fn drain(sequencer: &mut Sequencer) -> usize {
    let mut sequenced = 0;
    while sequencer.look().await.unwrap().has_more {
        match sequencer.step().await.unwrap() {
            Step::Advanced(advance) => sequenced += advance.sequenced,
            Step::Locked => panic!("another session holds the lock"),
        }
    }
    sequenced
}

/// Drains with a new sequencer.
pub(super) async fn sequence(options: &PgConnectOptions) -> usize {
    let mut sequencer = Sequencer::new(options);
    let sequenced = drain(&mut sequencer).await;
    sequencer.close().await;
    sequenced
}

/// The ids in the order of their seq. Panics if there is a gap, or an id that occurs twice.
pub(super) async fn order(db: &mut PgConnection) -> Vec<Uuid> {
    let rows = sqlx::query(
        "select first_seq, ids from control_plane.audit_log_entries order by first_seq",
    )
    .fetch_all(&mut *db)
    .await
    .unwrap();
    let mut order = Vec::new();
    for row in rows {
        assert_eq!(row.get::<i64, _>(0), i64::try_from(order.len()).unwrap(), "a gap");
        let ids: Vec<u8> = row.get(1);
        order.extend(ids.chunks_exact(16).map(|id| Uuid::from_slice(id).unwrap()));
    }
    let next_seq = number(db, "select next_seq from control_plane.audit_log_sequencer").await;
    assert_eq!(next_seq, i64::try_from(order.len()).unwrap());
    let distinct: HashSet<&Uuid> = order.iter().collect();
    assert_eq!(distinct.len(), order.len(), "a record has two seq");
    order
}

/// Checks that exactly the records of the table have a seq; returns how many there are.
pub(super) async fn assert_complete(db: &mut PgConnection) -> usize {
    let stored: HashSet<Uuid> = sqlx::query_scalar("select id from control_plane.audit_logs")
        .fetch_all(&mut *db)
        .await
        .unwrap()
        .into_iter()
        .collect();
    let sequenced: HashSet<Uuid> = order(db).await.into_iter().collect();
    let missing = stored.difference(&sequenced).count();
    let extra = sequenced.difference(&stored).count();
    assert_eq!((missing, extra), (0, 0), "of {} records", stored.len());
    stored.len()
}

/// The records without a seq that one pass of the reconciler finds, and how many it compared.
pub(super) async fn reconcile(options: &PgConnectOptions) -> (usize, Vec<Unsequenced>) {
    let mut reconciler = Reconciler::new(options);
    let (mut compared, mut unsequenced) = (0, Vec::new());
    loop {
        let Checked { records, unsequenced: found, is_end } = reconciler.step().await.unwrap();
        compared += records;
        unsequenced.extend(found);
        if is_end {
            reconciler.close().await;
            return (compared, unsequenced);
        }
    }
}

/// The id that [`write`] gives.
pub(super) fn id(number: u32) -> Uuid {
    Uuid::from_u128(number.into())
}
