//! A policy in code, and the validation that files and code share.

use auditrail_core::{FailurePolicy, parse_network};
use ipnet::IpNet;

use super::Policy;
use super::compile::{CompiledRule, compile, no_pointer};
use super::error::{PolicyError, Problem};
use super::pointer::Pointer;
use super::redact::Redaction;
use super::rule::{AmbiguousPaths, Rule};

/// Builds a [`Policy`] in code. Equivalent to a policy file, with the same validation.
#[derive(Clone, Debug)]
pub struct PolicyBuilder {
    pub(super) failure: FailurePolicy,
    pub(super) ambiguous_paths: AmbiguousPaths,
    pub(super) trusted_proxies: Vec<String>,
    pub(super) redact: Vec<String>,
    pub(super) rules: Vec<Rule>,
}

impl Default for PolicyBuilder {
    fn default() -> Self {
        Self {
            failure: FailurePolicy::Spool,
            ambiguous_paths: AmbiguousPaths::Record,
            trusted_proxies: Vec::new(),
            redact: Vec::new(),
            rules: Vec::new(),
        }
    }
}

impl PolicyBuilder {
    /// Sets the default failure policy of rules. Default: [`FailurePolicy::Spool`].
    #[must_use]
    pub fn failure(self, failure: FailurePolicy) -> Self {
        Self { failure, ..self }
    }

    /// Sets what happens to requests with an ambiguous path. Default: [`AmbiguousPaths::Record`].
    #[must_use]
    pub fn ambiguous_paths(self, ambiguous_paths: AmbiguousPaths) -> Self {
        Self { ambiguous_paths, ..self }
    }

    /// Trusts the `X-Forwarded-For` of an address or network, such as `10.0.0.0/8`.
    #[must_use]
    pub fn trusted_proxy(mut self, network: impl Into<String>) -> Self {
        self.trusted_proxies.push(network.into());
        self
    }

    /// Removes a field from everything recorded, by name or JSON pointer.
    #[must_use]
    pub fn redact(mut self, entry: impl Into<String>) -> Self {
        self.redact.push(entry.into());
        self
    }

    /// Appends a rule. The first that matches wins.
    #[must_use]
    pub fn rule(mut self, rule: Rule) -> Self {
        self.rules.push(rule);
        self
    }

    /// Validates the policy.
    ///
    /// # Errors
    /// [`PolicyError::Invalid`] with all problems and their rules.
    pub fn build(&self) -> Result<Policy, PolicyError> {
        let mut report = RuleReport { rules: &self.rules, problems: Vec::new() };
        match self.validate(&mut report) {
            Some(policy) if report.problems.is_empty() => Ok(policy),
            _ => Err(PolicyError::Invalid(report.problems)),
        }
    }

    /// Validates the policy and reports all problems. Returns `None` only if there are any.
    pub(super) fn validate(&self, report: &mut dyn ProblemReport) -> Option<Policy> {
        for entry in self.redact.iter().filter(|entry| entry.starts_with('/')) {
            if Pointer::parse(entry).is_none() {
                report.add_problem(None, "redact", no_pointer(entry, "redact"));
            }
        }
        if self.redact.iter().any(String::is_empty) {
            report.add_problem(None, "redact", "`redact` must not hold an empty text".to_owned());
        }
        let redaction = Redaction::new(self.redact.iter().map(String::as_str));
        let trusted_proxies = self.networks(report);
        let rules = self.rules.iter().enumerate().map(|(index, rule)| {
            let mut wrong = |key, what| report.add_problem(Some(index), key, what);
            compile(rule, self.failure, &redaction, &mut wrong)
        });
        // Collected first, so that all rules are validated.
        let rules: Vec<Option<CompiledRule>> = rules.collect();
        let rules = rules.into_iter().collect::<Option<Vec<_>>>()?;
        Some(Policy::new(rules, redaction, trusted_proxies, self.ambiguous_paths))
    }

    fn networks(&self, report: &mut dyn ProblemReport) -> Vec<IpNet> {
        let mut networks = Vec::with_capacity(self.trusted_proxies.len());
        for text in &self.trusted_proxies {
            match parse_network(text) {
                Ok(network) => networks.push(network),
                Err(_) => report.add_problem(
                    None,
                    "trusted_proxies",
                    format!("`{text}` is no address or network; write one such as \"10.0.0.0/8\""),
                ),
            }
        }
        networks
    }
}

/// Collects the problems of a policy.
pub(super) trait ProblemReport {
    /// Adds a problem of a key: of the rule at this index, or of the policy.
    fn add_problem(&mut self, rule: Option<usize>, key: &'static str, what: String);
}

/// The problems of a policy in code, located by the index of the rule.
struct RuleReport<'a> {
    rules: &'a [Rule],
    problems: Vec<Problem>,
}

impl ProblemReport for RuleReport<'_> {
    fn add_problem(&mut self, rule: Option<usize>, _key: &'static str, what: String) {
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
