//! Programs for guests: linked statically, because a guest has no libraries.

use std::env;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};
use serde::Deserialize;

use crate::steps;
use crate::workspace::Workspace;

/// What guests run. It is named to cargo, so that procedural macros are built for this system, without the flags.
const TARGET: &str = "x86_64-unknown-linux-gnu";

const STATIC: &str = "-C target-feature=+crt-static";

const INIT: &str = "vm-init";

const DAEMON: &str = "net-backend-vhost-user";

/// A program that needs no libraries.
#[derive(Debug)]
pub(super) struct Program {
    /// What cargo calls it.
    pub(super) name: String,
    path: PathBuf,
}

/// Part of a line of `cargo --message-format=json`.
#[derive(Debug, Deserialize)]
struct Message {
    executable: Option<PathBuf>,
    target: Option<Target>,
    profile: Option<Profile>,
}

#[derive(Debug, Deserialize)]
struct Target {
    name: String,
}

#[derive(Debug, Deserialize)]
struct Profile {
    test: bool,
}

impl Program {
    /// The program itself.
    ///
    /// # Errors
    ///
    /// If the file cannot be read.
    pub(super) fn read(&self) -> Result<Vec<u8>> {
        fs::read(&self.path).with_context(|| self.path.display().to_string())
    }
}

/// Builds the first program of guests.
///
/// # Errors
///
/// If it cannot be built.
pub(super) fn init(workspace: &Workspace, release: bool) -> Result<Program> {
    let mut cargo = cargo(workspace, "build");
    cargo
        .args(["--package", INIT])
        .args(release.then_some("--release"));
    let programs = programs(&steps::output(&mut cargo)?, false);
    let init = programs.into_iter().find(|program| program.name == INIT);
    init.with_context(|| format!("cargo built no {INIT}"))
}

/// Builds the vhost-user daemon for this system, with optimisation.
///
/// # Errors
///
/// If it cannot be built.
pub(super) fn daemon(workspace: &Workspace) -> Result<PathBuf> {
    let mut cargo = workspace.cargo();
    cargo
        .args(["build", "--release", "--package", DAEMON, "--bin", DAEMON])
        .args(["--message-format", "json-render-diagnostics"]);
    let programs = programs(&steps::output(&mut cargo)?, false);
    let daemon = programs.into_iter().find(|program| program.name == DAEMON);
    Ok(daemon
        .with_context(|| format!("cargo built no {DAEMON}"))?
        .path)
}

/// Builds the test programs of a crate, with all of its features.
///
/// # Errors
///
/// If they cannot be built.
pub(super) fn tests(workspace: &Workspace, package: &str, release: bool) -> Result<Vec<Program>> {
    let mut cargo = cargo(workspace, "test");
    cargo
        .args(["--no-run", "--all-features", "--package", package])
        .args(release.then_some("--release"));
    Ok(programs(&steps::output(&mut cargo)?, true))
}

fn cargo(workspace: &Workspace, command: &str) -> Command {
    let flags = env::var("RUSTFLAGS").unwrap_or_default();
    let mut cargo = workspace.cargo();
    cargo
        .env("RUSTFLAGS", format!("{flags} {STATIC}").trim())
        // All of it would be most of the guest's memory; backtraces need no more.
        .env("CARGO_PROFILE_DEV_DEBUG", "line-tables-only")
        .env("CARGO_PROFILE_TEST_DEBUG", "line-tables-only")
        .args([command, "--target", TARGET])
        .args(["--message-format", "json-render-diagnostics"])
        .arg("--target-dir")
        .arg(workspace.target.join("vm"));
    cargo
}

/// The programs in cargo's messages, one in each line: only tests, or only others. Cargo names them as they get ready.
fn programs(messages: &str, tests: bool) -> Vec<Program> {
    let messages = messages.lines();
    let messages = messages.filter_map(|line| serde_json::from_str::<Message>(line).ok());
    let programs = messages.filter_map(|message| {
        let (name, path) = (message.target?.name, message.executable?);
        (message.profile?.test == tests).then_some(Program { name, path })
    });
    let mut programs: Vec<Program> = programs.collect();
    programs.sort_by(|a, b| a.name.cmp(&b.name));
    programs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tests_are_told_from_examples_and_libraries() {
        let messages = r#"{"reason":"compiler-artifact","target":{"name":"a"},"profile":{"test":false},"executable":null}
{"reason":"compiler-artifact","target":{"name":"d"},"profile":{"test":true},"executable":"/t/d-1"}
{"reason":"compiler-artifact","target":{"name":"b"},"profile":{"test":true},"executable":"/t/b-1"}
{"reason":"compiler-artifact","target":{"name":"c"},"profile":{"test":false},"executable":"/t/c-1"}
{"reason":"build-finished","success":true}
text"#;
        let names = |tests| -> Vec<String> {
            let programs = programs(messages, tests).into_iter();
            programs.map(|program| program.name).collect()
        };
        assert_eq!(names(true), ["b", "d"]);
        assert_eq!(names(false), ["c"]);
    }
}
