use std::num::NonZeroU16;

use super::{Complaint, Directions, LONGEST_INTERFACE, Monitor, Pipe, PortKind, PortName, Rings};
use crate::abi::NAME_BYTES;

/// The number that no ring has: the mask of ring numbers (`NETMAP_RING_MASK`).
const RING_LIMIT: u16 = 0xfff;

/// What ends an interface, or a port of a switch.
const SEPARATORS: [char; 7] = ['{', '}', '^', '*', '-', '@', '/'];

const WRITE_A_PORT: &str = "write netmap:em0 for an interface, netmap:vale0:vm1 for a VALE port";

impl PortName {
    /// Reads a name without `netmap:`.
    pub(crate) fn read(text: &str) -> Result<Self, Complaint> {
        let mut cursor = Cursor { text, at: 0 };
        let base = cursor.until(|c| SEPARATORS.contains(&c));
        check_base(&cursor, base)?;
        let mut name = Self {
            base: base.to_owned(),
            pipe: None,
            rings: Rings::All,
            memory: None,
            exclusive: false,
            directions: Directions::Both,
            monitor: None,
        };
        name.pipe = cursor.pipe()?;
        cursor.check_length()?;
        name.rings = cursor.rings()?;
        name.check_rings(&cursor)?;
        let mut watched = Watched::default();
        while let Some(separator) = cursor.separator()? {
            match separator {
                '@' if name.memory.is_some() => {
                    return cursor.wrong_before("has a second memory region; give one");
                }
                '@' => name.memory = Some(cursor.memory()?),
                _ => name.read_flags(&mut cursor, &mut watched)?,
            }
        }
        Ok(name)
    }

    fn check_rings(&self, cursor: &Cursor<'_>) -> Result<(), Complaint> {
        let owner = match (&self.pipe, self.kind()) {
            _ if !self.rings.include_host() => return Ok(()),
            (Some(_), _) => "pipe",
            (None, PortKind::Vale) => "VALE port",
            (None, PortKind::Interface) => return Ok(()),
        };
        let offset = self.base_and_pipe().len();
        let text = format!(
            "asks for host rings, which a {owner} has none of; only an interface has, as in em0{}",
            self.rings
        );
        Err(cursor.complaint(offset, &text))
    }

    /// The flags behind a slash, which are put in force as they come.
    fn read_flags(
        &mut self,
        cursor: &mut Cursor<'_>,
        watched: &mut Watched,
    ) -> Result<(), Complaint> {
        let flags = cursor.until(|c| matches!(c, '@' | '/'));
        let start = cursor.at - flags.len();
        if flags.is_empty() {
            return cursor.wrong("has no flag behind /; write some of x, t, r, z, R and T");
        }
        for (offset, flag) in flags.char_indices() {
            match flag {
                'x' => self.exclusive = true,
                't' => watched.transmit = true,
                'r' => watched.receive = true,
                'z' => watched.zero_copy = true,
                'R' | 'T' => {
                    let wanted = match flag {
                        'R' => Directions::Receive,
                        _ => Directions::Transmit,
                    };
                    if ![Directions::Both, wanted].contains(&self.directions) {
                        let text = "has R and T, which leave no ring; leave out both";
                        return Err(cursor.complaint(start + offset, text));
                    }
                    self.directions = wanted;
                }
                other => {
                    let text = format!("has the flag {other}; there are x, t, r, z, R and T");
                    return Err(cursor.complaint(start + offset, &text));
                }
            }
        }
        self.monitor = watched.monitor();
        self.check_flags(cursor, start, watched)
    }

    fn check_flags(
        &self,
        cursor: &Cursor<'_>,
        start: usize,
        watched: &Watched,
    ) -> Result<(), Complaint> {
        let text = match self.monitor {
            Some(Monitor::ZeroCopy) if watched.transmit != watched.receive => {
                "watches one direction without a copy, but the kernel has that for both only; write z for both, or leave z out"
            }
            Some(_) if self.directions != Directions::Both => {
                "is a monitor with R or T; say with t and r what to watch, and leave R and T out"
            }
            _ => return Ok(()),
        };
        Err(cursor.complaint(start, text))
    }
}

/// The flags t, r and z as they were given.
#[derive(Default)]
struct Watched {
    transmit: bool,
    receive: bool,
    zero_copy: bool,
}

