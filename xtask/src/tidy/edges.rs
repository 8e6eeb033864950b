//! Which crate may know which: the picture in ARCHITECTURE.md as an allow-list.
//!
//! Two things are checked. What a package of this workspace declares: an edge that is not in the
//! list is a violation, also when nothing uses it yet. And what the core is built from on its own:
//! nothing in it, however far down, brings a runtime, a clock, a socket, a file or the operating
//! system's randomness. Which outside crate only one package may use is deny.toml's affair.

use std::collections::BTreeMap;

use cargo_metadata::{DependencyKind, Metadata};

/// The package at the top of the sans-I/O core.
pub const CORE: &str = "anser-node";

/// Package → what it may use of this workspace in what it ships. Arrows point down only.
const ALLOWED: [(&str, &[&str]); 13] = [
    ("anser-proto", &[]),
    ("anser-api", &["anser-proto"]),
    ("anser-store", &[]),
    ("anser-e2ee", &["anser-proto"]),
    ("anser-chat", &["anser-proto"]),
    ("anser-files", &["anser-proto"]),
    (
        "anser-node",
        &["anser-api", "anser-chat", "anser-e2ee", "anser-files", "anser-proto", "anser-store"],
    ),
    ("anser-net", &["anser-proto"]),
    ("anser-relay-proto", &[]),
    ("anser-relay", &["anser-proto", "anser-relay-proto"]),
    (
        "anser-engine",
        &["anser-api", "anser-files", "anser-net", "anser-node", "anser-proto", "anser-store"],
    ),
    ("anser-cli", &["anser-api", "anser-engine"]),
    ("anser-desktop", &["anser-api", "anser-engine"]),
];

/// Where packages are of which nothing is shipped: they may look at everything.
const NOT_SHIPPED: [&str; 2] = ["tests", "xtask"];

/// Outside crates that the core must not be built from, and what each would bring into it.
const NOT_IN_CORE: [(&[&str], &str); 6] = [
    (&["tokio", "async-std", "smol", "mio", "polling", "rayon"], "a runtime or threads"),
    (&["libp2p", "quinn", "socket2", "hyper", "reqwest", "if-watch"], "the network"),
    (&["sled", "fs4", "fs2", "tempfile", "memmap2", "directories"], "files"),
    (&["time", "chrono", "jiff", "web-time", "instant", "quanta"], "a clock"),
    (&["getrandom", "rand"], "the operating system's randomness"),
    (&["keyring-core", "zbus", "tauri", "interprocess"], "the operating system"),
];

/// What one package declares: (package, dependency inside the workspace).
pub type Edge = (String, String);

/// The edges between this workspace's packages that end up in what is built: normal and build
/// dependencies of what is shipped.
pub fn declared(metadata: &Metadata) -> Vec<Edge> {
    let packages = metadata.workspace_packages();
    let inside: Vec<&str> = packages.iter().map(|package| package.name.as_str()).collect();
    let mut edges = Vec::new();
    for package in &packages {
        let manifest = &package.manifest_path;
        let place = manifest.strip_prefix(&metadata.workspace_root).unwrap_or(manifest);
        if NOT_SHIPPED.iter().any(|directory| place.starts_with(directory)) {
            continue;
        }
        // A package without edges is in the list too: it must be known to the allow-list.
        edges.push((package.name.to_string(), String::new()));
        for dependency in &package.dependencies {
            if dependency.kind != DependencyKind::Development
                && inside.contains(&dependency.name.as_str())
            {
                edges.push((package.name.to_string(), dependency.name.clone()));
            }
        }
    }
    edges.sort_unstable();
    edges.dedup();
    edges
}

/// Violations among the edges inside the workspace.
pub fn check_inside(edges: &[Edge]) -> Vec<String> {
    let allowed: BTreeMap<&str, &[&str]> = ALLOWED.into_iter().collect();
    let mut violations = Vec::new();
    for (package, dependency) in edges {
        match allowed.get(package.as_str()) {
            None if dependency.is_empty() => violations.push(format!(
                "{package}: is not in the picture; draw it in ARCHITECTURE.md and list it in \
                 xtask/src/tidy/edges.rs."
            )),
            Some(list) if !dependency.is_empty() && !list.contains(&dependency.as_str()) => {
                violations.push(format!(
                    "{package}: must not depend on {dependency}; ARCHITECTURE.md allows it {}.",
                    if list.is_empty() { "nothing here".into() } else { list.join(", ") }
                ));
            }
            _ => {}
        }
    }
    violations
}

