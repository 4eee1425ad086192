//! What cargo knows about this workspace.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::env;
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};
use serde::Deserialize;

use crate::steps;

/// The part of `cargo metadata` that the commands use.
#[derive(Debug, Deserialize)]
pub(crate) struct Workspace {
    /// Where the root manifest is.
    #[serde(rename = "workspace_root")]
    pub(crate) root: PathBuf,
    /// Where cargo builds.
    #[serde(rename = "target_directory")]
    pub(crate) target: PathBuf,
    packages: Vec<Package>,
    workspace_members: Vec<String>,
    resolve: Resolve,
}

/// A crate of the workspace, or one that it depends on.
#[derive(Debug, Deserialize)]
pub(crate) struct Package {
    id: String,
    /// The name, as in `cargo test --package NAME`.
    pub(crate) name: String,
    /// The version.
    pub(crate) version: String,
    /// Where its manifest is.
    pub(crate) manifest_path: PathBuf,
    /// Where it may be published: nowhere, or anywhere.
    publish: Option<Vec<String>>,
    /// The oldest Rust it supports, if it says so.
    pub(crate) rust_version: Option<String>,
    features: BTreeMap<String, Vec<String>>,
    targets: Vec<Target>,
}

#[derive(Debug, Deserialize)]
struct Target {
    name: String,
    kind: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct Resolve {
    nodes: Vec<Node>,
}

#[derive(Debug, Deserialize)]
struct Node {
    id: String,
    deps: Vec<Dependency>,
}

#[derive(Debug, Deserialize)]
struct Dependency {
    pkg: String,
    dep_kinds: Vec<DependencyKind>,
}

#[derive(Debug, Deserialize)]
struct DependencyKind {
    kind: Option<String>,
}

impl Workspace {
    /// Asks cargo.
    ///
    /// # Errors
    ///
    /// If cargo cannot read the workspace.
    pub(crate) fn load() -> Result<Self> {
        let mut command = Command::new(cargo());
        command.args(["metadata", "--format-version=1", "--all-features"]);
        let text = steps::output(&mut command)?;
        serde_json::from_str(&text).context("cannot understand `cargo metadata`")
    }

    /// A cargo command at the root of the workspace, with the cargo that runs this program.
    pub(crate) fn cargo(&self) -> Command {
        let mut command = Command::new(cargo());
        command.current_dir(&self.root);
        command
    }

    /// The crates of the workspace.
    pub(crate) fn members(&self) -> impl Iterator<Item = &Package> {
        let packages = self.packages.iter();
        packages.filter(|package| self.workspace_members.contains(&package.id))
    }

    /// The crates that users get: all members that may be published.
    pub(crate) fn libraries(&self) -> impl Iterator<Item = &Package> {
        self.members().filter(|package| package.publish.is_none())
    }

    /// The oldest Rust that the workspace promises to build with.
    ///
    /// # Errors
    ///
    /// If no member states it.
    pub(crate) fn rust_version(&self) -> Result<&str> {
        let mut versions = self.libraries().map(|package| &package.rust_version);
        let version = versions.next().and_then(Option::as_deref);
        version.context("no `rust-version` in the workspace's manifests")
    }

    /// The libraries, each behind those that it depends on.
    pub(crate) fn libraries_in_order(&self) -> Vec<&Package> {
        let mut libraries: Vec<&Package> = self.libraries().collect();
        // Who depends on another needs all that this one needs, and it.
        libraries.sort_by_cached_key(|library| (self.needed_by([*library]).len(), &library.name));
        libraries
    }

    /// The crates that users build when they depend on the libraries: the libraries, and what they depend on
    /// outside of tests and build scripts.
    pub(crate) fn dependencies_of_libraries(&self) -> Vec<&Package> {
        self.needed_by(self.libraries())
    }

