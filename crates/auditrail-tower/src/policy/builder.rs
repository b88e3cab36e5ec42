//! A policy made in code, and the checks that both ways to a policy share.

use auditrail_core::{FailurePolicy, parse_network};
use ipnet::IpNet;

use super::Policy;
use super::compile::{Compiled, compile, no_pointer};
use super::error::{PolicyError, Problem};
use super::pointer::Pointer;
use super::redact::Redaction;
use super::rule::Rule;

/// Makes a [`Policy`] in code. Says the same as a policy file, and is checked the same.
#[derive(Clone, Debug)]
pub struct PolicyBuilder {
    pub(super) failure: FailurePolicy,
    pub(super) trusted_proxies: Vec<String>,
    pub(super) redact: Vec<String>,
    pub(super) rules: Vec<Rule>,
}

impl Default for PolicyBuilder {
    fn default() -> Self {
        Self {
            failure: FailurePolicy::Spool,
            trusted_proxies: Vec::new(),
            redact: Vec::new(),
            rules: Vec::new(),
        }
    }
}

impl PolicyBuilder {
    /// What rules without a failure policy do. Default: [`FailurePolicy::Spool`].
    #[must_use]
    pub fn failure(self, failure: FailurePolicy) -> Self {
        Self { failure, ..self }
    }

    /// An address or network whose `X-Forwarded-For` is believed, such as `10.0.0.0/8`.
    #[must_use]
    pub fn trusted_proxy(mut self, network: impl Into<String>) -> Self {
        self.trusted_proxies.push(network.into());
        self
    }

    /// A name, or a place as a JSON pointer, that is removed from whatever is recorded.
    #[must_use]
    pub fn redact(mut self, entry: impl Into<String>) -> Self {
        self.redact.push(entry.into());
        self
    }

    /// Another rule, after those before it. The first that matches wins.
    #[must_use]
    pub fn rule(mut self, rule: Rule) -> Self {
        self.rules.push(rule);
        self
    }

    /// Checks everything.
    ///
    /// # Errors
    /// [`PolicyError::Invalid`] with everything that is wrong, and the rule it is about.
    pub fn build(&self) -> Result<Policy, PolicyError> {
        let mut said = Said { rules: &self.rules, problems: Vec::new() };
        let policy = self.checked(&mut said);
        match policy {
            Some(policy) if said.problems.is_empty() => Ok(policy),
            _ => Err(PolicyError::Invalid(said.problems)),
        }
    }

    /// Checks everything and tells what is wrong. `None` only if something is.
    pub(super) fn checked(&self, report: &mut dyn Wrong) -> Option<Policy> {
        for entry in self.redact.iter().filter(|entry| entry.starts_with('/')) {
            if Pointer::parse(entry).is_none() {
                report.wrong(None, "redact", no_pointer(entry, "redact"));
            }
        }
        if self.redact.iter().any(String::is_empty) {
            report.wrong(None, "redact", "`redact` must not hold an empty text".to_owned());
        }
        let redaction = Redaction::new(self.redact.iter().map(String::as_str));
        let trusted_proxies = self.networks(report);
        let rules = self.rules.iter().enumerate().map(|(index, rule)| {
            let mut wrong = |key, what| report.wrong(Some(index), key, what);
            compile(rule, self.failure, &redaction, &mut wrong)
        });
        // Collected first, so that a wrong rule does not keep the next from being checked.
        let rules: Vec<Option<Compiled>> = rules.collect();
        let rules = rules.into_iter().collect::<Option<Vec<_>>>()?;
        Some(Policy::new(rules, redaction, trusted_proxies))
    }

    fn networks(&self, report: &mut dyn Wrong) -> Vec<IpNet> {
        let mut networks = Vec::with_capacity(self.trusted_proxies.len());
        for text in &self.trusted_proxies {
            match parse_network(text) {
                Ok(network) => networks.push(network),
                Err(_) => report.wrong(
                    None,
                    "trusted_proxies",
                    format!("`{text}` is no address or network; write one such as \"10.0.0.0/8\""),
                ),
            }
        }
        networks
    }
}

/// Is told what is wrong with a policy.
pub(super) trait Wrong {
    /// Something is wrong with a key: of the rule at this place, or of the whole.
    fn wrong(&mut self, rule: Option<usize>, key: &'static str, what: String);
}

/// What is wrong with a policy that was built: it has no lines, so rules go by their place.
struct Said<'a> {
    rules: &'a [Rule],
    problems: Vec<Problem>,
}

impl Wrong for Said<'_> {
    fn wrong(&mut self, rule: Option<usize>, _key: &'static str, what: String) {
        let policy = match rule.map(|index| (index, &self.rules[index])) {
            None => "the policy".to_owned(),
            Some((index, Rule { name: Some(name), .. })) => format!("rule {} ({name})", index + 1),
            Some((index, rule)) => {
                format!("rule {} ({} {})", index + 1, rule.methods.join(","), rule.route)
            }
        };
        self.problems.push(Problem { policy, line: None, what });
    }
}
