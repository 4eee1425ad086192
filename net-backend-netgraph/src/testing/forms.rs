//! Values as text: the forms of sys/netgraph/ng_parse.c that the most used commands need.

use rustix::io::Errno;

use super::graph::Answer;
use super::message::{field, number, until_nul};

/// `struct ng_parse_type`.
#[derive(Clone, Copy)]
pub(super) enum Form {
    Nothing,
    /// An unsigned number of so many bytes.
    Number(usize),
    /// One of four bytes that is written in hexadecimal.
    Hexadecimal,
    Mac,
    /// A string in a field of this width.
    Buffer(usize),
    Text,
    Struct(&'static [(&'static str, Form)]),
}

impl Form {
    /// `ng_unparse`. Fields that are zero are left out of a structure.
    pub(super) fn write(self, bytes: &[u8], at: &mut usize, text: &mut String) -> Answer {
        let here = bytes.get(*at..).unwrap_or_default();
        match self {
            Self::Nothing => return Ok(()),
            Self::Number(width) => {
                let value = here.get(..width).ok_or(Errno::INVAL)?;
                let value = value
                    .iter()
                    .rev()
                    .fold(0_u64, |sum, byte| (sum << 8) | u64::from(*byte));
                text.push_str(&value.to_string());
            }
            Self::Hexadecimal => {
                let value = number(here, 0).ok_or(Errno::INVAL)?;
                text.push_str(&format!("0x{value:x}"));
            }
            Self::Mac => {
                let mac: &[u8; 6] = here.first_chunk().ok_or(Errno::INVAL)?;
                text.push_str(&mac.map(|byte| format!("{byte:02x}")).join(":"));
            }
            Self::Buffer(_) | Self::Text => {
                text.push_str(&format!("{:?}", String::from_utf8_lossy(until_nul(here))));
            }
            Self::Struct(fields) => {
                text.push('{');
                for (name, form) in fields {
                    *at = at.next_multiple_of(form.alignment());
                    let value = bytes.get(*at..*at + form.width()).ok_or(Errno::INVAL)?;
                    let has_default = !matches!(form, Self::Mac);
                    if has_default && value.iter().all(|byte| *byte == 0) {
                        *at += form.width();
                        continue;
                    }
                    text.push_str(&format!(" {name}="));
                    form.write(bytes, at, text)?;
                }
                text.push_str(if text.ends_with('{') { "}" } else { " }" });
                return Ok(());
            }
        }
        *at += self.width();
        Ok(())
    }

    /// `ng_parse`.
    pub(super) fn read(self, tokens: &mut &[String], into: &mut Vec<u8>) -> Answer {
        if let Self::Struct(fields) = self {
            return read_struct(fields, tokens, into);
        }
        if matches!(self, Self::Nothing) {
            return Ok(());
        }
        let (token, rest) = tokens.split_first().ok_or(Errno::INVAL)?;
        *tokens = rest;
        match self {
            Self::Number(_) | Self::Hexadecimal => {
                let value = match token.strip_prefix("0x") {
                    Some(digits) => u64::from_str_radix(digits, 16),
                    None => token.parse(),
                };
                let value = value.map_err(|_| Errno::INVAL)?.to_le_bytes();
                let (low, high) = value.split_at(self.width());
                if high.iter().any(|byte| *byte != 0) {
                    return Err(Errno::INVAL);
                }
                into.extend(low);
            }
            Self::Mac => {
                let bytes = token.split(':').map(|byte| u8::from_str_radix(byte, 16));
                let bytes: Result<Vec<_>, _> = bytes.collect();
                let bytes = bytes.ok().filter(|bytes| bytes.len() == 6);
                into.extend(bytes.ok_or(Errno::INVAL)?);
            }
            _ => {
                let string = token.strip_prefix('"').and_then(|it| it.strip_suffix('"'));
                let string = string.ok_or(Errno::INVAL)?.as_bytes();
                match self {
                    Self::Buffer(width) if string.len() >= width => return Err(Errno::TOOBIG),
                    Self::Buffer(width) => into.extend(field(string, width)),
                    _ => into.extend(string.iter().chain(&[0])),
                }
            }
        }
        Ok(())
    }

    /// Bytes of a value, if that does not depend on the value.
    fn width(self) -> usize {
        match self {
            Self::Nothing | Self::Text | Self::Struct(_) => 0,
            Self::Number(width) | Self::Buffer(width) => width,
            Self::Hexadecimal => 4,
            Self::Mac => 6,
        }
    }

    fn alignment(self) -> usize {
        match self {
            Self::Number(width) => width,
            Self::Hexadecimal => 4,
            _ => 1,
        }
    }
}

/// `ng_parse_composite`.
fn read_struct(fields: &[(&str, Form)], tokens: &mut &[String], into: &mut Vec<u8>) -> Answer {
    let mut next = || {
        let (token, rest) = tokens.split_first()?;
        *tokens = rest;
        Some(token)
    };
    if next().is_none_or(|token| token != "{") {
        return Err(Errno::INVAL);
    }
    let mut given: Vec<(&str, &String)> = Vec::new();
    loop {
        let name = next().ok_or(Errno::INVAL)?;
        if name == "}" {
            break;
        }
        let (name, _) = fields
            .iter()
            .find(|(it, _)| it == name)
            .ok_or(Errno::NOENT)?;
        if next().is_none_or(|token| token != "=") {
            return Err(Errno::INVAL);
        }
        if given.iter().any(|(it, _)| it == name) {
            return Err(Errno::ALREADY);
        }
        given.push((name, next().ok_or(Errno::INVAL)?));
    }
    let start = into.len();
    for (name, form) in fields {
        into.resize(
            start + (into.len() - start).next_multiple_of(form.alignment()),
            0,
        );
        match given.iter().find(|(it, _)| it == name) {
            Some((_, value)) => form.read(&mut std::slice::from_ref(*value), into)?,
            None => into.resize(into.len() + form.width(), 0),
        }
    }
    Ok(())
}

/// `ng_parse_get_token`, until the end.
pub(super) fn tokens(text: &str) -> Vec<String> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let length = match first {
            '{' | '}' | '[' | ']' | '=' => 1,
            '"' => rest
                .get(1..)
                .and_then(|it| it.find('"'))
                .map_or(rest.len(), |at| at + 2),
            _ => rest
                .find(|c: char| c.is_whitespace() || "{}[]=\"".contains(c))
                .unwrap_or(rest.len()),
        };
        let (token, after) = rest.split_at(length);
        tokens.push(token.to_owned());
        rest = after.trim_start();
    }
    tokens
}
