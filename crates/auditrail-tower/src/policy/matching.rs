//! Matching of a request with the rules.

use auditrail_core::FailurePolicy;

use super::compile::CompiledRule;
use super::readings::RequestPath;
use super::rule::Level;

/// A rule that matches the method and path of a request, with the parameters of its route.
#[derive(Clone, Debug)]
pub(crate) struct Candidate {
    /// The index of the rule.
    pub(crate) rule: usize,
    /// In the order of the route.
    pub(crate) params: Vec<Box<str>>,
}

/// The rules that match a method and a path, whichever way a server reads the path.
#[derive(Clone, Debug, Default)]
pub(crate) struct Candidates {
    /// In the order of the policy, each with the parameters of the first reading that it matches.
    all: Vec<Candidate>,
    /// If readings match different rules: the positions in `all` of each reading, without duplicates; that of the
    /// literal reading first. Otherwise empty.
    readings: Vec<Vec<usize>>,
}

/// What the rules decide about a request.
#[derive(Debug, Default)]
pub(crate) struct Decision<'c> {
    /// The strictest rule that a reading of the path leads to.
    pub(crate) candidate: Option<&'c Candidate>,
    /// The rules that other readings lead to.
    pub(crate) others: Vec<&'c Candidate>,
    /// Whether every reading leads to a rule.
    pub(crate) is_unanimous: bool,
}

impl Decision<'_> {
    /// Whether the request is recorded, or every reading of its path leads to a rule.
    pub(crate) fn covers(&self, rules: &[CompiledRule]) -> bool {
        self.candidate.is_some_and(|candidate| rules[candidate.rule].records() || self.is_unanimous)
    }
}

impl Candidates {
    pub(super) fn find(rules: &[CompiledRule], method: &str, target: &str) -> Self {
        let path = RequestPath::parse(target);
        let mut all: Vec<Candidate> = Vec::new();
        let mut matching: Vec<Vec<usize>> = Vec::new();
        for reading in path.readings() {
            let mut matched = Vec::new();
            for (rule, compiled) in rules.iter().enumerate() {
                let params = if compiled.matches_method(method) {
                    compiled.route.matching(reading)
                } else {
                    None
                };
                let Some(params) = params else { continue };
                matched.push(rule);
                if !all.iter().any(|known| known.rule == rule) {
                    all.push(Candidate { rule, params });
                }
            }
            if !matching.contains(&matched) {
                matching.push(matched);
            }
        }
        all.sort_by_key(|candidate| candidate.rule);
        if matching.len() == 1 {
            return Self { all, readings: Vec::new() };
        }
        let position = |rule: &usize| all.iter().position(|candidate| candidate.rule == *rule);
        let positions = |matched: &Vec<usize>| matched.iter().filter_map(position).collect();
        let readings = matching.iter().map(positions).collect();
        Self { all, readings }
    }

    pub(crate) fn iter(&self) -> std::slice::Iter<'_, Candidate> {
        self.all.iter()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// Whether readings of the path match different rules.
    pub(crate) fn is_ambiguous(&self) -> bool {
        !self.readings.is_empty()
    }

    /// The first rule of each reading that matches the status; without a status, that records. Of several, the
    /// strictest: one that records, before one that does not; then by failure policy; then by order.
    pub(crate) fn decide(&self, rules: &[CompiledRule], status: Option<u16>) -> Decision<'_> {
        self.strictest(rules, |rule| match status {
            Some(status) => rule.matches_status(status),
            None => rule.records(),
        })
    }

    /// The rule whose intent is recorded before the request is handled: the first with `must`.
    pub(crate) fn intent(&self, rules: &[CompiledRule]) -> Option<&Candidate> {
        self.all.iter().find(|candidate| rules[candidate.rule].is_intended())
    }

    /// The rules that other readings lead to than that of the intent.
    pub(crate) fn other_intents(&self, rules: &[CompiledRule]) -> Vec<&Candidate> {
        if !self.is_ambiguous() {
            return Vec::new();
        }
        let decision = self.strictest(rules, CompiledRule::records);
        let first = self.intent(rules).map(|candidate| candidate.rule);
        let all = decision.candidate.into_iter().chain(decision.others);
        all.filter(|candidate| Some(candidate.rule) != first).collect()
    }

    fn strictest(
        &self,
        rules: &[CompiledRule],
        applies: impl Fn(&CompiledRule) -> bool,
    ) -> Decision<'_> {
        let is_first = |candidate: &&Candidate| applies(&rules[candidate.rule]);
        if !self.is_ambiguous() {
            let candidate = self.all.iter().find(is_first);
            return Decision { candidate, others: Vec::new(), is_unanimous: candidate.is_some() };
        }
        let mut decided: Vec<&Candidate> = Vec::with_capacity(self.readings.len());
        let mut is_unanimous = true;
        for reading in &self.readings {
            match reading.iter().map(|at| &self.all[*at]).find(is_first) {
                None => is_unanimous = false,
                Some(candidate) if decided.iter().any(|known| known.rule == candidate.rule) => {}
                Some(candidate) => decided.push(candidate),
            }
        }
        decided.sort_by_key(|candidate| {
            (std::cmp::Reverse(rules[candidate.rule].strictness()), candidate.rule)
        });
        let mut decided = decided.into_iter();
        Decision { candidate: decided.next(), others: decided.collect(), is_unanimous }
    }
}

/// The rules that match a method and path, before the status is known.
#[derive(Clone, Debug)]
pub struct Matches<'p> {
    rules: &'p [CompiledRule],
    candidates: Candidates,
}

impl<'p> Matches<'p> {
    pub(super) fn new(rules: &'p [CompiledRule], candidates: Candidates) -> Self {
        Self { rules, candidates }
    }

    /// Whether no rule matches the method and path.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.candidates.is_empty()
    }

    /// Whether servers may read the path in ways that match different rules.
    #[must_use]
    pub fn is_ambiguous(&self) -> bool {
        self.candidates.is_ambiguous()
    }

    /// The first rule that also matches the status; of an ambiguous path, the strictest.
    #[must_use]
    pub fn decide(&self, status: u16) -> Option<Matched<'_>> {
        self.decision(Some(status)).candidate.map(|candidate| self.matched(candidate))
    }

    /// The rule for a request that ended without a status.
    #[must_use]
    pub fn decide_without_status(&self) -> Option<Matched<'_>> {
        self.decision(None).candidate.map(|candidate| self.matched(candidate))
    }

    /// The other rules to which readings of an ambiguous path lead with this status.
    #[must_use]
    pub fn others(&self, status: Option<u16>) -> Vec<Matched<'_>> {
        let others = self.decision(status).others;
        others.into_iter().map(|candidate| self.matched(candidate)).collect()
    }

    /// Whether a request with this status counts as covered: a rule records it, or every reading of its path leads
    /// to a rule.
    #[must_use]
    pub fn covers(&self, status: u16) -> bool {
        self.decision(Some(status)).covers(self.rules)
    }

    fn decision(&self, status: Option<u16>) -> Decision<'_> {
        self.candidates.decide(self.rules, status)
    }

    /// The rule whose intent is recorded before the request is handled, if any.
    #[must_use]
    pub fn intent(&self) -> Option<Matched<'_>> {
        self.candidates.intent(self.rules).map(|candidate| self.matched(candidate))
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
