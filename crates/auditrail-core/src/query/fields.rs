//! The fields whose values a service lists.

use std::fmt;
use std::str::FromStr;

use super::Filters;
use super::paging::parse_number;
use crate::error::ValueError;
use crate::limits::{TARGET_ID_MAX_CHARS, VALUES_DEFAULT, VALUES_MAX};
use crate::text::{self, Empty};

/// A field whose most frequent values are counted. Each value is one of the filter of the same name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Facet {
    /// The actor, as `TYPE:ID`.
    Actor,
    /// The type of the actor.
    ActorType,
    /// The action.
    Action,
    /// The target, as `TYPE:ID`.
    Target,
    /// The type of the target.
    TargetType,
    /// The tenant.
    TenantId,
    /// The request.
    RequestId,
    /// The address, with an IPv4-mapped IPv6 address as its IPv4 address.
    IpAddress,
    /// The outcome.
    Outcome,
}

impl Facet {
    /// Every field.
    pub const ALL: [Self; 9] = [
        Self::Actor,
        Self::ActorType,
        Self::Action,
        Self::Target,
        Self::TargetType,
        Self::TenantId,
        Self::RequestId,
        Self::IpAddress,
        Self::Outcome,
    ];

    /// The name, which is that of the filter.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Actor => "actor",
            Self::ActorType => "actor_type",
            Self::Action => "action",
            Self::Target => "target",
            Self::TargetType => "target_type",
            Self::TenantId => "tenant_id",
            Self::RequestId => "request_id",
            Self::IpAddress => "ip_address",
            Self::Outcome => "outcome",
        }
    }

    /// The filters without that of this field, so that its other values are counted too.
    ///
    /// An actor and a target are the id together with its type. A type without an id is a filter of its own.
    #[must_use]
    pub fn without_own_filter(self, filters: &Filters) -> Filters {
        let mut others = filters.clone();
        match self {
            Self::Actor => {
                if others.actor_id.take().is_some() {
                    others.actor_type = None;
                }
            }
            Self::ActorType => others.actor_type = None,
            Self::Action => others.action = None,
            Self::Target => {
                if others.target_id.take().is_some() {
                    others.target_type = None;
                }
            }
            Self::TargetType => others.target_type = None,
            Self::TenantId => others.tenant_id = None,
            Self::RequestId => others.request_id = None,
            Self::IpAddress => others.ip_address = None,
            Self::Outcome => others.outcome = None,
        }
        others
    }

    /// Parses names that are separated by commas. Repeated ones count once.
    ///
    /// # Errors
    /// [`ValueError::UnknownValue`].
    pub fn parse_list(text: &str) -> Result<Vec<Self>, ValueError> {
        let mut facets = Vec::new();
        for name in text.split(',') {
            let facet = name.parse()?;
            // Every name is known, so the list is short.
            if !facets.contains(&facet) {
                facets.push(facet);
            }
        }
        Ok(facets)
    }
}

impl FromStr for Facet {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let name = Filters::canonical_name(text).unwrap_or_default();
        Self::ALL.into_iter().find(|facet| facet.as_str() == name).ok_or(ValueError::UnknownValue {
            expected: "actor, actor_type, action, target, target_type, tenant_id, request_id, \
                           ip_address, outcome, separated by commas",
        })
    }
}

impl fmt::Display for Facet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A field whose values with a prefix are listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ValueField {
    /// The id of the actor.
    ActorId,
    /// The type of the actor.
    ActorType,
    /// The action.
    Action,
    /// The id of the target.
    TargetId,
    /// The type of the target.
    TargetType,
    /// The tenant.
    TenantId,
    /// The request.
    RequestId,
    /// The address, with an IPv4-mapped IPv6 address as its IPv4 address.
    IpAddress,
}

impl ValueField {
    /// Every field.
    pub const ALL: [Self; 8] = [
        Self::ActorId,
        Self::ActorType,
        Self::Action,
        Self::TargetId,
        Self::TargetType,
        Self::TenantId,
        Self::RequestId,
        Self::IpAddress,
    ];

