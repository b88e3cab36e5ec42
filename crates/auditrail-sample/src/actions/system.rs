//! Nightly jobs.

use serde_json::json;

use super::targets::secret;
use super::{Act, DAY, SECOND, meta};

impl Act<'_> {
    /// Auto-suspend runs at 02:00 UTC, rotation at 03:00.
    pub(super) fn system(&mut self) {
        if self.micros % DAY < 3 * 3600 * SECOND {
            self.suspends_idle_projects();
        } else {
            self.rotates_what_is_due();
        }
    }

    fn suspends_idle_projects(&mut self) {
        for _ in 0..self.random.between(1, 3) {
            let project = self.targets.idle_project(self.random, self.tenant);
            let days = self.random.between(14, 60);
            let metadata = meta([("reason", json!("idle")), ("idle_days", json!(days))]);
            self.record("project.auto_suspended", "project", project, metadata);
        }
    }

    fn rotates_what_is_due(&mut self) {
        for _ in 0..self.random.between(1, 3) {
            let project = self.targets.idle_project(self.random, self.tenant);
            let age = self.random.between(90, 120);
            let metadata = meta([("reason", json!("scheduled")), ("age_days", json!(age))]);
            if self.random.chance(150) {
                let key = self.targets.key(self.random);
                self.record("key.rotated", "api_key", key, metadata);
            } else {
                let secret = secret(self.random, &project);
                self.record("secret.rotated", "secret", secret, metadata);
            }
        }
    }
}
