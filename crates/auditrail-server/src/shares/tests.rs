use futures_util::FutureExt;

use super::*;
use crate::auth::Principal;

const WAIT: Duration = Duration::from_secs(600);

fn holder(tenant: &str) -> ShareHolder {
    ShareHolder::from(&Principal {
        key_id: "k".into(),
        scopes: Vec::new(),
        tenant: tenant.parse().ok(),
        version: None,
    })
}

#[tokio::test]
async fn a_holder_gets_its_share_and_no_more() {
    let shares = Shares::new(4, 2, Duration::ZERO);
    let [a, b, c] = ["a", "b", "c"].map(holder);
    let first = shares.take(&a).await.unwrap();
    let _second = shares.take(&a).await.unwrap();
    assert_eq!(shares.take(&a).await.unwrap_err(), NoShare::OfHolder);
    let _others = [shares.take(&b).await.unwrap(), shares.try_take(&b).unwrap()];
    assert_eq!(shares.take(&c).await.unwrap_err(), NoShare::OfResource);
    assert_eq!(shares.try_take(&c).unwrap_err(), NoShare::OfResource);
    drop(first);
    let last = shares.take(&a).await.unwrap();
    drop(last);
    assert!(shares.take_beyond_share().await.is_ok());
}

#[tokio::test]
async fn one_request_of_each_holder_waits_for_the_resource() {
    let shares = Shares::new(3, 3, WAIT);
    let [a, b, c] = ["a", "b", "c"].map(holder);
    let used = shares.take(&c).await.unwrap();
    let _more = [shares.take(&c).await.unwrap(), shares.take(&c).await.unwrap()];
    let mut of_a: Vec<_> = (0..3).map(|_| Box::pin(shares.take(&a))).collect();
    for waiting in &mut of_a {
        assert!(waiting.now_or_never().is_none());
    }
    let mut of_b = Box::pin(shares.take(&b));
    assert!((&mut of_b).now_or_never().is_none());
    // The first unit goes to the first holder, the next to the other.
    drop(used);
    let first = of_a.remove(0).await.unwrap();
    for waiting in &mut of_a {
        assert!(waiting.now_or_never().is_none());
    }
    drop(first);
    assert!(of_a[0].as_mut().now_or_never().is_none());
    assert!(of_b.await.is_ok());
}

#[tokio::test]
async fn holders_without_requests_are_forgotten() {
    let shares = Shares::new(1, 1, WAIT);
    for number in 0..3 * CLEANUP_FROM {
        drop(shares.take(&holder(&format!("t{number}"))).await.unwrap());
    }
    assert!(shares.holders().len() <= CLEANUP_FROM);
}
