use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ops::RangeInclusive;

use super::{Complaint, LONGEST_SOCKET_PATH};

/// A rule, read from left to right.
pub(super) struct Cursor<'r> {
    rule: &'r str,
    at: usize,
}

/// Ports that may be given as a range, with the place where they stand.
pub(super) struct Ports {
    pub(super) range: RangeInclusive<u16>,
    pub(super) offset: usize,
}

/// What comes after ports.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Behind {
    Dash,
    Nothing,
}

impl<'r> Cursor<'r> {
    pub(super) fn new(rule: &'r str) -> Self {
        Self { rule, at: 0 }
    }

    /// The same at byte `at`, which is where a character begins.
    pub(super) fn starting(rule: &'r str, at: usize) -> Self {
        Self { rule, at }
    }

    pub(super) fn offset(&self) -> usize {
        self.at
    }

    pub(super) fn rest(&self) -> &'r str {
        self.rule.get(self.at..).unwrap_or_default()
    }

    /// What stands in front of the next `separator`, which is skipped; or nothing at all.
    pub(super) fn before(&mut self, separator: char) -> Option<&'r str> {
        let (word, _) = self.rest().split_once(separator)?;
        self.at += word.len() + separator.len_utf8();
        Some(word)
    }

    /// An address, or nothing, with the colon behind it. `whose` is for complaints: `host`.
    pub(super) fn address(&mut self, whose: &str) -> Result<Option<IpAddr>, Complaint> {
        if self.rest().starts_with('[') {
            return self.bracketed(whose).map(Some);
        }
        let start = self.at;
        let Some(word) = self.before(':') else {
            let text = format!("has no colon in its {whose} side; write ADDRESS:PORT or :PORT");
            return Err(Complaint::new(start, text));
        };
        let side = self.rest().split('-').next().unwrap_or_default();
        let is_ipv6 = match word {
            "" => side.starts_with(':'),
            _ => side.contains(':') && word.bytes().all(|byte| byte.is_ascii_hexdigit()),
        };
        let complain = |remedy| {
            let text = format!("has \"{word}\" for the {whose} address, {remedy}");
            Err(Complaint::new(start, text))
        };
        match word.parse::<Ipv4Addr>() {
            Ok(address) => Ok(Some(address.into())),
            Err(_) if is_ipv6 => {
                complain("and more colons behind it; write an IPv6 address in [ ]")
            }
            Err(_) if word.is_empty() => Ok(None),
            Err(_) => complain(remedy(word)),
        }
    }

    /// One decimal port.
    pub(super) fn port(&mut self, whose: &str) -> Result<u16, Complaint> {
        let start = self.at;
        let word = self.rest();
        // As far as anything that could have been meant as part of the number.
        let end = word.find(|c: char| !c.is_alphanumeric() && !matches!(c, '+' | '.' | '_'));
        let word = word.get(..end.unwrap_or(word.len())).unwrap_or_default();
        self.at += word.len();
        port(word).map_err(|complaint| {
            let text = match word {
                "" => format!("has no {whose} port; write a number from 0 to 65535"),
                _ => format!("has the {whose} port {word}, {complaint}"),
            };
            Complaint::new(start, text)
        })
    }

    /// A port, or two with a dash between them. A dash that something else follows than a port with `behind` after it
    /// belongs to what comes next.
    pub(super) fn ports(&mut self, whose: &str, behind: Behind) -> Result<Ports, Complaint> {
        let offset = self.at;
        let first = self.port(whose)?;
        let last = match self.rest().strip_prefix('-') {
            Some(rest) if is_port(rest, behind) => {
                self.at += 1;
                self.port(whose)?
            }
            _ => first,
        };
        if last < first {
            let text = format!(
                "has the {whose} ports {first}-{last}, which run backwards; write {last}-{first}"
            );
            return Err(Complaint::new(offset, text));
        }
        if first == 0 && last > 0 {
            let text = format!("has a range of {whose} ports from 0 on; let it begin at 1");
            return Err(Complaint::new(offset, text));
        }
        Ok(Ports {
            range: first..=last,
            offset,
        })
    }

    /// Nothing more.
    pub(super) fn end(&self) -> Result<(), Complaint> {
        match self.rest() {
            "" => Ok(()),
            rest => {
                let text = format!("has \"{rest}\" behind its end; leave it out");
                Err(Complaint::new(self.at, text))
            }
        }
    }

    fn bracketed(&mut self, whose: &str) -> Result<IpAddr, Complaint> {
        let start = self.at + 1;
        self.at = start;
        let Some(word) = self.before(']') else {
            return Err(Complaint::new(
                start - 1,
                format!("has a [ without ] in its {whose} address; write ] behind the address"),
            ));
        };
        let address: Ipv6Addr = word.parse().map_err(|_| {
            let complaint = if word.contains('%') {
                "which has a zone; write an address without %"
            } else {
                "which is no IPv6 address; write one as [fd00::2]"
            };
            Complaint::new(
                start,
                format!("has [{word}] for the {whose} address, {complaint}"),
            )
        })?;
        if !self.rest().starts_with(':') {
            let text = format!("has no colon behind the {whose} address; write [{word}]:PORT");
            return Err(Complaint::new(self.at, text));
        }
        self.at += 1;
        Ok(address.into())
    }
}

