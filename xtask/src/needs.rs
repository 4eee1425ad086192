//! What a command needs from the machine: is it there, and if not, who may install it.

use std::env;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Result, bail};

use crate::steps;

/// Something from a Debian package that a command cannot do without.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Need {
    /// The Debian package.
    pub(crate) package: &'static str,
    /// The program that is used from it, wherever that comes from; `None` for a library.
    pub(crate) program: Option<&'static str>,
}

/// libslirp, which `slirp:` opens at run time.
pub(crate) const LIBSLIRP: Need = Need {
    package: "libslirp0",
    program: None,
};

/// Makes sure that all `needs` are met: installs what is missing if `setup`.
///
/// # Errors
///
/// If something is missing and may not or cannot be installed. The message has the line that installs it.
pub(crate) fn ensure(needs: &[Need], setup: bool) -> Result<()> {
    let missing: Vec<Need> = needs.iter().copied().filter(|need| !is_met(need)).collect();
    if missing.is_empty() {
        if setup {
            println!("--setup: nothing to install");
        }
        return Ok(());
    }
    let packages: Vec<&str> = missing.iter().map(|need| need.package).collect();
    if !setup {
        bail!("{}", advice(&missing));
    }
    install(&packages)
}

/// Installs what is missing of what can be done without, for `--setup`: what a system does not have keeps nothing else away.
pub(crate) fn install_some(needs: &[Need]) {
    let missing = needs.iter().filter(|need| !is_met(need));
    let missing: Vec<&str> = missing.map(|need| need.package).collect();
    if missing.is_empty() || install(&missing).is_ok() {
        return;
    }
    for package in missing {
        if let Err(error) = install(&[package]) {
            println!("--setup: goes on without {package}: {error:#}");
        }
    }
}

/// Debian's packages of these that are there, with their versions.
pub(crate) fn versions(needs: &[Need]) -> Vec<String> {
    let packages = needs.iter().map(|need| need.package);
    let shown = Command::new("dpkg-query")
        .args(["--show", "--showformat", "${Package} ${Version}\n"])
        .args(packages)
        .stderr(Stdio::null())
        .output();
    // Packages that are not there are told of as errors, beside those that are; other systems have none.
    let text = shown.map(|it| it.stdout).unwrap_or_default();
    let lines = String::from_utf8_lossy(&text);
    let is_whole = |line: &&str| !line.ends_with(' ');
    lines.lines().filter(is_whole).map(str::to_owned).collect()
}

/// Installs Debian packages, for `--setup`.
///
/// # Errors
///
/// If apt-get cannot be run, or does not find them.
pub(crate) fn install(packages: &[&str]) -> Result<()> {
    println!("--setup: installing {}", packages.join(", "));
    let mut install = vec!["install", "--yes", "--no-install-recommends"];
    install.extend(packages);
    if let Err(error) = apt_get(&install) {
        println!("{error:#}");
        apt_get(&["update"])?;
        apt_get(&install)?;
    }
    Ok(())
}

/// Runs apt-get as root: directly, or with sudo.
///
/// # Errors
///
/// If this user is not root and there is no sudo, or apt-get does not succeed.
pub(crate) fn apt_get(arguments: &[&str]) -> Result<()> {
    let mut command = if is_root() {
        Command::new("apt-get")
    } else if is_program("sudo") {
        let mut command = Command::new("sudo");
        command.arg("apt-get");
        command
    } else {
        let line = arguments.join(" ");
        bail!("there is no sudo here: run `apt-get {line}` as root, then this again");
    };
    steps::run(command.args(arguments))
}

/// Whether this process runs as root.
pub(crate) fn is_root() -> bool {
    let identity = Command::new("id").arg("-u").output();
    identity.is_ok_and(|output| output.stdout.trim_ascii() == b"0")
}

/// Whether this machine has it.
pub(crate) fn is_met(need: &Need) -> bool {
    match need.program {
        Some(program) => is_program(program),
        // Wherever it comes from.
        None if need.package == LIBSLIRP.package => opens_libslirp() || is_installed(need.package),
        None => is_installed(need.package),
    }
}

fn opens_libslirp() -> bool {
    // Without a thread: this process may want to make a user namespace, which has to be its first thread's.
    net_backend::open("slirp:?thread=none").is_ok()
}

fn is_program(name: &str) -> bool {
    let path = env::var_os("PATH").unwrap_or_default();
    // Where ordinary users' PATH on Debian does not lead, though some tools for the network live there.
    let administration = ["/usr/sbin", "/sbin"].map(Into::into);
    env::split_paths(&path)
        .chain(administration)
        .any(|directory| Path::new(&directory).join(name).is_file())
}

fn is_installed(package: &str) -> bool {
    Command::new("dpkg-query")
        .args(["--show", "--showformat=${db:Status-Status}", package])
        .stderr(Stdio::null())
        .output()
        .is_ok_and(|output| output.stdout == b"installed")
}

fn advice(missing: &[Need]) -> String {
    let packages: Vec<&str> = missing.iter().map(|need| need.package).collect();
    let packages = packages.join(" ");
    format!("missing: {packages}. Add --setup, or run `sudo apt-get install {packages}`")
}

#[cfg(test)]
mod tests {
    use super::*;

    const PRESENT: Need = Need {
        package: "coreutils",
        program: Some("id"),
    };
    const ABSENT: Need = Need {
        package: "no-such-package",
        program: Some("no-such-program"),
    };
    const ABSENT_LIBRARY: Need = Need {
        package: "no-such-library",
        program: None,
    };

    #[test]
    fn what_is_there_needs_no_setup() {
        ensure(&[], false).unwrap();
        ensure(&[PRESENT], false).unwrap();
    }

    #[test]
    fn what_is_missing_is_named_with_the_line_that_installs_it() {
        let error = ensure(&[PRESENT, ABSENT, ABSENT_LIBRARY], false).unwrap_err();
        let line = "`sudo apt-get install no-such-package no-such-library`";
        assert!(error.to_string().contains(line), "{error}");
        assert!(!error.to_string().contains("coreutils"), "{error}");
    }
}
