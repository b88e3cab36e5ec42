//! The searches: each filter with a common, a middling, a rare and a missing value, and typical pairs of
//! filters. `fill.sql` writes the values.

/// How many records match a search.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Several per cent of the records, or as many as the filter allows.
    Common,
    /// 0.1 % to 0.5 %: too few to find by walking back in time, too many to fetch and sort.
    Middling,
    /// About ten records.
    Rare,
    /// None.
    Missing,
}

impl Kind {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Common => "common",
            Self::Middling => "middling",
            Self::Rare => "rare",
            Self::Missing => "missing",
        }
    }
}

/// One search.
#[derive(Clone, Copy, Debug)]
pub(super) struct Case {
    /// The name of the filter or filters.
    pub(super) filter: &'static str,
    pub(super) kind: Kind,
    /// The query string.
    pub(super) parameters: &'static str,
}

impl Case {
    /// The name of its measurement, for `Figure::workload`.
    pub(super) fn workload(&self, state: &str, page: &str) -> String {
        format!("{state}: {} ({}), {page} page", self.filter, self.kind.name())
    }
}

const fn case(filter: &'static str, kind: Kind, parameters: &'static str) -> Case {
    Case { filter, kind, parameters }
}

use Kind::{Common, Middling, Missing, Rare};

pub(super) const CASES: &[Case] = &[
    case("none", Common, ""),
    case("start/end date", Common, "start_date=2026-03-01T00:00:00Z&end_date=2026-09-01T00:00:00Z"),
    case(
        "start/end date",
        Missing,
        "start_date=2020-03-01T00:00:00Z&end_date=2020-09-01T00:00:00Z",
    ),
    case("actor_id", Common, "actor_id=system"),
    case("actor_id", Middling, "actor_id=user-0-2"),
    case("actor_id", Rare, "actor_id=user-1999-39"),
    case("actor_id", Missing, "actor_id=missing"),
    case("actor_type", Common, "actor_type=user"),
    case("actor_type", Middling, "actor_type=api_key"),
    case("action", Common, "action=secret.accessed"),
    case("action", Middling, "action=key.rotated"),
    case("action", Rare, "action=certificate.revoked"),
    case("action", Missing, "action=missing.action"),
    case("action prefix", Common, "action=project.*"),
    case("action prefix", Middling, "action=infra.*"),
    case("action prefix", Rare, "action=certificate.*"),
    case("action prefix", Missing, "action=missing.*"),
    case("target_type", Common, "target_type=secret"),
    case("target_type", Middling, "target_type=export"),
    case("target_type", Rare, "target_type=certificate"),
    case("target_type", Missing, "target_type=nothing"),
    case("target_id", Common, "target_id=secret-0-0"),
    case("target_id", Middling, "target_id=secret-0-1"),
    case("target_id", Rare, "target_id=cert-1"),
    case("target_id", Missing, "target_id=nothing"),
    case("tenant_id", Common, "tenant_id=tenant-0"),
    case("tenant_id", Middling, "tenant_id=tenant-27"),
    case("tenant_id", Rare, "tenant_id=tenant-rare"),
    case("tenant_id", Missing, "tenant_id=missing"),
    case("request_id", Common, "request_id=cron-sync"),
    case("request_id", Middling, "request_id=cron-report"),
    case("request_id", Rare, "request_id=req-77777"),
    case("request_id", Missing, "request_id=none"),
    case("ip_address", Common, "ip_address=203.0.113.7"),
    case("ip_address", Middling, "ip_address=198.51.100.9"),
    case("ip_address", Rare, "ip_address=192.0.2.0"),
    case("ip_address", Missing, "ip_address=192.0.2.99"),
    case("ip_address CIDR", Common, "ip_address=203.0.113.0/24"),
    case("ip_address CIDR", Middling, "ip_address=198.51.100.0/24"),
    case("ip_address CIDR", Rare, "ip_address=192.0.2.0/28"),
    case("ip_address CIDR", Missing, "ip_address=192.0.2.64/28"),
    case("metadata", Common, "metadata.plan=enterprise"),
    case("metadata", Middling, "metadata.status=500"),
    case("metadata", Rare, "metadata.trace=22a4d9b04fe95c9893b41e2fde83a427"),
    case("metadata", Missing, "metadata.plan=none"),
    case("tenant + actor", Common, "tenant_id=tenant-0&actor_id=user-0-0"),
    case("tenant + actor", Middling, "tenant_id=tenant-27&actor_id=user-27-0"),
    case("tenant + actor", Missing, "tenant_id=tenant-27&actor_id=user-0-0"),
    case("tenant + action", Common, "tenant_id=tenant-0&action=secret.accessed"),
    case("tenant + action", Middling, "tenant_id=tenant-0&action=key.rotated"),
    case("tenant + action", Rare, "tenant_id=tenant-27&action=key.rotated"),
    case("tenant + action", Missing, "tenant_id=tenant-0&action=certificate.revoked"),
    case("tenant + action prefix", Common, "tenant_id=tenant-0&action=project.*"),
    case("tenant + action prefix", Middling, "tenant_id=tenant-27&action=infra.*"),
    case("tenant + target_type", Common, "tenant_id=tenant-0&target_type=secret"),
    case("tenant + target_type", Middling, "tenant_id=tenant-27&target_type=export"),
    case("tenant + target_type", Missing, "tenant_id=tenant-0&target_type=certificate"),
    case("tenant + actor_type", Common, "tenant_id=tenant-0&actor_type=system"),
    case("tenant + actor_type", Middling, "tenant_id=tenant-0&actor_type=api_key"),
    case("tenant + metadata", Common, "tenant_id=tenant-0&metadata.status=403"),
    case("tenant + metadata", Middling, "tenant_id=tenant-27&metadata.status=500"),
    case("tenant + metadata", Missing, "tenant_id=tenant-0&metadata.plan=enterprise"),
    case("tenant + ip_address", Common, "tenant_id=tenant-0&ip_address=203.0.113.7"),
    case("tenant + ip_address", Middling, "tenant_id=tenant-27&ip_address=198.51.100.9"),
    case("actor + action", Common, "actor_id=user-0-0&action=secret.accessed"),
    case("actor + action", Middling, "actor_id=system&action=key.rotated"),
    case("actor_type + action", Middling, "actor_type=api_key&action=secret.accessed"),
    case("action + target_type", Missing, "action=key.rotated&target_type=secret"),
    case("ip_address + action", Middling, "ip_address=198.51.100.9&action=key.rotated"),
];
