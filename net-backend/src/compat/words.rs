//! `NAME,KEY=VALUE,KEY=VALUE`: what the spellings of bhyve and QEMU have in common.

use std::borrow::Cow;
use std::fmt::{self, Display};
use std::ops::RangeInclusive;
use std::str::FromStr;

use net_backend_core::{ConfigError, ConfigProblem, MacAddr};

use crate::drivers::is_vale;

/// Whose spelling it is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Program {
    Bhyve,
    Qemu,
}

/// A text in words, with their places.
pub(super) struct Words<'t> {
    text: &'t str,
    /// The first word, unless it is an option.
    name: Option<Word<'t>>,
    options: Vec<Word<'t>>,
}

/// An option, or the name in front of them, whose key is empty.
pub(super) struct Word<'t> {
    text: &'t str,
    key: &'t str,
    value: Cow<'t, str>,
    /// Given without value: a switch that is on.
    is_bare: bool,
    key_position: usize,
    value_position: usize,
}

/// What becomes of the options of a backend.
pub(super) struct Keys {
    /// Whose options they are: `QEMU's tap`.
    pub(super) of: &'static str,
    pub(super) rules: &'static [(&'static str, Rule)],
}

/// What becomes of an option.
pub(super) enum Rule {
    /// It is translated.
    Translated,
    /// It is translated, and may be given more than once.
    List,
    /// The same, and it is on when it has no value.
    Switch,
    /// It makes no difference here, whatever its value.
    Ignored,
    /// With one of these values it makes no difference; with any other it is refused, and this is why, and what
    /// to do instead.
    Only(&'static [&'static str], &'static str),
}

impl Keys {
    fn rule(&self, key: &str) -> Option<&Rule> {
        let mut rules = self.rules.iter();
        rules.find_map(|(known, rule)| (*known == key).then_some(rule))
    }
}

impl<'t> Words<'t> {
    pub(super) fn new(text: &'t str, program: Program) -> Self {
        let mut options: Vec<_> = split(text, program)
            .map(|(position, word)| Word::new(text, position, word, program))
            .collect();
        let named = options.first().is_some_and(|first| first.key.is_empty());
        let name = named.then(|| options.remove(0));
        Self {
            text,
            name,
            options,
        }
    }

    /// The first word, unless it is an option.
    pub(super) fn name(&self) -> Option<&Word<'t>> {
        self.name.as_ref()
    }

    /// The option of this name, if it was given.
    pub(super) fn option(&self, key: &str) -> Option<&Word<'t>> {
        self.options(key).next()
    }

    /// All options of this name, in order.
    pub(super) fn options(&self, key: &str) -> impl Iterator<Item = &Word<'t>> {
        self.options.iter().filter(move |option| option.key == key)
    }

    /// Refuses options that nobody knows, that are given twice, or whose value asks for what cannot be had.
    pub(super) fn check(&self, keys: &Keys) -> Result<(), ConfigError> {
        for (index, option) in self.options.iter().enumerate() {
            option.check(keys)?;
            let mut earlier = self.options.iter().take(index);
            let may_repeat = matches!(keys.rule(option.key), Some(Rule::List));
            if !may_repeat && earlier.any(|other| other.key == option.key) {
                let message = format!("{} was given before; give it once", option.key);
                return Err(self.error(ConfigProblem::DuplicateKey, option.key_position, message));
            }
        }
        Ok(())
    }

    /// Refuses that two options are given together, at the one that stands later.
    pub(super) fn exclusive(&self, one: &str, other: &str) -> Result<(), ConfigError> {
        let (Some(a), Some(b)) = (self.option(one), self.option(other)) else {
            return Ok(());
        };
        let position = a.key_position.max(b.key_position);
        let message = format!("{one} and {other} exclude one another; give one of them");
        Err(self.error(ConfigProblem::Conflict, position, message))
    }

    pub(super) fn error(
        &self,
        problem: ConfigProblem,
        position: usize,
        message: impl Into<String>,
    ) -> ConfigError {
        ConfigError::new(problem, self.text, position, message)
    }
}

