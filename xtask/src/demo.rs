//! `cargo xtask demo`: a guest on a user-mode network, two taps joined by a cable, and how fast both are.

mod guest;
pub(crate) mod lab;
#[path = "../../net-backend/examples/pump.rs"]
#[expect(
    dead_code,
    unreachable_pub,
    reason = "a program of its own, of which only the data path is used here"
)]
pub(crate) mod pump;
mod services;
mod table;
mod taps;
mod traffic;
mod user_network;

use std::env;
use std::io::{self, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};

use crate::needs;

/// Give a guest a network without root, tap or configuration; then join two taps
///
/// The guest is this machine's kernel in a network namespace of its own: its DHCP, its name lookup, its TCP. Its tap is
/// joined to `slirp:`, whose connections are ordinary sockets of this process, by the data path of
/// net-backend/examples/pump.rs. Shown are an address by DHCP, ping, a name, a web page of the host, a connection to a
/// server in the guest, IPv6, and TCP in both directions with offloads and without.
///
/// The second act is the same cable between two taps in two namespaces.
///
/// Runs as root, and as an ordinary user where users may make namespaces and open /dev/net/tun. Nothing stays
/// behind, not even after Ctrl-C: namespaces and taps end with the process.
#[derive(Args, Debug)]
pub(crate) struct Options {
    /// Install libslirp if it is missing (with apt-get, through sudo if needed)
    #[arg(long)]
    setup: bool,
    /// How long to measure TCP in each direction, with offloads and without
    #[arg(long, value_name = "N", default_value_t = 1.0)]
    seconds: f64,
}

/// Runs the command.
///
/// # Errors
///
/// If libslirp is missing, namespaces or taps cannot be made, or nothing passes between them.
pub(crate) fn run(options: &Options) -> Result<()> {
    needs::ensure(&[needs::LIBSLIRP], options.setup)?;
    let seconds = options.seconds;
    ensure!(
        (0.1..=3600.0).contains(&seconds),
        "--seconds is from 0.1 to 3600"
    );
    optimized("demo")?;
    // Before there is a second thread.
    lab::stay()?;
    let progress = progress();
    let duration = Duration::from_secs_f64(seconds);
    say(
        &progress,
        "slirp: the guest is a kernel behind a tap in a network namespace; its network is sockets of this process\n",
    );
    user_network::show(duration, &progress)?;
    say(
        &progress,
        "\ntap: tap:left in one network namespace <-> examples/pump.rs <-> tap:right in another\n",
    );
    let lines = taps::show(duration, &progress)?;
    say(&progress, &lines);
    progress.finish_and_clear();
    Ok(())
}

/// Prints while the line below moves.
fn say(progress: &ProgressBar, text: &str) {
    // Whoever reads may have read enough.
    progress.suspend(|| drop(writeln!(io::stdout(), "{text}")));
}

/// Goes on as an optimised build if this is none: what would be measured otherwise is the compiler's laziness.
///
/// # Errors
///
/// If cargo cannot be started.
pub(crate) fn optimized(command: &str) -> Result<()> {
    if !cfg!(debug_assertions) {
        return Ok(());
    }
    let built = env::current_exe().is_ok_and(|program| {
        let target = program.parent().and_then(Path::parent);
        target.is_some_and(|target| target.join("release").join(env!("CARGO_PKG_NAME")).exists())
    });
    if !built {
        eprintln!("building with optimisation, which takes a minute or two the first time");
    }
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let error = Command::new(cargo)
        .args([
            "run",
            "--quiet",
            "--release",
            "--package",
            env!("CARGO_PKG_NAME"),
            "--manifest-path",
        ])
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"))
        .arg("--")
        .args(env::args_os().skip(1))
        .exec();
    Err(error).with_context(|| format!("cannot build `cargo xtask {command}` with optimisation"))
}

/// A line that moves, where somebody sees it.
pub(crate) fn progress() -> ProgressBar {
    let style = ProgressStyle::with_template("{spinner} {elapsed} {msg}");
    let progress = ProgressBar::new_spinner();
    if let Ok(style) = style {
        progress.set_style(style);
    }
    progress.enable_steady_tick(Duration::from_millis(100));
    progress
}
