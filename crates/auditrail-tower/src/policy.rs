//! The policy: which requests are recorded, and how. `docs/policy.md` describes the format.

mod builder;
mod compile;
mod coverage;
mod error;
mod file;
mod matching;
mod pattern;
mod pointer;
mod readings;
mod redact;
mod rule;

use std::path::Path;

use ipnet::IpNet;

pub use builder::PolicyBuilder;
pub(crate) use compile::{CompiledRule, Source};
pub(crate) use coverage::{Coverage, Route};
pub use coverage::{CoverageReport, Uncovered};
pub use error::{PolicyError, Problem};
pub(crate) use matching::{Candidate, Candidates, Decision};
pub use matching::{Matched, Matches};
pub(crate) use pointer::picked;
pub(crate) use redact::{Redaction, column, number_text};
pub use rule::{AmbiguousPaths, IdFrom, Level, Rule};

/// Ordered rules about requests; the first whose method, route and status all match wins.
///
/// ```
/// use auditrail_tower::{IdFrom, Policy, Rule};
///
/// let policy = Policy::builder()
///     .redact("password")
///     .rule(
///         Rule::on("POST", "/v1/projects/{id}")
///             .status("2xx")
///             .action("project.created")
///             .target("project", IdFrom::path("id")),
///     )
///     .build()?;
///
/// let matches = policy.matches("POST", "/V1//projects/apollo/");
/// let decided = matches.decide(201).map(|rule| (rule.name(), rule.param("id")));
/// assert_eq!(decided, Some(("POST /v1/projects/{id}", Some("apollo"))));
/// # Ok::<(), auditrail_tower::PolicyError>(())
/// ```
#[derive(Debug)]
pub struct Policy {
    rules: Vec<CompiledRule>,
    redaction: Redaction,
    trusted_proxies: Vec<IpNet>,
    ambiguous_paths: AmbiguousPaths,
    coverage: Coverage,
}

impl Policy {
    /// Starts a policy in code.
    #[must_use]
    pub fn builder() -> PolicyBuilder {
        PolicyBuilder::default()
    }

    /// Reads a policy file.
    ///
    /// # Errors
    /// [`PolicyError::Unreadable`], or [`PolicyError::Invalid`] with all problems and their lines.
    pub fn load(path: impl AsRef<Path>) -> Result<Self, PolicyError> {
        let path = path.as_ref();
        let name = path.display().to_string();
        match std::fs::read_to_string(path) {
            Ok(text) => Self::parse(&text, &name),
            Err(source) => Err(PolicyError::Unreadable { path: name, source }),
        }
    }

    /// Parses the text of a policy; errors refer to it as `name`.
    ///
    /// # Errors
    /// [`PolicyError::Invalid`] with all problems and their lines.
    pub fn parse(text: &str, name: &str) -> Result<Self, PolicyError> {
        let (builder, mut report) = file::read(text, name);
        let policy = builder.validate(&mut report);
        let problems = report.into_problems();
        match policy {
            Some(policy) if problems.is_empty() => Ok(policy),
            _ => Err(PolicyError::Invalid(problems)),
        }
    }

    /// The rules that match a method and a request target: a path or a whole URL.
    #[must_use]
    pub fn matches(&self, method: &str, target: &str) -> Matches<'_> {
        Matches::new(&self.rules, self.candidates(method, target))
    }

    /// The mutating routes without a matching rule that were requested since the policy was created.
    #[must_use]
    pub fn coverage(&self) -> CoverageReport {
        self.coverage.report(&self.rules)
    }

    /// Asserts that a rule matched every mutating request, for the end of a test suite.
    ///
    /// # Panics
    /// If requests matched no rule; the message names their routes.
    #[track_caller]
    pub fn assert_covered(&self) {
        if let Some(complaint) = self.coverage().complaint() {
            panic!("{complaint}");
        }
    }

    fn new(
        rules: Vec<CompiledRule>,
        redaction: Redaction,
        trusted_proxies: Vec<IpNet>,
        ambiguous_paths: AmbiguousPaths,
    ) -> Self {
        let coverage = Coverage::new(rules.len());
        Self { rules, redaction, trusted_proxies, ambiguous_paths, coverage }
    }

    /// Whether a request with these rules is rejected because its path is ambiguous.
    pub(crate) fn refuses(&self, candidates: &Candidates) -> bool {
        self.ambiguous_paths == AmbiguousPaths::Refuse && candidates.is_ambiguous()
    }

    pub(crate) fn candidates(&self, method: &str, target: &str) -> Candidates {
        Candidates::find(&self.rules, method, target)
    }

    pub(crate) fn rules(&self) -> &[CompiledRule] {
        &self.rules
    }

    pub(crate) fn redaction(&self) -> &Redaction {
        &self.redaction
    }

    pub(crate) fn trusts(&self, address: std::net::IpAddr) -> bool {
        self.trusted_proxies.iter().any(|network| network.contains(&address))
    }

    pub(crate) fn coverage_tracker(&self) -> &Coverage {
        &self.coverage
    }
}

#[cfg(test)]
mod tests;
