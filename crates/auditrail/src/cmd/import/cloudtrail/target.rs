//! The target of a CloudTrail record.

use std::borrow::Cow;

use serde_json::Value;

use super::event::{Event, Resource, service};

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
/// else the service.
pub(super) fn of(event: &Event<'_>) -> (String, String) {
    let source = event.event_source.as_deref().unwrap_or_default();
    let resources = event.resources.as_deref().unwrap_or_default();
    resources
        .iter()
        .find_map(of_resource)
        .or_else(|| of_parameters(event, service(source)))
        .unwrap_or_else(|| ("service".to_owned(), source.to_owned()))
}

fn of_resource(resource: &Resource<'_>) -> Option<(String, String)> {
    let arn = resource.arn.as_deref().filter(|arn| !arn.is_empty())?;
    let kind = match resource.kind.as_deref() {
        Some(kind) if !kind.is_empty() => kind_of_type(kind),
        _ => kind_of_arn(arn),
    };
    Some((kind, arn.to_owned()))
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
fn kind_of_arn(arn: &str) -> String {
    let mut parts = arn.splitn(6, ':').skip(2);
    let service = parts.next().unwrap_or("aws");
    let resource = parts.nth(2).unwrap_or_default();
    match resource.split_once([':', '/']) {
        Some((kind, _)) => format!("{service}.{}", kind.replace('-', "_")),
        None => format!("{service}.resource"),
    }
}

fn of_parameters(event: &Event<'_>, service: &str) -> Option<(String, String)> {
    let raw = event.request_parameters?;
    let parameters: Value = serde_json::from_str(raw.get()).ok()?;
    let instance = || parameters.pointer("/instancesSet/items/0/instanceId");
    PARAMETERS.iter().find_map(|(name, kind)| {
        let value = parameters.get(name);
        let value = value.or_else(|| (*name == "instanceId").then(instance).flatten());
        let id = value?.as_str().filter(|id| !id.is_empty())?;
        let kind = match kind.strip_prefix('.') {
            Some(thing) => format!("{service}.{thing}"),
            None => (*kind).to_owned(),
        };
        // Resources have the ARN of a bucket, so a bucket name is converted to its ARN.
        let id = if *name == "bucketName" {
            Cow::Owned(format!("arn:aws:s3:::{id}"))
        } else {
            Cow::Borrowed(id)
        };
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
        assert_eq!(kind_of_arn("arn:aws:sqs:r:1:queue"), "sqs.resource");
    }
}
