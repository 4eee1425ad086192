use std::fmt;

/// What is wrong with the text that selects a backend, where, and what to write instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    problem: ConfigProblem,
    text: String,
    position: usize,
    message: String,
}

/// The kind of a [`ConfigError`], to match on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ConfigProblem {
    /// The text does not follow the grammar.
    Syntax,
    /// Nobody knows this scheme.
    UnknownScheme,
    /// The scheme is known, but its cargo feature is not enabled.
    NotCompiledIn,
    /// The backend has no such option.
    UnknownKey,
    /// An option that is not a list was given twice.
    DuplicateKey,
    /// The value of an option is not one that it takes.
    BadValue,
    /// The target is missing, too long, or not one that the backend takes.
    BadTarget,
    /// Options exclude one another.
    Conflict,
}

impl ConfigError {
    /// An error at byte `position` of `text`.
    pub fn new(
        problem: ConfigProblem,
        text: &str,
        position: usize,
        message: impl Into<String>,
    ) -> Self {
        Self {
            problem,
            text: text.to_owned(),
            position,
            message: message.into(),
        }
    }

    /// The kind, to match on.
    pub fn problem(&self) -> ConfigProblem {
        self.problem
    }

    /// Where, in bytes from the beginning of the text.
    pub fn position(&self) -> usize {
        self.position
    }

    /// What is wrong, without the place.
    pub fn message(&self) -> &str {
        &self.message
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            text,
            position,
            message,
            ..
        } = self;
        let (message, text) = (Printable(message), Printable(text));
        write!(f, "{message} (at byte {position} of \"{text}\")")
    }
}

impl std::error::Error for ConfigError {}

/// A text without what would act on a terminal.
struct Printable<'a>(&'a str);

impl fmt::Display for Printable<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for character in self.0.chars() {
            if character.is_control() {
                write!(f, "{}", character.escape_default())?;
            } else {
                write!(f, "{character}")?;
            }
        }
        Ok(())
    }
}