impl Watched {
    fn monitor(&self) -> Option<Monitor> {
        match (self.transmit, self.receive) {
            _ if self.zero_copy => Some(Monitor::ZeroCopy),
            (true, true) => Some(Monitor::Both),
            (true, false) => Some(Monitor::Transmit),
            (false, true) => Some(Monitor::Receive),
            (false, false) => None,
        }
    }
}

/// A name, read from left to right.
struct Cursor<'n> {
    text: &'n str,
    at: usize,
}

impl<'n> Cursor<'n> {
    fn rest(&self) -> &'n str {
        self.text.get(self.at..).unwrap_or_default()
    }

    /// What stands in front of the next character that ends it.
    fn until(&mut self, ends: impl Fn(char) -> bool) -> &'n str {
        let rest = self.rest();
        let word = rest.get(..rest.find(ends).unwrap_or(rest.len()));
        let word = word.unwrap_or_default();
        self.at += word.len();
        word
    }

    fn skip(&mut self, expected: char) -> bool {
        let found = self.rest().starts_with(expected);
        if found {
            self.at += expected.len_utf8();
        }
        found
    }

    fn pipe(&mut self) -> Result<Option<Pipe>, Complaint> {
        let start = self.at;
        let pipe = match self.rest().chars().next() {
            Some('{') => Pipe::Master,
            Some('}') => Pipe::Slave,
            _ => return Ok(None),
        };
        self.at += 1;
        let id = self.until(|c| !is_identifier(c));
        let next = self.rest().chars().next();
        if let Some('{' | '}') = next {
            return self.wrong("has a second pipe; a pipe hangs on a port, not on a pipe");
        }
        if let Some(c) = next.filter(|c| !SEPARATORS.contains(c)) {
            let c = c.escape_debug();
            return self.wrong(&format!(
                "has {c} in the name of a pipe, which has letters, digits and _ only"
            ));
        }
        if id.is_empty() {
            return self.wrong("has no name of a pipe behind its bracket; write one, as in em0{1");
        }
        let is_number = id.bytes().all(|byte| byte.is_ascii_digit());
        if is_number && id.len() > 1 && id.starts_with('0') {
            let text = "has a pipe with a leading zero, with which programs mean different pipes; leave it out";
            return Err(self.complaint(start + 1, text));
        }
        Ok(Some(pipe(id.to_owned())))
    }

    /// The bytes so far are the kernel's name of the port.
    fn check_length(&self) -> Result<(), Complaint> {
        let (length, most) = (self.at, NAME_BYTES - 1);
        if length <= most {
            return Ok(());
        }
        let text = format!("has {length} bytes; netmap takes at most {most}");
        Err(self.complaint(most, &text))
    }

    fn rings(&mut self) -> Result<Rings, Complaint> {
        if self.skip('*') {
            return Ok(Rings::AllAndHost);
        }
        if self.skip('^') {
            return match self.rest().starts_with(|c: char| c.is_ascii_digit()) {
                true => self.ring().map(Rings::OneHost),
                false => Ok(Rings::Host),
            };
        }
        if self.skip('-') {
            return self.ring().map(Rings::One);
        }
        Ok(Rings::All)
    }

    fn ring(&mut self) -> Result<u16, Complaint> {
        let start = self.at;
        let digits = self.until(|c| !c.is_ascii_digit());
        if digits.is_empty() {
            return self.wrong(
                "has no number of a ring behind -; write one, as in em0-0, and rename an interface that has - in its name",
            );
        }
        let number = digits.parse().ok().filter(|number| *number < RING_LIMIT);
        number.ok_or_else(|| {
            let text = format!(
                "has the ring {digits}; rings have numbers from 0 to {}",
                RING_LIMIT - 1
            );
            self.complaint(start, &text)
        })
    }

    fn memory(&mut self) -> Result<NonZeroU16, Complaint> {
        let start = self.at;
        let word = self.until(|c| matches!(c, '@' | '/'));
        let digits = !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_digit());
        let number = digits.then(|| word.parse().ok()).flatten();
        number.ok_or_else(|| {
            let remedy = match word.split([':', '=']).next() {
                Some("conf") => "write ?rings=N and ?slots=N instead",
                Some("share") => "write the number of the other port's region, as in em0@1",
                Some("extmem" | "offset") => "there is no such option here; leave it out",
                _ => "write a decimal number from 1 to 65535",
            };
            let text = format!("has @{word}, which is no memory region; {remedy}");
            self.complaint(start, &text)
        })
    }

    /// `@` or `/`, or nothing at the end.
    fn separator(&mut self) -> Result<Option<char>, Complaint> {
        let Some(separator) = self.rest().chars().next() else {
            return Ok(None);
        };
        let text = match separator {
            '@' | '/' => {
                self.at += 1;
                return Ok(Some(separator));
            }
            '{' | '}' => "has a pipe behind its rings; write it in front of them, as in em0{1-0",
            '^' | '*' | '-' => {
                "has rings behind its rings, its memory region or its flags; write them once, as in em0-0@1/x"
            }
            other => {
                let other = other.escape_debug();
                return self.wrong(&format!(
                    "has {other} where a memory region (@) or flags (/) may follow; leave it out"
                ));
            }
        };
        self.wrong(text)
    }

    /// A complaint about the next character.
    fn wrong<T>(&self, text: &str) -> Result<T, Complaint> {
        Err(self.complaint(self.at, text))
    }

    /// A complaint about the character before, which is ASCII.
    fn wrong_before<T>(&self, text: &str) -> Result<T, Complaint> {
        Err(self.complaint(self.at.saturating_sub(1), text))
    }

    /// `text` continues a sentence that begins with the name.
    fn complaint(&self, offset: usize, text: &str) -> Complaint {
        Complaint {
            offset,
            text: format!("the port name {} {text}", self.text),
        }
    }
}

