use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;

use super::finding::Finding;
use super::tree::Tree;
use crate::steps;
use crate::workspace::Workspace;

const FACADE: &str = "net-backend";
const EXAMPLE: &str = "describe";
const README: &str = "README.md";

/// Finds differences between the README's table of backends and the drivers of the facade.
///
/// # Errors
///
/// If the drivers cannot be listed.
pub(super) fn check(workspace: &Workspace, tree: &Tree) -> Result<Vec<Finding>> {
    let Some(readme) = tree.file(README) else {
        println!("skipped: there is no {README}");
        return Ok(Vec::new());
    };
    let mut libraries = workspace.libraries();
    if !libraries.any(|it| it.name == FACADE && it.has_example(EXAMPLE)) {
        println!("skipped: {FACADE} has no example `{EXAMPLE}` that lists its drivers");
        return Ok(Vec::new());
    }
    let mut cargo = workspace.cargo();
    cargo
        .args(["run", "--quiet", "--package", FACADE, "--all-features"])
        .args(["--example", EXAMPLE, "--", "--list"]);
    Ok(differences(&readme.text, &steps::output(&mut cargo)?))
}

fn differences(readme: &str, listing: &str) -> Vec<Finding> {
    let table = table(readme);
    let drivers = drivers(listing);
    let first = table.values().min().copied().unwrap_or(1);
    let missing = drivers.iter().filter(|scheme| !table.contains_key(*scheme));
    let missing = missing.map(|scheme| {
        Finding::new(
            README,
            first,
            format!("the table of backends lacks `{scheme}:`"),
        )
    });
    let unknown = table
        .iter()
        .filter(|(scheme, _)| !drivers.contains(*scheme));
    let unknown = unknown.map(|(scheme, &line)| {
        Finding::new(
            README,
            line,
            format!("`{scheme}:` is no driver of {FACADE}"),
        )
    });
    missing.chain(unknown).collect()
}

/// The schemes in the first column of the README's tables, and their lines: `| `tap:` | … |`.
fn table(readme: &str) -> BTreeMap<&str, usize> {
    let mut table = BTreeMap::new();
    for (line, content) in (1..).zip(readme.lines()) {
        let first_column = content
            .trim_start()
            .strip_prefix('|')
            .and_then(|row| row.split('|').next());
        let spans = first_column
            .unwrap_or_default()
            .split('`')
            .skip(1)
            .step_by(2);
        table.extend(spans.filter_map(scheme).map(|scheme| (scheme, line)));
    }
    table
}

/// The schemes at the starts of the lines that the example prints.
fn drivers(listing: &str) -> BTreeSet<&str> {
    listing.lines().filter_map(scheme).collect()
}

fn scheme(text: &str) -> Option<&str> {
    let (scheme, _) = text.split_once(':')?;
    let is_scheme = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "+-.".contains(c);
    (!scheme.is_empty() && scheme.chars().all(is_scheme)).then_some(scheme)
}

#[cfg(test)]
mod tests {
    use super::*;

    const README: &str = "text `x:` text\n\n| URI | OS |\n| --- | --- |\n| `tap:NAME` | Linux |\n\
                          | `null:`, `loop:` | `y:` |\n";

    fn messages(listing: &str) -> Vec<String> {
        differences(README, listing)
            .iter()
            .map(ToString::to_string)
            .collect()
    }

    #[test]
    fn a_true_table_is_fine() {
        assert!(messages("loop: frames come back\nnull: frames vanish\ntap: a tap\n").is_empty());
    }

    #[test]
    fn missing_and_unknown_schemes_are_found() {
        assert_eq!(
            messages("tap: a tap\nnull: x\nslirp: y\n"),
            [
                "README.md:5: the table of backends lacks `slirp:`",
                "README.md:6: `loop:` is no driver of net-backend",
            ]
        );
    }

    #[test]
    fn a_readme_without_table_lacks_all() {
        assert_eq!(differences("no table", "tap: x\n").len(), 1);
    }
}
