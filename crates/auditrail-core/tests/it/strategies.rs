//! Fixed and random test data.

use std::net::IpAddr;

use auditrail_core::{
    Action, Actor, ActorId, ActorName, CreateInput, Metadata, Outcome, Record, RecordId,
    RecordTime, RecordedBy, RequestContext, RequestId, StoredAddress, Target, TargetId, TargetName,
    TargetType, TenantId, UserAgent,
};
use ipnet::IpNet;
use jiff::Timestamp;
use proptest::option;
use proptest::prelude::*;
use serde_json::value::RawValue;
use uuid::Uuid;

/// The clock of the tests, 2026-01-02T03:04:05Z.
pub(crate) fn now() -> Timestamp {
    "2026-01-02T03:04:05Z".parse().unwrap()
}

/// A record with every column set.
pub(crate) fn full_json() -> serde_json::Value {
    serde_json::json!({
        "id": "01890a5d-ac96-774b-bcce-b302099a8057",
        "actor_id": "u1",
        "actor_type": "user",
        "action": "project.created",
        "target_type": "project",
        "target_id": "p1",
        "metadata": {"plan": "pro"},
        "ip_address": "203.0.113.7",
        "user_agent": "curl/8",
        "created_at": "2026-01-02T03:04:05.000006Z",
        "tenant_id": "t1",
        "request_id": "r1",
        "outcome": "success",
        "actor_name": "Ada",
        "target_name": "Apollo",
        "recorded_by": null,
    })
}

/// Any text that plain SQL can store: everything but NUL, which text cannot contain.
pub(crate) fn stored_text() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z]{1,8}",
        proptest::collection::vec(any::<char>().prop_filter("no NUL", |c| *c != '\0'), 0..30)
            .prop_map(|chars| chars.into_iter().collect::<String>()),
    ]
}

/// Text of up to 40 characters, including multibyte ones, that every rule accepts.
pub(crate) fn good_text() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-zA-Z0-9:/._-]{1,40}",
        proptest::collection::vec(
            any::<char>().prop_filter("printable", |c| !c.is_control()),
            1..40
        )
        .prop_map(|chars| chars.into_iter().collect::<String>()),
    ]
}

pub(crate) fn action_text() -> impl Strategy<Value = String> {
    prop_oneof![
        proptest::sample::select(Action::KNOWN).prop_map(str::to_owned),
        "[a-z0-9]{1,12}\\.[A-Z][A-Za-z]{0,20}",
    ]
}

pub(crate) fn target_type_text() -> impl Strategy<Value = String> {
    prop_oneof![proptest::sample::select(TargetType::KNOWN).prop_map(str::to_owned), good_text()]
}

pub(crate) fn time() -> impl Strategy<Value = RecordTime> {
    (RecordTime::MIN_UNIX_MICROS..=RecordTime::MAX_UNIX_MICROS)
        .prop_map(|micros| RecordTime::from_unix_micros(micros).unwrap())
}

pub(crate) fn past_time() -> impl Strategy<Value = RecordTime> {
    (RecordTime::MIN_UNIX_MICROS..=now().as_microsecond())
        .prop_map(|micros| RecordTime::from_unix_micros(micros).unwrap())
}

pub(crate) fn id() -> impl Strategy<Value = RecordId> {
    any::<u128>().prop_map(|bits| Uuid::from_u128(bits).into())
}

/// An `inet` as the column may contain it: with or without a mask, with host bits.
pub(crate) fn network() -> impl Strategy<Value = IpNet> {
    (any::<IpAddr>(), any::<bool>(), 0..=128_u8).prop_map(|(address, masked, bits)| {
        let full = IpNet::from(address).max_prefix_len();
        IpNet::new(address, if masked { bits % (full + 1) } else { full }).unwrap()
    })
}

