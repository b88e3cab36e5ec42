use auditrail_core::{ActorName, CreateInput, TargetName};

use super::super::parse;

fn mapped(event: &serde_json::Value) -> Result<CreateInput, String> {
    let now = "2026-01-01T00:00:00Z".parse().unwrap();
    parse(event.to_string().as_bytes(), now).map_err(|reason| reason.text)
}

#[test]
fn outcomes_follow_error_codes_and_sign_in_results() {
    use super::Outcome::{Denied, Failure, Success};
    for (fields, expected) in [
        (r#"{}"#, Success),
        (r#"{"errorCode":"","errorMessage":null}"#, Success),
        (r#"{"errorCode":"AccessDenied"}"#, Denied),
        (r#"{"errorCode":"AccessDeniedException"}"#, Denied),
        (r#"{"errorCode":"Client.UnauthorizedOperation"}"#, Denied),
        (r#"{"errorCode":"VpceAccessDenied"}"#, Denied),
        (r#"{"errorCode":"NotAuthorizedException"}"#, Denied),
        (r#"{"errorCode":"X","errorMessage":"a is not authorized to perform: b"}"#, Denied),
        (r#"{"errorCode":"NoSuchBucket"}"#, Failure),
        (r#"{"errorMessage":"Failed authentication"}"#, Failure),
        (r#"{"eventName":"ConsoleLogin","responseElements":{"ConsoleLogin":"Failure"}}"#, Failure),
        (r#"{"eventName":"ConsoleLogin","responseElements":{"ConsoleLogin":"Success"}}"#, Success),
        (
            r#"{"eventName":"CredentialVerification","serviceEventDetails":{"CredentialVerification":"Failure"}}"#,
            Failure,
        ),
    ] {
        let mut event = serde_json::json!({
            "userIdentity": {"type": "IAMUser", "userName": "ann"}, "eventName": "CreateUser",
            "eventTime": "2023-07-10T11:42:18Z", "eventSource": "iam.amazonaws.com",
        });
        let fields: serde_json::Value = serde_json::from_str(fields).unwrap();
        for (name, value) in fields.as_object().unwrap() {
            event[name] = value.clone();
        }
        assert_eq!(mapped(&event).unwrap().outcome, Some(expected), "{fields}");
    }
}

#[test]
fn names_are_those_of_people_and_resources() {
    for (identity, expected) in [
        (r#"{"type":"IAMUser","userName":"ann"}"#, Some("ann")),
        (r#"{"type":"Root","arn":"arn:aws:iam::1:root"}"#, Some("root")),
        (
            r#"{"type":"AssumedRole","arn":"arn:aws:sts::1:assumed-role/r/ann@x.io"}"#,
            Some("ann@x.io"),
        ),
        (
            r#"{"type":"AssumedRole","arn":"a/r/s","sessionContext":{"sourceIdentity":"ann"}}"#,
            Some("ann"),
        ),
        (r#"{"type":"AWSAccount","accountId":"1","principalId":"AROA:ann"}"#, Some("ann")),
        (r#"{"type":"AWSService","invokedBy":"ec2.amazonaws.com"}"#, None),
        (r#"{"type":"IdentityCenterUser","accountId":"1","onBehalfOf":{"userId":"94"}}"#, None),
    ] {
        let event = serde_json::json!({
            "userIdentity": serde_json::from_str::<serde_json::Value>(identity).unwrap(),
            "eventTime": "2023-07-10T11:42:18Z", "eventSource": "s3.amazonaws.com",
            "eventName": "GetObject",
            "resources": [{"ARN": "arn:aws:s3:::b/2026/a.csv", "type": "AWS::S3::Object"}],
        });
        let input = mapped(&event).unwrap();
        assert_eq!(input.actor_name.as_ref().map(ActorName::as_str), expected, "{identity}");
        assert_eq!(input.target_name.as_ref().map(TargetName::as_str), Some("2026/a.csv"));
    }
}
