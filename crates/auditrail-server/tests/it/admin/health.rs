//! Routes of the admin listener.

use crate::support::client::Call;
use crate::support::service::{Running, Service};

#[tokio::test]
async fn livez_and_healthz_respond() {
    let service = Service::start().await;
    let admin = Running::admin(&service.app, None).await;
    for path in ["/livez", "/healthz"] {
        let live = admin.get(path).send().await;
        assert_eq!((live.status.as_u16(), &live.json()["status"]), (200, &"alive".into()));
    }
}

#[tokio::test]
async fn log_routes_are_not_on_the_admin_listener() {
    let service = Service::start().await;
    let admin = Running::admin(&service.app, None).await;
    for path in ["/v1/audit-logs", "/v1/audit-logs/export?format=csv"] {
        let answer = admin.get(path).key("all").send().await;
        assert_eq!(answer.problem(), (404, "no_such_route".to_owned()));
    }
    let written = Call::new(admin.address, "POST", "/livez").key("all").send().await;
    assert_eq!(written.problem(), (405, "method_not_allowed".to_owned()));
}

#[tokio::test]
async fn health_routes_are_not_on_the_public_listener() {
    let service = Service::start().await;
    for path in ["/livez", "/readyz", "/healthz", "/metrics"] {
        let answer = service.get(path).key("all").send().await;
        assert_eq!(answer.problem(), (404, "no_such_route".to_owned()), "{path}");
    }
}
