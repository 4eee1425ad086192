//! Which files there are (Landlock, landlock(7)).

use std::io;
use std::path::{Path, PathBuf};

use landlock::{
    ABI, Access, AccessFs, BitFlags, PathBeneath, PathFd, Ruleset, RulesetAttr, RulesetCreated,
    RulesetCreatedAttr, RulesetError, RulesetStatus,
};

use super::failed;
use crate::sandbox::{Needs, SandboxError};

/// What is restricted where the kernel can: all about files as of Linux 6.10. Connecting to unix sockets, which came later, is
/// left.
const VERSION: ABI = ABI::V5;

const RESOLVER: &str = "/etc/resolv.conf";

/// Leaves this thread only the files that it needs.
///
/// # Errors
///
/// What the system says.
pub(super) fn restrict(needs: &Needs, tell: &mut dyn FnMut(&str)) -> Result<(), SandboxError> {
    let status = rules(needs).and_then(RulesetCreated::restrict_self);
    match status.map_err(io::Error::other) {
        Ok(status) if status.ruleset == RulesetStatus::NotEnforced => {
            tell("this kernel has no Landlock: files are not out of reach");
            Ok(())
        }
        Ok(_) => Ok(()),
        Err(error) => Err(failed("Landlock")(error)),
    }
}

fn rules(needs: &Needs) -> Result<RulesetCreated, RulesetError> {
    let every = AccessFs::from_all(VERSION);
    let mut rules = Ruleset::default().handle_access(every)?.create()?;
    let read = needs.read.iter().cloned();
    let resolver = needs.name_servers.then(resolver).flatten();
    let read: Vec<_> = read.chain(resolver).collect();
    let write = AccessFs::ReadFile | AccessFs::WriteFile | AccessFs::IoctlDev;
    let remove = AccessFs::RemoveFile | AccessFs::RemoveDir;
    rules = allow(rules, read.iter(), AccessFs::ReadFile.into())?;
    rules = allow(rules, needs.write.iter(), write)?;
    allow(rules, needs.remove_in.iter(), remove)
}

/// What is not there cannot be opened either.
fn allow<'a>(
    mut rules: RulesetCreated,
    paths: impl Iterator<Item = &'a PathBuf>,
    access: BitFlags<AccessFs>,
) -> Result<RulesetCreated, RulesetError> {
    for path in paths {
        if let Ok(path) = PathFd::new(path) {
            rules = rules.add_rule(PathBeneath::new(path, access))?;
        }
    }
    Ok(rules)
}

/// Where names are looked up: the directory, since programs that change the file put another one in its place. Of root's files in
/// `/etc` not all may be read.
fn resolver() -> Option<PathBuf> {
    let file = Path::new(RESOLVER).canonicalize().ok()?;
    let directory = file.parent()?;
    let is_open = match directory.to_str() {
        Some("/") => false,
        Some("/etc") => !rustix::process::geteuid().is_root(),
        _ => true,
    };
    Some(if is_open { directory.to_owned() } else { file })
}
