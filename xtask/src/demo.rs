//! `cargo xtask demo`: a cable between two network stacks, and how fast it is.

pub(crate) mod lab;
#[path = "../../net-backend/examples/pump.rs"]
#[expect(
    dead_code,
    unreachable_pub,
    reason = "a program of its own, of which only the data path is used here"
)]
pub(crate) mod pump;
mod traffic;

use std::env;
use std::io::{self, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use net_backend::Features;

use crate::needs;
use lab::{Lab, Side};
use traffic::Ping;

pub(crate) use traffic::transfer;

/// Join two network stacks by two taps, and measure ping and TCP between them
///
/// Two network namespaces with a tap in each are made, out of nothing and without packages. Frames go from one tap
/// to the other through the data path of `net-backend/examples/pump.rs`; TCP, ping and everything else at both ends
/// is the kernel's own. TCP is measured in both directions, with the offloads of the taps and without.
///
/// Runs as root, and as an ordinary user where users may make namespaces and open /dev/net/tun. Nothing stays
/// behind, not even after Ctrl-C: namespaces and taps end with the process.
#[derive(Args, Debug)]
pub(crate) struct Options {
    /// Install what is needed, which is nothing
    #[arg(long)]
    setup: bool,
    /// How long to measure TCP in each direction, with offloads and without
    #[arg(long, value_name = "N", default_value_t = 2.0)]
    seconds: f64,
}

/// Runs the command.
///
/// # Errors
///
/// If namespaces or taps cannot be made, or nothing passes between them.
pub(crate) fn run(options: &Options) -> Result<()> {
    needs::ensure(&[], options.setup)?;
    let seconds = options.seconds;
    ensure!(
        (0.1..=3600.0).contains(&seconds),
        "--seconds is from 0.1 to 3600"
    );
    optimized("demo")?;
    // Before there is a second thread.
    lab::enter()?;
    println!(
        "tap:left in one network namespace <-> examples/pump.rs <-> tap:right in another, MTU 1500\n"
    );
    let lab = Lab::new()?;
    let progress = progress();
    let duration = Duration::from_secs_f64(seconds);
    let with = measure(&lab, Features::OFFLOADS, duration, &progress)?;
    let without = measure(&lab, Features::empty(), duration, &progress)?;
    progress.finish_and_clear();
    let mut table = Table::new();
    table.ping("ping", [with.ping, without.ping]);
    table.rate("TCP, left to right", [with.forth, without.forth]);
    table.rate("TCP, right to left", [with.back, without.back]);
    // Whoever reads may have read enough.
    let _closed = write!(
        io::stdout(),
        "{}\noffloads: {}\n",
        table.0,
        names(with.features)
    );
    Ok(())
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

/// What was measured with one set of offloads.
struct Measured {
    features: Features,
    ping: Ping,
    /// Bits per second from left to right.
    forth: f64,
    /// Bits per second from right to left.
    back: f64,
}

fn measure(
    lab: &Lab,
    offloads: Features,
    duration: Duration,
    progress: &ProgressBar,
) -> Result<Measured> {
    let what = if offloads.is_empty() {
        "without offloads"
    } else {
        "with offloads"
    };
    let cable = lab.join(offloads)?;
    let say = |text: &str| progress.set_message(format!("{text}, {what}"));
    say("ping");
    let ping = traffic::ping(lab)?;
    say("TCP from left to right");
    let forth = transfer(lab, Side::Left, duration)?.rate();
    say("TCP from right to left");
    let back = transfer(lab, Side::Right, duration)?.rate();
    let features = cable.features();
    cable.unplug()?;
    Ok(Measured {
        features,
        ping,
        forth,
        back,
    })
}

/// The offloads by what they are about; both directions have the same.
fn names(features: Features) -> String {
    let names = (features & Features::TRANSMIT_OFFLOADS).iter_names();
    let names: Vec<_> = names
        .map(|(name, _)| name.strip_prefix("HOST_").unwrap_or(name))
        .collect();
    names.join(", ")
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

/// The table of results.
struct Table(String);

impl Table {
    fn new() -> Self {
        let mut table = Self(String::new());
        table.row("", "with offloads", "without", "ratio");
        table
    }

    fn row(&mut self, what: &str, with: &str, without: &str, ratio: &str) {
        let line = format!("{what:<22}{with:>22}{without:>22}{ratio:>9}");
        self.0.push_str(line.trim_end());
        self.0.push('\n');
    }

    fn rate(&mut self, what: &str, [with, without]: [f64; 2]) {
        let rate = |bits: f64| format!("{:.2} Gbit/s", bits / 1e9);
        let ratio = format!("{:.1} x", with / without);
        self.row(what, &rate(with), &rate(without), &ratio);
    }

    fn ping(&mut self, what: &str, [with, without]: [Ping; 2]) {
        let micros = |duration: Duration| duration.as_secs_f64() * 1e6;
        let times = |ping: Ping| {
            format!(
                "{:.0} µs, best {:.0} µs",
                micros(ping.average),
                micros(ping.best)
            )
        };
        self.row(what, &times(with), &times(without), "");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_lines_up() {
        let ping = Ping {
            best: Duration::from_micros(20),
            average: Duration::from_micros(31),
        };
        let mut table = Table::new();
        table.ping("ping", [ping, ping]);
        table.rate("TCP", [21e9, 2e9]);
        let lines: Vec<&str> = table.0.lines().collect();
        assert_eq!(lines.len(), 3, "{}", table.0);
        let width = |line: &str| line.chars().count();
        assert_eq!(width(lines[0]), width(lines[2]), "{}", table.0);
        assert!(
            lines[2].ends_with("21.00 Gbit/s           2.00 Gbit/s   10.5 x"),
            "{}",
            table.0
        );
    }
}
