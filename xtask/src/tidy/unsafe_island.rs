use std::path::Path;

use super::finding::Finding;
use super::source::{code, tokens};
use super::tree::Tree;

/// How a file explains at its top why it cannot do without.
const REASON: &str = "// UNSAFETY: ";
const EXPECTATION: &str = "#![expect(";

/// Finds unsafe code outside of `sys/`, and below `sys/` in files that do not say why.
pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let files = tree.with_extension("rs");
    files
        .flat_map(|file| findings(&file.path, &file.text))
        .collect()
}

fn findings(path: &str, text: &str) -> Vec<Finding> {
    let code = code(text);
    let tokens = tokens(&code);
    let lines = tokens
        .iter()
        .filter(|it| it.text == "unsafe")
        .map(|it| it.line);
    if !is_below_sys(path) {
        let message = "unsafe code belongs below a `sys/` directory";
        return lines
            .map(|line| Finding::new(path, line, message))
            .collect();
    }
    match lines.count() {
        0 => Vec::new(),
        _ => header_finding(path, text).into_iter().collect(),
    }
}

/// Whether a directory on the way to `path` is called `sys`.
pub(super) fn is_below_sys(path: &str) -> bool {
    let directory = Path::new(path).parent();
    directory.is_some_and(|it| it.iter().any(|name| name == "sys"))
}

fn header_finding(path: &str, text: &str) -> Option<Finding> {
    let mut lines = (1..)
        .zip(text.lines())
        .skip_while(|(_, line)| line.starts_with("//!") || line.trim().is_empty());
    let (number, first) = lines.next()?;
    let has_reason = first
        .strip_prefix(REASON)
        .is_some_and(|why| !why.trim().is_empty());
    if !has_reason {
        let message = format!("a file with unsafe code starts with `{REASON}why`");
        return Some(Finding::new(path, number, message));
    }
    let (number, _) = lines.find(|(_, line)| !line.starts_with("//"))?;
    let rest: String = text.lines().skip(number - 1).collect();
    let expectation: String = rest.chars().filter(|c| !c.is_whitespace()).collect();
    let expected = format!("{EXPECTATION}unsafe_code,reason=\"");
    (!expectation.starts_with(&expected)).then(|| {
        let message = format!(
            "after its reason, a file with unsafe code has `{EXPECTATION}unsafe_code, reason = …)]`"
        );
        Finding::new(path, number, message)
    })
}

#[cfg(test)]
mod tests {
    use super::super::finding::lines;
    use super::*;

    const GOOD: &str = "//! Docs.\n\n// UNSAFETY: the kernel\n// wants pointers\n#![expect(\n    unsafe_code,\n    reason = \"x\"\n)]\nunsafe fn f() {}\n";

    #[test]
    fn below_sys_with_its_reason_it_is_fine() {
        assert_eq!(findings("a/src/sys/linux.rs", GOOD), []);
        assert_eq!(findings("a/src/sys/linux/tun.rs", GOOD), []);
        assert_eq!(findings("a/src/sys/mod.rs", "fn f() {}"), []);
    }

    #[test]
    fn elsewhere_every_use_is_found() {
        assert_eq!(lines(&findings("a/src/lib.rs", GOOD)), [9]);
        let all =
            "unsafe impl X {}\nfn f() { unsafe { } }\nunsafe extern \"C\" {}\n#[unsafe(no_mangle)]";
        assert_eq!(lines(&findings("a/src/sys.rs", all)), [1, 2, 3, 4]);
    }

    #[test]
    fn only_code_counts() {
        let text = "// unsafe\nconst A: &str = \"unsafe\";\n#![deny(unsafe_code)]\n";
        assert_eq!(findings("a/src/lib.rs", text), []);
    }

    #[test]
    fn below_sys_the_reason_must_be_there_and_first() {
        let path = "a/src/sys/linux.rs";
        assert_eq!(
            lines(&findings(path, "//! Docs.\nuse x;\nunsafe fn f() {}")),
            [2]
        );
        assert_eq!(
            lines(&findings(path, "// UNSAFETY: \nunsafe fn f() {}")),
            [1]
        );
        assert_eq!(
            lines(&findings(path, "// UNSAFETY: x\nunsafe fn f() {}")),
            [2]
        );
        let no_reason = "// UNSAFETY: x\n#![expect(unsafe_code)]\nunsafe fn f() {}";
        assert_eq!(lines(&findings(path, no_reason)), [2]);
    }
}
