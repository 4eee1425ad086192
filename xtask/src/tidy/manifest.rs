use anyhow::Result;

use super::finding::Finding;
use super::tree::Tree;
use crate::workspace::Workspace;

/// What every member has in common with the others.
const INHERITED: &[&str] = &["version", "edition", "rust-version", "license"];

/// Finds manifests of members that state what the workspace's manifest states.
///
/// # Errors
///
/// If a manifest is not below the root.
pub(super) fn check(workspace: &Workspace, tree: &Tree) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    for member in workspace.members() {
        let path = member.manifest_path.strip_prefix(tree.root())?;
        let file = tree.file(&path.to_string_lossy());
        findings.extend(
            file.into_iter()
                .flat_map(|file| self::findings(&file.path, &file.text)),
        );
    }
    Ok(findings)
}

fn findings(path: &str, text: &str) -> Vec<Finding> {
    let entries = entries(text);
    let mut findings: Vec<Finding> = entries
        .iter()
        .filter_map(|entry| Some(Finding::new(path, entry.line, entry.complaint()?)))
        .collect();
    let inherited = INHERITED.iter().map(|name| ("package", *name));
    for (section, name) in inherited.chain([("lints", "workspace")]) {
        if !entries
            .iter()
            .any(|it| it.section == section && it.name == name)
        {
            let message = format!("`[{section}]` lacks `{name}`: inherit it from the workspace");
            findings.push(Finding::new(path, 1, message));
        }
    }
    findings
}

/// A key and its value, in the section `[section]`.
#[derive(Debug, PartialEq, Eq)]
struct Entry {
    line: usize,
    section: String,
    name: String,
    value: String,
}

impl Entry {
    fn complaint(&self) -> Option<String> {
        let Self { section, name, .. } = self;
        let is_inherited = self.value.contains("workspace=true");
        let must = match section.as_str() {
            "package" => INHERITED.contains(&name.as_str()),
            _ => self.is_dependency() && !self.is_internal_for_tests(),
        };
        (must && !is_inherited).then(|| format!("`{name}` does not say `workspace = true`"))
    }

    fn is_dependency(&self) -> bool {
        self.section.ends_with("dependencies")
    }

    /// Crates of the workspace may depend on each other for tests; a version would make that a cycle on crates.io.
    fn is_internal_for_tests(&self) -> bool {
        self.section.ends_with("dev-dependencies")
            && self.value.contains("path=")
            && !self.value.contains("version=")
    }
}

/// The entries of a manifest, without blanks. `a.b = c` and `[section.a]` become `a = {b=c}`: what cargo treats
/// alike looks alike.
fn entries(text: &str) -> Vec<Entry> {
    let mut entries: Vec<Entry> = Vec::new();
    let mut section = String::new();
    let mut table = None;
    let mut depth = 0;
    for (line, content) in (1..).zip(text.lines()) {
        let content = content.split('#').next().unwrap_or_default().trim();
        let compact: String = content.chars().filter(|c| !c.is_whitespace()).collect();
        if depth > 0 {
            if let Some(last) = entries.last_mut() {
                last.value.push_str(&compact);
            }
        } else if let Some(header) = content.strip_prefix('[') {
            let header = header.trim_matches(['[', ']']);
            (section, table) = split_header(header);
            if let Some(name) = &table {
                entries.push(entry(line, &section, name, ""));
            }
            continue;
        } else if let Some((name, value)) = compact.split_once('=') {
            let (name, field) = name.split_once('.').unwrap_or((name, ""));
            let value = match field {
                "" => value.to_owned(),
                field => format!("{{{field}={value}}}"),
            };
            match (&table, entries.last_mut()) {
                (Some(_), Some(last)) => last.value.push_str(&format!("{name}={value},")),
                _ => entries.push(entry(line, &section, name, &value)),
            }
        }
        depth += balance(content);
    }
    entries
}

/// `dependencies.libc` is the table of one dependency: its section is `dependencies`.
fn split_header(header: &str) -> (String, Option<String>) {
    match header.rsplit_once('.') {
        Some((section, name)) if section.ends_with("dependencies") => {
            (section.to_owned(), Some(name.to_owned()))
        }
        _ => (header.to_owned(), None),
    }
}

fn entry(line: usize, section: &str, name: &str, value: &str) -> Entry {
    Entry {
        line,
        section: section.to_owned(),
        name: name.to_owned(),
        value: value.to_owned(),
    }
}

/// How many brackets stay open.
fn balance(content: &str) -> i32 {
    let brackets = content.chars().map(|c| match c {
        '[' | '{' => 1,
        ']' | '}' => -1,
        _ => 0,
    });
    brackets.sum()
}

#[cfg(test)]
mod tests {
    use super::super::finding::lines;
    use super::*;

    const GOOD: &str = r#"[package]
name = "x"
version.workspace = true
edition = { workspace = true }
rust-version.workspace = true
license.workspace = true

[features]
a = [
    "dep:libc",
]

[dependencies]
libc.workspace = true # reason
clap = { workspace = true, features = [
    "derive",
] }

[dependencies.rustix]
workspace = true

[target.'cfg(unix)'.dependencies]
polling = { workspace = true, optional = true }

[dev-dependencies]
internal = { path = "../internal" }

[lints]
workspace = true
"#;

    #[test]
    fn a_manifest_that_inherits_is_fine() {
        assert_eq!(findings("a/Cargo.toml", GOOD), []);
    }

    #[test]
    fn what_is_stated_again_is_found() {
        let bad = GOOD
            .replace(
                "version.workspace = true\nedition",
                "version = \"1.0.0\"\nedition",
            )
            .replace("libc.workspace = true", "libc = \"0.2\"")
            .replace(
                "[dependencies.rustix]\nworkspace = true",
                "[dependencies.rustix]\nversion = \"1\"",
            )
            .replace(
                "polling = { workspace = true,",
                "polling = { version = \"3\",",
            )
            .replace("\"../internal\"", "\"../internal\", version = \"1\"");
        assert_eq!(lines(&findings("a/Cargo.toml", &bad)), [3, 14, 19, 23, 26]);
    }

    #[test]
    fn what_is_missing_is_found() {
        let bad = GOOD
            .replace("[lints]\nworkspace = true", "")
            .replace("license.workspace = true", "");
        let messages: Vec<String> = findings("a/Cargo.toml", &bad)
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(
            messages,
            [
                "a/Cargo.toml:1: `[package]` lacks `license`: inherit it from the workspace",
                "a/Cargo.toml:1: `[lints]` lacks `workspace`: inherit it from the workspace",
            ]
        );
    }
}
