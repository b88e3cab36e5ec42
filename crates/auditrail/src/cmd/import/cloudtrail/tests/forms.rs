//! Forms of records: computed ones, envelopes, and those that other programs write.

use super::*;

#[test]
fn insights_are_records_of_the_system() {
    let event = serde_json::json!({
        "eventVersion": "1.08", "eventTime": "2023-07-10T11:42:18Z", "awsRegion": "us-east-1",
        "eventID": "875240ac-e821-4fc6-a311-8c352a1d20f5", "eventType": "AwsCloudTrailInsight",
        "recipientAccountId": "1", "sharedEventID": "5f0a", "eventCategory": "Insight",
        "insightDetails": {
            "state": "Start", "eventSource": "ec2.amazonaws.com", "eventName": "DescribeRegions",
            "insightType": "ApiCallRateInsight", "errorCode": "AccessDenied",
        },
    });
    let input = mapped(&event).unwrap();
    assert_eq!(input.actor, auditrail_core::Actor::System);
    assert_eq!(input.action.as_str(), "cloudtrail.Insight");
    assert_eq!(input.target.target_id.as_str(), "ec2.amazonaws.com");
    assert_eq!(input.outcome, None);
    let kept: serde_json::Value = serde_json::from_str(input.metadata_text()).unwrap();
    assert_eq!(kept["insightDetails"], event["insightDetails"]);
    assert_eq!(kept["sharedEventID"], "5f0a");
}

#[test]
fn members_in_strings_are_read() {
    let event = serde_json::json!({
        "userIdentity": {"type": "IAMUser", "userName": "ann"}, "eventName": "CreateUser",
        "eventTime": "2023-07-10T11:42:18Z", "eventSource": "iam.amazonaws.com",
        "requestParameters": {"userName": "bob"}, "resources": [],
    });
    let mut quoted = event.clone();
    for name in ["userIdentity", "requestParameters", "resources"] {
        quoted[name] = event[name].to_string().into();
    }
    let input = mapped(&quoted).unwrap();
    assert_eq!(input, mapped(&event).unwrap());
    assert_eq!(input.target.to_string(), "iam.user:bob");
    quoted["requestParameters"] = "{not JSON".into();
    assert!(mapped(&quoted).unwrap().metadata_text().contains("{not JSON"));
}

#[test]
fn names_in_lower_case_are_read() {
    let event = serde_json::json!({
        "eventversion": "1.08", "eventtime": "2023-07-10 11:42:18", "eventname": "CreateUser",
        "eventsource": "iam.amazonaws.com", "eventid": "875240ac-e821-4fc6-a311-8c352a1d20f5",
        "sourceipaddress": "10.0.0.1", "awsregion": "us-east-1", "readonly": "false",
        "useridentity": {
            "type": "AssumedRole", "arn": "a:r", "accountid": "1",
            "onbehalfof": {"userid": "94d0"}, "sessioncontext": {"sourceidentity": "ann"},
        },
    });
    let input = mapped(&event).unwrap();
    assert_eq!(input.actor.to_string(), "user:94d0");
    assert_eq!(input.action.as_str(), "iam.CreateUser");
    assert_eq!(input.id.unwrap().to_string(), event["eventid"]);
    assert_eq!(input.context.ip_address, "10.0.0.1".parse().ok());
    let kept: serde_json::Value = serde_json::from_str(input.metadata_text()).unwrap();
    assert_eq!(kept["onbehalfof"]["userid"], "94d0");
    assert_eq!(kept["sourceIdentity"], "ann");
    for column in ["eventtime", "eventname", "eventid", "useridentity", "sourceipaddress"] {
        assert_eq!(kept.get(column), None, "{column}");
    }
}

#[test]
fn aggregated_events_have_the_time_of_their_window() {
    let event = serde_json::json!({
        "eventVersion": "1.0", "accountId": "1", "eventCategory": "Aggregated",
        "eventId": "875240ac-e821-4fc6-a311-8c352a1d20f5", "eventType": "AwsAggregatedEvent",
        "awsRegion": "us-east-1", "eventSource": "s3.amazonaws.com",
        "timeWindow": {"windowStart": "2023-07-10T11:40:00Z", "windowEnd": "2023-07-10T11:45:00Z"},
        "summary": {"primaryDimension": {"dimension": "userIdentity"}},
    });
    let input = mapped(&event).unwrap();
    assert_eq!(input.actor, auditrail_core::Actor::System);
    assert_eq!(input.action.as_str(), "cloudtrail.AggregatedEvent");
    assert_eq!(input.target.target_id.as_str(), "s3.amazonaws.com");
    assert_eq!(input.created_at.unwrap().to_string(), "2023-07-10T11:40:00.000000Z");
    assert_eq!(input.id.unwrap().to_string(), event["eventId"]);
    assert!(input.metadata_text().contains("windowEnd"));
}

#[test]
fn envelopes_are_removed() {
    let event = serde_json::json!({
        "userIdentity": {"type": "IAMUser", "userName": "ann"}, "eventName": "CreateUser",
        "eventTime": "2023-07-10T11:42:18Z", "eventSource": "iam.amazonaws.com",
    });
    let plain = mapped(&event).unwrap();
    let text = event.to_string();
    let bridge = serde_json::json!({
        "version": "0", "id": "x", "detail-type": "AWS API Call via CloudTrail",
        "source": "aws.iam", "account": "1", "detail": event,
    });
    for envelope in [
        serde_json::json!({"EventId": "x", "Username": "ann", "CloudTrailEvent": text}),
        serde_json::json!({"CloudTrailEvent": event}),
        serde_json::json!({"Type": "Notification", "Message": bridge.to_string()}),
        serde_json::json!({"id": "1", "timestamp": 5, "message": text}),
        serde_json::json!(text),
        bridge,
    ] {
        assert_eq!(mapped(&envelope).unwrap(), plain, "{envelope}");
    }
    let digest = serde_json::json!({"digestStartTime": "x", "digestS3Bucket": "b", "logFiles": []});
    assert!(mapped(&digest).unwrap_err().contains("is a CloudTrail digest"));
    assert!(is_digest_file(digest.to_string().as_bytes()));
}
