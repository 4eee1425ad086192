//! FreeBSD: names and devices, options, what somebody else does to the interface. Needs root; all interfaces have numbers
//! that nobody else has, and are deleted at the end.

mod bad_input;
mod opening;
mod running;

use std::fs::File;
use std::process::ExitCode;
use std::sync::atomic::{AtomicU32, Ordering};

use net_backend_core::testing::ready;
use net_backend_core::{Nic, RxSlice};
use net_backend_tap::testing::{Interface, prepare_interfaces};

use crate::support::{Outcome, PATIENCE, ensure, run};

pub(super) fn main() -> ExitCode {
    let unavailable = prepare_interfaces()
        .and_then(|()| File::options().read(true).write(true).open("/dev/bpf"))
        .err()
        .map(|error| error.to_string());
    let cases = bad_input::cases().into_iter();
    let cases = cases.chain(opening::cases()).chain(running::cases());
    run(cases, unavailable)
}

/// An interface with a number that nobody else has, which goes with this.
struct Made(Interface);

impl Made {
    fn new(driver: &str) -> Self {
        static TAKEN: AtomicU32 = AtomicU32::new(0);
        let number = TAKEN.fetch_add(1, Ordering::Relaxed);
        let number = 1000 + std::process::id() % 30 * 1000 + 900 + number;
        Self(Interface::named(format!("{driver}{number}")))
    }

    fn name(&self) -> &str {
        self.0.name()
    }
}

impl Drop for Made {
    fn drop(&mut self) {
        let _gone = self.0.delete();
    }
}

/// The next frame of these tests has to be this one.
fn expect(nic: &mut Nic, expected: &[u8]) -> Outcome {
    let mut buffer = vec![0; 70_000];
    loop {
        while let Some(received) = nic.queue.rx.recv(&mut [RxSlice::new(&mut buffer)])? {
            let found = buffer.get(..received.length).unwrap_or_default();
            if found.get(12..14) == Some(&[0x88, 0xb5]) {
                return ensure(found == expected, &format!("{received:?} is another frame"));
            }
        }
        ensure(ready(nic.queue.rx.source(), PATIENCE)?, "no frame came")?;
    }
}
