use crate::sandbox::{Needs, SandboxError};

/// Says that there is nothing to enter.
///
/// # Errors
///
/// Never.
pub(crate) fn enter(_: &Needs, _: bool, tell: &mut dyn FnMut(&str)) -> Result<(), SandboxError> {
    tell("there is no sandbox on this system");
    Ok(())
}

/// Does nothing.
///
/// # Errors
///
/// Never.
pub(crate) fn restrict_thread(_: &Needs, _: &mut dyn FnMut(&str)) -> Result<(), SandboxError> {
    Ok(())
}
