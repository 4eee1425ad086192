//! Prints what a backend offers, or which backends there are.
//!
//! ```text
//! cargo run --example describe -- loopback:
//! cargo run --example describe -- tap,ifname=tap0      as bhyve and QEMU write it, too
//! cargo run --example describe -- --list
//! ```

use std::fmt::Display;
use std::io::{self, Write};
use std::process::ExitCode;

use net_backend::{Driver, Environment, Features, LinkState, NetBackend, Result, compat};

const USAGE: &str = "\
usage: describe URI      opens the backend and prints what it offers
       describe --list   prints the backends that there are, and their options
";

fn main() -> ExitCode {
    let arguments = std::env::args_os().skip(1);
    let arguments: Vec<_> = arguments
        .map(|text| text.to_string_lossy().into_owned())
        .collect();
    let text = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["--list"] => list(),
        ["--help" | "-h"] => USAGE.to_owned(),
        [uri] if !uri.starts_with('-') => match open(uri) {
            Ok(backend) => table(&properties(&*backend)),
            Err(error) => {
                eprintln!("error: {error}");
                return ExitCode::FAILURE;
            }
        },
        _ => {
            eprint!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    // Whoever reads may have read enough, as head does.
    let _closed = io::stdout().write_all(text.as_bytes());
    ExitCode::SUCCESS
}

fn open(text: &str) -> Result<Box<dyn NetBackend>> {
    if compat::recognizes(text) {
        net_backend::open_uri(&compat::parse(text)?, &Environment::default())
    } else {
        net_backend::open(text)
    }
}

fn properties(backend: &dyn NetBackend) -> Vec<(&'static str, String)> {
    let capabilities = backend.capabilities();
    let link = match backend.link() {
        LinkState::Up => "up",
        LinkState::Down => "down",
    };
    let queue_pairs = match capabilities.max_queue_pairs {
        1 => "1".to_owned(),
        most => format!("1 to {most}"),
    };
    let headers = capabilities
        .header_lengths
        .iter()
        .map(|length| length.to_string());
    vec![
        ("scheme", capabilities.scheme.to_owned()),
        ("URI", backend.describe().to_string()),
        ("link", link.to_owned()),
        (
            "MAC address",
            or_none(capabilities.mac, "the guest's choice"),
        ),
        ("MTU", or_none(capabilities.mtu, "unknown")),
        ("longest frame", format!("{} bytes", capabilities.max_frame)),
        ("queue pairs", queue_pairs),
        (
            "native headers",
            format!("{} bytes", headers.collect::<Vec<_>>().join(", ")),
        ),
        (
            "guest may send",
            names(backend.features() & Features::TRANSMIT_OFFLOADS),
        ),
        (
            "guest may get",
            names(backend.features() & Features::RECEIVE_OFFLOADS),
        ),
        ("peek costs", capabilities.peek.to_string()),
        ("descriptors", backend.descriptors().len().to_string()),
    ]
}

fn or_none(value: Option<impl Display>, none: &str) -> String {
    value.map_or_else(|| none.to_owned(), |value| value.to_string())
}

fn names(features: Features) -> String {
    let names: Vec<_> = features.iter_names().map(|(name, _)| name).collect();
    match names.is_empty() {
        true => "plain frames".to_owned(),
        false => names.join(" "),
    }
}

/// The drivers, a line each, with their options below.
fn list() -> String {
    let width = |driver: &&Driver| driver.scheme.len();
    let width = net_backend::drivers().iter().map(width).max().unwrap_or(0) + 1;
    let driver = |driver: &&Driver| {
        let Driver {
            scheme,
            summary,
            platforms,
            privilege,
            ..
        } = driver;
        let scheme = format!("{scheme}:");
        let options = table(&options(driver));
        let options = options.lines().map(|line| format!("    {line}\n"));
        format!("{scheme:width$}  {summary} ({platforms}; privilege: {privilege})\n")
            + &options.collect::<String>()
    };
    net_backend::drivers().iter().map(driver).collect()
}

fn options(driver: &Driver) -> Vec<(String, String)> {
    let target = (!driver.target.is_empty()).then(|| {
        let summary = format!("behind the colon: {}:{}", driver.scheme, driver.target);
        (driver.target.to_owned(), summary)
    });
    let option = |option: &net_backend::OptionSpec| {
        let repeats = if option.repeatable {
            "; may be repeated"
        } else {
            ""
        };
        (
            format!("{}={}", option.key, option.value),
            format!("{}{repeats}", option.summary),
        )
    };
    target
        .into_iter()
        .chain(driver.options.iter().map(option))
        .collect()
}

/// Two columns, the second one broken where it is too long.
fn table(rows: &[(impl Display, String)]) -> String {
    let width = rows
        .iter()
        .map(|(label, _)| label.to_string().len())
        .max()
        .unwrap_or(0);
    let mut text = String::new();
    for (label, value) in rows {
        let mut label = label.to_string();
        for line in broken(value, 72) {
            text.push_str(&format!("{label:width$}  {line}\n"));
            label.clear();
        }
    }
    text
}

/// The words in lines of at most `width` characters.
fn broken(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![];
    let mut line = String::new();
    for word in text.split(' ') {
        if !line.is_empty() && line.len() + 1 + word.len() > width {
            lines.push(std::mem::take(&mut line));
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    lines.push(line);
    lines
}
