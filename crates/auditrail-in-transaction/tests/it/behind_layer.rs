//! A handler behind the layer of `auditrail-tower` that records in its own transaction, with a real database.

use std::sync::Arc;
use std::time::Duration;

use auditrail_core::{Actor, CreateInput, DeliveryStatus, FailurePolicy, Record, RecordSink};
use auditrail_in_transaction::sqlx_0_9::record_in;
use auditrail_testkit::TestDb;
use auditrail_tower::{AuditHandle, AuditLayer, IdFrom, PeerAddr, Policy, Principal, Rule};
use axum::Router;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{Request, StatusCode};
use axum::routing::put;
use sqlx::PgPool;
use tokio::sync::watch;
use tower::ServiceExt as _;

/// Writes each record at once, in a transaction of its own.
#[derive(Clone)]
struct Direct {
    pool: PgPool,
    /// The number of finished submissions.
    finished: watch::Sender<usize>,
}

impl RecordSink for Direct {
    type Error = sqlx::Error;

    fn submit(
        &self,
        input: CreateInput,
        _policy: Option<FailurePolicy>,
    ) -> impl Future<Output = Result<DeliveryStatus, sqlx::Error>> + Send + 'static {
        let Self { pool, finished } = self.clone();
        async move {
            let mut db = pool.acquire().await?;
            let result = record_in(&mut db, &input).await;
            finished.send_modify(|count| *count += 1);
            match result {
                Ok(_) => Ok(DeliveryStatus::Acknowledged),
                Err(error) => Err(sqlx::Error::Protocol(format!("{error:?}"))),
            }
        }
    }

    fn spools(&self) -> bool {
        true
    }
}

/// Renames a project, together with its record.
async fn rename(
    audit: AuditHandle,
    State(pool): State<PgPool>,
    Path(name): Path<String>,
) -> Result<&'static str, StatusCode> {
    let failed = |_| StatusCode::INTERNAL_SERVER_ERROR;
    let mut tx = pool.begin().await.map_err(failed)?;
    audit.set_target_name("The project");
    let target = format!("project:{name}").parse().map_err(|_| StatusCode::BAD_REQUEST)?;
    let input =
        audit.input("project.renamed".parse().map_err(|_| StatusCode::BAD_REQUEST)?, target);
    let record = record_in(&mut tx, &input).await.map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)?;
    let insert = sqlx::query("insert into shop.projects values ($1)").bind(&name);
    insert.execute(&mut *tx).await.map_err(failed)?;
    match name.as_str() {
        "rolled-back" => tx.rollback().await.map_err(failed)?,
        "unconfirmed" => {
            tx.commit().await.map_err(failed)?;
            return Err(StatusCode::BAD_GATEWAY);
        }
        _ => {
            tx.commit().await.map_err(failed)?;
            audit.committed(&record);
        }
    }
    if name == "fails-after" || name == "rolled-back" {
        return Err(StatusCode::INTERNAL_SERVER_ERROR);
    }
    Ok("renamed")
}

async fn app(failure: FailurePolicy) -> (TestDb, Router, Direct) {
    let (db, _) = crate::support::shop().await;
    let pool = db.pool(db.app()).await;
    let rule = Rule::on("PUT", "/projects/{name}")
        .action("project.updated")
        .target("project", IdFrom::path("name"))
        .failure(failure);
    let policy = Policy::builder().rule(rule).build().unwrap();
    let sink = Direct { pool: pool.clone(), finished: watch::Sender::new(0) };
    let audit = AuditLayer::new(Arc::new(policy), sink.clone()).unwrap().actor(|_| {
        Some(Principal::new(Actor::user("ana").unwrap()).with_name("Ana").with_tenant("acme"))
    });
    let app = Router::new().route("/projects/{name}", put(rename)).with_state(pool).layer(audit);
    (db, app, sink)
}

/// Sends a request, and waits for the records that the layer submits: the intent, and `outcomes`.
async fn send_and_wait(
    app: &Router,
    sink: &Direct,
    name: &str,
    failure: FailurePolicy,
    outcomes: usize,
) {
    send(app, name).await;
    let expected = outcomes + usize::from(failure == FailurePolicy::Must);
    let mut finished = sink.finished.subscribe();
    let waiting = finished.wait_for(|count| *count == expected);
    tokio::time::timeout(Duration::from_secs(60), waiting).await.unwrap().unwrap();
}

async fn send(app: &Router, name: &str) {
    let request = Request::put(format!("/projects/{name}"))
        .extension(PeerAddr("203.0.113.7:1".parse().unwrap()))
        .header("user-agent", "curl/8")
        .header("x-request-id", "r-7")
        .body(Body::empty())
        .unwrap();
    let response = app.clone().oneshot(request).await.unwrap();
    axum::body::to_bytes(response.into_body(), 1_000).await.unwrap();
}

/// All records, intents aside.
async fn outcomes(db: &TestDb) -> Vec<Record> {
    let mut owner = db.connect(db.owner()).await;
    let rows: Vec<String> = sqlx::query_scalar(
        "select (to_jsonb(r) - 'xact_id')::text from control_plane.audit_logs r
          where metadata->>'phase' is distinct from 'intent' order by created_at, id",
    )
    .fetch_all(&mut owner)
    .await
    .unwrap();
    rows.iter().map(|row| serde_json::from_str(row).unwrap()).collect()
}

#[tokio::test]
async fn committed_record_is_the_only_one_with_all_fields() {
    for failure in FailurePolicy::ALL {
        for name in ["p1", "fails-after", "unconfirmed"] {
            let (db, app, sink) = app(failure).await;
            let conflicting = usize::from(name == "unconfirmed");
            send_and_wait(&app, &sink, name, failure, conflicting).await;
            let [record] = outcomes(&db).await.try_into().unwrap();
            assert_eq!(record.action.as_str(), "project.renamed", "{name}");
            assert_eq!(record.target.to_string(), format!("project:{name}"));
            assert_eq!(record.actor, Actor::user("ana").unwrap());
            let text = |text: Option<&str>| text.map(str::to_owned);
            assert_eq!(
                text(record.actor_name.as_ref().map(|t| t.as_str())).as_deref(),
                Some("Ana")
            );
            assert_eq!(record.target_name.unwrap().as_str(), "The project");
            assert_eq!(record.tenant_id.unwrap().as_str(), "acme");
            assert_eq!(record.ip_address.unwrap().to_string(), "203.0.113.7");
            assert_eq!(record.user_agent.unwrap().as_str(), "curl/8");
            assert_eq!(record.request_id.unwrap().as_str(), "r-7");
            assert_eq!(record.outcome, Some(auditrail_core::Outcome::Success));
            let metadata = record.metadata.unwrap();
            assert!(metadata.as_str().contains("PUT /projects/{name}"), "{metadata}");
            assert_eq!(metadata.as_str().contains("intent_id"), failure == FailurePolicy::Must);
        }
    }
}

#[tokio::test]
async fn rolled_back_record_leaves_that_of_the_rule() {
    for failure in FailurePolicy::ALL {
        let (db, app, sink) = app(failure).await;
        send_and_wait(&app, &sink, "rolled-back", failure, 1).await;
        let [record] = outcomes(&db).await.try_into().unwrap();
        assert_eq!(record.action.as_str(), "project.updated", "by the rule");
        assert_eq!(record.outcome, Some(auditrail_core::Outcome::Failure));
        assert_eq!(crate::support::counts(&db).await.0, 0, "nothing was changed");
    }
}
