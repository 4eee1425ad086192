//! Measures what frames cost: through a backend of this program's own, and through one of the library beside it.
//!
//! ```text
//! cargo run --release --features bench --example bench
//! cargo run --release --features bench --example bench -- --all
//! ```
//!
//! Without `--all` only frames of 1514 bytes are sent and received.

use std::process::ExitCode;

use net_backend::bench::frames::{self, BackendEnd, Opened, Subject};
use net_backend::bench::{Bench, Case, Machine, Outcome, Plan, Report, keep_to_cpus};
use net_backend::memory::{PairConfig, pair};

fn main() -> ExitCode {
    let all = match std::env::args().nth(1).as_deref() {
        None => false,
        Some("--all") => true,
        Some(_) => {
            eprintln!("usage: bench [--all]      measures what frames cost");
            return ExitCode::from(2);
        }
    };
    let report = measure(|case| all || case.name().ends_with(" 1514 bytes"));
    println!("{report}");
    ExitCode::SUCCESS
}

/// Measures the cases that are `wanted`.
fn measure(wanted: impl Fn(&dyn Case) -> bool) -> Report {
    // Threads on several CPUs are a matter of luck, so that goals are for one.
    if let Err(error) = keep_to_cpus(1) {
        eprintln!("not kept to one CPU: {error}");
    }
    let machine = Machine::now();
    let mut bench = Bench::new(Plan::default());
    let mut cases = frames::cases(vec![mine(), loopback()]);
    cases.retain(|case| wanted(&**case));
    let rows = cases.iter_mut().map(|case| bench.measure(&mut **case));
    let rows = rows.collect();
    bench.report(machine, rows)
}

/// A backend of this program's own. The far end is what it leads to: here it is a backend as well, and where it is a socket
/// or a device, it is a `FarEnd` that sends frames, and counts those that arrive.
fn mine() -> Subject {
    Subject::backend("mine", |shape| {
        let config = PairConfig {
            mtu: shape.mtu(),
            ..PairConfig::default()
        };
        let (near, far) = pair(&config)?;
        let far = BackendEnd::new(Box::new(far), shape)?;
        Ok(Opened::new(Box::new(near), far))
    })
}

/// One of the library, which gives back what it is sent.
fn loopback() -> Subject {
    Subject::backend("loopback:", |shape| -> Outcome<Opened> {
        let uri = format!("loopback:?mtu={}", shape.mtu());
        Ok(Opened::echo(net_backend::open(&uri)?))
    })
}
