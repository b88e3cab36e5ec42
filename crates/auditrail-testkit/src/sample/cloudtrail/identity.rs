//! `userIdentity`: people are IAM users, keys are assumed roles, the system is a service.

use serde_json::{Map, Value, json};

use super::super::SampleRecord;
use super::super::acts::meta;
use super::super::dice::{letters, mix};
use super::ACCOUNT;

/// Who made the call. `host` is the service that acts when nobody does.
pub(super) fn identity(record: &SampleRecord, host: &str) -> Map<String, Value> {
    let name = &record.actor_id;
    match record.actor_type {
        "user" => meta([
            ("type", json!("IAMUser")),
            ("principalId", json!(format!("AIDA{}", unique(name, 17)))),
            ("arn", json!(format!("arn:aws:iam::{ACCOUNT}:user/{name}"))),
            ("accountId", json!(ACCOUNT)),
            ("accessKeyId", json!(access_key("AKIA", name))),
            ("userName", json!(name)),
        ]),
        "api_key" => {
            let role = format!("AROA{}", unique(name, 17));
            let issuer = meta([
                ("type", json!("Role")),
                ("principalId", json!(role)),
                (
                    "arn",
                    json!(format!("arn:aws:iam::{ACCOUNT}:role/control-plane")),
                ),
                ("accountId", json!(ACCOUNT)),
                ("userName", json!("control-plane")),
            ]);
            meta([
                ("type", json!("AssumedRole")),
                ("principalId", json!(format!("{role}:{name}"))),
                (
                    "arn",
                    json!(format!(
                        "arn:aws:sts::{ACCOUNT}:assumed-role/control-plane/{name}"
                    )),
                ),
                ("accountId", json!(ACCOUNT)),
                ("accessKeyId", json!(access_key("ASIA", name))),
                ("sessionContext", json!({ "sessionIssuer": issuer })),
            ])
        }
        _ => meta([("type", json!("AWSService")), ("invokedBy", json!(host))]),
    }
}

/// An access key id that no scanner takes for a real one.
pub(super) fn access_key(prefix: &str, owner: &str) -> String {
    format!("{prefix}{}EXAMPLE", unique(owner, 9))
}

/// Up to twenty-four capital letters and digits that follow from `name`.
fn unique(name: &str, len: u32) -> String {
    let sum = name
        .bytes()
        .fold(17, |sum, byte| mix(sum ^ u64::from(byte)));
    let first = letters(sum, len.min(12));
    first + &letters(mix(sum), len.saturating_sub(12))
}
