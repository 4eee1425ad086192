//! `cargo xtask cross`: the oldest supported Rust, and the systems that this machine is not.

mod image;
mod link;
mod zig;

use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Args;

use crate::steps::{self, Steps};
use crate::toolchain::Toolchain;
use crate::workspace::Workspace;
use zig::Zig;

pub(crate) use zig::{LinkOptions, link as link_for_freebsd};

const CORE: &str = "net-backend-core";
const FREEBSD: &str = "x86_64-unknown-freebsd";
/// The feature of what is for Linux.
const EPOLL: &str = "epoll";

/// Systems for which only the core is checked: nothing else in the workspace works there. The features in the
/// second column do not build there: vm-memory's `rawfd` calls libc's `read` with Unix's types.
const CORE_TARGETS: &[(&str, &[&str])] = &[
    ("aarch64-apple-darwin", &[]),
    ("x86_64-unknown-illumos", &[]),
    ("x86_64-pc-windows-gnu", &["vm-memory"]),
];

/// Check with the oldest supported Rust, and for FreeBSD and other systems
///
/// Everything here is done with the Rust version that the manifests promise (`rust-version`), so each step checks
/// that promise too. On this machine's system and on FreeBSD all library crates are checked, with all features,
/// tests and examples; FreeBSD with clippy. On macOS, illumos and Windows the core is checked. The standard
/// library of these systems is built from source (`-Zbuild-std`).
///
/// All tests and examples are then linked for FreeBSD on x86_64, and are found in target/freebsd: tests/ has a program
/// for the unit tests of each crate (CRATE-unit) and one for each of its other tests (CRATE-conformance), examples/ the
/// examples, and tests.txt lists the tests in the order in which to run them. They run on FreeBSD 13.2 and later, and
/// need nothing there but the dynamic loader and the C library (libc, libthr, libm), which is checked: copy the
/// directory there and run them. They cannot be linked statically, because zig has only the names of what is in that C
/// library. libslirp is opened at run time; without it the cases that need it are skipped.
///
/// The toolchain comes from Debian's packages (rustc-web and others), zig, which links, from PyPI (the wheel ziglang).
/// `--setup` downloads and unpacks them under target/toolchains; only pip itself (python3-pip) is installed into the
/// system, where it is missing. Without zig nothing is linked, and that step is reported as skipped.
#[derive(Args, Debug)]
pub(crate) struct Options {
    /// Download the toolchain from Debian's archive, and zig from PyPI, and unpack them under target/toolchains
    #[arg(long)]
    setup: bool,
    /// Only link the tests and examples for FreeBSD, and fail without zig
    #[arg(long)]
    only_link: bool,
    /// Link tests and examples that are built with optimisation
    #[arg(long)]
    release: bool,
    /// Use this toolchain instead (`rustc --print sysroot` of one with rust-src and clippy)
    #[arg(long, value_name = "DIRECTORY")]
    toolchain: Option<PathBuf>,
}

/// Runs the command.
///
/// # Errors
///
/// If there is no toolchain, or a step failed.
pub(crate) fn run(options: &Options) -> Result<()> {
    let workspace = Workspace::load()?;
    let toolchain = match &options.toolchain {
        Some(root) => Toolchain::at(root, workspace.rust_version()?)?,
        None => Toolchain::from_debian(&workspace, options.setup)?,
    };
    println!("toolchain: {toolchain}");
    let mut steps = Steps::default();
    if !options.only_link {
        check(&workspace, &toolchain, &mut steps);
    }
    let name = format!("{FREEBSD}: linked tests, examples");
    match Zig::find(&workspace, options.setup) {
        Ok(None) if !options.only_link => steps.skip(name, zig::remedy(&workspace)),
        found => steps.step(name, || {
            let zig = found?.with_context(|| zig::remedy(&workspace))?;
            link::freebsd(&workspace, &toolchain, &zig, options.release)
        }),
    }
    steps.finish()
}

/// What needs no linker.
fn check(workspace: &Workspace, toolchain: &Toolchain, steps: &mut Steps) {
    // First what users build, then everything: tests may choose features of dependencies that break the build.
    for (what, targets) in [
        ("libraries", None),
        ("tests, examples", Some("--all-targets")),
    ] {
        steps.step(format!("this system: {what}"), || {
            host(workspace, toolchain, targets)
        });
        steps.step(format!("{FREEBSD}: {what}"), || {
            freebsd(workspace, toolchain, targets)
        });
    }
    for (target, without) in CORE_TARGETS {
        steps.step(format!("{target}: core"), || {
            core(workspace, toolchain, target, without)
        });
    }
}

fn host(workspace: &Workspace, toolchain: &Toolchain, targets: Option<&str>) -> Result<()> {
    let mut cargo = toolchain.cargo(workspace);
    cargo
        .args(["check", "--workspace", "--exclude", env!("CARGO_PKG_NAME")])
        .args(targets)
        .args(["--all-features", "--target-dir"])
        .arg(directory(workspace, "host"));
    steps::run(&mut cargo)
}

fn freebsd(workspace: &Workspace, toolchain: &Toolchain, targets: Option<&str>) -> Result<()> {
    let mut cargo = toolchain.cargo(workspace);
    cargo
        .env("RUSTC_BOOTSTRAP", "1")
        .args(["clippy", "-Zbuild-std", "--target", FREEBSD])
        .args(only_libraries(workspace))
        .args(targets)
        .args(["--features", &features(workspace, &[EPOLL]).join(",")])
        .arg("--target-dir")
        .arg(directory(workspace, FREEBSD))
        // The code may name lints that are younger than this clippy.
        .args(["--", "-D", "warnings", "-A", "unknown-lints"]);
    if targets.is_some() {
        // Rust 1.85 takes functions that only a `const _` calls for dead, as tests of traits have them.
        cargo.args(["-A", "dead-code"]);
    }
    steps::run(&mut cargo)
}

/// Arguments for what is not only for this machine, as the command and the first program of its guests are.
fn only_libraries(workspace: &Workspace) -> impl Iterator<Item = &str> {
    let libraries = workspace.libraries();
    libraries.flat_map(|package| ["--package", package.name.as_str()])
}

/// All features of all libraries but some.
fn features(workspace: &Workspace, without: &[&str]) -> Vec<String> {
    let mut features = Vec::new();
    for package in workspace.libraries() {
        let choices = package.features().filter(|it| !without.contains(it));
        features.extend(choices.map(|it| format!("{}/{it}", package.name)));
    }
    features
}

fn core(
    workspace: &Workspace,
    toolchain: &Toolchain,
    target: &str,
    without: &[&str],
) -> Result<()> {
    let libraries = workspace.libraries();
    let features: Vec<&str> = libraries
        .filter(|package| package.name == CORE)
        .flat_map(|package| package.features())
        .filter(|feature| !without.contains(feature))
        .collect();
    let mut cargo = toolchain.cargo(workspace);
    cargo
        .env("RUSTC_BOOTSTRAP", "1")
        .args(["check", "-Zbuild-std", "--target", target])
        .args(["--package", CORE, "--no-default-features", "--features"])
        .arg(features.join(","))
        .arg("--target-dir")
        .arg(directory(workspace, target));
    steps::run(&mut cargo)
}

fn directory(workspace: &Workspace, target: &str) -> PathBuf {
    workspace.target.join("cross").join(target)
}
