//! `cargo xtask vm`: tests on a kernel that this machine does not run.

mod console;
mod initramfs;
mod kernel;
mod module;
mod netmap;
mod plan;
mod programs;
mod qemu;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Result, bail, ensure};
use clap::Args;

use crate::needs::{self, Need};
use netmap::Boot;
use qemu::Accelerator;

const QEMU: Need = Need {
    package: "qemu-system-x86",
    program: Some(qemu::PROGRAM),
};

/// What the tests and a kernel need; with less the guest ends without saying why.
const LEAST_MEMORY: u32 = 256;

/// Run the tests of the netmap backend in a virtual machine, on a Linux kernel with the netmap module
///
/// The module is yours: netmap is not part of Linux, and this project neither ships nor builds it. To build it for
/// Debian's kernel: `apt-get install linux-headers-amd64`, then `LINUX/configure --no-drivers
/// --kernel-dir=/lib/modules/VERSION/build && make` in a clone of netmap, which leaves netmap.ko.
///
/// The guest is QEMU with two processors, that kernel from /boot, and a file system in memory with the test programs,
/// linked statically, and nothing else: no disk, no network, no shell. It loads the netmap module, those that are given
/// with --module, and veth and tun from /lib/modules, then runs each test program as root, with
/// NET_BACKEND_REQUIRE=netmap: what cannot run there fails. NET_BACKEND_SEED and NET_BACKEND_FRAMES are passed on.
///
/// What the programs write is shown as it comes. The command fails if one of them fails, if the guest ends early, says
/// nothing for too long, or if its kernel complains on its console, of which the last lines are shown then; all of it is in
/// target/vm/console.log.
#[derive(Args, Debug)]
#[command(arg_required_else_help = true)]
pub(crate) struct Options {
    /// The netmap module (.ko, .ko.xz, .ko.zst or .ko.gz)
    #[arg(long, value_name = "FILE")]
    netmap_module: Option<PathBuf>,
    /// The kernel, a bzImage [default: the one in /boot that the netmap module is for]
    #[arg(long, value_name = "FILE")]
    kernel: Option<PathBuf>,
    /// Load this module too, after netmap, such as a driver with netmap's patches; may be repeated
    #[arg(long = "module", value_name = "FILE")]
    modules: Vec<PathBuf>,
    /// Install QEMU and, without --kernel, the Debian kernel that the module is for (with apt-get, through sudo if needed)
    #[arg(long)]
    setup: bool,
    /// The guest's memory
    #[arg(long, value_name = "MIB", default_value_t = 1024)]
    memory: u32,
    /// How to run the guest: `auto` is KVM where it works, otherwise QEMU's translator (TCG), which is slower
    #[arg(long, value_name = "NAME", default_value = "auto")]
    accel: Accelerator,
    /// Build the tests with optimisation
    #[arg(long)]
    release: bool,
    /// Give up when the guest's programs have written nothing for so long
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
    needs::ensure(&[QEMU], options.setup)?;
    let Some(module) = &options.netmap_module else {
        if options.setup {
            return Ok(());
        }
        bail!("--netmap-module FILE is missing; `cargo xtask vm --help` says how to build one");
    };
    Boot::find(module, options)?.run(options)
}

impl Options {
    fn silence(&self) -> Duration {
        Duration::from_secs(self.silence)
    }
}