    /// `packages`, and what they depend on outside of tests and build scripts.
    fn needed_by<'a>(
        &'a self,
        packages: impl IntoIterator<Item = &'a Package>,
    ) -> Vec<&'a Package> {
        let nodes: HashMap<&str, &Node> = self
            .resolve
            .nodes
            .iter()
            .map(|node| (node.id.as_str(), node))
            .collect();
        let packages = packages.into_iter();
        let mut waiting: Vec<&str> = packages.map(|package| package.id.as_str()).collect();
        let mut seen = HashSet::new();
        while let Some(id) = waiting.pop() {
            if seen.insert(id) {
                let dependencies = nodes.get(id).into_iter().flat_map(|node| &node.deps);
                let normal = dependencies.filter(|dependency| dependency.is_normal());
                waiting.extend(normal.map(|dependency| dependency.pkg.as_str()));
            }
        }
        let packages = self.packages.iter();
        packages
            .filter(|it| seen.contains(it.id.as_str()))
            .collect()
    }
}

impl Package {
    /// The features that can be chosen, without `default`.
    pub(crate) fn features(&self) -> impl Iterator<Item = &str> {
        let features = self.features.keys().map(String::as_str);
        features.filter(|&feature| feature != "default")
    }

    /// Whether it has an example of that name.
    pub(crate) fn has_example(&self, name: &str) -> bool {
        let mut targets = self.targets.iter();
        targets.any(|target| target.name == name && target.kind.iter().any(|it| it == "example"))
    }
}

impl Dependency {
    fn is_normal(&self) -> bool {
        self.dep_kinds.iter().any(|it| it.kind.is_none())
    }
}

fn cargo() -> OsString {
    env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A workspace of one library and this program. The library depends on `used`, and for its tests on `tester`.
    pub(crate) fn small() -> Workspace {
        let package = |name: &str, rust: &str| {
            serde_json::json!({
                "id": name, "name": name, "version": "1.0.0", "rust_version": rust,
                "publish": if name == "xtask" { Some([""; 0]) } else { None },
                "manifest_path": format!("/w/{name}/Cargo.toml"),
                "features": {"default": [], "link": [], "tap": [], "slirp": []},
                "targets": [{"name": "describe", "kind": ["example"]}],
            })
        };
        let dependency = |name: &str, kind: Option<&str>| serde_json::json!({"pkg": name, "dep_kinds": [{"kind": kind}]});
        let text = serde_json::json!({
            "workspace_root": "/w", "target_directory": "/w/target",
            "workspace_members": ["library", "xtask"],
            "packages": [
                package("library", "1.85"), package("xtask", "1.85"), package("used", "1.86.0"),
                package("tester", "1.90"), package("tool", "1.90"),
            ],
            "resolve": {"nodes": [
                {"id": "library", "deps": [dependency("used", None), dependency("tester", Some("dev"))]},
                {"id": "xtask", "deps": [dependency("tool", None)]},
            ]},
        });
        serde_json::from_value(text).unwrap()
    }

    #[test]
    fn only_what_users_build_counts_as_dependency() {
        let workspace = small();
        let names = |packages: Vec<&Package>| -> Vec<String> {
            packages
                .iter()
                .map(|package| package.name.clone())
                .collect()
        };
        assert_eq!(names(workspace.libraries().collect()), ["library"]);
        let dependencies = workspace.dependencies_of_libraries();
        assert_eq!(names(dependencies), ["library", "used"]);
        assert_eq!(workspace.rust_version().unwrap(), "1.85");
    }

    #[test]
    fn a_library_comes_behind_those_that_it_depends_on() {
        let mut workspace = small();
        // As if they were members; `library` depends on `used`.
        workspace
            .workspace_members
            .extend(["used".to_owned(), "tool".to_owned()]);
        let order = workspace.libraries_in_order().into_iter();
        let names: Vec<&str> = order.map(|package| package.name.as_str()).collect();
        assert_eq!(names, ["tool", "used", "library"]);
    }

    #[test]
    fn a_package_lists_its_choices() {
        let workspace = small();
        let library = workspace.libraries().next().unwrap();
        let features: Vec<_> = library.features().collect();
        assert_eq!(features, ["link", "slirp", "tap"]);
        assert!(library.has_example("describe"));
        assert!(!library.has_example("other"));
    }
}
