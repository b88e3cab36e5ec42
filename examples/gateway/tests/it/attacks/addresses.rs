//! Header fields with which a caller claims another address or request.

use super::gateway::Gateway;

fn policy(trusted: &str) -> String {
    format!(
        r#"
version = 1
failure = "spool"
trusted_proxies = [{trusted}]

[[rule]]
name = "project deleted"
methods = ["DELETE"]
route = "/api/projects/{{id}}"
action = "project.deleted"
target_type = "project"
target_id = {{ path = "id" }}
"#
    )
}

/// The fields, and the address if the peer is a trusted proxy.
const CASES: [(&str, &str); 19] = [
    ("", "127.0.0.1"),
    ("X-Forwarded-For: 203.0.113.7\r\n", "203.0.113.7"),
    ("X-Forwarded-For: 6.6.6.6, 203.0.113.7\r\n", "203.0.113.7"),
    ("X-Forwarded-For: 6.6.6.6, 203.0.113.7, 10.1.2.3\r\n", "203.0.113.7"),
    ("X-Forwarded-For: 203.0.113.7:4711\r\n", "203.0.113.7"),
    ("X-Forwarded-For: [2001:db8::1]:80\r\n", "2001:db8::1"),
    ("X-Forwarded-For: ::ffff:203.0.113.9\r\n", "203.0.113.9"),
    ("X-Forwarded-For: unknown\r\n", "127.0.0.1"),
    ("X-Forwarded-For: 6.6.6.6, junk\r\n", "127.0.0.1"),
    ("X-Forwarded-For: 6.6.6.6\r\nX-Forwarded-For: 203.0.113.7\r\n", "203.0.113.7"),
    ("X-Forwarded-For: 203.0.113.7,\r\n", "127.0.0.1"),
    ("X-Forwarded-For: 010.1.2.3\r\n", "127.0.0.1"),
    ("X-Forwarded-For: 0x7f000001\r\n", "127.0.0.1"),
    ("Forwarded: for=6.6.6.6\r\n", "127.0.0.1"),
    ("X-Real-IP: 6.6.6.6\r\n", "127.0.0.1"),
    ("X-Forwarded-For: 10.1.1.1, 10.2.2.2\r\n", "10.1.1.1"),
    ("X-Forwarded-For: fe80::1%eth0\r\n", "fe80::1"),
    ("User-Agent: a\tb\x7f\r\n", "127.0.0.1"),
    ("X-Forwarded-For: 203.0.113.7 \t\r\nConnection: x-forwarded-for\r\n", "203.0.113.7"),
];

#[tokio::test]
async fn caller_cannot_choose_its_address() {
    let trusting = Gateway::start(&policy("\"127.0.0.0/8\", \"10.0.0.0/8\"")).await;
    let plain = Gateway::start(&policy("")).await;
    for (number, (fields, _)) in CASES.iter().enumerate() {
        for gateway in [&trusting, &plain] {
            gateway.send(&format!("r-{number}"), "DELETE", "/api/projects/p", fields, b"").await;
        }
    }
    let (trusted, untrusted) = (trusting.records().await, plain.records().await);
    for (number, (fields, address)) in CASES.iter().enumerate() {
        let id = format!("r-{number}");
        // hyper refuses the user agent with DEL.
        let (Some(trusted), Some(untrusted)) = (trusted.get(&id), untrusted.get(&id)) else {
            assert!(fields.starts_with("User-Agent"), "no record of {fields:?}");
            continue;
        };
        let of = |record: &auditrail_core::Record| record.ip_address.unwrap().to_string();
        assert_eq!(of(trusted), *address, "{fields:?}");
        assert_eq!(of(untrusted), "127.0.0.1", "{fields:?}");
    }
}
