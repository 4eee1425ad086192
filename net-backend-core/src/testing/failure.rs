use std::fmt;

/// Why a case did not pass. Made from any error by `?`, so that rigs and peers need not convert.
#[derive(Debug)]
pub struct Failure {
    kind: Kind,
    message: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Broken,
    Unavailable,
    NotApplicable,
}

impl Failure {
    /// The backend, the rig or the machine is broken.
    pub fn new(message: impl Into<String>) -> Self {
        Self {
            kind: Kind::Broken,
            message: message.into(),
        }
    }

    /// This machine cannot run the rig. Its cases are ignored, and tell this reason; they fail where
    /// `NET_BACKEND_REQUIRE` names the group of the rig.
    pub fn unavailable(reason: impl fmt::Display) -> Self {
        Self {
            kind: Kind::Unavailable,
            message: reason.to_string(),
        }
    }

    /// The backend does not offer what the case is about.
    pub(super) fn not_applicable(reason: impl Into<String>) -> Self {
        Self {
            kind: Kind::NotApplicable,
            message: reason.into(),
        }
    }

    /// Why.
    pub fn message(&self) -> &str {
        &self.message
    }

    pub(super) fn is_unavailable(&self) -> bool {
        self.kind == Kind::Unavailable
    }

    pub(super) fn is_not_applicable(&self) -> bool {
        self.kind == Kind::NotApplicable
    }

    /// The same, with what was being done in front.
    #[must_use]
    pub(super) fn during(mut self, what: impl fmt::Display) -> Self {
        self.message = format!("{what}: {}", self.message);
        self
    }
}

impl<E: std::error::Error> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::new(error.to_string())
    }
}

/// Fails the case with a formatted message unless the condition holds.
macro_rules! ensure {
    ($condition:expr, $($message:tt)+) => {
        if !$condition {
            return Err($crate::testing::Failure::new(format!($($message)+)));
        }
    };
}

pub(super) use ensure;
