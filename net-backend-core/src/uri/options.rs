use std::fmt::Display;
use std::ops::RangeInclusive;
use std::str::FromStr;

use super::{ConfigError, ConfigProblem, Pair, Uri, parse};
use crate::{MacAddr, Mtu};

/// An option that a driver understands. The same table checks URIs and prints the help.
#[derive(Clone, Copy, Debug)]
pub struct OptionSpec {
    /// The key.
    pub key: &'static str,
    /// A placeholder or the choices, for the help: `N`, `on|off`.
    pub value: &'static str,
    /// What it does, in one line.
    pub summary: &'static str,
    /// Whether it may be given more than once.
    pub repeatable: bool,
}

impl OptionSpec {
    /// An option that may be given once.
    pub const fn new(key: &'static str, value: &'static str, summary: &'static str) -> Self {
        Self {
            key,
            value,
            summary,
            repeatable: false,
        }
    }

    /// The same, and it may be given more than once.
    #[must_use]
    pub const fn repeatable(self) -> Self {
        Self {
            repeatable: true,
            ..self
        }
    }
}

/// The options of a URI, checked against the table of its driver.
#[derive(Clone, Copy, Debug)]
pub struct Options<'u> {
    uri: &'u Uri,
}

impl<'u> Options<'u> {
    pub(super) fn new(uri: &'u Uri, known: &'static [OptionSpec]) -> Result<Self, ConfigError> {
        for (index, pair) in uri.pairs.iter().enumerate() {
            let Some(spec) = known.iter().find(|spec| spec.key == pair.key) else {
                return Err(unknown(uri, pair, known));
            };
            let earlier = uri.pairs.iter().take(index);
            if !spec.repeatable && earlier.into_iter().any(|other| other.key == pair.key) {
                let message = format!("{} was given before; give it once", pair.key);
                let problem = ConfigProblem::DuplicateKey;
                return Err(ConfigError::new(
                    problem,
                    &uri.text,
                    pair.key_position,
                    message,
                ));
            }
        }
        Ok(Self { uri })
    }

    /// The value of `key`, if it was given.
    pub fn value(&self, key: &str) -> Option<OptionValue<'u>> {
        self.values(key).next()
    }

    /// All values of `key`, in order.
    pub fn values(&self, key: &str) -> impl Iterator<Item = OptionValue<'u>> {
        let uri = self.uri;
        let pairs = uri.pairs.iter().filter(move |pair| pair.key == key);
        pairs.map(|pair| OptionValue { uri, pair })
    }

    /// Refuses that two options are given together.
    ///
    /// # Errors
    ///
    /// [`ConfigProblem::Conflict`], at the one that stands later.
    pub fn exclusive(&self, one: &str, other: &str) -> Result<(), ConfigError> {
        match (self.value(one), self.value(other)) {
            (Some(a), Some(b)) => {
                let later = if a.pair.key_position > b.pair.key_position {
                    a
                } else {
                    b
                };
                Err(ConfigError::new(
                    ConfigProblem::Conflict,
                    &self.uri.text,
                    later.pair.key_position,
                    format!("{one} and {other} exclude one another; give one of them"),
                ))
            }
            _ => Ok(()),
        }
    }
}

/// One option that was given.
#[derive(Clone, Copy, Debug)]
pub struct OptionValue<'u> {
    uri: &'u Uri,
    pair: &'u Pair,
}

impl<'u> OptionValue<'u> {
    /// The decoded text.
    pub fn text(&self) -> &'u str {
        &self.pair.value
    }

    /// A decimal number in `range`.
    ///
    /// # Errors
    ///
    /// [`ConfigProblem::BadValue`] for anything else: a sign, another base, trailing text.
    pub fn number<N>(&self, range: RangeInclusive<N>) -> Result<N, ConfigError>
    where
        N: FromStr + PartialOrd + Display,
    {
        let digits = self.text().bytes().all(|byte| byte.is_ascii_digit());
        let number = digits.then(|| self.text().parse().ok()).flatten();
        number
            .filter(|number| range.contains(number))
            .ok_or_else(|| {
                let (least, most) = (range.start(), range.end());
                self.error(format!("is not a number from {least} to {most}"))
            })
    }

    /// An IP MTU in `range`.
    ///
    /// # Errors
    ///
    /// [`ConfigProblem::BadValue`] for anything else.
    pub fn mtu(&self, range: RangeInclusive<Mtu>) -> Result<Mtu, ConfigError> {
        let bytes = self.number(range.start().bytes()..=range.end().bytes())?;
        Mtu::new(bytes).ok_or_else(|| self.error(format!("is below {}", Mtu::MIN)))
    }

    /// The address of a NIC: unicast, not zero.
    ///
    /// # Errors
    ///
    /// [`ConfigProblem::BadValue`] for anything else.
    pub fn mac(&self) -> Result<MacAddr, ConfigError> {
        let address: MacAddr = self.parse()?;
        address
            .owned()
            .map_err(|error| self.error(format!("is {error}")))
    }

    /// `on` or `off`.
    ///
    /// # Errors
    ///
    /// [`ConfigProblem::BadValue`] for anything else.
    pub fn switch(&self) -> Result<bool, ConfigError> {
        match self.text() {
            "on" => Ok(true),
            "off" => Ok(false),
            _ => Err(self.error("is neither on nor off")),
        }
    }

    /// Whatever parses from text; the type's own error says what it expects.
    ///
    /// # Errors
    ///
    /// [`ConfigProblem::BadValue`] with that error.
    pub fn parse<T>(&self) -> Result<T, ConfigError>
    where
        T: FromStr,
        T::Err: Display,
    {
        self.text()
            .parse()
            .map_err(|error| self.error(format!("is {error}")))
    }

    /// An error about this value; `complaint` continues the sentence that begins with key and value.
    pub fn error(&self, complaint: impl Display) -> ConfigError {
        self.error_at(0, complaint)
    }

    /// The same, `offset` bytes into the decoded text: the position is that of the byte as it was written.
    pub fn error_at(&self, offset: usize, complaint: impl Display) -> ConfigError {
        let Pair {
            key,
            value,
            value_position,
            ..
        } = self.pair;
        let text = &self.uri.text;
        let written = text.get(*value_position..).unwrap_or_default();
        ConfigError::new(
            ConfigProblem::BadValue,
            text,
            value_position + parse::written_offset(written, offset),
            format!("{key}={value} {complaint}"),
        )
    }
}

fn unknown(uri: &Uri, pair: &Pair, known: &[OptionSpec]) -> ConfigError {
    let key = &pair.key;
    let scheme = &uri.scheme;
    let message = if known.is_empty() {
        format!("unknown option {key}; {scheme} takes none")
    } else {
        let keys: Vec<&str> = known.iter().map(|spec| spec.key).collect();
        format!("unknown option {key}; {scheme} takes {}", keys.join(", "))
    };
    ConfigError::new(
        ConfigProblem::UnknownKey,
        &uri.text,
        pair.key_position,
        message,
    )
}
