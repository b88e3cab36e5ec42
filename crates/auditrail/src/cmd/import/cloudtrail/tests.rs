use super::*;

mod forms;

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
    mapped(&event)
}

fn mapped(event: &serde_json::Value) -> Result<CreateInput, String> {
    parse(event.to_string().as_bytes(), now()).map_err(|reason| reason.text)
}

fn actor(identity: &serde_json::Value) -> String {
    let fields = serde_json::json!({"userIdentity": identity});
    with(&fields).map_or_else(|reason| reason, |input| input.actor.to_string())
}

/// The metadata of a record.
fn metadata(fields: &serde_json::Value) -> serde_json::Value {
    serde_json::from_str(with(fields).unwrap().metadata_text()).unwrap()
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
        (r#"{"type":"AWSAccount","accountId":"1","principalId":"AROA:s"}"#, "user:AROA:s"),
        (r#"{}"#, "userIdentity: does not identify an actor"),
        (r#"{"type":"SAMLUser","principalId":"x=:ann","userName":"ann"}"#, "user:ann"),
        (r#"{"type":"WebIdentityUser","principalId":"g:app:7","userName":"7"}"#, "user:7"),
        (r#"{"type":"FederatedUser","arn":"a:fed/x","principalId":"1:x"}"#, "user:a:fed/x"),
        (
            r#"{"type":"IdentityCenterUser","accountId":"1","onBehalfOf":{"userId":"94"}}"#,
            "user:94",
        ),
        (
            r#"{"type":"AssumedRole","arn":"a:r","onBehalfOf":{"userId":"94","identityStoreArn":"s"}}"#,
            "user:94",
        ),
        (
            r#"{"type":"Unknown","principalId":"9067","accountId":"1","userName":"a@x.io","onBehalfOf":{"userId":"94"}}"#,
            "user:94",
        ),
        (
            r#"{"type":"Unknown","principalId":"9067","accountId":"1","userName":"a@x.io"}"#,
            "user:a@x.io",
        ),
        (r#"{"type":"Unknown","principalId":"1","arn":"","accountId":"1"}"#, "user:account:1"),
        (r#"{"type":"IAMUser","userName":12}"#, "user:12"),
        (r#"{"type":7,"arn":["x"],"userName":{"a":1},"principalId":"p"}"#, "user:p"),
        (r#""ann""#, "user:ann"),
        (
            r#"{"type":"AssumedRole","accountId":"1","sessionContext":{"sessionIssuer":{"arn":"a:r"}}}"#,
            "user:a:r",
        ),
        (
            r#"{"type":"AssumedRole","accountId":"1","sessionContext":{"sourceIdentity":"ann"}}"#,
            "user:ann",
        ),
        (r#"{"type":"IdentityCenterUser","accountId":"1","credentialId":"c"}"#, "user:c"),
        (r#"{"accountId":"1","accessKeyId":"AKIA"}"#, "user:AKIA"),
    ] {
        let parsed = serde_json::from_str(identity).unwrap();
        assert_eq!(actor(&parsed), expected, "{identity}");
    }
}

#[test]
fn service_events_name_their_person() {
    let federate = serde_json::json!({
        "userIdentity": {
            "type": "IdentityCenterUser", "accountId": "111122223333", "credentialId": "c",
            "onBehalfOf": {"userId": "94d0", "identityStoreArn": "arn:aws:identitystore::1:x"},
        },
        "eventSource": "sso.amazonaws.com", "eventName": "Federate", "eventType": "AwsServiceEvent",
        "serviceEventDetails": {"role_name": "Admin", "account_id": "444455556666"},
    });
    assert_eq!(with(&federate).unwrap().actor.to_string(), "user:94d0");
    let kept = metadata(&federate);
    assert_eq!(kept["onBehalfOf"]["identityStoreArn"], "arn:aws:identitystore::1:x");
    assert_eq!(kept["credentialId"], "c");
    assert_eq!(kept["serviceEventDetails"]["role_name"], "Admin");
    let sign_in = |identity: &str, data: &str| {
        let fields = format!(
            r#"{{"eventType":"AwsServiceEvent","userIdentity":{identity},"additionalEventData":{data}}}"#
        );
        with(&serde_json::from_str(&fields).unwrap()).unwrap().actor.to_string()
    };
    let unknown = r#"{"type":"Unknown","principalId":"1","arn":"","accountId":"1"}"#;
    assert_eq!(sign_in(unknown, r#"{"UserName":"ann","CredentialType":"PASSWORD"}"#), "user:ann");
    assert_eq!(sign_in(unknown, r#"{"AuthWorkflowID":"x"}"#), "user:account:1");
    let anonymous = r#"{"type":"Unknown","principalId":"Anonymous"}"#;
    assert_eq!(sign_in(anonymous, r#"{"sub":"5f0a"}"#), "user:5f0a");
    assert_eq!(
        sign_in(r#"{"type":"AWSService","invokedBy":"x"}"#, r#"{"UserName":"b"}"#),
        "system"
    );
    assert_eq!(sign_in(r#"{"accountId":"1"}"#, "null"), "system");
}

#[test]
fn every_hop_is_in_the_metadata() {
    let kept = metadata(&serde_json::json!({
        "userIdentity": {
            "type": "AssumedRole", "arn": "arn:aws:sts::1:assumed-role/r/s", "accountId": 111,
            "invokedByDelegate": {"accountId": "222"}, "identityProvider": "idp",
            "sessionContext": {
                "sessionIssuer": {"arn": "arn:aws:iam::1:role/r", "userName": "r"},
                "attributes": {"mfaAuthenticated": false, "creationDate": "2026-01-01T00:00:00Z"},
                "sourceIdentity": "ann", "assumedRoot": "true",
                "webIdFederationData": {"federatedProvider": "p", "attributes": {"sub": "7"}},
            },
            "inScopeOf": {"issuerType": "AWS::Lambda::Function"},
        },
        "addendum": {"reason": "DELIVERY_DELAY"}, "tlsDetails": {"tlsVersion": "TLSv1.3"},
        "eventCategory": "Management", "managementEvent": true,
        "sessionCredentialFromConsole": "true", "someNewMember": [1],
        "eventSource": "s3-outposts.amazonaws.com.cn", "readOnly": "true",
        "resources": [{"accountId": "3", "ARN": "arn:aws:s3:::b"}],
    }));
    for (pointer, expected) in [
        ("/sessionContext/webIdFederationData/attributes/sub", serde_json::json!("7")),
        ("/sessionContext/assumedRoot", serde_json::json!("true")),
        ("/sourceIdentity", serde_json::json!("ann")),
        ("/sessionIssuer", serde_json::json!("arn:aws:iam::1:role/r")),
        ("/mfaAuthenticated", serde_json::json!(false)),
        ("/invokedByDelegate/accountId", serde_json::json!("222")),
        ("/identityProvider", serde_json::json!("idp")),
        ("/identityType", serde_json::json!("AssumedRole")),
        ("/accountId", serde_json::json!(111)),
        ("/inScopeOf/issuerType", serde_json::json!("AWS::Lambda::Function")),
        ("/addendum/reason", serde_json::json!("DELIVERY_DELAY")),
        ("/tlsDetails/tlsVersion", serde_json::json!("TLSv1.3")),
        ("/eventCategory", serde_json::json!("Management")),
        ("/managementEvent", serde_json::json!(true)),
        ("/sessionCredentialFromConsole", serde_json::json!("true")),
        ("/someNewMember/0", serde_json::json!(1)),
        ("/eventSource", serde_json::json!("s3-outposts.amazonaws.com.cn")),
        ("/readOnly", serde_json::json!("true")),
        ("/resources/0/accountId", serde_json::json!("3")),
    ] {
        assert_eq!(kept.pointer(pointer), Some(&expected), "{pointer} of {kept}");
    }
    for column in ["eventTime", "eventName", "eventID", "userIdentity"] {
        assert_eq!(kept.get(column), None, "{column}");
    }
}

#[test]
fn long_and_odd_fields_are_cut_and_kept_whole() {
    let key = format!("arn:aws:s3:::b/data/{}", "x".repeat(600));
    let name = "N".repeat(200);
    let fields = serde_json::json!({
        "userIdentity": {"type": "AssumedRole", "arn": "a".repeat(900)},
        "eventName": name, "userAgent": "u".repeat(3_000), "requestID": "r".repeat(900),
        "resources": [{"type": "AWS::S3::Object", "ARN": key}],
        "sourceIPAddress": ["10.0.0.1"], "sharedEventID": 5,
    });
    let input = with(&fields).unwrap();
    assert_eq!(input.actor.id().chars().count(), limits::ACTOR_ID_MAX_CHARS);
    assert_eq!(input.action.as_str().chars().count(), limits::ACTION_MAX_CHARS);
    let target = input.target.target_id.as_str();
    assert_eq!(target.chars().count(), limits::TARGET_ID_MAX_CHARS);
    assert!(target.starts_with("arn:aws:s3:::b/data/xxx") && target.contains('…'), "{target}");
    assert_eq!(input.target.target_type.as_str(), "s3.object");
    assert!(input.context.user_agent.unwrap().as_str().ends_with('…'));
    let kept = metadata(&fields);
    assert_eq!(kept["resources"][0]["ARN"], key.as_str());
    assert_eq!(kept["eventName"], name.as_str());
    assert_eq!(kept["userAgent"].as_str().unwrap().len(), 3_000);
    assert_eq!(kept["requestID"].as_str().unwrap().len(), 900);
    assert_eq!(kept["arn"].as_str().unwrap().len(), 900);
    assert_eq!(kept["sourceIPAddress"][0], "10.0.0.1");
}

#[test]
fn odd_types_do_not_reject_an_event() {
    for fields in [
        r#"{"readOnly":"true"}"#,
        r#"{"resources":{}}"#,
        r#"{"resources":{"ARN":"arn:aws:s3:::b"}}"#,
        r#"{"resources":["x",{"accountId":1}]}"#,
        r#"{"requestParameters":"text"}"#,
        r#"{"requestParameters":{"userName":5}}"#,
        r#"{"userIdentity":{"userName":"ann","sessionContext":""}}"#,
        r#"{"userIdentity":{"userName":"ann","sessionContext":{"attributes":[],"sessionIssuer":7}}}"#,
        r#"{"userIdentity":{"userName":"an\u0000n"}}"#,
        r#"{"eventID":7,"requestID":{},"userAgent":[],"awsRegion":1,"eventType":null}"#,
        r#"{"eventSource":5}"#,
        r#"{"eventSource":null}"#,
        r#"{"eventName":"x."}"#,
        r#"{"eventName":"a\nb"}"#,
        r#"{"errorCode":404,"errorMessage":{}}"#,
        r#"{"additionalEventData":[1],"responseElements":"Failure"}"#,
        r#"{"eventTime":1688989338}"#,
        r#"{"eventTime":"2023-07-10 11:42:18.000"}"#,
        r#"{"eventTime":"2023-07-10T11:42:18+0000"}"#,
        r#"{"":1,"dropped":["x"],"arn":"other"}"#,
    ] {
        let input = with(&serde_json::from_str(fields).unwrap());
        let input = input.unwrap_or_else(|reason| panic!("{fields}: {reason}"));
        assert_eq!(input.created_at.unwrap().to_string(), "2023-07-10T11:42:18.000000Z");
        let actor = input.actor.to_string();
        assert!(actor == "user:ann" || actor == "user:an\u{fffd}n", "{actor}");
    }
    let kept = metadata(&serde_json::json!({"dropped": ["x"], "arn": "other"}));
    assert_eq!(kept["userIdentity.dropped"][0], "x");
    assert_eq!(kept["arn"], "other");
    assert_eq!(kept["userIdentity.arn"], "arn:aws:iam::1:user/ann");
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
    let kept = metadata(&fields);
    assert_eq!(kept["errorCode"], "AccessDenied");
    assert_eq!(kept["responseElements"]["nul"], "a\u{fffd}b");
    assert_eq!(kept["dropped"], serde_json::json!(["requestParameters"]));
    let many: Vec<_> = (0..9).map(|n| (format!("m{n}"), "y".repeat(8_000).into())).collect();
    let mut fields: serde_json::Map<_, _> = many.into_iter().collect();
    let identity = serde_json::json!({"userName": "ann", "note": "z".repeat(20_000)});
    fields.insert("userIdentity".to_owned(), identity);
    let kept = metadata(&fields.into());
    assert_eq!(kept["note"].as_str().unwrap().len(), 20_000);
    assert!(kept["dropped"].as_array().unwrap().len() >= 3, "{}", kept["dropped"]);
}

#[test]
fn mapping_errors_name_the_field() {
    for (fields, expected) in [
        (r#"{"eventTime":"+300000-01-01T00:00:00Z"}"#, "eventTime: "),
        (r#"{"eventTime":null}"#, "eventTime: is missing"),
        (r#"{"eventName":""}"#, "eventName: is missing"),
        (r#"{"eventTime":"yesterday"}"#, "eventTime: "),
        (r#"{"eventName":{}}"#, "eventName: is missing"),
        (r#"{"userIdentity":null}"#, "userIdentity: is missing"),
    ] {
        let reason = with(&serde_json::from_str(fields).unwrap()).unwrap_err();
        assert!(reason.starts_with(expected), "{reason}");
    }
}
