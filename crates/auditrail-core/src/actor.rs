//! The actor of a record.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::error::ValueError;
use crate::text::ActorId;

/// The id of every system actor.
const SYSTEM_ID: &str = "system";

/// The kind of actor. A check constraint of the table enforces the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ActorType {
    /// A person.
    User,
    /// The control plane itself: a job, a rule or a limit.
    System,
    /// A program with an API key.
    ApiKey,
}

impl ActorType {
    /// The value of the column.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::System => "system",
            Self::ApiKey => "api_key",
        }
    }
}

impl FromStr for ActorType {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        match text {
            "user" => Ok(Self::User),
            "system" => Ok(Self::System),
            "api_key" => Ok(Self::ApiKey),
            _ => Err(ValueError::UnknownValue { expected: "user, system, api_key" }),
        }
    }
}

impl TryFrom<&str> for ActorType {
    type Error = ValueError;

    fn try_from(text: &str) -> Result<Self, ValueError> {
        text.parse()
    }
}

impl fmt::Display for ActorType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// The actor of a record. The id of a system actor is always `system`.
///
/// The text form is `user:u1`, `api_key:k1` or `system` (`system:system` is accepted as well).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Actor {
    /// A person.
    User(ActorId),
    /// The control plane itself.
    System,
    /// A program with an API key.
    ApiKey(ActorId),
}

impl Actor {
    /// A person.
    ///
    /// # Errors
    /// When the id is not a valid [`ActorId`].
    pub fn user(id: &str) -> Result<Self, ValueError> {
        Ok(Self::User(id.parse()?))
    }

    /// A program with an API key.
    ///
    /// # Errors
    /// When the id is not a valid [`ActorId`].
    pub fn api_key(id: &str) -> Result<Self, ValueError> {
        Ok(Self::ApiKey(id.parse()?))
    }

    /// The control plane itself.
    #[must_use]
    pub const fn system() -> Self {
        Self::System
    }

    /// An actor from the two columns of a new record, or of a stored one (with [`ActorId::from_stored`]).
    ///
    /// # Errors
    /// [`ValueError::SystemActorId`] for a system actor with another id; the table rejects it as well.
    pub fn new(actor_type: ActorType, id: ActorId) -> Result<Self, ValueError> {
        match actor_type {
            ActorType::User => Ok(Self::User(id)),
            ActorType::ApiKey => Ok(Self::ApiKey(id)),
            ActorType::System if id.as_str() == SYSTEM_ID => Ok(Self::System),
            ActorType::System => Err(ValueError::SystemActorId),
        }
    }

    /// The kind of actor.
    #[must_use]
    pub const fn actor_type(&self) -> ActorType {
        match self {
            Self::User(_) => ActorType::User,
            Self::System => ActorType::System,
            Self::ApiKey(_) => ActorType::ApiKey,
        }
    }

    /// The value of the `actor_id` column.
    #[must_use]
    pub fn id(&self) -> &str {
        match self {
            Self::User(id) | Self::ApiKey(id) => id.as_str(),
            Self::System => SYSTEM_ID,
        }
    }
}

impl FromStr for Actor {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        if text == SYSTEM_ID {
            return Ok(Self::System);
        }
        let (actor_type, id) = text
            .split_once(':')
            .ok_or(ValueError::BadFormat { expected: "user:ID, api_key:ID or system" })?;
        Self::new(actor_type.parse()?, id.parse()?)
    }
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User(id) | Self::ApiKey(id) => write!(f, "{}:{id}", self.actor_type()),
            Self::System => f.write_str(SYSTEM_ID),
        }
    }
}