    /// The name, which is that of the filter and of the column.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ActorId => "actor_id",
            Self::ActorType => "actor_type",
            Self::Action => "action",
            Self::TargetId => "target_id",
            Self::TargetType => "target_type",
            Self::TenantId => "tenant_id",
            Self::RequestId => "request_id",
            Self::IpAddress => "ip_address",
        }
    }
}

/// What the values of a field start with: at most as long as the longest field, without control characters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ValuePrefix(Box<str>);

impl ValuePrefix {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ValuePrefix {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        text::check(text, TARGET_ID_MAX_CHARS, Empty::allowed)?;
        Ok(Self(text.into()))
    }
}

/// Most values in one list: 1 to [`VALUES_MAX`], [`VALUES_DEFAULT`] by default.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ValuesLimit(u16);

impl ValuesLimit {
    /// A number of values.
    ///
    /// # Errors
    /// [`ValueError::OutOfRange`] for 0 and above [`VALUES_MAX`].
    pub const fn new(values: u16) -> Result<Self, ValueError> {
        if values == 0 || values > VALUES_MAX {
            return Err(VALUES_RANGE);
        }
        Ok(Self(values))
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> u16 {
        self.0
    }
}

const VALUES_RANGE: ValueError = ValueError::OutOfRange { range: "between 1 and 100" };

impl Default for ValuesLimit {
    fn default() -> Self {
        Self(VALUES_DEFAULT)
    }
}

impl FromStr for ValuesLimit {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let values = parse_number(text)?;
        Self::new(u16::try_from(values).map_err(|_| VALUES_RANGE)?)
    }
}

impl FromStr for ValueField {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let name = Filters::canonical_name(text).unwrap_or_default();
        Self::ALL.into_iter().find(|field| field.as_str() == name).ok_or(ValueError::UnknownValue {
            expected: "actor_id, actor_type, action, target_id, target_type, tenant_id, \
                           request_id, ip_address",
        })
    }
}

impl fmt::Display for ValueField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_filters() {
        for name in
            Facet::ALL.map(Facet::as_str).into_iter().chain(ValueField::ALL.map(ValueField::as_str))
        {
            assert_eq!(Filters::canonical_name(name).as_deref(), Some(name));
        }
        assert_eq!("tenant".parse(), Ok(Facet::TenantId));
        assert_eq!("ip".parse(), Ok(ValueField::IpAddress));
        assert!("metadata.k".parse::<Facet>().is_err() && "since".parse::<ValueField>().is_err());
    }

    #[test]
    fn lists_are_split_at_commas() {
        let expected = Ok(vec![Facet::Action, Facet::Actor]);
        assert_eq!(Facet::parse_list("action,actor,action"), expected);
        for wrong in ["", "action,", "action, actor", "what"] {
            assert!(Facet::parse_list(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn own_filter_is_left_out() {
        let now = jiff::Timestamp::UNIX_EPOCH;
        let parse =
            |pairs: &[(&str, &str)]| Filters::from_pairs(pairs.iter().copied(), now).unwrap();
        let all = parse(&[
            ("actor", "user:u1"),
            ("target", "project:p1"),
            ("action", "project.*"),
            ("tenant_id", "t1"),
            ("request_id", "r1"),
            ("ip_address", "10.0.0.1"),
            ("outcome", "denied"),
        ]);
        for (facet, own) in [
            (Facet::Actor, &["actor_id", "actor_type"][..]),
            (Facet::ActorType, &["actor_type"]),
            (Facet::Action, &["action"]),
            (Facet::Target, &["target_id", "target_type"]),
            (Facet::TargetType, &["target_type"]),
            (Facet::TenantId, &["tenant_id"]),
            (Facet::RequestId, &["request_id"]),
            (Facet::IpAddress, &["ip_address"]),
            (Facet::Outcome, &["outcome"]),
        ] {
            let mut expected = all.to_pairs();
            expected.retain(|(name, _)| !own.contains(&name.as_ref()));
            assert_eq!(facet.without_own_filter(&all).to_pairs(), expected, "{facet}");
        }
        let of_type = parse(&[("actor_type", "user"), ("target_type", "project")]);
        assert_eq!(Facet::Actor.without_own_filter(&of_type), of_type);
        assert_eq!(Facet::Target.without_own_filter(&of_type), of_type);
    }
}
