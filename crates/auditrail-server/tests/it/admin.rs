//! What is on the admin listener.

use crate::client::Call;
use crate::service::{Running, Service};

#[tokio::test]
async fn the_process_is_alive_under_both_names() {
    let service = Service::start().await;
    let admin = Running::admin(&service.app, None).await;
    for path in ["/livez", "/healthz"] {
        let live = admin.get(path).send().await;
        assert_eq!((live.status.as_u16(), &live.json()["status"]), (200, &"alive".into()));
    }
}

#[tokio::test]
async fn the_log_is_not_on_this_listener() {
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
async fn what_supervisors_ask_is_not_on_the_public_listener() {
    let service = Service::start().await;
    for path in ["/livez", "/readyz", "/healthz", "/metrics"] {
        let answer = service.get(path).key("all").send().await;
        assert_eq!(answer.problem(), (404, "no_such_route".to_owned()), "{path}");
    }
}
