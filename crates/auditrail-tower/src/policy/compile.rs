//! Validation of rules, and the compiled form that requests are matched with.

use auditrail_core::{Action, FailurePolicy, TargetType, limits};

use super::pattern::{RoutePattern, StatusPattern};
use super::pointer::Pointer;
use super::redact::Redaction;
use super::rule::{IdFrom, IdKind, Level, Rule};

/// Maximum characters of a route or a text.
const TEXT_MAX_CHARS: usize = 500;
/// Maximum characters of a name.
const NAME_MAX_CHARS: usize = 200;

/// A validated rule.
#[derive(Clone, Debug)]
pub(crate) struct CompiledRule {
    pub(crate) name: String,
    /// In upper case; empty for every method.
    methods: Vec<String>,
    pub(crate) route: RoutePattern,
    /// Empty for every status.
    status: Vec<StatusPattern>,
    pub(crate) level: Level,
    /// `None` only at the level `none`.
    pub(crate) what: Option<What>,
    pub(crate) target_id: Option<Source>,
    /// Whether a request whose target is unknown is rejected.
    pub(crate) requires_target: bool,
    pub(crate) tenant_id: Option<Source>,
    pub(crate) failure: FailurePolicy,
    pub(crate) allow: Vec<Pointer>,
}

/// The action and the type of its target.
#[derive(Clone, Debug)]
pub(crate) struct What {
    pub(crate) action: Action,
    pub(crate) target_type: TargetType,
}

/// The validated source of an id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// The index among the parameters of the route.
    Path(usize),
    /// In lower case.
    Header(String),
    Body(Pointer),
    Response(Pointer),
    Value(String),
}

impl CompiledRule {
    /// GET also matches HEAD, which frameworks route to the same handler.
    pub(crate) fn matches_method(&self, method: &str) -> bool {
        let is = |known: &String| {
            known.eq_ignore_ascii_case(method)
                || known == "GET" && method.eq_ignore_ascii_case("HEAD")
        };
        self.methods.is_empty() || self.methods.iter().any(is)
    }

    /// Whether the rule has no status patterns.
    pub(crate) fn matches_every_status(&self) -> bool {
        self.status.is_empty()
    }

    pub(crate) fn matches_status(&self, status: u16) -> bool {
        self.status.is_empty() || self.status.iter().any(|pattern| pattern.matches(status))
    }

    pub(crate) fn records(&self) -> bool {
        self.level != Level::None
    }

    /// Whether an intent precedes the request.
    pub(crate) fn is_intended(&self) -> bool {
        self.failure == FailurePolicy::Must && self.records()
    }

    /// How much a record of this rule may be relied on; 0 if it records nothing.
    pub(crate) fn strictness(&self) -> u8 {
        match self.failure {
            _ if !self.records() => 0,
            FailurePolicy::BestEffort => 1,
            FailurePolicy::Spool => 2,
            FailurePolicy::Must => 3,
        }
    }

    /// The sources of its ids.
    pub(crate) fn sources(&self) -> impl Iterator<Item = &Source> {
        self.target_id.iter().chain(&self.tenant_id)
    }

    /// Whether request bodies are captured.
    pub(crate) fn needs_request(&self) -> bool {
        self.level.has_request() || self.sources().any(|from| matches!(from, Source::Body(_)))
    }

    /// Whether response bodies are captured.
    pub(crate) fn needs_response(&self) -> bool {
        self.level == Level::RequestResponse
            || self.sources().any(|from| matches!(from, Source::Response(_)))
    }
}

/// Validates a rule. Reports every problem with its key; returns `None` if there are any.
pub(crate) fn compile(
    rule: &Rule,
    default_failure: FailurePolicy,
    redaction: &Redaction,
    wrong: &mut dyn FnMut(&'static str, String),
) -> Option<CompiledRule> {
    let mut check = Check { redaction, wrong, failed: false };
    let route = check.route(&rule.route);
    let methods = check.methods(&rule.methods);
    let name = rule.name.clone().unwrap_or_else(|| default_name(&methods, &rule.route));
    if rule.name.is_some() {
        check.text("name", &name);
    }
    let status = check.each("status", &rule.status, StatusPattern::parse);
    let what = check.what(rule);
    let target_id = check.source("target_id", rule.target_id.as_ref(), route.as_ref());
    let tenant_id = check.source("tenant_id", rule.tenant_id.as_ref(), route.as_ref());
    let allow = check.each("allow", &rule.allow, |text| {
        Pointer::parse(text).ok_or_else(|| no_pointer(text, "allow"))
    });
    let failure = rule.failure.unwrap_or(default_failure);
    if rule.require_target {
        check.required_target(rule, failure);
    }
    if !rule.allow.is_empty() && !rule.level.has_request() {
        let what = "`allow` needs the level \"request\" or \"request_response\"";
        check.wrong("allow", what.to_owned());
    }
    if check.failed {
        return None;
    }
    Some(CompiledRule {
        name,
        methods,
        route: route?,
        status,
        level: rule.level,
        what: what.filter(|_| rule.level != Level::None),
        target_id,
        requires_target: rule.require_target,
        tenant_id,
        failure,
        allow,
    })
}

/// The problem of an invalid JSON pointer.
pub(super) fn no_pointer(text: &str, key: &str) -> String {
    format!("`{text}` in `{key}` is no JSON pointer; write one such as \"/project/id\"")
}

/// The problem of a value that is not a text, empty, or too long.
pub(super) fn wrong_text(key: &str) -> String {
    format!("`{key}` must be a text of 1 to {} characters", max_chars(key))
}

/// Maximum characters of the text of a key.
fn max_chars(key: &str) -> usize {
    match key {
        "action" => limits::ACTION_MAX_CHARS,
        "name" => NAME_MAX_CHARS,
        "target_type" => limits::TARGET_TYPE_MAX_CHARS,
        _ => TEXT_MAX_CHARS,
    }
}

fn default_name(methods: &[String], route: &str) -> String {
    if methods.is_empty() { route.to_owned() } else { format!("{} {route}", methods.join(",")) }
}

struct Check<'a> {
    redaction: &'a Redaction,
    wrong: &'a mut dyn FnMut(&'static str, String),
    failed: bool,
}