/// JSON text of any shape, as its value.
pub(crate) fn json_value() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        (-1e300..1e300_f64).prop_map(Into::into),
        any::<String>().prop_map(Into::into),
    ];
    leaf.prop_recursive(5, 30, 5, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..5).prop_map(Into::into),
            proptest::collection::btree_map("[a-z]{0,3}", inner, 0..5)
                .prop_map(|map| map.into_iter().collect::<serde_json::Map<_, _>>().into()),
        ]
    })
}

fn stored_metadata() -> impl Strategy<Value = Option<Metadata>> {
    json_value()
        .prop_map(|value| Metadata::from_stored(RawValue::from_string(value.to_string()).unwrap()))
}

pub(crate) fn stored_actor() -> impl Strategy<Value = Actor> {
    prop_oneof![
        stored_text().prop_map(|id| Actor::User(ActorId::from_stored(id))),
        stored_text().prop_map(|id| Actor::ApiKey(ActorId::from_stored(id))),
        Just(Actor::System),
    ]
}

pub(crate) fn outcome() -> impl Strategy<Value = Option<Outcome>> {
    option::of(prop::sample::select(&Outcome::ALL[..]))
}

prop_compose! {
    /// Any row the table can hold, however it was written.
    pub(crate) fn stored_record()(
        (id, actor, created_at, metadata) in (id(), stored_actor(), time(), stored_metadata()),
        action in prop_oneof![action_text(), stored_text()],
        target_type in prop_oneof![target_type_text(), stored_text()],
        target_id in stored_text(),
        ip_address in option::of(network()),
        user_agent in option::of(stored_text()),
        tenant_id in option::of(stored_text()),
        request_id in option::of(stored_text()),
        outcome in outcome(),
        actor_name in option::of(stored_text()),
        target_name in option::of(stored_text()),
        recorded_by in option::of(stored_text()),
    ) -> Record {
        Record {
            id,
            actor,
            action: Action::from_stored(action),
            target: Target::new(
                TargetType::from_stored(target_type),
                TargetId::from_stored(target_id),
            ),
            metadata,
            ip_address: ip_address.map(StoredAddress::from),
            user_agent: user_agent.map(UserAgent::from_stored),
            created_at,
            tenant_id: tenant_id.map(TenantId::from_stored),
            request_id: request_id.map(RequestId::from_stored),
            outcome,
            actor_name: actor_name.map(ActorName::from_stored),
            target_name: target_name.map(TargetName::from_stored),
            recorded_by: recorded_by.map(RecordedBy::from_stored),
        }
    }
}

prop_compose! {
    /// Any input we accept.
    pub(crate) fn good_input()(
        actor in prop_oneof![
            good_text().prop_map(|id| Actor::user(&id).unwrap()),
            good_text().prop_map(|id| Actor::api_key(&id).unwrap()),
            Just(Actor::system()),
        ],
        action in action_text(),
        target_type in target_type_text(),
        target_id in good_text(),
        plan in option::of(any::<String>().prop_filter("no NUL", |text| !text.contains('\0'))),
        (id, created_at) in (option::of(id()), option::of(past_time())),
        ip_address in option::of(any::<IpAddr>().prop_map(|address| address.to_canonical())),
        user_agent in option::of(good_text()),
        tenant_id in option::of(good_text()),
        request_id in option::of(good_text()),
        outcome in outcome(),
        actor_name in option::of(good_text()),
        target_name in option::of(good_text()),
    ) -> CreateInput {
        CreateInput {
            id,
            actor,
            action: action.parse().unwrap(),
            target: Target::new(target_type.parse().unwrap(), target_id.parse().unwrap()),
            metadata: plan.map(|plan| serde_json::json!({"plan": plan}).to_string().parse().unwrap()),
            context: RequestContext {
                ip_address,
                user_agent: user_agent.map(|text| text.parse().unwrap()),
                request_id: request_id.map(|text| text.parse().unwrap()),
            },
            tenant_id: tenant_id.map(|text| text.parse().unwrap()),
            created_at,
            outcome,
            actor_name: actor_name.map(|text| text.parse().unwrap()),
            target_name: target_name.map(|text| text.parse().unwrap()),
        }
    }
}
