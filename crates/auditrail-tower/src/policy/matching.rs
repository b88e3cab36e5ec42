//! What the rules say about one request.

use auditrail_core::FailurePolicy;

use super::compile::Compiled;
use super::pattern::RequestPath;
use super::rule::Level;

/// A rule about the method and path of a request, and what the parameters of its route were.
#[derive(Clone, Debug)]
pub(crate) struct Candidate {
    /// Its place in the policy.
    pub(crate) rule: usize,
    /// In the order of the route.
    pub(crate) params: Vec<Box<str>>,
}

/// The rules about a method and path, in their order.
pub(crate) fn candidates(rules: &[Compiled], method: &str, target: &str) -> Vec<Candidate> {
    let path = RequestPath::parse(target);
    let about = rules.iter().enumerate().filter(|(_, rule)| rule.is_about_method(method));
    let matching = about.filter_map(|(at, rule)| {
        let params = path.params(&rule.route)?;
        Some(Candidate { rule: at, params })
    });
    matching.collect()
}

/// The one that decides once the status is known. Without a status every one is possible, so the first
/// that records.
pub(crate) fn decide<'c>(
    rules: &[Compiled],
    candidates: &'c [Candidate],
    status: Option<u16>,
) -> Option<&'c Candidate> {
    candidates.iter().find(|candidate| match status {
        Some(status) => rules[candidate.rule].is_about_status(status),
        None => rules[candidate.rule].records(),
    })
}

/// The one whose record is written before the request is handled: the first with `must`.
pub(crate) fn intent<'c>(rules: &[Compiled], candidates: &'c [Candidate]) -> Option<&'c Candidate> {
    candidates.iter().find(|candidate| {
        let rule = &rules[candidate.rule];
        rule.failure == FailurePolicy::Must && rule.records()
    })
}

/// What a policy says about a method and path, before the status is known.
#[derive(Clone, Debug)]
pub struct Matches<'p> {
    rules: &'p [Compiled],
    candidates: Vec<Candidate>,
}

impl<'p> Matches<'p> {
    pub(super) fn new(rules: &'p [Compiled], candidates: Vec<Candidate>) -> Self {
        Self { rules, candidates }
    }

    /// Whether no rule is about the method and path.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.candidates.is_empty()
    }

    /// The rule that decides for a status: the first whose status matches too.
    #[must_use]
    pub fn decide(&self, status: u16) -> Option<Matched<'_>> {
        decide(self.rules, &self.candidates, Some(status)).map(|found| self.matched(found))
    }

    /// The rule that decides for a request that ended without a status.
    #[must_use]
    pub fn decide_without_status(&self) -> Option<Matched<'_>> {
        decide(self.rules, &self.candidates, None).map(|found| self.matched(found))
    }

    /// The rule whose record is written before the request is handled, where there is one.
    #[must_use]
    pub fn intent(&self) -> Option<Matched<'_>> {
        intent(self.rules, &self.candidates).map(|found| self.matched(found))
    }

    fn matched<'m>(&'m self, candidate: &'m Candidate) -> Matched<'m> {
        Matched { rule: &self.rules[candidate.rule], candidate }
    }
}

/// A rule that was found for a request.
#[derive(Clone, Copy, Debug)]
pub struct Matched<'m> {
    rule: &'m Compiled,
    candidate: &'m Candidate,
}

impl<'m> Matched<'m> {
    /// Its name, or its methods and route.
    #[must_use]
    pub fn name(&self) -> &'m str {
        &self.rule.name
    }

    /// Its action; none where it records nothing.
    #[must_use]
    pub fn action(&self) -> Option<&'m str> {
        self.rule.what.as_ref().map(|what| what.action.as_str())
    }

    /// How much it records.
    #[must_use]
    pub fn level(&self) -> Level {
        self.rule.level
    }

    /// What it does when the audit log cannot be reached.
    #[must_use]
    pub fn failure(&self) -> FailurePolicy {
        self.rule.failure
    }

    /// What a parameter of its route was in the request.
    #[must_use]
    pub fn param(&self, name: &str) -> Option<&'m str> {
        let at = self.rule.route.parameters().position(|known| known == name)?;
        self.candidate.params.get(at).map(|value| &**value)
    }
}