/// Violations among the names of everything that the core is built from.
pub fn check_core(names: &[String]) -> Vec<String> {
    let mut violations = Vec::new();
    for (crates, what) in NOT_IN_CORE {
        for name in names.iter().filter(|name| crates.contains(&name.as_str())) {
            violations.push(format!(
                "{CORE}: is built from {name}, which brings {what} into the core; \
                 `cargo tree --package {CORE} --invert {name}` shows the way in."
            ));
        }
    }
    violations
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edge(package: &str, dependency: &str) -> Edge {
        (package.to_owned(), dependency.to_owned())
    }

    #[test]
    fn the_picture_itself_is_allowed() {
        let picture: Vec<Edge> = ALLOWED
            .iter()
            .flat_map(|(package, list)| list.iter().map(|dependency| edge(package, dependency)))
            .collect();
        assert_eq!(check_inside(&picture), Vec::<String>::new());
    }

    #[test]
    fn an_arrow_upwards_or_sideways_is_refused() {
        for (package, dependency) in [
            ("anser-net", "anser-chat"),
            ("anser-chat", "anser-e2ee"),
            ("anser-proto", "anser-api"),
            ("anser-store", "anser-proto"),
            ("anser-desktop", "anser-node"),
        ] {
            let violations = check_inside(&[edge(package, dependency)]);
            assert_eq!(violations.len(), 1, "{package} → {dependency}");
            assert!(violations.concat().contains(dependency));
        }
    }

    #[test]
    fn arrows_only_point_down() {
        let rank = |name: &str| ALLOWED.iter().position(|(package, _)| *package == name);
        for (package, list) in ALLOWED {
            for dependency in list {
                assert!(rank(dependency) < rank(package), "{package} → {dependency}");
            }
        }
    }

    #[test]
    fn a_package_outside_the_picture_is_named_once() {
        let violations =
            check_inside(&[edge("anser-extra", ""), edge("anser-extra", "anser-proto")]);
        assert_eq!(violations.len(), 1);
        assert!(violations.concat().starts_with("anser-extra: is not in the picture"));
    }

    /// What cargo would tell of a workspace of anser-net and one package that depends on it.
    fn workspace_with(manifest: &str) -> Metadata {
        let package = |name: &str, manifest: &str, dependencies: serde_json::Value| {
            serde_json::json!({
                "name": name, "version": "0.1.0", "id": name, "dependencies": dependencies,
                "targets": [], "features": {}, "manifest_path": format!("/anser/{manifest}"),
            })
        };
        let uses = |kind: Option<&str>, name: &str| {
            serde_json::json!({
                "name": name, "req": "*", "kind": kind, "optional": false,
                "uses_default_features": true, "features": [],
            })
        };
        serde_json::from_value(serde_json::json!({
            "packages": [
                package("anser-net", "crates/net/Cargo.toml", serde_json::json!([])),
                package("anser-new", manifest, serde_json::json!([
                    uses(None, "anser-net"), uses(None, "blake3"), uses(Some("dev"), "anser-new"),
                ])),
            ],
            "workspace_members": ["anser-net", "anser-new"],
            "workspace_root": "/anser", "target_directory": "/anser/target", "version": 1,
        }))
        .unwrap()
    }

    #[test]
    fn what_is_shipped_is_looked_at_without_the_dependencies_of_its_tests() {
        assert_eq!(
            declared(&workspace_with("crates/new/Cargo.toml")),
            [edge("anser-net", ""), edge("anser-new", ""), edge("anser-new", "anser-net")]
        );
    }

    #[test]
    fn tests_may_look_at_everything() {
        for manifest in ["tests/new/Cargo.toml", "xtask/Cargo.toml"] {
            assert_eq!(declared(&workspace_with(manifest)), [edge("anser-net", "")]);
        }
    }

    #[test]
    fn the_core_brings_no_runtime_clock_file_or_randomness() {
        let fine = ["anser-node", "blake3", "minicbor", "rand_core"].map(str::to_owned);
        assert!(check_core(&fine).is_empty());
        for name in ["tokio", "sled", "getrandom", "libp2p", "chrono"] {
            let violations = check_core(&[name.to_owned()]);
            assert_eq!(violations.len(), 1, "{name}");
            assert!(violations.concat().contains(name));
        }
    }
}