/// The path of a unix socket, which stands at `offset` of its rule.
pub(super) fn socket_path(path: &str, offset: usize) -> Result<(), Complaint> {
    let complain = |at, text: String| Err(Complaint::new(offset + at, text));
    if !path.starts_with('/') {
        let text =
            format!("has the path \"{path}\", which does not begin with a slash; write it in full");
        return complain(0, text);
    }
    if let Some(at) = path.find('\0') {
        let text =
            "has a zero byte in its path, which the system would take for the end; leave it out";
        return complain(at, text.to_owned());
    }
    if path.len() > LONGEST_SOCKET_PATH {
        let mut at = LONGEST_SOCKET_PATH;
        while !path.is_char_boundary(at) {
            at -= 1;
        }
        let length = path.len();
        let text = format!(
            "has a path of {length} bytes; the path of a unix socket has at most {LONGEST_SOCKET_PATH}"
        );
        return complain(at, text);
    }
    Ok(())
}

/// A decimal port, or why it is none; the complaint continues a sentence that ends with the port and a comma.
pub(super) fn port(word: &str) -> Result<u16, &'static str> {
    let is_decimal = !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_digit());
    match word.strip_prefix('0') {
        Some(rest) if rest.starts_with(['x', 'X']) => {
            Err("which is hexadecimal; write it in decimal")
        }
        _ if !is_decimal => Err("which is not a decimal number; write one from 0 to 65535"),
        Some(rest) if !rest.is_empty() => {
            Err("whose leading zero makes it octal elsewhere; write it without")
        }
        _ => word
            .parse()
            .map_err(|_| "which is above the last port, 65535; write a lower one"),
    }
}

/// What to write instead of something that is no IPv4 address.
fn remedy(word: &str) -> &'static str {
    let is_number = |part: &str| {
        part.starts_with("0x")
            || part.starts_with("0X")
            || (!part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()))
    };
    if word.split('.').all(is_number) {
        "which is no IPv4 address in full; write four decimal numbers without leading zeros, as in 127.0.0.1"
    } else {
        "which is no address, and names are not looked up here; write 127.0.0.1, [::1], or nothing"
    }
}

fn is_port(text: &str, behind: Behind) -> bool {
    let end = text.find(|c: char| !c.is_alphanumeric());
    let rest = end.and_then(|end| text.get(end..)).unwrap_or_default();
    let ends = match behind {
        Behind::Dash => rest.starts_with('-'),
        Behind::Nothing => !rest.starts_with([':', '.']),
    };
    ends && text.starts_with(|c: char| c.is_ascii_digit())
}
