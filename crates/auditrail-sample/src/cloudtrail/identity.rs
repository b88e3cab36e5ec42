//! `userIdentity`: people are IAM users, keys are assumed roles, the system is a service.

use std::collections::HashMap;

use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Map, Value, json};

use super::super::SampleRecord;
use super::super::actions::meta;
use super::super::random::{letters, mix};
use super::ACCOUNT;

/// A cache of identities as JSON text: there are few, and each is written often.
#[derive(Debug, Default)]
pub(super) struct Identities(HashMap<String, Box<RawValue>>);

impl Identities {
    /// The identity of a caller; `host` is the service of the system.
    pub(super) fn of(&mut self, record: &SampleRecord, host: &str) -> Box<RawValue> {
        let name = if record.actor_type == "system" { host } else { &record.actor_id };
        if let Some(known) = self.0.get(name) {
            return known.clone();
        }
        let text = to_raw_value(&identity(record, host));
        let text = text.expect("a map of strings can be written as JSON");
        self.0.insert(name.to_owned(), text.clone());
        text
    }
}

fn identity(record: &SampleRecord, host: &str) -> Map<String, Value> {
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
                ("arn", json!(format!("arn:aws:iam::{ACCOUNT}:role/control-plane"))),
                ("accountId", json!(ACCOUNT)),
                ("userName", json!("control-plane")),
            ]);
            meta([
                ("type", json!("AssumedRole")),
                ("principalId", json!(format!("{role}:{name}"))),
                ("arn", json!(format!("arn:aws:sts::{ACCOUNT}:assumed-role/control-plane/{name}"))),
                ("accountId", json!(ACCOUNT)),
                ("accessKeyId", json!(access_key("ASIA", name))),
                ("sessionContext", json!({ "sessionIssuer": issuer })),
            ])
        }
        _ => meta([("type", json!("AWSService")), ("invokedBy", json!(host))]),
    }
}

/// An access key id that secret scanners do not report.
pub(super) fn access_key(prefix: &str, owner: &str) -> String {
    format!("{prefix}{}EXAMPLE", unique(owner, 9))
}

/// Up to 24 capital letters and digits derived from `name`.
fn unique(name: &str, len: u32) -> String {
    let sum = name.bytes().fold(17, |sum, byte| mix(sum ^ u64::from(byte)));
    let first = letters(sum, len.min(12));
    first + &letters(mix(sum), len.saturating_sub(12))
}
