use anyhow::{Context, Result};

use super::finding::Finding;
use super::tree::Tree;
use crate::workspace::{Package, Workspace};

/// Minor and patch of `1.minor.patch`.
type Release = (u32, u32);

/// Finds other Rust versions than `rust-version` in the README, and dependencies that need a newer Rust.
///
/// # Errors
///
/// If the workspace states no Rust version.
pub(super) fn check(workspace: &Workspace, tree: &Tree) -> Result<Vec<Finding>> {
    let ours = workspace.rust_version()?;
    let ours = parse(ours).with_context(|| format!("`rust-version = {ours:?}`"))?;
    let readme = tree.file("README.md");
    if readme.is_none() {
        println!("skipped: there is no README.md that could state another version");
    }
    let mut findings: Vec<Finding> = readme
        .into_iter()
        .flat_map(|file| stated(&file.path, &file.text, ours))
        .collect();
    let dependencies = workspace.dependencies_of_libraries();
    findings.extend(
        dependencies
            .into_iter()
            .filter_map(|package| newer(package, ours)),
    );
    Ok(findings)
}

/// The lines about Rust that name another version. The MSRV has no patch, so `1.85.0` is `1.85`.
fn stated(path: &str, text: &str, ours: Release) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (line, content) in (1..).zip(text.lines()) {
        if !["MSRV", "Rust", "rust-version", "rustc"]
            .iter()
            .any(|name| content.contains(name))
        {
            continue;
        }
        let numbers = content.split(|c: char| !c.is_ascii_digit() && c != '.');
        let releases = numbers.filter_map(|number| parse(number.trim_matches('.')));
        // No other thing that stands near the word Rust has versions like 1.85.
        for (minor, patch) in releases.filter(|&it| it.0 > 30 && it != ours) {
            let message = format!(
                "says Rust 1.{minor}.{patch}, the manifest says 1.{}",
                ours.0
            );
            findings.push(Finding::new(path, line, message));
        }
    }
    findings
}

fn newer(package: &Package, ours: Release) -> Option<Finding> {
    let theirs = package.rust_version.as_deref()?;
    let message = format!(
        "{} {} needs Rust {theirs}, the manifests promise 1.{}",
        package.name, package.version, ours.0
    );
    (parse(theirs)? > ours).then(|| Finding::new("Cargo.lock", 1, message))
}

fn parse(version: &str) -> Option<Release> {
    let mut parts = version.strip_prefix("1.")?.splitn(2, '.');
    let minor = parts.next()?.parse().ok()?;
    let patch = parts.next().map_or(Some(0), |patch| patch.parse().ok())?;
    Some((minor, patch))
}

#[cfg(test)]
mod tests {
    use super::super::finding::lines;
    use super::*;
    use crate::workspace::tests::small;

    #[test]
    fn another_version_in_the_readme_is_found() {
        let text = "Needs Rust 1.85.\nMSRV: 1.84\n![rustc 1.86+](badge)\nclap 1.90\nRust 1.85.0, bitflags 1.3\n";
        assert_eq!(lines(&stated("README.md", text, (85, 0))), [2, 3]);
    }

    #[test]
    fn a_dependency_that_needs_a_newer_rust_is_found() {
        let workspace = small();
        let dependencies = workspace.dependencies_of_libraries().into_iter();
        let messages: Vec<String> = dependencies
            .filter_map(|package| newer(package, (85, 0)))
            .map(|finding| finding.to_string())
            .collect();
        assert_eq!(
            messages,
            ["Cargo.lock:1: used 1.0.0 needs Rust 1.86.0, the manifests promise 1.85"]
        );
    }
}
