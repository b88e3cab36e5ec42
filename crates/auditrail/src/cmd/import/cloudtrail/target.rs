//! The target of a CloudTrail record.

use std::borrow::Cow;

use auditrail_core::limits;

use super::actor::last_part;
use super::event::{Event, service};
use super::fit;
use super::members::Members;

/// Request parameters that identify a target, in order of precedence, and the target type. A type that
/// starts with a dot is prefixed with the service of the event.
///
/// The order matters for calls with several: the target of attaching a policy to a role is the role.
const PARAMETERS: &[(&str, &str)] = &[
    ("bucketName", "s3.bucket"),
    ("secretId", "secretsmanager.secret"),
    ("instanceId", "ec2.instance"),
    ("userName", "iam.user"),
    ("roleName", "iam.role"),
    ("roleArn", "iam.role"),
    ("instanceProfileName", "iam.instance_profile"),
    ("policyArn", "iam.policy"),
    ("policyName", "iam.policy"),
    ("keyId", "kms.key"),
    ("functionName", "lambda.function"),
    ("dBInstanceIdentifier", "rds.instance"),
    ("dBSnapshotIdentifier", "rds.snapshot"),
    ("trailName", "cloudtrail.trail"),
    ("tableName", "dynamodb.table"),
    ("topicArn", "sns.topic"),
    ("queueUrl", "sqs.queue"),
    ("logGroupName", "logs.log_group"),
    ("stackName", "cloudformation.stack"),
    ("hostedZoneId", "route53.hosted_zone"),
    ("detectorId", "guardduty.detector"),
    ("groupName", ".group"),
    ("groupId", "ec2.security_group"),
    ("volumeId", "ec2.volume"),
    ("snapshotId", "ec2.snapshot"),
    ("imageId", "ec2.image"),
    ("networkInterfaceId", "ec2.network_interface"),
    ("routeTableId", "ec2.route_table"),
    ("internetGatewayId", "ec2.internet_gateway"),
    ("natGatewayId", "ec2.nat_gateway"),
    ("subnetId", "ec2.subnet"),
    ("vpcId", "ec2.vpc"),
    ("resourceArn", ".resource"),
    ("resourceId", ".resource"),
    ("name", ".resource"),
];

/// The type and the id of the target: the first resource with an ARN, else the first known parameter,
/// else the service. A text that is too long for its column is cut.
pub(super) fn of(event: &Event<'_>) -> (String, String) {
    let (kind, id) = whole(event).unwrap_or_else(|| {
        let service = event.source().unwrap_or(Cow::Borrowed("unknown"));
        ("service".to_owned(), service.into_owned())
    });
    (
        fit::label(&kind, limits::TARGET_TYPE_MAX_CHARS).into_owned(),
        fit::id(&id, limits::TARGET_ID_MAX_CHARS).into_owned(),
    )
}

/// The name of the target, for people: the last part of its ARN, or the parameter.
pub(super) fn name(event: &Event<'_>) -> Option<String> {
    let (kind, id) = whole(event)?;
    if kind == "s3.object" {
        let key = id.split_once(":::").and_then(|(_, path)| path.split_once('/'));
        return key.map(|(_, key)| key.to_owned());
    }
    let is_arn = id.starts_with("arn:");
    Some(if is_arn { last_part(Cow::Owned(id)).into_owned() } else { id })
}

fn whole(event: &Event<'_>) -> Option<(String, String)> {
    let resources = event.members.objects("resources");
    let source = event.text("eventSource").unwrap_or_default();
    resources.iter().find_map(of_resource).or_else(|| of_parameters(event, service(&source)))
}

fn of_resource(resource: &Members<'_>) -> Option<(String, String)> {
    let names = ["ARN", "arn", "ARNPrefix", "resourceName"];
    let arn = names.iter().find_map(|name| resource.text(name))?;
    let kind = ["type", "resourceType"].iter().find_map(|name| resource.text(name));
    let kind = kind.map_or_else(|| kind_of_arn(&arn), |kind| kind_of_type(&kind));
    Some((kind, arn.into_owned()))
}

/// `AWS::S3::Bucket` becomes `s3.bucket`.
fn kind_of_type(kind: &str) -> String {
    let parts: Vec<&str> = kind.split("::").collect();
    let (&name, before) = parts.split_last().unwrap_or((&kind, &[]));
    match before.last() {
        Some(service) if *service != "AWS" => {
            format!("{}.{}", service.to_lowercase(), snake_case(name))
        }
        _ => snake_case(name),
    }
}