fn check_base(cursor: &Cursor<'_>, base: &str) -> Result<(), Complaint> {
    if cursor.text.is_empty() {
        return Err(Complaint {
            offset: 0,
            text: format!("no port; {WRITE_A_PORT}"),
        });
    }
    let complain = |offset, text: &str| Err(cursor.complaint(offset, text));
    if base.is_empty() {
        return complain(0, &format!("has no port; {WRITE_A_PORT}"));
    }
    match (base.strip_prefix("vale"), base.split_once(':')) {
        (Some(_), Some((switch, port))) => check_vale(cursor, switch, port),
        (Some(_), None) => complain(
            base.len(),
            &format!("begins with vale, as VALE ports do, but has no colon; write {base}:vm1"),
        ),
        (None, Some((interface, _))) => complain(
            interface.len(),
            "has a colon, which only VALE ports have; these begin with vale, as vale0:vm1",
        ),
        (None, None) => check_interface(cursor, base),
    }
}

fn check_interface(cursor: &Cursor<'_>, name: &str) -> Result<(), Complaint> {
    if name == "." || name == ".." {
        return Err(cursor.complaint(0, "is no interface name; write one, as em0"));
    }
    let refused = |c: char| c == '?' || c.is_whitespace() || c.is_control();
    if let Some(offset) = name.find(refused) {
        let text = "has white space or a question mark in its name; rename the interface";
        return Err(cursor.complaint(offset, text));
    }
    check_part(cursor, "interface", 0, name)
}

fn check_vale(cursor: &Cursor<'_>, switch: &str, port: &str) -> Result<(), Complaint> {
    let start = switch.len() + 1;
    if let Some(offset) = switch.find(|c| !is_identifier(c)) {
        let text = "has a switch whose name is not made of letters, digits and _; write vale0, vale1 and so on";
        return Err(cursor.complaint(offset, text));
    }
    // Letters, digits and _ are what nm_open takes; an attached VLAN interface has a dot.
    if let Some(offset) = port.find(|c| !is_identifier(c) && c != '.') {
        let text =
            "has a port whose name is not made of letters, digits, _ and dots; write one as vm1";
        return Err(cursor.complaint(start + offset, text));
    }
    if port.is_empty() {
        let text = format!("has no port behind the switch; write one, as {switch}:vm1");
        return Err(cursor.complaint(start, &text));
    }
    check_part(cursor, "switch", 0, switch)?;
    check_part(cursor, "port of a switch", start, port)
}

/// Refuses what does not fit into an interface name; `start` is where it stands.
fn check_part(cursor: &Cursor<'_>, what: &str, start: usize, name: &str) -> Result<(), Complaint> {
    let (length, most) = (name.len(), LONGEST_INTERFACE);
    if length <= most {
        return Ok(());
    }
    let mut at = most;
    while !name.is_char_boundary(at) {
        at -= 1;
    }
    let text = format!("has {length} bytes for the {what}; there is room for {most}");
    Err(cursor.complaint(start + at, &text))
}

fn is_identifier(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}
