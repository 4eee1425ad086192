use super::finding::Finding;
use super::tree::Tree;

/// A directory beside the repository. In two parts, because this file is checked too.
const OUTSIDE: &str = concat!("../", "shared");

/// Finds mentions of files that are not part of the repository.
pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let files = tree.files();
    files
        .flat_map(|file| findings(&file.path, &file.text))
        .collect()
}

fn findings(path: &str, text: &str) -> Vec<Finding> {
    let lines = (1..).zip(text.lines());
    lines
        .filter(|(_, line)| line.contains(OUTSIDE))
        .map(|(line, _)| Finding::new(path, line, format!("`{OUTSIDE}` is not in the repository")))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::finding::lines;
    use super::*;

    #[test]
    fn a_mention_is_found() {
        let text = format!("see docs\nsee {OUTSIDE}/x\nshared state");
        assert_eq!(lines(&findings("a.md", &text)), [2]);
    }
}
