//! `cargo xtask vm`: tests on a kernel that this machine does not run.

mod agent;
mod console;
mod initramfs;
mod kernel;
mod module;
mod netmap;
mod nic;
pub(crate) mod page;
mod pattern;
mod plan;
mod programs;
mod qemu;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Result, ensure};
use clap::Args;

use crate::needs::{self, Need};
use netmap::Boot;
use nic::Wire;
use qemu::Accelerator;

const QEMU: Need = Need {
    package: "qemu-system-x86",
    program: Some(qemu::PROGRAM),
};

/// What the tests and a kernel need; with less the guest ends without saying why.
const LEAST_MEMORY: u32 = 256;

/// Boot Linux in QEMU with its NIC behind each backend; or run the netmap tests on a kernel that has netmap
///
/// Without --netmap-module the guest is Debian's kernel from /boot with two processors, and its NIC is a vhost-user device
/// of net-backend-vhost-user, which is built for it: on `slirp:`, then on `tap:` with two queues. The third guest has
/// QEMU's own `-netdev user`, for comparison. Each has to get a lease and answers to echo requests, to pass pages and bytes
/// both ways, every one of which is compared, over IPv4 and IPv6, and to go on when the link goes down and up, offloads
/// and queues are switched, the driver is taken away, the daemon is killed and started again, and the guest reboots. The
/// host's side is a network namespace: nothing of this machine's network is touched. Runs as root, and as an ordinary
/// user where users may make namespaces and open /dev/net/tun.
///
/// With --netmap-module the guest runs the tests of the netmap backend. The module is yours: netmap is not part of Linux,
/// and this project neither ships nor builds it. To build it for Debian's kernel: `apt-get install linux-headers-amd64`,
/// then `LINUX/configure --no-drivers --kernel-dir=/lib/modules/VERSION/build && make` in a clone of netmap, which leaves
/// netmap.ko. The guest loads it, those that are given with --module, and veth and tun from /lib/modules, then runs each
/// test program as root, with NET_BACKEND_REQUIRE=netmap: what cannot run there fails. NET_BACKEND_SEED and
/// NET_BACKEND_FRAMES are passed on. What the programs write is shown as it comes.
///
/// Guests have a file system in memory with statically linked programs and nothing else: no disk, no shell. The command
/// fails if a step or a program fails, if the guest ends early, says nothing for too long, or if its kernel complains on
/// its console; consoles are kept in target/vm.
#[derive(Args, Debug)]
pub(crate) struct Options {
    /// Behind what the NIC is; may be repeated [default: all]
    #[arg(
        long = "backend",
        value_name = "NAME",
        conflicts_with = "netmap_module"
    )]
    backends: Vec<Wire>,
    /// Do only the steps whose names contain this, and those that all need
    #[arg(long, value_name = "TEXT", conflicts_with = "netmap_module")]
    steps: Option<String>,
    /// How much is uploaded and downloaded; most steps pass a tenth of it
    #[arg(long, value_name = "MB", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    megabytes: u32,
    /// Run the tests of the netmap backend with this module (.ko, .ko.xz, .ko.zst or .ko.gz)
    #[arg(long, value_name = "FILE")]
    netmap_module: Option<PathBuf>,
    /// The kernel, a bzImage [default: the latest in /boot, or the one that the netmap module is for]
    #[arg(long, value_name = "FILE")]
    kernel: Option<PathBuf>,
    /// Load this module too, after netmap, such as a driver with netmap's patches; may be repeated
    #[arg(long = "module", value_name = "FILE")]
    modules: Vec<PathBuf>,
    /// Install QEMU, libslirp and, without --kernel, Debian's kernel or the one that the netmap module is for (with apt-get,
    /// through sudo if needed)
    #[arg(long)]
    setup: bool,
    /// The guest's memory
    #[arg(long, value_name = "MIB", default_value_t = 1024)]
    memory: u32,
    /// How to run the guest: `auto` is KVM where it works, otherwise QEMU's translator (TCG), which is slower
    #[arg(long, value_name = "NAME", default_value = "auto")]
    accel: Accelerator,
    /// Build the netmap tests with optimisation
    #[arg(long)]
    release: bool,
    /// Give up when the netmap tests have written nothing for so long
    #[arg(long, value_name = "SECONDS", default_value_t = 180)]
    silence: u64,
    /// What each test program is told, such as the part of a name
    #[arg(last = true, value_name = "ARGS")]
    arguments: Vec<String>,
}

/// Runs the command.
///
/// # Errors
///
/// If something is missing on this machine, or the guest did not do well.
pub(crate) fn run(options: &Options) -> Result<()> {
    ensure!(
        options.memory >= LEAST_MEMORY,
        "--memory {}: the guest needs at least {LEAST_MEMORY} MiB",
        options.memory
    );
    match &options.netmap_module {
        Some(module) => {
            needs::ensure(&[QEMU], options.setup)?;
            Boot::find(module, options)?.run(options)
        }
        None => {
            needs::ensure(&[QEMU, needs::LIBSLIRP], options.setup)?;
            nic::run(options)
        }
    }
}

/// What keeps guests with NICs from being run here; with `setup`, what would do so after QEMU and a kernel were installed.
pub(crate) fn obstacle(setup: bool) -> Option<String> {
    let qemu = || format!("{} is not installed", QEMU.package);
    let is_missing = !setup && !needs::is_met(&QEMU);
    is_missing.then(qemu).or_else(|| nic::obstacle(setup))
}

impl Options {
    fn silence(&self) -> Duration {
        Duration::from_secs(self.silence)
    }
}