/// `arn:aws:secretsmanager:eu-west-1:1:secret:name` becomes `secretsmanager.secret`.
///
/// The resource of some ARNs starts with its type, that of others with its name.
fn kind_of_arn(arn: &str) -> String {
    let mut parts = arn.splitn(6, ':').skip(2);
    let service = parts.next().filter(|service| !service.is_empty()).unwrap_or("aws");
    let resource = parts.nth(2).unwrap_or_default();
    let has_path = resource.contains(['/', ':']);
    let kind = match (service, resource.split_once([':', '/'])) {
        ("s3", _) if has_path => "object",
        ("s3", _) => "bucket",
        ("sns", _) if has_path => "subscription",
        ("sns", _) => "topic",
        ("sqs", _) => "queue",
        ("execute-api", _) => "api",
        (_, Some((kind, _))) if is_type(kind) => kind,
        _ => "resource",
    };
    format!("{service}.{}", kind.replace('-', "_"))
}

/// Whether the text can be a type of resource: a word in lower case, as `security-group`.
fn is_type(text: &str) -> bool {
    let is_word = |c: char| c.is_ascii_alphabetic() || c == '-';
    (2..=30).contains(&text.len())
        && text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.chars().all(is_word)
}

fn of_parameters(event: &Event<'_>, service: &str) -> Option<(String, String)> {
    let parameters = event.members.members("requestParameters")?;
    let instance = || {
        let items = parameters.members("instancesSet")?.objects("items");
        items.iter().find_map(|item| item.text("instanceId"))
    };
    PARAMETERS.iter().find_map(|(name, kind)| {
        let value = parameters.text(name);
        let id = value.or_else(|| (*name == "instanceId").then(instance).flatten())?;
        let kind = match kind.strip_prefix('.') {
            Some(thing) => format!("{service}.{thing}"),
            None => (*kind).to_owned(),
        };
        // Resources have the ARN of a bucket, so a bucket name is converted to its ARN.
        let id = if *name == "bucketName" { Cow::Owned(format!("arn:aws:s3:::{id}")) } else { id };
        Some((kind, id.into_owned()))
    })
}

/// `AccessKey` becomes `access_key`, `DBInstance` becomes `db_instance`.
fn snake_case(name: &str) -> String {
    let chars: Vec<char> = name.chars().collect();
    let mut out = String::with_capacity(name.len() + 4);
    for (n, c) in chars.iter().enumerate() {
        let after_lower = n > 0 && chars[n - 1].is_lowercase();
        let before_lower = n > 0 && chars.get(n + 1).is_some_and(|next| next.is_lowercase());
        if c.is_uppercase() && (after_lower || before_lower) {
            out.push('_');
        }
        out.extend(c.to_lowercase());
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_and_arns_map_to_the_same_target_types() {
        assert_eq!(kind_of_type("AWS::S3::Bucket"), "s3.bucket");
        assert_eq!(kind_of_type("AWS::IAM::AccessKey"), "iam.access_key");
        assert_eq!(kind_of_type("AWS::RDS::DBInstance"), "rds.db_instance");
        assert_eq!(kind_of_type("thing"), "thing");
        let secret = "arn:aws:secretsmanager:us-east-1:1:secret:a:b";
        assert_eq!(kind_of_arn(secret), "secretsmanager.secret");
        assert_eq!(kind_of_arn("arn:aws:iam::1:role/x"), "iam.role");
        for (arn, kind) in [
            ("arn:aws:sqs:r:1:jobs", "sqs.queue"),
            ("arn:aws:s3:::payroll", "s3.bucket"),
            ("arn:aws:s3:::payroll/2026/a.csv", "s3.object"),
            ("arn:aws:sns:r:1:alerts:0b7d", "sns.subscription"),
            ("arn:aws:apigateway:r::/restapis/x", "apigateway.resource"),
            ("arn:aws:ec2:r:1:security-group/sg-1", "ec2.security_group"),
            ("not an ARN", "aws.resource"),
        ] {
            assert_eq!(kind_of_arn(arn), kind, "{arn}");
        }
    }
}
