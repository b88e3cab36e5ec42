//! Installing the distribution's PostgreSQL: root on Debian, Ubuntu and their kin.

use std::fs;
use std::path::Path;

use crate::error::{Error, Result};
use crate::sh::Sh;

/// Read by the package before it makes a cluster.
const CLUSTER_SETTINGS: &str = "/etc/postgresql-common/createcluster.conf";

/// Whether the package manager is there and we may use it.
pub(super) fn possible() -> bool {
    rustix::process::geteuid().is_root() && Sh::new("apt-get").arg("--version").works()
}

/// Installs the package without letting it start a server of its own.
pub(super) fn install() -> Result<()> {
    eprintln!("installing the distribution's package `postgresql`");
    want_no_cluster(Path::new(CLUSTER_SETTINGS))?;
    Sh::new("apt-get").args(["update", "-qq"]).run_on_stderr()?;
    Sh::new("apt-get")
        .args(["install", "-y", "-qq", "--no-install-recommends", "postgresql"])
        .env("DEBIAN_FRONTEND", "noninteractive")
        // The package's own settings file must not replace the one just written.
        .env("UCF_FORCE_CONFFOLD", "1")
        .run_on_stderr()
}

/// The package would make a cluster on port 5432 and start it. Nobody asked for that here, so we
/// say no, unless somebody has settings already: those are theirs.
fn want_no_cluster(settings: &Path) -> Result<()> {
    if settings.exists() {
        return Ok(());
    }
    eprintln!(
        "{} will say that no system cluster is wanted; remove it to get one",
        settings.display()
    );
    let text = "# Written by `cargo xtask` of Auditrail, which needs the programs only.\n\
                # Remove this file to let the package make and start a cluster.\n\
                create_main_cluster = false\n";
    let written = settings.parent().map_or(Ok(()), fs::create_dir_all);
    written
        .and_then(|()| fs::write(settings, text))
        .map_err(Error::doing(format!("write {}", settings.display())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_that_somebody_made_are_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let settings = dir.path().join("postgresql-common/createcluster.conf");
        want_no_cluster(&settings).unwrap();
        assert!(fs::read_to_string(&settings).unwrap().ends_with("create_main_cluster = false\n"));

        fs::write(&settings, "start_conf = auto\n").unwrap();
        want_no_cluster(&settings).unwrap();
        assert_eq!(fs::read_to_string(&settings).unwrap(), "start_conf = auto\n");
    }
}
