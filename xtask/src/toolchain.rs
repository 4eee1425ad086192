//! A Rust toolchain beside the one that runs this program: the oldest supported version, with the source of its
//! standard library, unpacked from Debian's packages.

use std::env;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::needs;
use crate::steps;
use crate::workspace::Workspace;

/// A directory with `bin/cargo`, `bin/rustc`, `bin/clippy-driver` and the standard library's source.
#[derive(Debug)]
pub(crate) struct Toolchain {
    root: PathBuf,
    version: String,
}

impl Toolchain {
    /// The toolchain in `root`.
    ///
    /// # Errors
    ///
    /// If it does not run, is not Rust `release` (like `1.85`), or lacks a part.
    pub(crate) fn at(root: &Path, release: &str) -> Result<Self> {
        let root = fs::canonicalize(root).with_context(|| format!("{}", root.display()))?;
        let mut toolchain = Self {
            root,
            version: String::new(),
        };
        for program in ["cargo", "clippy-driver", "rustc"] {
            let mut command = toolchain.command(program);
            toolchain.version = steps::output(command.arg("--version"))?.trim().to_owned();
        }
        if !is_release(toolchain.version.trim_start_matches("rustc "), release) {
            let Self { root, version } = toolchain;
            bail!("{} is {version}, not {release}", root.display());
        }
        let source = toolchain.root.join("lib/rustlib/src/rust/library/std");
        if !source.is_dir() {
            bail!("{} is missing: is rust-src there?", source.display());
        }
        Ok(toolchain)
    }

    /// The toolchain that `setup` unpacks below the target directory from Debian's packages.
    ///
    /// # Errors
    ///
    /// If it is not there yet, and `setup` is not given or does not succeed.
    pub(crate) fn from_debian(workspace: &Workspace, setup: bool) -> Result<Self> {
        let release = workspace.rust_version()?;
        let home = workspace.target.join("toolchains").join(release);
        if home.is_dir() {
            if setup {
                println!("--setup: {} is there", home.display());
            }
        } else if setup {
            unpack(release, &home)?;
        } else {
            bail!(
                "Rust {release} is not in {}. To download and unpack it: `cargo xtask cross --setup`",
                home.display()
            );
        }
        Self::at(&home.join("usr"), release)
            .with_context(|| format!("remove {} to have it unpacked again", home.display()))
    }

    /// A command of its cargo, at the root of the workspace.
    pub(crate) fn cargo(&self, workspace: &Workspace) -> Command {
        let mut command = self.command("cargo");
        command.current_dir(&workspace.root);
        command
    }

    fn command(&self, program: &str) -> Command {
        let programs = self.root.join("bin");
        let mut command = Command::new(programs.join(program));
        let path = env::var_os("PATH").unwrap_or_default();
        let paths = [programs].into_iter().chain(env::split_paths(&path));
        // Neither separators nor anything else that cannot be joined occurs in what PATH was split into; a root
        // with a colon in its name would find the wrong programs, and then fail the check of the version.
        if let Ok(path) = env::join_paths(paths) {
            command.env("PATH", path);
        }
        if let Ok(libraries) = env::join_paths(self.libraries()) {
            command.env("LD_LIBRARY_PATH", libraries);
        }
        // What rustup tells its own cargo.
        for variable in ["CARGO", "RUSTC", "RUSTDOC", "RUSTUP_TOOLCHAIN"] {
            command.env_remove(variable);
        }
        command
    }

    /// Where Debian's packages have shared libraries.
    fn libraries(&self) -> [PathBuf; 2] {
        let triple = format!("lib/{}-linux-gnu", env::consts::ARCH);
        [self.root.join(&triple), self.root.join("..").join(&triple)]
    }
}

impl fmt::Display for Toolchain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} in {}", self.version, self.root.display())
    }
}

/// Downloads Debian's packages of Rust `release`, with the libraries that they need and the system does not have,
/// and unpacks them into `home`.
fn unpack(release: &str, home: &Path) -> Result<()> {
    let partial = home.with_file_name(format!("{release}.partial"));
    if partial.exists() {
        fs::remove_dir_all(&partial)?;
    }
    let archives = partial.join("archives");
    fs::create_dir_all(&archives)?;
    println!("--setup: unpacking Rust {release} from Debian's packages; this takes a minute");
    if let Err(error) = download(release, &archives) {
        println!("{error:#}. Are apt's lists too old? Renewing them.");
        needs::apt_get(&["update"])?;
        download(release, &archives)?;
    }
    for entry in fs::read_dir(&archives)? {
        let mut command = Command::new("dpkg-deb");
        command.arg("--extract").arg(entry?.path()).arg(&partial);
        steps::output(&mut command)?;
    }
    fs::remove_dir_all(&archives)?;
    fs::rename(&partial, home)?;
    Ok(())
}

