//! Actions of programs with an API key.

use serde_json::json;

use super::super::names::TENANTS;
use super::targets::secret;
use super::{Act, meta};

impl Act<'_> {
    pub(super) fn key(&mut self) {
        match self.random.below(100) {
            0..55 => self.reads_what_it_needs(),
            55..75 => self.releases(),
            75..90 => self.updates_project(),
            _ => self.makes_preview(),
        }
    }

    /// A start reads its secrets in one request.
    fn reads_what_it_needs(&mut self) {
        let project = self.project();
        for _ in 0..self.random.between(1, 4) {
            let secret = secret(self.random, &project);
            self.record("secret.accessed", "secret", secret, meta([("project", json!(project))]));
        }
    }

    /// A release reads, then deploys, all in one request.
    fn releases(&mut self) {
        self.reads_what_it_needs();
        self.deploys();
    }

    fn makes_preview(&mut self) {
        let pull = self.random.between(100, 99_999);
        let project = format!("{}/preview-{pull}", TENANTS[self.tenant].0);
        let metadata = meta([("pull_request", json!(pull)), ("region", json!("eu-central-1"))]);
        self.record("project.created", "project", project, metadata);
    }
}
