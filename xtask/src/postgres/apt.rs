//! Installing the distribution's PostgreSQL, as root on Debian and its derivatives.

use std::fs;
use std::path::Path;

use crate::error::{Error, Result};
use crate::sh::Sh;

/// Read by the package before it creates a cluster.
const CLUSTER_SETTINGS: &str = "/etc/postgresql-common/createcluster.conf";

/// Whether apt-get exists and this process may use it.
pub(super) fn is_available() -> bool {
    rustix::process::geteuid().is_root() && Sh::new("apt-get").arg("--version").works()
}

/// Installs the package without a running server.
pub(super) fn install() -> Result<()> {
    eprintln!("installing the distribution's package `postgresql`");
    disable_cluster(Path::new(CLUSTER_SETTINGS))?;
    Sh::new("apt-get").args(["update", "-qq"]).run_on_stderr()?;
    Sh::new("apt-get")
        .args(["install", "-y", "-qq", "--no-install-recommends", "postgresql"])
        .env("DEBIAN_FRONTEND", "noninteractive")
        // Keeps the settings file against the package's own.
        .env("UCF_FORCE_CONFFOLD", "1")
        .run_on_stderr()
}

/// Keeps the package from creating and starting a cluster on port 5432, unless the settings file exists.
fn disable_cluster(settings: &Path) -> Result<()> {
    if settings.exists() {
        return Ok(());
    }
    eprintln!(
        "writing {}, which disables the system cluster; remove it to enable one",
        settings.display()
    );
    let text = "# Written by `cargo xtask` of Auditrail, which needs only the programs.\n\
                # Remove this file to let the package create and start a cluster.\n\
                create_main_cluster = false\n";
    settings
        .parent()
        .map_or(Ok(()), fs::create_dir_all)
        .and_then(|()| fs::write(settings, text))
        .map_err(Error::doing(format!("write {}", settings.display())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn existing_settings_are_kept() {
        let dir = tempfile::tempdir().unwrap();
        let settings = dir.path().join("postgresql-common/createcluster.conf");
        disable_cluster(&settings).unwrap();
        assert!(fs::read_to_string(&settings).unwrap().ends_with("create_main_cluster = false\n"));

        fs::write(&settings, "start_conf = auto\n").unwrap();
        disable_cluster(&settings).unwrap();
        assert_eq!(fs::read_to_string(&settings).unwrap(), "start_conf = auto\n");
    }
}
