mod calls;
mod files;
mod filter;
mod signal;

use rustix::io::Errno;
use rustix::thread::{
    CapabilitySet, CapabilitySets, clear_ambient_capability_set,
    remove_capability_from_bounding_set, set_capabilities, set_no_new_privs,
};

use crate::sandbox::{Needs, SandboxError};

/// Restricts this process to what it needs; with `log`, system calls are told to the kernel's log instead.
///
/// # Errors
///
/// What the system says.
pub(crate) fn enter(
    needs: &Needs,
    log: bool,
    tell: &mut dyn FnMut(&str),
) -> Result<(), SandboxError> {
    signal::explain().map_err(failed("sigaction"))?;
    restrict_thread(needs, tell)?;
    filter::install(needs, log, tell)
}

/// Takes capabilities and files from this thread, and those that it makes.
///
/// # Errors
///
/// What the system says.
pub(crate) fn restrict_thread(
    needs: &Needs,
    tell: &mut dyn FnMut(&str),
) -> Result<(), SandboxError> {
    set_no_new_privs(true).map_err(failed("no_new_privs"))?;
    drop_capabilities().map_err(failed("capabilities"))?;
    files::restrict(needs, tell)
}

/// The bounding set says what a program may get that is run, which none can be: whoever may not change it keeps it.
fn drop_capabilities() -> Result<(), Errno> {
    for number in 0..u64::BITS {
        let capability = CapabilitySet::from_bits_retain(1 << number);
        if remove_capability_from_bounding_set(capability).is_err() {
            break;
        }
    }
    // Kernels have had it since 4.3; the permitted set bounds it anyway.
    let _older = clear_ambient_capability_set();
    let none = CapabilitySet::empty();
    set_capabilities(
        None,
        CapabilitySets {
            effective: none,
            permitted: none,
            inheritable: none,
        },
    )
}

fn failed<E: Into<std::io::Error>>(what: &'static str) -> impl Fn(E) -> SandboxError {
    move |error| SandboxError::System {
        what,
        source: error.into(),
    }
}
