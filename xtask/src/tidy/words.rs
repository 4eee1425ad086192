use super::finding::Finding;
use super::source::{code, tokens};
use super::tree::Tree;

/// What marks unfinished work in comments. In two parts, because this file is checked too.
const NOTES: &[&str] = &[
    concat!("TO", "DO"),
    concat!("FIX", "ME"),
    concat!("XX", "X"),
];

/// Beginnings of code that stands for something missing, or hides it.
const CODE: &[(&[&str], &str)] = &[
    (&["todo", "!"], "write it"),
    (&["unimplemented", "!"], "write it, or return an error"),
    (
        &["#", "[", "ignore"],
        "a test runs, or it says at run time why it cannot",
    ),
    (
        &["[", "allow", "("],
        "use `#[expect(…, reason = …)]`, which notices when it is stale",
    ),
];

/// Finds what was left undone, or is kept quiet.
pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let files = tree.with_extension("rs");
    files
        .flat_map(|file| findings(&file.path, &file.text))
        .collect()
}

fn findings(path: &str, text: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (line, content) in (1..).zip(text.lines()) {
        let mut words = content.split(|c: char| !c.is_alphanumeric() && c != '_');
        if let Some(note) = words.find(|word| NOTES.contains(word)) {
            findings.push(Finding::new(path, line, format!("{note}: do it now")));
        }
    }
    let code = code(text);
    let tokens = tokens(&code);
    for at in 0..tokens.len() {
        let rest = tokens.get(at..).unwrap_or_default();
        for (pattern, advice) in CODE {
            let here = rest.iter().map(|token| token.text).take(pattern.len());
            if let (true, Some(first)) = (here.eq(pattern.iter().copied()), rest.first()) {
                let message = format!("`{}`: {advice}", pattern.concat());
                findings.push(Finding::new(path, first.line, message));
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
    fn unfinished_code_is_found() {
        let text = "fn f() { todo!() }\nfn g() { unimplemented!(\"x\") }\n#[ignore]\n#[ignore = \"x\"]\n\
                    #[allow(dead_code)]\n#![allow(x)]\n";
        assert_eq!(lines(&findings("a.rs", text)), [1, 2, 3, 4, 5, 6]);
    }

    #[test]
    fn notes_are_found_in_comments_and_strings() {
        for note in NOTES {
            assert_eq!(lines(&findings("a.rs", &format!("x\n// {note}: x"))), [2]);
            assert_eq!(lines(&findings("a.rs", &format!("f(\"{note}\")"))), [1]);
        }
    }

    #[test]
    fn similar_words_are_fine() {
        let text = format!(
            "// todo!() #[ignore] #[allow(x)]\nlet {0}_ = \"{0}{0}\";\nallow(x);\n",
            NOTES[2]
        );
        assert_eq!(findings("a.rs", &text), []);
    }
}