impl<'t> Word<'t> {
    fn new(text: &'t str, position: usize, word: &'t str, program: Program) -> Self {
        let (key, value) = match word.split_once('=') {
            Some((key, value)) => (key, Some(value)),
            None if position == 0 => ("", Some(word)),
            None => (word, None),
        };
        let end = position + word.len();
        Self {
            text,
            key,
            value: program.unescape(value.unwrap_or_else(|| program.switched_on())),
            is_bare: value.is_none(),
            key_position: position,
            value_position: value.map_or(position, |value| end - value.len()),
        }
    }

    pub(super) fn value(&self) -> &str {
        &self.value
    }

    pub(super) fn position(&self) -> usize {
        self.value_position
    }

    /// A decimal number in `range`. Others are refused: bhyve and QEMU read 010 as 8.
    pub(super) fn number<N>(&self, range: RangeInclusive<N>) -> Result<N, ConfigError>
    where
        N: FromStr + PartialOrd + Display,
    {
        let (least, most) = (range.start(), range.end());
        let number = decimal(&self.value).filter(|number| range.contains(number));
        number.ok_or_else(|| self.error(format!("is not a decimal number from {least} to {most}")))
    }

    /// The address of a NIC.
    pub(super) fn mac(&self) -> Result<MacAddr, ConfigError> {
        let address = self.value.parse().and_then(MacAddr::owned);
        address.map_err(|error| self.error(format!("is {error}")))
    }

    /// The name of a device.
    pub(super) fn device(&self) -> Result<&str, ConfigError> {
        if is_device_name(&self.value) {
            return Ok(&self.value);
        }
        let complaint =
            "is no name of a device, which is not empty and has no space, /, : or ? in it";
        Err(self.target_error(0, complaint))
    }

    /// The name of a netmap port without `netmap:`, which QEMU did not always want.
    pub(super) fn netmap_port(&self, program: Program) -> Result<&str, ConfigError> {
        let value = &*self.value;
        let name = value.strip_prefix("netmap:").unwrap_or(value);
        let is_named = name.len() < value.len() || is_vale(name) || program == Program::Qemu;
        if name.is_empty() || !is_named {
            let complaint = "is no netmap port; write netmap:em0 or vale0:vm1";
            return Err(self.target_error(0, complaint));
        }
        let refused = |c: char| matches!(c, ',' | '?') || c.is_whitespace() || c.is_control();
        match name.find(refused) {
            None => Ok(name),
            Some(offset) => {
                let complaint =
                    "has white space, a comma or a question mark, which no netmap port has";
                Err(self.target_error(value.len() - name.len() + offset, complaint))
            }
        }
    }

    /// The path to a netgraph node.
    pub(super) fn netgraph_path(&self) -> Result<&str, ConfigError> {
        let path = &*self.value;
        match path.find('?') {
            _ if path.is_empty() => {
                Err(self.target_error(0, "is no path; write one to a node, as em0:"))
            }
            Some(offset) => Err(self.target_error(
                offset,
                "has a question mark, which no URI can have there; write [ID]: instead of the name",
            )),
            None => Ok(path),
        }
    }

    /// An error about this value; `complaint` continues the sentence that begins with key and value.
    pub(super) fn error(&self, complaint: impl Display) -> ConfigError {
        self.error_at(0, complaint)
    }

    /// The same, `offset` bytes into the value.
    pub(super) fn error_at(&self, offset: usize, complaint: impl Display) -> ConfigError {
        ConfigError::new(
            ConfigProblem::BadValue,
            self.text,
            self.value_position + self.written_offset(offset),
            format!("{self} {complaint}"),
        )
    }

    /// The same, about a value that becomes the target.
    fn target_error(&self, offset: usize, complaint: &str) -> ConfigError {
        ConfigError::new(
            ConfigProblem::BadTarget,
            self.text,
            self.value_position + self.written_offset(offset),
            format!("{self} {complaint}"),
        )
    }