fn download(release: &str, into: &Path) -> Result<()> {
    let listing = steps::output(Command::new("apt-cache").args(["madison", "rustc-web"]))?;
    let Some(version) = newest(&listing, release) else {
        bail!(
            "apt knows no rustc-web {release}, which Debian 12 has. Elsewhere: \
             `rustup toolchain install {release} -c rust-src,clippy`, and pass its directory with --toolchain"
        );
    };
    let mut wanted = wanted(release, version);
    let mut resolve = Command::new("apt-get");
    resolve
        .args(["install", "--print-uris", "-qq"])
        .args(["--no-install-recommends", "--allow-downgrades"])
        .args(&wanted);
    let known = wanted.clone();
    let uris = steps::output(&mut resolve)?;
    let others = uris.lines().filter_map(package_of);
    wanted.extend(
        others
            .filter(|(name, _)| !is_among(&known, name))
            .map(|(name, version)| format!("{name}={version}")),
    );
    let mut fetch = Command::new("apt-get");
    fetch
        .current_dir(into)
        .args(["download", "-qq", "--option=APT::Sandbox::User=root"])
        .args(&wanted);
    steps::run(&mut fetch)
}

/// The packages, as apt wants them named. rustc needs a dlltool to build Windows' standard library.
fn wanted(release: &str, version: &str) -> Vec<String> {
    let library = format!("libstd-rust-web-{release}");
    let names = [
        "rustc-web",
        "cargo-web",
        "rust-web-clippy",
        "rust-web-src",
        "libstd-rust-web-dev",
        &library,
    ];
    let mut wanted = names.map(|name| format!("{name}={version}")).to_vec();
    wanted.push("binutils-mingw-w64-x86-64".to_owned());
    wanted
}

/// The newest version of `release` in what `apt-cache madison` prints: `name | version | source`, newest first.
fn newest<'a>(listing: &'a str, release: &str) -> Option<&'a str> {
    let versions = listing.lines().filter_map(|line| line.split('|').nth(1));
    versions.map(str::trim).find(|it| is_release(it, release))
}

/// Name and version of the package in a line of `apt-get --print-uris`: `'uri' name_version_architecture.deb size`.
fn package_of(line: &str) -> Option<(&str, String)> {
    let file = line.split_whitespace().nth(1)?;
    let mut parts = file.split('_');
    let (name, version) = (parts.next()?, parts.next()?);
    Some((name, version.replace("%3a", ":")))
}

fn is_among(wanted: &[String], name: &str) -> bool {
    wanted.iter().any(|it| it.split('=').next() == Some(name))
}

/// Whether `version` is a version of `release`: 1.85.0 is one of 1.85, 1.850.0 is not.
fn is_release(version: &str, release: &str) -> bool {
    version
        .strip_prefix(release)
        .is_some_and(|rest| rest.starts_with('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_package_of_the_release_is_found() {
        let listing = " rustc-web | 1.96.0+dfsg1-1~deb12u2 | http://deb.debian.org/debian-security\n \
                       rustc-web | 1.85.0+dfsg3-1~deb12u3 | http://deb.debian.org/debian bookworm/main\n";
        assert_eq!(newest(listing, "1.85"), Some("1.85.0+dfsg3-1~deb12u3"));
        assert_eq!(newest(listing, "1.8"), None);
        assert_eq!(newest("", "1.85"), None);
    }

    #[test]
    fn a_file_name_of_apt_gives_name_and_version() {
        let line = "'http://deb.debian.org/p/libllvm19_19.1.7-3%7edeb12u1_amd64.deb' \
                    libllvm19_1%3a19.1.7-3~deb12u1_amd64.deb 25913856 MD5Sum:df4e";
        let expected = ("libllvm19", "1:19.1.7-3~deb12u1".to_owned());
        assert_eq!(package_of(line), Some(expected));
        assert_eq!(package_of("Reading package lists..."), None);
    }

    #[test]
    fn the_named_packages_are_not_asked_for_twice() {
        let wanted = wanted("1.85", "1.85.0-1");
        assert!(is_among(&wanted, "libstd-rust-web-1.85"));
        assert!(is_among(&wanted, "binutils-mingw-w64-x86-64"));
        assert!(!is_among(&wanted, "rustc"));
    }

    #[test]
    fn a_directory_without_toolchain_is_refused() {
        assert!(Toolchain::at(Path::new("/nowhere"), "1.85").is_err());
        assert!(Toolchain::at(Path::new("/tmp"), "1.85").is_err());
    }
}
