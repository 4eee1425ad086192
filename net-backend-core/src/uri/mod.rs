//! The string that selects a backend: `scheme:target?key=value&key=value`.
//!
//! ```text
//! uri    = scheme ":" [ target ] [ "?" option *( "&" option ) ]
//! option = key "=" value
//! ```
//!
//! The target is taken literally up to the first `?`, so that `tap:vm%d` and netmap's suffixes need no
//! escapes. In values, `%26` stands for `&`, `%25` for `%`, and so on. Keys that repeat are lists.

mod error;
mod options;
mod parse;

use std::fmt;
use std::str::FromStr;

pub use error::{ConfigError, ConfigProblem};
pub use options::{OptionSpec, OptionValue, Options};

/// A parsed URI. Prints back as a text that parses to an equal one.
#[derive(Clone)]
pub struct Uri {
    /// As it was written; positions in errors are positions in it.
    text: String,
    scheme: String,
    target: String,
    target_position: usize,
    pairs: Vec<Pair>,
}

/// One option, decoded.
#[derive(Clone, Debug)]
struct Pair {
    key: String,
    value: String,
    key_position: usize,
    value_position: usize,
}

impl Uri {
    /// A URI without target and options.
    pub fn new(scheme: &str) -> Self {
        Self {
            text: String::new(),
            scheme: scheme.to_owned(),
            target: String::new(),
            target_position: scheme.len() + 1,
            pairs: Vec::new(),
        }
        .rendered()
    }

    /// The same with this target. A target cannot contain `?`, which would begin the options.
    #[must_use]
    pub fn with_target(mut self, target: &str) -> Self {
        self.target = target.to_owned();
        self.rendered()
    }

    /// The same with one option more. The value may be any text.
    #[must_use]
    pub fn with_option(mut self, key: &str, value: impl fmt::Display) -> Self {
        self.pairs.push(Pair {
            key: key.to_owned(),
            value: value.to_string(),
            key_position: 0,
            value_position: 0,
        });
        self.rendered()
    }

    /// What stands before the colon.
    pub fn scheme(&self) -> &str {
        &self.scheme
    }

    /// What stands between the colon and the options; may be empty.
    pub fn target(&self) -> &str {
        &self.target
    }

    /// The options as keys and decoded values, in order.
    pub fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.pairs
            .iter()
            .map(|pair| (pair.key.as_str(), pair.value.as_str()))
    }

    /// The options, after a check that every key is in `known` and that only repeatable ones repeat.
    ///
    /// # Errors
    ///
    /// [`ConfigProblem::UnknownKey`] and [`ConfigProblem::DuplicateKey`].
    pub fn options(&self, known: &'static [OptionSpec]) -> Result<Options<'_>, ConfigError> {
        Options::new(self, known)
    }

    /// Refuses a target, for schemes that have none.
    ///
    /// # Errors
    ///
    /// [`ConfigProblem::BadTarget`] when there is one.
    pub fn without_target(&self) -> Result<(), ConfigError> {
        if self.target.is_empty() {
            return Ok(());
        }
        let message = format!("{} takes no target; write {}:", self.scheme, self.scheme);
        Err(self.target_error(ConfigProblem::BadTarget, message))
    }

    /// An error about the target.
    pub fn target_error(&self, problem: ConfigProblem, message: impl Into<String>) -> ConfigError {
        self.target_error_at(problem, 0, message)
    }

    /// The same, `offset` bytes into the target.
    pub fn target_error_at(
        &self,
        problem: ConfigProblem,
        offset: usize,
        message: impl Into<String>,
    ) -> ConfigError {
        let position = self.target_position + offset;
        ConfigError::new(problem, &self.text, position, message)
    }

    /// An error about the scheme.
    pub(crate) fn scheme_error(&self, problem: ConfigProblem, message: String) -> ConfigError {
        ConfigError::new(problem, &self.text, 0, message)
    }

    /// Sets text and positions from the parts.
    fn rendered(mut self) -> Self {
        self.text = format!("{}:{}", self.scheme, self.target);
        for (index, pair) in self.pairs.iter_mut().enumerate() {
            self.text.push(if index == 0 { '?' } else { '&' });
            pair.key_position = self.text.len();
            self.text.push_str(&pair.key);
            self.text.push('=');
            pair.value_position = self.text.len();
            parse::escape(&pair.value, &mut self.text);
        }
        self
    }
}

impl FromStr for Uri {
    type Err = ConfigError;

    fn from_str(text: &str) -> Result<Self, ConfigError> {
        parse::uri(text)
    }
}

impl fmt::Display for Uri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.clone().rendered().text)
    }
}

impl fmt::Debug for Uri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Uri({self})")
    }
}

impl PartialEq for Uri {
    /// Equal parts, however they were written.
    fn eq(&self, other: &Self) -> bool {
        self.scheme == other.scheme && self.target == other.target && self.pairs().eq(other.pairs())
    }
}

impl Eq for Uri {}
