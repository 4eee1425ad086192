//! `cargo xtask tidy`: formatting, lints, documentation, and the rules of this workspace that no lint knows.

mod cfg_island;
mod commands;
mod drivers;
mod finding;
mod links;
mod manifest;
mod msrv;
mod outside;
mod size;
mod source;
mod tree;
mod unsafe_island;
mod words;

use anyhow::{Result, bail};
use clap::Args;

use self::finding::Finding;
use self::tree::Tree;
use crate::steps::{self, Steps};
use crate::workspace::Workspace;

/// A rule: its name, and what finds the places that break it.
type Check = (&'static str, fn(&Workspace, &Tree) -> Result<Vec<Finding>>);

const CHECKS: &[Check] = &[
    ("size: no long files", |_, tree| Ok(size::check(tree))),
    ("unsafe only in sys/", |_, tree| {
        Ok(unsafe_island::check(tree))
    }),
    ("cfg of systems only in sys/", |_, tree| {
        Ok(cfg_island::check(tree))
    }),
    ("words: nothing left undone", |_, tree| {
        Ok(words::check(tree))
    }),
    ("manifests inherit", manifest::check),
    ("MSRV is true", msrv::check),
    ("links in documents", |_, tree| Ok(links::check(tree))),
    ("commands in documents", |_, tree| Ok(commands::check(tree))),
    ("nothing from outside", |_, tree| Ok(outside::check(tree))),
    ("table of backends", drivers::check),
];

/// Check formatting, lints, documentation and the rules of this workspace
///
/// Runs rustfmt, clippy and rustdoc with warnings as errors, then the workspace's own checks: files of at most 400
/// lines; `unsafe` and `cfg`s of operating systems only below `sys/`; nothing left undone; manifests that inherit
/// from the workspace; an MSRV that the dependencies keep; documents whose links, commands and backend table are
/// true. Everything that is wrong is reported, as `file:line: message`.
#[derive(Args, Debug)]
pub(crate) struct Options {}

/// Runs the command.
///
/// # Errors
///
/// If anything is not tidy.
pub(crate) fn run(_: &Options) -> Result<()> {
    let workspace = Workspace::load()?;
    let tree = Tree::load(&workspace.root, &workspace.target)?;
    let mut steps = Steps::default();
    steps.step("rustfmt", || {
        steps::run(workspace.cargo().args(["fmt", "--all", "--check"]))
    });
    steps.step("clippy", || clippy(&workspace));
    steps.step("rustdoc", || rustdoc(&workspace));
    for (name, check) in CHECKS {
        steps.step(*name, || report(check(&workspace, &tree)?));
    }
    steps.finish()
}

fn clippy(workspace: &Workspace) -> Result<()> {
    let mut cargo = workspace.cargo();
    cargo
        .args(["clippy", "--workspace", "--all-targets", "--all-features"])
        .args(["--", "-D", "warnings"]);
    steps::run(&mut cargo)
}

fn rustdoc(workspace: &Workspace) -> Result<()> {
    let mut cargo = workspace.cargo();
    cargo.env("RUSTDOCFLAGS", "-D warnings").args([
        "doc",
        "--workspace",
        "--all-features",
        "--no-deps",
    ]);
    steps::run(&mut cargo)
}

fn report(mut findings: Vec<Finding>) -> Result<()> {
    findings.sort();
    for finding in &findings {
        println!("{finding}");
    }
    match findings.len() {
        0 => Ok(()),
        1 => bail!("1 finding"),
        count => bail!("{count} findings"),
    }
}
