//! The rules of the house that no compiler knows: how long a file may be, how it opens, what must
//! not be written in it, which crate may depend on which.
//!
//! Every rule is a function from what it looks at to violations, so that each is tested on inputs
//! that break it. A violation is one sentence that says where, what, and what to do.

mod edges;
mod files;
mod manifests;

use std::fs;

use anyhow::{Context, bail};

use crate::workspace::Workspace;

/// Files that a repository without does not hold together.
const REQUIRED: [&str; 9] = [
    "ARCHITECTURE.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "Cargo.lock",
    "LICENSE-APACHE",
    "LICENSE-MIT",
    "README.md",
    "README.zh-CN.md",
    "SECURITY.md",
];

/// Checks the whole repository and prints each violation.
///
/// # Errors
/// When there is a violation, or when the repository cannot be read.
pub fn run(workspace: &Workspace) -> anyhow::Result<()> {
    let paths = workspace.files()?;
    let mut violations = missing(&paths);
    for path in &paths {
        let content = fs::read(workspace.path(path)).with_context(|| format!("reading {path}"))?;
        violations.extend(files::check(path, &content));
    }
    let metadata = workspace.metadata()?;
    violations.extend(edges::check_inside(&edges::declared(&metadata)));
    violations.extend(edges::check_core(&workspace.built_from(edges::CORE)?));
    violations.extend(manifests::check(workspace, &metadata)?);

    for violation in &violations {
        println!("{violation}");
    }
    match violations.len() {
        0 => Ok(()),
        1 => bail!("tidy found one violation"),
        count => bail!("tidy found {count} violations"),
    }
}

fn missing(paths: &[String]) -> Vec<String> {
    REQUIRED
        .iter()
        .filter(|required| !paths.iter().any(|path| path == *required))
        .map(|required| format!("{required}: is missing."))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_document_is_named() {
        let without: Vec<String> = REQUIRED
            .iter()
            .filter(|path| **path != "CHANGELOG.md")
            .map(|path| (*path).to_owned())
            .collect();
        assert_eq!(missing(&without), ["CHANGELOG.md: is missing."]);
    }

    #[test]
    fn a_complete_repository_misses_nothing() {
        assert!(missing(&REQUIRED.map(str::to_owned)).is_empty());
    }
}
