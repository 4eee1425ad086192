//! `cargo xtask test`: all tests of the workspace, every feature alone, the loom models.

use std::env;
use std::fs::OpenOptions;
use std::process::Command;

use anyhow::{Context, Result};
use clap::Args;

use crate::needs::{self, Need};
use crate::steps::{self, Steps};
use crate::vm;
use crate::workspace::{Package, Workspace};

/// The Debian packages that the tests need.
const NEEDS: &[Need] = &[needs::LIBSLIRP];

/// What `--setup` installs too: without them some tests are skipped.
const WELCOME: &[Need] = &[program("busybox"), program("curl"), program("iperf3")];

/// The feature that needs libslirp when building.
const LINK: &str = "link";

/// The step with guests.
const GUESTS: &str = "guests in QEMU";

const SLIRP: &str = "net-backend-slirp";
const NETMAP: &str = "net-backend-netmap";

/// The backends that `--required` does not allow to be skipped.
const REQUIRED: &str = "tap,slirp";

/// Names the backends whose cases fail if they cannot run here, separated by commas.
const REQUIRE_VARIABLE: &str = "NET_BACKEND_REQUIRE";

const TUN: &str = "/dev/net/tun";
const NETMAP_DEVICE: &str = "/dev/netmap";

/// Run all tests of the workspace, build every feature alone, run the loom models
///
/// The first step is `cargo test --workspace` with all features but the one that links libslirp. Cases of a backend
/// that this machine does not offer are reported as ignored, with the reason. The second step tests
/// that one. Then each crate is built without features and with each feature alone, with warnings as errors. The
/// loom models of net-backend-core try all interleavings of its shared state. `cargo xtask vm` boots guests on slirp and
/// tap, where QEMU and a kernel are installed. The last step runs the unsafe code and the arithmetic of netmap's rings in
/// Miri, where a nightly toolchain with it is installed (`rustup toolchain install nightly -c miri,rust-src`).
#[derive(Args, Debug)]
pub(crate) struct Options {
    /// Install missing Debian packages (with apt-get, through sudo if needed)
    #[arg(long)]
    setup: bool,
    /// Fail instead of skipping guests and the cases of tap and slirp (sets NET_BACKEND_REQUIRE=tap,slirp)
    #[arg(long)]
    required: bool,
}

/// Runs the command.
///
/// # Errors
///
/// If something is missing on this machine, or a step failed.
pub(crate) fn run(options: &Options) -> Result<()> {
    let needs = [NEEDS, if options.setup { WELCOME } else { &[] }].concat();
    needs::ensure(&needs, options.setup)?;
    let workspace = Workspace::load()?;
    announce_skips(options.required);
    let mut steps = Steps::default();
    steps.step("tests", || tests(&workspace, options.required));
    steps.step(format!("{SLIRP} linked"), || linked(&workspace));
    for library in workspace.libraries() {
        let choices = [None].into_iter().chain(library.features().map(Some));
        for feature in choices {
            let with = feature.map_or("no feature".to_owned(), |it| format!("only {it}"));
            steps.step(format!("{} with {with}", library.name), || {
                check_alone(&workspace, &library.name, feature)
            });
        }
    }
    steps.step("loom models", || loom(&workspace));
    match vm::obstacle(options.setup) {
        Some(reason) if !options.required => steps.skip(GUESTS, reason),
        _ => steps.step(GUESTS, || guests(options.setup)),
    }
    match miri_version() {
        Ok(version) => steps.step(version, || miri(&workspace)),
        Err(error) => steps.skip("Miri", format!("{error:#}")),
    }
    steps.finish()
}

fn tests(workspace: &Workspace, required: bool) -> Result<()> {
    let mut cargo = workspace.cargo();
    cargo
        .args(["test", "--workspace", "--no-fail-fast", "--features"])
        .arg(features(workspace).join(","));
    if required {
        cargo.env(REQUIRE_VARIABLE, REQUIRED);
    }
    steps::run(&mut cargo)
}

/// All features of all libraries, as `cargo test --workspace` takes them, but the one that links libslirp.
fn features(workspace: &Workspace) -> Vec<String> {
    let of = |package: &'_ Package| {
        let choices = package.features().filter(|&feature| feature != LINK);
        let choices = choices.map(|feature| format!("{}/{feature}", package.name));
        choices.collect::<Vec<_>>()
    };
    workspace.libraries().flat_map(of).collect()
}

