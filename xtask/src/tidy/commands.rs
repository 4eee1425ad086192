use clap::CommandFactory;

use super::finding::Finding;
use super::tree::Tree;
use crate::Cli;

const PREFIX: &str = "cargo xtask ";

/// Finds commands of this program in documents and CI that do not exist.
pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let cli = Cli::command();
    let names: Vec<&str> = cli.get_subcommands().map(clap::Command::get_name).collect();
    let files = tree.files();
    files
        .filter(|file| file.path.ends_with(".md") || file.path.starts_with('.'))
        .flat_map(|file| findings(&file.path, &file.text, &names))
        .collect()
}

fn findings(path: &str, text: &str, names: &[&str]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (line, content) in (1..).zip(text.lines()) {
        for rest in content.split(PREFIX).skip(1) {
            let name = rest
                .split(|c: char| !c.is_ascii_lowercase() && c != '-')
                .next();
            // `--help`, `NAME` and the like are no commands.
            let name = name.filter(|name| name.starts_with(|c: char| c.is_ascii_lowercase()));
            if let Some(name) = name.filter(|name| !names.contains(name)) {
                let message = format!("`{PREFIX}{name}` does not exist; {} do", names.join(", "));
                findings.push(Finding::new(path, line, message));
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::super::finding::lines;
    use super::*;

    #[test]
    fn commands_that_do_not_exist_are_found() {
        let text =
            "`cargo xtask test`\ncargo xtask tests --setup\ncargo xtask tidy, cargo xtask dance.\n";
        assert_eq!(lines(&findings("a.md", text, &["test", "tidy"])), [2, 3]);
    }

    #[test]
    fn placeholders_and_options_are_fine() {
        let text = "cargo xtask --help\n`cargo xtask NAME`\n`cargo xtask`\n";
        assert_eq!(findings("a.md", text, &["test"]), []);
    }
}
