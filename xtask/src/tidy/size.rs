use super::finding::Finding;
use super::tree::Tree;

/// A file of more lines has more than one subject.
const LINES: usize = 400;

/// Finds files that are too long. Clippy knows about functions.
pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let files = tree.with_extension("rs");
    files
        .filter_map(|file| finding(&file.path, &file.text))
        .collect()
}

fn finding(path: &str, text: &str) -> Option<Finding> {
    let lines = text.lines().count();
    let message = format!("{lines} lines: split it, {LINES} are enough for one subject");
    (lines > LINES).then(|| Finding::new(path, LINES + 1, message))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_the_limit_is_fine_and_a_longer_one_is_not() {
        assert_eq!(finding("a.rs", &"x\n".repeat(LINES)), None);
        let finding = finding("a.rs", &"x\n".repeat(LINES + 1)).unwrap();
        assert!(finding.to_string().starts_with("a.rs:401: 401 lines"));
    }
}
