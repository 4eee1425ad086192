//! Just enough of Rust's lexical grammar to tell code from comments and literals.

/// A word or a punctuation character of the code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Token<'a> {
    /// Where it is; the first line is 1.
    pub(super) line: usize,
    /// What it is.
    pub(super) text: &'a str,
}

/// The code of a Rust file: the same lines, with blanks in place of comments and literals.
pub(super) fn code(text: &str) -> String {
    let mut code = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let in_word = code.chars().next_back().is_some_and(is_of_word);
        let length = blank_length(rest, in_word);
        if length == 0 {
            code.push(first);
            rest = rest.get(first.len_utf8()..).unwrap_or_default();
        } else {
            let (blank, behind) = rest.split_at_checked(length).unwrap_or((rest, ""));
            code.extend(blank.chars().map(|c| if c == '\n' { c } else { ' ' }));
            rest = behind;
        }
    }
    code
}

/// The words and punctuation characters of what [`code`] made.
pub(super) fn tokens(code: &str) -> Vec<Token<'_>> {
    let numbered = (1..).zip(code.lines());
    numbered
        .flat_map(|(line, text)| tokens_of_line(line, text))
        .collect()
}

fn tokens_of_line(line: usize, text: &str) -> Vec<Token<'_>> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let length = if is_of_word(first) {
            rest.find(|c| !is_of_word(c)).unwrap_or(rest.len())
        } else {
            first.len_utf8()
        };
        let (text, behind) = rest.split_at_checked(length).unwrap_or((rest, ""));
        tokens.push(Token { line, text });
        rest = behind.trim_start();
    }
    tokens
}

/// How long the comment or literal is that `text` starts with; 0 if it starts with code.
fn blank_length(text: &str, in_word: bool) -> usize {
    if text.starts_with("//") {
        text.find('\n').unwrap_or(text.len())
    } else if text.starts_with("/*") {
        block_comment_length(text)
    } else if text.starts_with('"') {
        quoted_length(text, '"')
    } else if text.starts_with('\'') {
        character_length(text)
    } else if in_word {
        0
    } else {
        raw_string_length(text).unwrap_or(0)
    }
}

fn block_comment_length(text: &str) -> usize {
    let mut depth = 0_usize;
    let mut at = 0;
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        if rest.starts_with("/*") {
            depth += 1;
            at += 2;
        } else if rest.starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += rest.chars().next().map_or(1, char::len_utf8);
        }
    }
    text.len()
}

fn quoted_length(text: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, character) in text.char_indices().skip(1) {
        if escaped {
            escaped = false;
        } else if character == '\\' {
            escaped = true;
        } else if character == quote {
            return at + 1;
        }
    }
    text.len()
}

/// A quote starts a character or, without a second quote, a lifetime.
fn character_length(text: &str) -> usize {
    let mut characters = text.chars().skip(1);
    match (characters.next(), characters.next()) {
        (Some('\\'), _) | (_, Some('\'')) => quoted_length(text, '\''),
        _ => 0,
    }
}

fn raw_string_length(text: &str) -> Option<usize> {
    let prefix = ["r", "br", "cr"].into_iter().find(|prefix| {
        let rest = text.strip_prefix(prefix);
        rest.is_some_and(|rest| rest.trim_start_matches('#').starts_with('"'))
    })?;
    let hashes = text.get(prefix.len()..)?.find('"')?;
    let start = prefix.len() + hashes + 1;
    let end = format!("\"{}", "#".repeat(hashes));
    let length = text.get(start..)?.find(&end)?;
    Some(start + length + end.len())
}

fn is_of_word(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<(usize, String)> {
        let code = code(text);
        let tokens = tokens(&code).into_iter();
        tokens
            .map(|token| (token.line, token.text.to_owned()))
            .collect()
    }

    #[test]
    fn comments_are_not_code() {
        assert_eq!(
            words("a // b\nc /* d /* e */ f\n */ g"),
            [(1, "a"), (2, "c"), (3, "g")].map(own)
        );
        assert!(words("/// x `y`\n//! z").is_empty());
        assert!(words("/* open").is_empty());
    }

    #[test]
    fn literals_are_not_code() {
        assert_eq!(words(r#"f "a \" b" g"#), [(1, "f"), (1, "g")].map(own));
        assert_eq!(words("f r#\"a \" b\"# g"), [(1, "f"), (1, "g")].map(own));
        assert_eq!(words("br\"x\\\" g"), [(1, "g")].map(own));
        assert_eq!(words(r"f '\'' '\u{e9}' '/' '//' 'é' g"), words("f '//' g"));
        assert_eq!(words("\"open"), []);
    }

    #[test]
    fn lifetimes_and_raw_names_are_code() {
        let expected = ["<", "'", "a", ">", "(", "&", "'", "a", "r", "#", "b", ")"];
        assert_eq!(words("<'a>(&'a r#b)"), expected.map(|word| own((1, word))));
        let name_before_string = words("bar\"x\" y");
        assert_eq!(name_before_string, [(1, "bar"), (1, "y")].map(own));
    }

    fn own((line, word): (usize, &str)) -> (usize, String) {
        (line, word.to_owned())
    }
}
