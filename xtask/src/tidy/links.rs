use std::path::Path;

use super::finding::Finding;
use super::tree::Tree;

/// Finds relative links in Markdown files that lead nowhere.
pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let exists = |path: &Path| tree.root().join(path).exists();
    let files = tree.with_extension("md");
    files
        .flat_map(|file| findings(&file.path, &file.text, exists))
        .collect()
}

fn findings(path: &str, text: &str, exists: impl Fn(&Path) -> bool) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut in_block = false;
    for (line, content) in (1..).zip(text.lines()) {
        if content.trim_start().starts_with("```") {
            in_block = !in_block;
        } else if !in_block {
            let prose = without_code(content);
            let broken = targets(&prose).filter(|target| is_broken(path, target, &exists));
            findings
                .extend(broken.map(|target| {
                    Finding::new(path, line, format!("there is no `{target}` here"))
                }));
        }
    }
    findings
}

fn is_broken(path: &str, target: &str, exists: impl Fn(&Path) -> bool) -> bool {
    let is_elsewhere =
        target.starts_with('#') || target.contains("://") || target.starts_with("mailto:");
    if is_elsewhere {
        return false;
    }
    let file = target.split('#').next().unwrap_or(target);
    let directory = Path::new(path).parent().unwrap_or(Path::new(""));
    match file.strip_prefix('/') {
        Some(from_root) => !exists(Path::new(from_root)),
        None => !exists(&directory.join(file)),
    }
}

/// What `[text](target)`, `[text](target "title")` and `[name]: target` in a line lead to.
fn targets(line: &str) -> impl Iterator<Item = &str> {
    let inline = line
        .split("](")
        .skip(1)
        .filter_map(|rest| rest.split(')').next());
    let definition = line
        .strip_prefix('[')
        .and_then(|rest| rest.split_once("]:"))
        .map(|(_, target)| target);
    let targets = inline.chain(definition);
    targets
        .filter_map(|target| target.split_whitespace().next())
        .map(|target| target.trim_start_matches('<').trim_end_matches('>'))
}

/// The line without what stands between backticks.
fn without_code(line: &str) -> String {
    line.split('`').step_by(2).collect()
}

#[cfg(test)]
mod tests {
    use super::super::finding::lines;
    use super::*;

    fn broken(text: &str) -> Vec<usize> {
        let exists = |path: &Path| {
            ["docs/a.md", "docs/../README.md", "README.md"]
                .iter()
                .any(|it| path == Path::new(it))
        };
        lines(&findings("docs/b.md", text, exists))
    }

    #[test]
    fn links_to_files_must_be_there() {
        assert_eq!(
            broken("[a](a.md) and [c](c.md)\n[`d`](d.md \"title\")\n\n[e]: <e.md>\n"),
            [1, 2, 4]
        );
        assert_eq!(
            broken("[a](/README.md#part) [b](../README.md) ![c](gone.png)"),
            [1]
        );
    }

    #[test]
    fn other_links_and_code_are_not_looked_at() {
        assert!(broken("[a](https://x.org/y) [b](#part) [c](mailto:x@y)").is_empty());
        assert!(broken("`[a](c.md)`\n```\n[a](c.md)\n```\n").is_empty());
    }
}
