//! The second act: two taps and the cable between them.

use std::time::Duration;

use anyhow::Result;
use indicatif::ProgressBar;
use net_backend::Features;

use super::lab::{Lab, Side};
use super::table::Table;
use super::traffic::{Ping, ping, transfer};

/// Measures ping and TCP between two taps; the lines to print.
///
/// # Errors
///
/// If namespaces or taps cannot be made, or nothing passes between them.
pub(super) fn show(duration: Duration, progress: &ProgressBar) -> Result<String> {
    let lab = Lab::new()?;
    let with = measure(&lab, Features::OFFLOADS, duration, progress)?;
    let without = measure(&lab, Features::empty(), duration, progress)?;
    let mut table = Table::new();
    table.ping("ping", [with.ping, without.ping]);
    table.rate("TCP, left to right", [with.forth, without.forth]);
    table.rate("TCP, right to left", [with.back, without.back]);
    Ok(format!("{}offloads: {}", table.0, names(with.features)))
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
    let ping = ping(lab)?;
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