impl Check<'_> {
    fn wrong(&mut self, key: &'static str, what: String) {
        self.failed = true;
        (self.wrong)(key, what);
    }

    fn text(&mut self, key: &'static str, text: &str) -> bool {
        let is_valid = !text.is_empty() && text.chars().count() <= max_chars(key);
        if !is_valid {
            self.wrong(key, wrong_text(key));
        }
        is_valid
    }

    fn each<T>(
        &mut self,
        key: &'static str,
        texts: &[String],
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Vec<T> {
        let mut parsed = Vec::with_capacity(texts.len());
        for text in texts {
            match parse(text) {
                Ok(value) => parsed.push(value),
                Err(what) => self.wrong(key, what),
            }
        }
        parsed
    }

    fn route(&mut self, route: &str) -> Option<RoutePattern> {
        if route.is_empty() {
            let what = "a rule needs `route`, such as \"/v1/projects/{id}\"";
            self.wrong("route", what.to_owned());
            return None;
        }
        if !self.text("route", route) {
            return None;
        }
        RoutePattern::parse(route).map_err(|what| self.wrong("route", what)).ok()
    }

    fn methods(&mut self, methods: &[String]) -> Vec<String> {
        let is_valid = |method: &String| {
            !method.is_empty() && method.bytes().all(|byte| byte.is_ascii_alphabetic())
        };
        if !methods.iter().all(is_valid) {
            let what = "`methods` must name HTTP methods, such as \"POST\"";
            self.wrong("methods", what.to_owned());
        }
        methods.iter().map(|method| method.to_ascii_uppercase()).collect()
    }

    fn what(&mut self, rule: &Rule) -> Option<What> {
        let action = self.needed("action", rule.action.as_deref(), rule.level);
        let target_type = self.needed("target_type", rule.target_type.as_deref(), rule.level);
        let action = action.filter(|text| self.text("action", text));
        let target_type = target_type.filter(|text| self.text("target_type", text));
        let action: Option<Action> = action.and_then(|text| {
            let action = text.parse().ok().filter(|_| !text.contains('*'));
            if action.is_none() {
                let what =
                    "`action` must be of the form resource.verb, such as \"project.created\"";
                self.wrong("action", what.to_owned());
            }
            action
        });
        let target_type: Option<TargetType> = target_type.and_then(|text| {
            let parsed = text.parse().ok();
            if parsed.is_none() {
                let what = "`target_type` must not hold control characters";
                self.wrong("target_type", what.to_owned());
            }
            parsed
        });
        Some(What { action: action?, target_type: target_type? })
    }

    /// A target can be required only where it is known before the request is handled.
    fn required_target(&mut self, rule: &Rule, failure: FailurePolicy) {
        let key = "require_target";
        if failure != FailurePolicy::Must || rule.level == Level::None {
            let what = "`require_target` needs the failure policy \"must\"";
            self.wrong(key, what.to_owned());
        } else if rule.target_id.as_ref().is_none_or(|from| from.kind == IdKind::Response) {
            let what = "`require_target` needs a `target_id` from the request: path, header, body or value";
            self.wrong(key, what.to_owned());
        }
    }

    fn needed<'t>(
        &mut self,
        key: &'static str,
        text: Option<&'t str>,
        level: Level,
    ) -> Option<&'t str> {
        if text.is_none() && level != Level::None {
            self.wrong(key, format!("a rule needs `{key}`, unless its level is \"none\""));
        }
        text
    }

    fn source(
        &mut self,
        key: &'static str,
        from: Option<&IdFrom>,
        route: Option<&RoutePattern>,
    ) -> Option<Source> {
        let from = from?;
        let text = from.text.as_str();
        if text.is_empty() {
            self.wrong(key, source_form(key));
            return None;
        }
        let source = match from.kind {
            IdKind::Value => Ok(Source::Value(text.to_owned())),
            IdKind::Path if self.redaction.removes(text) => {
                Err(format!("{{{text}}} is removed by `redact`; take the id from elsewhere"))
            }
            IdKind::Path => match route?.parameters().position(|name| name == text) {
                Some(at) => Ok(Source::Path(at)),
                None => Err(format!("the route `{}` has no {{{text}}}", route?.as_str())),
            },
            IdKind::Header if self.redaction.removes(text) => {
                Err(format!("the header `{text}` is never recorded; take the id from elsewhere"))
            }
            IdKind::Header => Ok(Source::Header(text.to_lowercase())),
            IdKind::Body => self.pointer(key, text).map(Source::Body),
            IdKind::Response => self.pointer(key, text).map(Source::Response),
        };
        source.map_err(|what| self.wrong(key, what)).ok()
    }

    fn pointer(&self, key: &str, text: &str) -> Result<Pointer, String> {
        let pointer = Pointer::parse(text).ok_or_else(|| no_pointer(text, key))?;
        if self.redaction.hides(&pointer) {
            return Err(format!("`{text}` is removed by `redact`; take the id from elsewhere"));
        }
        Ok(pointer)
    }
}

/// The problem of an invalid source of an id.
pub(super) fn source_form(key: &str) -> String {
    let kinds: Vec<&str> = IdKind::ALL.iter().map(|(name, _)| *name).collect();
    format!("`{key}` must be one of {{ {} = \"…\" }}", kinds.join(" | "))
}
