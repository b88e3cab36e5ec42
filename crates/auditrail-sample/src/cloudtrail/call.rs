//! The call of an AWS service for each action.

use serde_json::{Map, Value, json};

use super::super::SampleRecord;
use super::super::actions::meta;
use super::super::random::Random;
use super::identity::access_key;
use super::{ACCOUNT, made};

type Object = Map<String, Value>;

/// An API call: the short name of the service, the name of the call, parameters and response.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) service: &'static str,
    pub(super) name: &'static str,
    pub(super) read_only: bool,
    pub(super) parameters: Option<Object>,
    pub(super) response: Option<Object>,
    /// The type of the event, unless it is an ordinary call.
    pub(super) event_type: Option<&'static str>,
}

impl Call {
    fn new(service: &'static str, name: &'static str, parameters: Object) -> Self {
        let parameters = Some(parameters);
        Self { service, name, read_only: false, parameters, response: None, event_type: None }
    }

    fn reading(self) -> Self {
        Self { read_only: true, ..self }
    }

    fn answering(self, response: Option<Object>) -> Self {
        Self { response, ..self }
    }

    /// The call for the action of `record`.
    pub(super) fn of(random: &mut Random, record: &SampleRecord) -> Self {
        let (resource, verb) = record.action.split_once('.').unwrap_or((record.action, ""));
        match resource {
            "secret" => secret(record, verb),
            "key" => key(record, verb),
            "user" => user(record, verb),
            "project" | "deployment" => stack(random, record, verb),
            "team" => Self::new(
                "iam",
                "AddUserToGroup",
                meta([
                    ("groupName", json!(record.target_id.replace('/', "-"))),
                    ("userName", record.metadata.get("member").cloned().unwrap_or_default()),
                ]),
            ),
            "alert" => {
                let token = json!(random.letters(12));
                Self::new("config", "PutEvaluations", meta([("resultToken", token)]))
            }
            "repository" => {
                let name = meta([("repositoryName", json!(record.target_id))]);
                Self::new("ecr-public", "PutRepositoryCatalogData", name)
            }
            _ => Self::new(
                "account",
                "PutAlternateContact",
                meta([("alternateContactType", json!("SECURITY"))]),
            ),
        }
    }
}

fn secret(record: &SampleRecord, verb: &str) -> Call {
    let name = &record.target_id;
    let arn = format!("arn:aws:secretsmanager:eu-central-1:{ACCOUNT}:secret:{name}");
    let id = meta([("secretId", json!(arn))]);
    match verb {
        "accessed" => Call::new("secretsmanager", "GetSecretValue", id).reading(),
        "created" => Call::new("secretsmanager", "CreateSecret", meta([("name", json!(name))]))
            .answering(Some(meta([("aRN", json!(arn))]))),
        _ => Call::new("secretsmanager", "RotateSecret", id)
            .answering(Some(meta([("aRN", json!(arn))]))),
    }
}

fn key(record: &SampleRecord, verb: &str) -> Call {
    let id = access_key("AKIA", &record.target_id);
    let (user, access_key_id) = (json!(record.actor_id), json!(id));
    match verb {
        "created" => {
            let made_key = meta([("accessKeyId", access_key_id), ("status", json!("Active"))]);
            Call::new("iam", "CreateAccessKey", meta([("userName", user)]))
                .answering(made("accessKey", &made_key))
        }
        "revoked" => Call::new("iam", "DeleteAccessKey", meta([("accessKeyId", access_key_id)])),
        _ => {
            let change = meta([("accessKeyId", access_key_id), ("status", json!("Inactive"))]);
            Call::new("iam", "UpdateAccessKey", change)
        }
    }
}

fn user(record: &SampleRecord, verb: &str) -> Call {
    let name = meta([("userName", json!(record.target_id))]);
    match verb {
        "signed_in" => {
            let answer = meta([("ConsoleLogin", json!("Success"))]);
            let call = Call::new("signin", "ConsoleLogin", Map::new()).answering(Some(answer));
            Call { parameters: None, event_type: Some("AwsConsoleSignIn"), ..call }
        }
        "invited" => {
            let answer = made("user", &name);
            Call::new("iam", "CreateUser", name).answering(answer)
        }
        "removed" => Call::new("iam", "DeleteUser", name),
        _ => {
            let role = record.metadata.get("to").and_then(Value::as_str).unwrap_or("viewer");
            let mut change = name;
            let policy = format!("arn:aws:iam::{ACCOUNT}:policy/{role}");
            change.insert("policyArn".to_owned(), json!(policy));
            Call::new("iam", "AttachUserPolicy", change)
        }
    }
}

fn stack(random: &mut Random, record: &SampleRecord, verb: &str) -> Call {
    let name = record.target_id.replace('/', "-");
    let stack = meta([("stackName", json!(name))]);
    match (record.target_type, verb) {
        ("deployment", _) => {
            let project = record.metadata.get("project").cloned().unwrap_or_default();
            let version = record.metadata.get("version").cloned().unwrap_or_default();
            let release = meta([("applicationName", project), ("revision", version)]);
            let id = format!("d-{}", random.letters(9));
            Call::new("codedeploy", "CreateDeployment", release)
                .answering(Some(meta([("deploymentId", json!(id))])))
        }
        (_, "created") => {
            let arn = format!("arn:aws:cloudformation:eu-central-1:{ACCOUNT}:stack/{name}");
            Call::new("cloudformation", "CreateStack", stack)
                .answering(Some(meta([("stackId", json!(arn))])))
        }
        (_, "updated") => Call::new("cloudformation", "UpdateStack", stack),
        (_, "deleted") => Call::new("cloudformation", "DeleteStack", stack),
        (_, "auto_suspended") => {
            let group = meta([("autoScalingGroupName", json!(name))]);
            Call::new("autoscaling", "SuspendProcesses", group)
        }
        _ => Call::new(
            "ecs",
            "UpdateService",
            meta([("service", json!(name)), ("desiredCount", json!(0))]),
        ),
    }
}
