//! Matching of a request with the rules.

use auditrail_core::FailurePolicy;

use super::compile::CompiledRule;
use super::pattern::RequestPath;
use super::rule::Level;

/// A rule that matches the method and path of a request, with the parameters of its route.
#[derive(Clone, Debug)]
pub(crate) struct Candidate {
    /// The index of the rule.
    pub(crate) rule: usize,
    /// In the order of the route.
    pub(crate) params: Vec<Box<str>>,
}

/// The rules that match a method and path, in order.
pub(crate) fn candidates(rules: &[CompiledRule], method: &str, target: &str) -> Vec<Candidate> {
    let path = RequestPath::parse(target);
    let about = rules.iter().enumerate().filter(|(_, rule)| rule.matches_method(method));
    let matching = about.filter_map(|(at, rule)| {
        let params = path.params(&rule.route)?;
        Some(Candidate { rule: at, params })
    });
    matching.collect()
}

/// The first candidate that matches the status. Without a status, the first that records.
pub(crate) fn decide<'c>(
    rules: &[CompiledRule],
    candidates: &'c [Candidate],
    status: Option<u16>,
) -> Option<&'c Candidate> {
    candidates.iter().find(|candidate| match status {
        Some(status) => rules[candidate.rule].matches_status(status),
        None => rules[candidate.rule].records(),
    })
}

/// The candidate whose intent is recorded before the request is handled: the first with `must`.
pub(crate) fn intent<'c>(
    rules: &[CompiledRule],
    candidates: &'c [Candidate],
) -> Option<&'c Candidate> {
    candidates.iter().find(|candidate| {
        let rule = &rules[candidate.rule];
        rule.failure == FailurePolicy::Must && rule.records()
    })
}

/// The rules that match a method and path, before the status is known.
#[derive(Clone, Debug)]
pub struct Matches<'p> {
    rules: &'p [CompiledRule],
    candidates: Vec<Candidate>,
}

impl<'p> Matches<'p> {
    pub(super) fn new(rules: &'p [CompiledRule], candidates: Vec<Candidate>) -> Self {
        Self { rules, candidates }
    }

    /// Whether no rule matches the method and path.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.candidates.is_empty()
    }

    /// The first rule that also matches the status.
    #[must_use]
    pub fn decide(&self, status: u16) -> Option<Matched<'_>> {
        decide(self.rules, &self.candidates, Some(status)).map(|candidate| self.matched(candidate))
    }

    /// The rule for a request that ended without a status.
    #[must_use]
    pub fn decide_without_status(&self) -> Option<Matched<'_>> {
        decide(self.rules, &self.candidates, None).map(|candidate| self.matched(candidate))
    }

    /// The rule whose intent is recorded before the request is handled, if any.
    #[must_use]
    pub fn intent(&self) -> Option<Matched<'_>> {
        intent(self.rules, &self.candidates).map(|candidate| self.matched(candidate))
    }

    fn matched<'m>(&'m self, candidate: &'m Candidate) -> Matched<'m> {
        Matched { rule: &self.rules[candidate.rule], candidate }
    }
}

/// A rule that matches a request.
#[derive(Clone, Copy, Debug)]
pub struct Matched<'m> {
    rule: &'m CompiledRule,
    candidate: &'m Candidate,
}

impl<'m> Matched<'m> {
    /// The name, by default the methods and the route.
    #[must_use]
    pub fn name(&self) -> &'m str {
        &self.rule.name
    }

    /// The action; `None` if the rule records nothing.
    #[must_use]
    pub fn action(&self) -> Option<&'m str> {
        self.rule.what.as_ref().map(|what| what.action.as_str())
    }

    /// How much is recorded.
    #[must_use]
    pub fn level(&self) -> Level {
        self.rule.level
    }

    /// The behaviour while the audit log is unreachable.
    #[must_use]
    pub fn failure(&self) -> FailurePolicy {
        self.rule.failure
    }

    /// The value of a route parameter.
    #[must_use]
    pub fn param(&self, name: &str) -> Option<&'m str> {
        let at = self.rule.route.parameters().position(|known| known == name)?;
        self.candidate.params.get(at).map(|value| &**value)
    }
}
