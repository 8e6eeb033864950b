//! Where the repository is and what is in it.
//!
//! Owns the calls to `git` and `cargo` that tell; knows no rule about what it finds.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, ensure};
use cargo_metadata::{Metadata, MetadataCommand};

/// This repository's checkout.
pub struct Workspace {
    root: PathBuf,
}

impl Workspace {
    /// The checkout that this program was built in.
    ///
    /// # Errors
    /// When the directory above xtask cannot be named, which means the checkout was moved away.
    pub fn here() -> anyhow::Result<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"))
            .parent()
            .context("xtask has no directory above it")?
            .to_path_buf();
        Ok(Self { root })
    }

    /// The repository's root directory.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// A path inside the repository.
    pub fn path(&self, inside: &str) -> PathBuf {
        self.root.join(inside)
    }

    /// Every file that is committed or would be with `git add`, relative to the root and sorted.
    ///
    /// # Errors
    /// When git is missing or this is no git checkout.
    pub fn files(&self) -> anyhow::Result<Vec<String>> {
        let listed = self.output(
            "git",
            &["ls-files", "-z", "--cached", "--others", "--exclude-standard", "--deduplicate"],
        )?;
        let mut files: Vec<String> = listed
            .split('\0')
            .filter(|path| !path.is_empty() && self.root.join(path).is_file())
            .map(str::to_owned)
            .collect();
        files.sort_unstable();
        Ok(files)
    }

    /// The workspace's packages and what they declare to depend on, without resolving features.
    ///
    /// # Errors
    /// When cargo cannot read a manifest.
    pub fn metadata(&self) -> anyhow::Result<Metadata> {
        MetadataCommand::new()
            .current_dir(&self.root)
            .no_deps()
            .exec()
            .context("cargo metadata failed")
    }

    /// The directory that cargo builds into.
    ///
    /// # Errors
    /// When cargo cannot read a manifest.
    pub fn target(&self) -> anyhow::Result<PathBuf> {
        Ok(self.metadata()?.target_directory.into_std_path_buf())
    }

    /// The names of everything that `package` is built from on its own: its normal dependencies
    /// with the features it asks for, not those that other packages switch on.
    ///
    /// # Errors
    /// When cargo cannot resolve the package.
    pub fn built_from(&self, package: &str) -> anyhow::Result<Vec<String>> {
        let tree = self.output(
            env!("CARGO"),
            &["tree", "--package", package, "--edges", "normal", "--prefix", "none"],
        )?;
        let mut names: Vec<String> =
            tree.lines().filter_map(|line| line.split(' ').next()).map(str::to_owned).collect();
        names.sort_unstable();
        names.dedup();
        Ok(names)
    }

    fn output(&self, program: &str, arguments: &[&str]) -> anyhow::Result<String> {
        let output = Command::new(program)
            .args(arguments)
            .current_dir(&self.root)
            .output()
            .with_context(|| format!("{program} cannot be started"))?;
        ensure!(
            output.status.success(),
            "{program} {} failed: {}",
            arguments.join(" "),
            String::from_utf8_lossy(&output.stderr).trim()
        );
        String::from_utf8(output.stdout).with_context(|| format!("{program} printed no text"))
    }
}