/// Tests what differs when libslirp is linked.
fn linked(workspace: &Workspace) -> Result<()> {
    let run = |words: &[&str]| {
        let mut cargo = workspace.cargo();
        cargo
            .args(words)
            .args(["--package", SLIRP, "--features", LINK, "--target-dir"])
            .arg(workspace.target.join("linked"));
        steps::run(&mut cargo)
    };
    // The library that plays libslirp, which `cargo test --test` does not build.
    run(&["build", "--example", "stub_libslirp"])?;
    run(&["test", "--test", "library", "--test", "conformance"])
}

fn check_alone(workspace: &Workspace, package: &str, feature: Option<&str>) -> Result<()> {
    let mut cargo = workspace.cargo();
    // Other flags mean other builds of all dependencies: a directory of its own keeps those of the tests.
    cargo
        .env("RUSTFLAGS", "-D warnings")
        .args(["check", "--package", package, "--no-default-features"])
        .args(feature.map(|it| format!("--features={it}")))
        .arg("--target-dir")
        .arg(workspace.target.join("features"));
    steps::run(&mut cargo)
}

fn loom(workspace: &Workspace) -> Result<()> {
    let mut cargo = workspace.cargo();
    cargo
        .env("RUSTFLAGS", "--cfg loom")
        .args([
            "test",
            "--package",
            "net-backend-core",
            "--release",
            "--lib",
        ])
        .arg("--target-dir")
        .arg(workspace.target.join("loom"))
        .arg("loom");
    steps::run(&mut cargo)
}

/// Boots guests, in a program of its own: it may have to make a user namespace, which nothing after it should be in.
fn guests(setup: bool) -> Result<()> {
    let mut command = Command::new(env::current_exe()?);
    command.arg("vm").args(setup.then_some("--setup"));
    steps::run(&mut command)
}

/// The version of Miri.
fn miri_version() -> Result<String> {
    let version = steps::output(nightly_cargo().args(["miri", "--version"]));
    let version =
        version.context("to have it: `rustup toolchain install nightly -c miri,rust-src`")?;
    Ok(version.trim().to_owned())
}

fn miri(workspace: &Workspace) -> Result<()> {
    let mut cargo = nightly_cargo();
    cargo
        .current_dir(&workspace.root)
        .args(["miri", "test", "--package", NETMAP, "--lib", "--target-dir"])
        .arg(workspace.target.join("miri"))
        .args(["--", "ring::tests", "ring_memory::tests"]);
    steps::run(&mut cargo)
}

/// The cargo of a nightly toolchain, whatever toolchain runs this program.
fn nightly_cargo() -> Command {
    let mut command = Command::new("rustup");
    command.args(["run", "nightly", "cargo"]);
    for variable in ["CARGO", "RUSTC", "RUSTDOC", "RUSTUP_TOOLCHAIN"] {
        command.env_remove(variable);
    }
    command
}

fn announce_skips(required: bool) {
    if let Err(error) = OpenOptions::new()
        .read(true)
        .write(true)
        .open(NETMAP_DEVICE)
    {
        println!(
            "{NETMAP_DEVICE}: {error}. The cases that need a netmap kernel will be skipped; a model of one is tested. To \
             have them run in a guest: `cargo xtask vm --netmap-module FILE`."
        );
    }
    let Err(error) = OpenOptions::new().read(true).write(true).open(TUN) else {
        return;
    };
    let consequence = if required {
        "will FAIL, because of --required"
    } else {
        "will be skipped"
    };
    println!("{TUN}: {error}. The cases that need a tap {consequence}.");
    if needs::is_root() {
        println!("To have them run: `modprobe tun`, or pass {TUN} into this container.");
    } else {
        println!(
            "To have them run: `sudo chmod 0666 {TUN}`, as distributions ship it, or be root."
        );
    }
}

/// A program from the Debian package of the same name.
const fn program(name: &'static str) -> Need {
    Need {
        package: name,
        program: Some(name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace::tests::small;

    #[test]
    fn all_features_of_the_libraries_are_tested_but_the_one_that_links() {
        assert_eq!(features(&small()), ["library/slirp", "library/tap"]);
    }
}
