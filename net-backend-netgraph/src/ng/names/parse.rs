use super::{LONGEST_ADDRESS, NAME_BYTES, PATH_BYTES};
use crate::ng::COMMAND_TEXT_BYTES;

/// Why a text is no name, path or address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what} \"{text}\" {problem}", text = text.escape_debug())]
pub struct NameError {
    what: &'static str,
    text: String,
    position: usize,
    problem: String,
}

impl NameError {
    /// What is wrong with it, as the end of a sentence: `has 40 bytes, at most 31 are possible`.
    pub fn problem(&self) -> &str {
        &self.problem
    }

    /// Where it is wrong, in bytes from the beginning of the text.
    pub fn position(&self) -> usize {
        self.position
    }

    /// The text.
    pub fn text(&self) -> &str {
        &self.text
    }

    pub(in crate::ng) fn no_link(text: &str) -> Self {
        let problem =
            "is none that a message can be about; they are numbered to 2147483647, uplinks from 1";
        Self::new("link", text, 0, problem)
    }

    pub(super) fn no_identifier(text: &str) -> Self {
        Self::new("identifier", text, 0, "is none; write it as [1f]")
    }

    fn new(what: &'static str, text: &str, position: usize, problem: impl Into<String>) -> Self {
        Self {
            what,
            text: text.to_owned(),
            position,
            problem: problem.into(),
        }
    }
}

pub(super) fn node(text: &str) -> Result<(), NameError> {
    let text = Text::new("node name", text);
    text.check_length(NAME_BYTES - 1)?;
    text.check_without(&['.', ':'], "paths are made of these")?;
    match identifier(text.text) {
        Some(_) => text.wrong(0, "is an identifier; take another name"),
        None => Ok(()),
    }
}

pub(super) fn hook(text: &str) -> Result<(), NameError> {
    let text = Text::new("hook name", text);
    text.check_length(NAME_BYTES - 1)?;
    text.check_without(&['.', ':'], "paths are made of these")
}

pub(super) fn type_(text: &str) -> Result<(), NameError> {
    let text = Text::new("node type", text);
    text.check_length(NAME_BYTES - 1)?;
    text.check_without(&['/'], "the type is the name of a kernel module behind ng_")
}

/// A command and its arguments as text for the kernel: the arguments are of any length, but end with a NUL.
pub(in crate::ng) fn check_text(command: &str, arguments: &str) -> Result<(), NameError> {
    Text::new("command", command).check_length(COMMAND_TEXT_BYTES - 1)?;
    Text::new("arguments", arguments).check_without(&[], "")
}

pub(super) fn path(text: &str) -> Result<(), NameError> {
    let text = Text::new("path", text);
    text.check_length(PATH_BYTES - 1)?;
    text.check_path()
}

pub(super) fn address(text: &str) -> Result<(), NameError> {
    let text = Text::new("address", text);
    text.check_length(LONGEST_ADDRESS)?;
    text.check_path()
}

/// The number in `[1f]`, as `ng_decodeidname` in the kernel's `ng_base.c` reads it. 0 is none.
pub(super) fn identifier(text: &str) -> Option<u32> {
    let digits = text.strip_prefix('[')?.strip_suffix(']')?;
    if !digits.starts_with(|first: char| first.is_ascii_hexdigit()) {
        return None;
    }
    let digits = match digits.get(..2) {
        Some("0x" | "0X") if digits.len() > 2 => digits.get(2..)?,
        _ => digits,
    };
    let all_digits = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    let number = u64::from_str_radix(digits, 16).ok()?;
    // The kernel reads a long and cuts it; the largest is strtoul's word for too large.
    let cut = u32::try_from(number & u64::from(u32::MAX)).ok()?;
    (all_digits && number != u64::MAX && cut != 0).then_some(cut)
}

/// Bytes as text of no more bytes.
pub(super) fn printable(bytes: &[u8]) -> String {
    let mut text = String::new();
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        text.extend(chunk.invalid().iter().map(|_| '?'));
    }
    text
}

struct Text<'a> {
    what: &'static str,
    text: &'a str,
}

impl<'a> Text<'a> {
    fn new(what: &'static str, text: &'a str) -> Self {
        Self { what, text }
    }

    fn wrong(&self, position: usize, problem: impl Into<String>) -> Result<(), NameError> {
        Err(NameError::new(self.what, self.text, position, problem))
    }

    fn check_length(&self, most: usize) -> Result<(), NameError> {
        let length = self.text.len();
        if length == 0 {
            return self.wrong(0, format!("is empty; write 1 to {most} bytes"));
        }
        if length > most {
            let position = (0..=most).rev().find(|at| self.text.is_char_boundary(*at));
            let problem = format!("has {length} bytes; at most {most} are possible");
            return self.wrong(position.unwrap_or(0), problem);
        }
        self.check_without(&[], "")
    }

    fn check_without(&self, bad: &[char], reason: &str) -> Result<(), NameError> {
        match self.text.find(|c| c == '\0' || bad.contains(&c)) {
            Some(at)
                if self
                    .text
                    .get(at..)
                    .is_some_and(|rest| rest.starts_with('\0')) =>
            {
                self.wrong(at, "has a NUL in it, which would end it")
            }
            Some(at) => {
                let found = self.text.get(at..).and_then(|rest| rest.chars().next());
                let found = found.unwrap_or_default();
                self.wrong(at, format!("has a {found} in it; {reason}"))
            }
            None => Ok(()),
        }
    }

    /// As `ng_path_parse` in the kernel's `ng_base.c`.
    fn check_path(&self) -> Result<(), NameError> {
        let (node, path) = match self.text.split_once(':') {
            Some((node, path)) => (Some(node), path),
            None => (None, self.text),
        };
        let start = self.text.len() - path.len();
        match node {
            Some("") => return self.wrong(0, "has no node in front of the colon; .: is one's own"),
            Some(".") | None => {}
            Some(node) => {
                if let Some(dot) = node.find('.') {
                    return self.wrong(dot, "has a dot in front of the colon, in the node's name");
                }
            }
        }
        if let Some(colon) = path.find(':') {
            return self.wrong(start + colon, "has a second colon");
        }
        match path.find("..") {
            Some(dots) => self.wrong(start + dots, "has two dots together"),
            None => Ok(()),
        }
    }
}
