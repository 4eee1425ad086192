//! Filters of system calls (seccomp(2)). Of several, the strictest counts.

use std::collections::BTreeMap;
use std::env::consts::ARCH;
use std::io;

use libc::c_long;
use seccompiler::{
    BackendError, BpfProgram, Error, SeccompAction, SeccompCmpArgLen, SeccompCmpOp,
    SeccompCondition, SeccompFilter, SeccompRule, TargetArch, apply_filter_all_threads,
};

use super::calls;
use super::failed;
use crate::sandbox::{Needs, SandboxError};

/// `PR_SET_VMA`, by which C libraries name memory (linux/prctl.h).
const NAME_MEMORY: u64 = 0x5356_4d41;

/// Restricts all threads of the process.
///
/// # Errors
///
/// What the system says, except that it has no such thing.
pub(super) fn install(
    needs: &Needs,
    log: bool,
    tell: &mut dyn FnMut(&str),
) -> Result<(), SandboxError> {
    let Ok(architecture) = TargetArch::try_from(ARCH) else {
        tell("there is no filter of system calls for this processor");
        return Ok(());
    };
    let programs = programs(needs, log, architecture);
    let programs = programs.map_err(|error| failed("seccomp")(io::Error::other(error)))?;
    for program in programs {
        match apply_filter_all_threads(&program) {
            Ok(()) => {}
            Err(Error::Seccomp(error)) if is_missing(&error) => {
                tell("this kernel has no seccomp filters: system calls are not forbidden");
                return Ok(());
            }
            Err(error) => return Err(failed("seccomp")(io::Error::other(error))),
        }
    }
    Ok(())
}

fn is_missing(error: &io::Error) -> bool {
    matches!(
        error.raw_os_error(),
        Some(libc::ENOSYS | libc::EINVAL | libc::EOPNOTSUPP)
    )
}

/// The list comes last: it forbids further filters.
fn programs(
    needs: &Needs,
    log: bool,
    architecture: TargetArch,
) -> Result<Vec<BpfProgram>, BackendError> {
    let otherwise = if log {
        SeccompAction::Log
    } else {
        SeccompAction::Trap
    };
    let compiled = |rules, otherwise, action| {
        SeccompFilter::new(rules, otherwise, action, architecture)?.try_into()
    };
    let allow = SeccompAction::Allow;
    // Its flags are in memory, where no filter can look. The C library makes a thread with `clone` then.
    let threads = BTreeMap::from([(libc::SYS_clone3, Vec::new())]);
    let mut programs = vec![compiled(threads, allow.clone(), error(libc::ENOSYS))?];
    if let Some(rules) = refused_files(needs)? {
        let refused = BTreeMap::from([(libc::SYS_openat, rules)]);
        programs.push(compiled(refused, allow.clone(), error(libc::EACCES))?);
    }
    programs.push(compiled(allowed(needs)?, otherwise, allow)?);
    Ok(programs)
}

fn error(number: libc::c_int) -> SeccompAction {
    SeccompAction::Errno(number.unsigned_abs())
}

/// Which files are not opened, so that it holds without Landlock too; `None` if any may be.
fn refused_files(needs: &Needs) -> Result<Option<Vec<SeccompRule>>, BackendError> {
    let flag = |mask: libc::c_int, value: libc::c_int| {
        rule(&[(2, SeccompCmpOp::MaskedEq(number(mask)), number(value))])
    };
    Ok(match needs.opens() {
        (_, true) => None,
        (false, false) => Some(Vec::new()),
        (true, false) => Some(vec![
            flag(libc::O_ACCMODE, libc::O_WRONLY)?,
            flag(libc::O_ACCMODE, libc::O_RDWR)?,
            flag(libc::O_CREAT, libc::O_CREAT)?,
            flag(libc::O_TRUNC, libc::O_TRUNC)?,
        ]),
    })
}

fn allowed(needs: &Needs) -> Result<BTreeMap<i64, Vec<SeccompRule>>, BackendError> {
    let always = calls::ALWAYS.iter().chain(calls::OLDER);
    let mut rules: BTreeMap<i64, Vec<SeccompRule>> =
        always.map(|call| (*call, Vec::new())).collect();
    let mut when = |call: c_long, conditions: &[Condition]| -> Result<(), BackendError> {
        rules.entry(call).or_default().push(rule(conditions)?);
        Ok(())
    };
    let families = [libc::AF_INET, libc::AF_INET6];
    let families = families.into_iter().filter(|_| needs.internet);
    for family in families.chain([libc::AF_UNIX]) {
        when(libc::SYS_socket, &[equal(0, number(family))])?;
    }
    when(libc::SYS_socketpair, &[equal(0, number(libc::AF_UNIX))])?;
    let thread = number(libc::CLONE_THREAD);
    when(
        libc::SYS_clone,
        &[(0, SeccompCmpOp::MaskedEq(thread), thread)],
    )?;
    // A program's code is there already.
    let run = SeccompCmpOp::MaskedEq(number(libc::PROT_EXEC));
    when(libc::SYS_mmap, &[(2, run.clone(), 0)])?;
    when(libc::SYS_mprotect, &[(2, run, 0)])?;
    // Signals to itself.
    for call in [libc::SYS_kill, libc::SYS_tgkill] {
        when(call, &[equal(0, std::process::id().into())])?;
    }
    for option in [
        number(libc::PR_SET_NAME),
        number(libc::PR_GET_NAME),
        NAME_MEMORY,
    ] {
        when(libc::SYS_prctl, &[equal(0, option)])?;
    }
    // Asked for, not set.
    when(libc::SYS_prlimit64, &[equal(0, 0), equal(2, 0)])?;
    for request in requests(needs) {
        when(libc::SYS_ioctl, &[equal(1, request)])?;
    }
    if needs.netmap {
        let letter = SeccompCmpOp::MaskedEq(0xff00);
        let value = u64::from(calls::NETMAP_LETTER) << 8;
        when(libc::SYS_ioctl, &[(1, letter, value)])?;
    }
    Ok(rules)
}

fn requests(needs: &Needs) -> Vec<u64> {
    let mut all = calls::REQUESTS.to_vec();
    if needs.internet {
        all.extend(calls::INTERNET_REQUESTS);
    }
    if needs.tap {
        all.extend(calls::TAP_REQUESTS);
    }
    // The kernel looks at 32 bits, whatever type the C library has for them.
    let numbers = all.iter().map(|request| {
        let [a, b, c, d, ..] = request.to_le_bytes();
        u32::from_le_bytes([a, b, c, d]).into()
    });
    numbers.collect()
}

/// Which argument, how it is compared, and with what.
type Condition = (u8, SeccompCmpOp, u64);

fn equal(argument: u8, value: u64) -> Condition {
    (argument, SeccompCmpOp::Eq, value)
}

fn rule(conditions: &[Condition]) -> Result<SeccompRule, BackendError> {
    let conditions = conditions.iter().map(|(argument, operator, value)| {
        // The kernel looks at 32 bits of numbers; of addresses, which are only compared with none, at all.
        let length = match (operator, value) {
            (SeccompCmpOp::Eq, 0) => SeccompCmpArgLen::Qword,
            _ => SeccompCmpArgLen::Dword,
        };
        SeccompCondition::new(*argument, length, operator.clone(), *value)
    });
    SeccompRule::new(conditions.collect::<Result<_, _>>()?)
}

/// Of a constant of the C library's, which are not negative.
fn number(constant: libc::c_int) -> u64 {
    constant.unsigned_abs().into()
}
