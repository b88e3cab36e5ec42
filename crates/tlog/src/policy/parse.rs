//! Reads the lines of a policy.

use alloc::borrow::ToOwned as _;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::String;
use alloc::vec::Vec;

use super::{Kind, Member, Policy};
use crate::key::{Algorithm, InvalidKey, VerifierKey};

/// The longest policy, in bytes.
const POLICY_MAX: usize = 1024 * 1024;
/// The name that stands for no quorum.
const NONE: &str = "none";

/// A line of a policy that is not valid.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line} of the policy: {problem}")]
pub struct PolicyError {
    /// The line, counted from 1; the last one if something is missing.
    pub line: usize,
    /// What is wrong.
    pub problem: Problem,
}

/// What is wrong with a line of a policy.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// The file is too long.
    #[error("the policy is longer than {POLICY_MAX} bytes")]
    TooLong,
    /// It is not text.
    #[error("it is not UTF-8, or has control characters")]
    NotText,
    /// It begins with another word.
    #[error("it begins with none of `log`, `witness`, `group` and `quorum`")]
    Keyword,
    /// It has too few or too many items.
    #[error("it is not of the form {0}")]
    Form(&'static str),
    /// A key is not valid.
    #[error("{0}")]
    Key(InvalidKey),
    /// The key is not one of a log.
    #[error("the key is one for cosignatures, not that of a log")]
    NotLog,
    /// The key is not one of a witness.
    #[error("the key is that of a log, not one for cosignatures")]
    NotWitness,
    /// The key occurs on an earlier line.
    #[error("the key is on an earlier line already")]
    DuplicateKey,
    /// The name has a meaning already.
    #[error("the name {0} is used already")]
    DuplicateName(String),
    /// The name is not defined on an earlier line.
    #[error("{0} is not defined on an earlier line")]
    Undefined(String),
    /// The name is a member of a group already.
    #[error("{0} is a member of a group already")]
    DuplicateMember(String),
    /// The number of members is not one of the group.
    #[error("a group needs from 1 to all of its members, as a number, `any` or `all`")]
    Threshold,
    /// There are several quorum lines.
    #[error("there is a quorum already")]
    SecondQuorum,
    /// There is no quorum line.
    #[error("there is no quorum; `quorum none` asks for no cosignature")]
    NoQuorum,
}

const LOG: &str = "log KEY [URL]";
const WITNESS: &str = "witness NAME KEY [URL]";
const GROUP: &str = "group NAME NUMBER|any|all MEMBER...";
const QUORUM: &str = "quorum NAME|none";

/// The lines that were read.
#[derive(Default)]
struct Lines {
    logs: Vec<VerifierKey>,
    members: Vec<Member>,
    names: BTreeMap<String, usize>,
    /// Members of a group.
    grouped: BTreeSet<usize>,
    quorum: Option<Option<usize>>,
}

pub(super) fn policy(bytes: &[u8]) -> Result<Policy, PolicyError> {
    let at = |line| move |problem| PolicyError { line, problem };
    if bytes.len() > POLICY_MAX {
        return Err(at(1)(Problem::TooLong));
    }
    let (mut lines, mut count) = (Lines::default(), 0);
    for line in bytes.split(|byte| *byte == b'\n') {
        count += 1;
        lines.read(line).map_err(at(count))?;
    }
    let quorum = lines.quorum.ok_or_else(|| at(count)(Problem::NoQuorum))?;
    Ok(Policy { logs: lines.logs, members: lines.members, quorum })
}

impl Lines {
    fn read(&mut self, line: &[u8]) -> Result<(), Problem> {
        if line.iter().any(|byte| *byte < b' ' && *byte != b'\t' || *byte == 0x7f) {
            return Err(Problem::NotText);
        }
        let line = line.trim_ascii();
        if line.starts_with(b"#") {
            return Ok(());
        }
        let line = core::str::from_utf8(line).map_err(|_| Problem::NotText)?;
        let items: Vec<&str> = line.split([' ', '\t']).filter(|item| !item.is_empty()).collect();
        match items.as_slice() {
            [] => Ok(()),
            ["log", items @ ..] => self.log(items),
            ["witness", items @ ..] => self.witness(items),
            ["group", items @ ..] => self.group(items),
            ["quorum", items @ ..] => self.quorum(items),
            _ => Err(Problem::Keyword),
        }
    }

    fn log(&mut self, items: &[&str]) -> Result<(), Problem> {
        let ([key] | [key, _]) = items else { return Err(Problem::Form(LOG)) };
        let key: VerifierKey = key.parse().map_err(Problem::Key)?;
        if key.algorithm() != Algorithm::Ed25519 {
            return Err(Problem::NotLog);
        }
        if self.logs.iter().any(|log| log.as_bytes() == key.as_bytes()) {
            return Err(Problem::DuplicateKey);
        }
        self.logs.push(key);
        Ok(())
    }

    fn witness(&mut self, items: &[&str]) -> Result<(), Problem> {
        let (name, key, url) = match items {
            [name, key] => (name, key, None),
            [name, key, url] => (name, key, Some((*url).to_owned())),
            _ => return Err(Problem::Form(WITNESS)),
        };
        let key: VerifierKey = key.parse().map_err(Problem::Key)?;
        if key.algorithm() != Algorithm::Cosignature {
            return Err(Problem::NotWitness);
        }
        let is_same = |member: &Member| matches!(&member.kind, Kind::Witness { key: other, .. } if other.as_bytes() == key.as_bytes());
        if self.members.iter().any(is_same) {
            return Err(Problem::DuplicateKey);
        }
        self.define(name, Kind::Witness { key: key.into(), url })
    }

    fn group(&mut self, items: &[&str]) -> Result<(), Problem> {
        let [name, threshold, names @ ..] = items else { return Err(Problem::Form(GROUP)) };
        if names.is_empty() {
            return Err(Problem::Form(GROUP));
        }
        let threshold = match *threshold {
            "any" => Some(1),
            "all" => Some(names.len()),
            number => crate::number::decimal(number).and_then(|number| number.try_into().ok()),
        };
        let threshold = threshold.filter(|threshold| (1..=names.len()).contains(threshold));
        let threshold = threshold.ok_or(Problem::Threshold)?;
        let mut members = Vec::new();
        for name in names {
            let member = self.defined(name)?;
            if !self.grouped.insert(member) {
                return Err(Problem::DuplicateMember((*name).to_owned()));
            }
            members.push(member);
        }
        self.define(name, Kind::Group { threshold, members })
    }

    fn quorum(&mut self, items: &[&str]) -> Result<(), Problem> {
        let [name] = items else { return Err(Problem::Form(QUORUM)) };
        if self.quorum.is_some() {
            return Err(Problem::SecondQuorum);
        }
        self.quorum = Some(if *name == NONE { None } else { Some(self.defined(name)?) });
        Ok(())
    }

    fn define(&mut self, name: &str, kind: Kind) -> Result<(), Problem> {
        if name == NONE || self.names.contains_key(name) {
            return Err(Problem::DuplicateName(name.to_owned()));
        }
        self.names.insert(name.to_owned(), self.members.len());
        self.members.push(Member { name: name.to_owned(), kind });
        Ok(())
    }

    fn defined(&self, name: &str) -> Result<usize, Problem> {
        self.names.get(name).copied().ok_or_else(|| Problem::Undefined(name.to_owned()))
    }
}