    /// Where the byte is written that `offset` bytes of the value precede.
    fn written_offset(&self, offset: usize) -> usize {
        if matches!(self.value, Cow::Borrowed(_)) {
            return offset;
        }
        let written = self.text.as_bytes().get(self.value_position..);
        let mut rest = written.unwrap_or_default();
        let length = rest.len();
        for _ in 0..offset {
            let taken = if rest.starts_with(b",,") { 2 } else { 1 };
            rest = rest.get(taken..).unwrap_or_default();
        }
        length - rest.len()
    }

    fn check(&self, keys: &Keys) -> Result<(), ConfigError> {
        let wrong = |problem, message| {
            Err(ConfigError::new(
                problem,
                self.text,
                self.key_position,
                message,
            ))
        };
        if self.key.is_empty() {
            let message = "an option is missing; write KEY=VALUE, or leave out the comma";
            return wrong(ConfigProblem::Syntax, message.to_owned());
        }
        let key = self.key;
        match keys.rule(key) {
            Some(Rule::Translated | Rule::List | Rule::Ignored) if self.is_bare => {
                let message = format!("{key} has no value; write {key}=VALUE");
                wrong(ConfigProblem::Syntax, message)
            }
            Some(Rule::Translated | Rule::List | Rule::Switch | Rule::Ignored) => Ok(()),
            Some(Rule::Only(values, _)) if values.contains(&self.value()) => Ok(()),
            Some(Rule::Only(_, instead)) => Err(self.error(format!("cannot be had: {instead}"))),
            None => {
                let known: Vec<_> = keys.rules.iter().map(|(key, _)| *key).collect();
                let Keys { of, .. } = keys;
                let message = format!("unknown option {key}; {of} has {}", known.join(", "));
                wrong(ConfigProblem::UnknownKey, message)
            }
        }
    }
}

impl Display for Word<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.key {
            "" => write!(f, "{}", self.value),
            key => write!(f, "{key}={}", self.value),
        }
    }
}

impl Program {
    /// The value of an option that is given without one.
    fn switched_on(self) -> &'static str {
        match self {
            Self::Bhyve => "true",
            Self::Qemu => "on",
        }
    }

    /// Only QEMU has an escape: a comma in a value is doubled.
    fn unescape(self, value: &str) -> Cow<'_, str> {
        if self == Self::Qemu && value.contains(",,") {
            value.replace(",,", ",").into()
        } else {
            value.into()
        }
    }
}

impl Display for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Bhyve => "bhyve",
            Self::Qemu => "QEMU",
        })
    }
}

/// The words between the commas, with their positions.
fn split(text: &str, program: Program) -> impl Iterator<Item = (usize, &str)> {
    let mut rest = Some((0, text));
    std::iter::from_fn(move || {
        let (position, words) = rest?;
        let end = comma(words, program);
        rest = end.and_then(|end| Some((position + end + 1, words.get(end + 1..)?)));
        Some((position, words.get(..end.unwrap_or(words.len()))?))
    })
}

/// Where the next comma is that separates.
fn comma(words: &str, program: Program) -> Option<usize> {
    let mut from = 0;
    loop {
        let at = from + words.get(from..)?.find(',')?;
        let is_doubled = words.get(at + 1..)?.starts_with(',');
        if program == Program::Bhyve || !is_doubled {
            return Some(at);
        }
        from = at + 2;
    }
}

/// A number without sign, and without the leading zero that would make it octal.
pub(super) fn decimal<N: FromStr>(text: &str) -> Option<N> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    let octal = text.len() > 1 && text.starts_with('0');
    (digits && !octal).then(|| text.parse().ok()).flatten()
}

/// Whether an interface may be called so, and the target of a URI as well.
pub(super) fn is_device_name(name: &str) -> bool {
    let refused = |c: char| matches!(c, '/' | ':' | '?') || c.is_whitespace() || c.is_control();
    !name.is_empty() && !name.contains(refused)
}
