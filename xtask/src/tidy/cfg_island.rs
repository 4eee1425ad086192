use std::path::Path;

use super::finding::Finding;
use super::source::{Token, code, tokens};
use super::tree::Tree;
use super::unsafe_island::is_below_sys;

/// What tells operating systems apart.
const SYSTEMS: &[&str] = &[
    "target_env",
    "target_family",
    "target_os",
    "target_vendor",
    "unix",
    "windows",
];

/// Finds conditions on the operating system outside of `sys/` and the roots of tests, benchmarks and examples.
pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let files = tree.with_extension("rs");
    let files = files.filter(|file| !is_below_sys(&file.path) && !is_test_root(&file.path));
    files
        .flat_map(|file| findings(&file.path, &file.text))
        .collect()
}

fn findings(path: &str, text: &str) -> Vec<Finding> {
    let code = code(text);
    let tokens = tokens(&code);
    let systems = (0..tokens.len())
        .filter_map(|at| tokens.get(at..))
        .filter_map(system);
    systems
        .map(|token| {
            let message = format!("`cfg({})` belongs below a `sys/` directory", token.text);
            Finding::new(path, token.line, message)
        })
        .collect()
}

/// The system in the condition that `tokens` start with: `cfg(…)`, `cfg!(…)` or `cfg_attr(…, ignored)`.
fn system<'a>(tokens: &[Token<'a>]) -> Option<Token<'a>> {
    let (first, rest) = tokens.split_first()?;
    let is_attribute = match first.text {
        "cfg" => false,
        "cfg_attr" => true,
        _ => return None,
    };
    let mut rest = rest.iter().skip_while(|token| token.text == "!");
    if rest.next()?.text != "(" {
        return None;
    }
    let mut depth = 1_usize;
    for token in rest {
        match token.text {
            "(" => depth += 1,
            ")" => depth -= 1,
            "," if is_attribute && depth == 1 => return None,
            name if SYSTEMS.contains(&name) => return Some(*token),
            _ => {}
        }
        if depth == 0 {
            return None;
        }
    }
    None
}

/// `tests/name.rs` or `tests/name/main.rs`, and the same for benchmarks and examples.
fn is_test_root(path: &str) -> bool {
    let path = Path::new(path);
    let root = if path.ends_with("main.rs") {
        path.parent()
    } else {
        Some(path)
    };
    let directory = root.and_then(Path::parent).and_then(Path::file_name);
    directory.is_some_and(|name| {
        ["tests", "benches", "examples"]
            .iter()
            .any(|it| name == *it)
    })
}

#[cfg(test)]
mod tests {
    use super::super::finding::lines;
    use super::*;

    #[test]
    fn conditions_on_systems_are_found() {
        let text = "#[cfg(target_os = \"linux\")]\nfn f() {}\nfn g() { if cfg!(unix) {} }\n\
                    #[cfg(all(\n    feature = \"x\",\n    not(windows)))]\n#[cfg_attr(unix, inline)]\n";
        assert_eq!(lines(&findings("a/src/lib.rs", text)), [1, 3, 6, 7]);
    }

    #[test]
    fn other_conditions_are_fine() {
        let text = "#[cfg(test)]\n#[cfg(loom)]\n#[cfg(feature = \"unix\")]\n// cfg(unix)\n\
                    use std::os::unix::net;\n#[cfg_attr(feature = \"x\", path = \"unix\", unix)]\ncfg_if(unix)\n";
        assert_eq!(findings("a/src/lib.rs", text), []);
    }

    #[test]
    fn roots_of_tests_may_ask() {
        assert!(is_test_root("a/tests/conformance.rs"));
        assert!(is_test_root("a/tests/conformance/main.rs"));
        assert!(is_test_root("a/examples/describe.rs"));
        assert!(!is_test_root("a/tests/conformance/rig.rs"));
        assert!(!is_test_root("a/src/main.rs"));
        assert!(!is_test_root("main.rs"));
    }
}
