use super::*;

fn now() -> Timestamp {
    "2026-01-01T00:00:00Z".parse().unwrap()
}

/// A default record, with `fields` replaced or added.
fn with(fields: &serde_json::Value) -> Result<CreateInput, String> {
    let mut event = serde_json::json!({
        "userIdentity": {"type": "IAMUser", "userName": "ann", "arn": "arn:aws:iam::1:user/ann"},
        "eventTime": "2023-07-10T11:42:18Z",
        "eventSource": "iam.amazonaws.com",
        "eventName": "CreateUser",
        "eventID": "875240ac-e821-4fc6-a311-8c352a1d20f5",
    });
    for (name, value) in fields.as_object().unwrap() {
        event[name] = value.clone();
    }
    parse(event.to_string().as_bytes(), now()).map_err(|reason| reason.text)
}

fn actor(identity: &serde_json::Value) -> String {
    let fields = serde_json::json!({"userIdentity": identity});
    with(&fields).map_or_else(|reason| reason, |input| input.actor.to_string())
}

#[test]
fn actors_use_the_best_available_identifier() {
    for (identity, expected) in [
        (r#"{"type":"IAMUser","userName":"ann","arn":"a:b"}"#, "user:ann"),
        (r#"{"type":"IAMUser","userName":"","arn":"a:b"}"#, "user:a:b"),
        (r#"{"type":"IAMUser","principalId":"AID"}"#, "user:AID"),
        (r#"{"type":"Root","arn":"arn:aws:iam::1:root"}"#, "user:arn:aws:iam::1:root"),
        (
            r#"{"type":"AssumedRole","arn":"arn:aws:sts::1:assumed-role/r/s","invokedBy":"x"}"#,
            "user:arn:aws:sts::1:assumed-role/r/s",
        ),
        (r#"{"type":"AWSService","invokedBy":"ec2.amazonaws.com"}"#, "system"),
        (r#"{"accountId":"1","invokedBy":"ec2.amazonaws.com"}"#, "system"),
        (r#"{"type":"AWSAccount","accountId":"1"}"#, "user:account:1"),
        (r#"{}"#, "userIdentity: does not identify an actor"),
    ] {
        let parsed = serde_json::from_str(identity).unwrap();
        assert_eq!(actor(&parsed), expected, "{identity}");
    }
}

#[test]
fn targets_are_resource_parameter_or_service() {
    for (fields, expected) in [
        (
            r#"{"resources":[{"ARN":"arn:aws:s3:::b","type":"AWS::S3::Bucket"}]}"#,
            ("s3.bucket", "arn:aws:s3:::b"),
        ),
        (r#"{"requestParameters":{"bucketName":"b"}}"#, ("s3.bucket", "arn:aws:s3:::b")),
        (r#"{"requestParameters":{"policyArn":"p","roleName":"r"}}"#, ("iam.role", "r")),
        (
            r#"{"requestParameters":{"instancesSet":{"items":[{"instanceId":"i-1"}]}}}"#,
            ("ec2.instance", "i-1"),
        ),
        (r#"{"requestParameters":{"name":"n"}}"#, ("iam.resource", "n")),
        (r#"{"requestParameters":null}"#, ("service", "iam.amazonaws.com")),
    ] {
        let input = with(&serde_json::from_str(fields).unwrap()).unwrap();
        let target = (input.target.target_type.as_str(), input.target.target_id.as_str());
        assert_eq!(target, expected, "{fields}");
    }
}

#[test]
fn host_names_go_to_the_metadata() {
    let host = with(&serde_json::json!({"sourceIPAddress": "health.amazonaws.com"})).unwrap();
    assert_eq!(host.context.ip_address, None);
    assert!(host.metadata_text().contains(r#""sourceHost":"health.amazonaws.com""#));
    let address = with(&serde_json::json!({"sourceIPAddress": "10.0.0.1"})).unwrap();
    assert_eq!(address.context.ip_address, "10.0.0.1".parse().ok());
    assert!(!address.metadata_text().contains("sourceHost"));
}

#[test]
fn oversized_parts_are_dropped_and_listed() {
    let large = "x".repeat(limits::METADATA_MAX_BYTES);
    let fields = serde_json::json!({
        "requestParameters": {"policy": large},
        "responseElements": {"nul": "a\u{0}b"},
        "errorCode": "AccessDenied",
    });
    let input = with(&fields).unwrap();
    let metadata: serde_json::Value = serde_json::from_str(input.metadata_text()).unwrap();
    assert_eq!(metadata["errorCode"], "AccessDenied");
    assert_eq!(metadata["dropped"], serde_json::json!(["requestParameters", "responseElements"]));
}

#[test]
fn mapping_errors_name_the_field() {
    for (fields, expected) in [
        (r#"{"eventTime":"+300000-01-01T00:00:00Z"}"#, "eventTime: "),
        (r#"{"eventTime":null}"#, "eventTime: is missing"),
        (r#"{"eventName":""}"#, "eventName: is missing"),
        (r#"{"eventSource":5}"#, "not a CloudTrail record: "),
        (r#"{"userIdentity":null}"#, "userIdentity: is missing"),
    ] {
        let reason = with(&serde_json::from_str(fields).unwrap()).unwrap_err();
        assert!(reason.starts_with(expected), "{reason}");
    }
}
