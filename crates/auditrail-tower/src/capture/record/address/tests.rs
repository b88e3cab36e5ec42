use std::path::PathBuf;

use http::{HeaderValue, header::HeaderName};
use serde::Deserialize;
use serde_json::Value;

use super::*;

type Outcome = Result<(), Box<dyn std::error::Error>>;

#[derive(Deserialize)]
struct Addresses {
    trusted_proxies: Vec<String>,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    is: String,
    peer: IpAddr,
    forwarded: Option<String>,
    address: IpAddr,
}

fn trusting(networks: &[String]) -> Result<Policy, crate::PolicyError> {
    let builder =
        networks.iter().fold(Policy::builder(), |builder, text| builder.trusted_proxy(text));
    builder.build()
}

fn forwarded(lines: &[&str]) -> Result<HeaderMap, http::header::InvalidHeaderValue> {
    let name = HeaderName::from_static(FORWARDED_FOR);
    lines.iter().map(|line| Ok((name.clone(), HeaderValue::from_bytes(line.as_bytes())?))).collect()
}

#[test]
fn addresses_match_the_vectors() -> Outcome {
    let vectors = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/policy-vectors.json");
    let all: Value = serde_json::from_str(&std::fs::read_to_string(vectors)?)?;
    let Addresses { trusted_proxies, cases } = serde_json::from_value(all["addresses"].clone())?;
    let policy = trusting(&trusted_proxies)?;
    for Case { is, peer, forwarded: header, address } in cases {
        let lines: Vec<&str> = header.as_deref().into_iter().collect();
        assert_eq!(client_address(peer, &forwarded(&lines)?, &policy), address, "{is}");
    }
    Ok(())
}

#[test]
fn header_lines_are_read_from_the_last() -> Outcome {
    let policy = trusting(&["10.0.0.0/8".to_owned()])?;
    let peer: IpAddr = "10.0.0.1".parse()?;
    let lines = forwarded(&["1.1.1.1, 198.51.100.1", "10.0.0.2, 10.0.0.3"])?;
    assert_eq!(client_address(peer, &lines, &policy), "198.51.100.1".parse::<IpAddr>()?);
    let broken = forwarded(&["198.51.100.1", "\u{e4}", "10.0.0.3"])?;
    assert_eq!(client_address(peer, &broken, &policy), "10.0.0.3".parse::<IpAddr>()?);
    Ok(())
}

proptest::proptest! {
    #[test]
    fn untrusted_peers_cannot_forge_an_address(peer in proptest::prelude::any::<u32>(), header in "[0-9a-f:., ]{0,40}") {
        let policy = trusting(&["10.0.0.0/8".to_owned()]).map_err(|e| proptest::test_runner::TestCaseError::fail(e.to_string()))?;
        let peer = IpAddr::from(peer.to_be_bytes());
        proptest::prop_assume!(!policy.trusts(peer));
        let headers = forwarded(&[&header]).map_err(|e| proptest::test_runner::TestCaseError::fail(e.to_string()))?;
        proptest::prop_assert_eq!(client_address(peer, &headers, &policy), peer);
    }
}
