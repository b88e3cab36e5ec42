//! The scopes of an API key.

use std::fmt;
use std::str::FromStr;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::error::ValueError;

/// A permission of a key. No scope implies another: a key with `write` cannot read, and one with `admin`
/// cannot read records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// Writes records. The response contains no record.
    Write,
    /// Searches and reads records in pages.
    Read,
    /// Exports any number of records.
    Export,
    /// Creates, lists and revokes keys. A key with this scope can create keys with any scope; each creation
    /// is recorded.
    Admin,
    /// Reads checkpoints, tiles and entries of the transparency log, which reveal no fields of records.
    Verify,
    /// Erases values of people.
    Erase,
}

impl Scope {
    /// Every scope, in the order of sets.
    pub const ALL: [Self; 6] =
        [Self::Write, Self::Read, Self::Export, Self::Admin, Self::Verify, Self::Erase];

    /// The scope as text.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Write => "write",
            Self::Read => "read",
            Self::Export => "export",
            Self::Admin => "admin",
            Self::Verify => "verify",
            Self::Erase => "erase",
        }
    }

    const fn bit(self) -> u8 {
        1 << self as u8
    }
}

impl FromStr for Scope {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        Self::ALL.into_iter().find(|scope| scope.as_str() == text).ok_or(ValueError::UnknownValue {
            expected: "write, read, export, admin, verify, erase",
        })
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A non-empty set of scopes.
///
/// Serializes as a list in the order of [`Scope::ALL`]; displays as `write,read`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ScopeSet(u8);

impl ScopeSet {
    /// Collects scopes in any order; repetitions are ignored.
    ///
    /// # Errors
    /// [`ValueError::Empty`] when there is none: such a key would be useless.
    pub fn new(scopes: impl IntoIterator<Item = Scope>) -> Result<Self, ValueError> {
        match scopes.into_iter().fold(0, |bits, scope| bits | scope.bit()) {
            0 => Err(ValueError::Empty),
            bits => Ok(Self(bits)),
        }
    }

    /// Whether the set contains a scope.
    #[must_use]
    pub const fn contains(self, scope: Scope) -> bool {
        self.0 & scope.bit() != 0
    }

    /// The scopes, in the order of [`Scope::ALL`].
    pub fn iter(self) -> impl Iterator<Item = Scope> {
        Scope::ALL.into_iter().filter(move |scope| self.contains(*scope))
    }
}

impl From<Scope> for ScopeSet {
    fn from(scope: Scope) -> Self {
        Self(scope.bit())
    }
}

impl fmt::Display for ScopeSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, scope) in self.iter().enumerate() {
            let separator = if n == 0 { "" } else { "," };
            write!(f, "{separator}{scope}")?;
        }
        Ok(())
    }
}

impl Serialize for ScopeSet {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}

impl<'de> Deserialize<'de> for ScopeSet {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(Vec::<Scope>::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}
