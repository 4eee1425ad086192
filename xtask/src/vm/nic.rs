//! Guests whose NIC is behind each backend in turn, through QEMU and the vhost-user daemon.

mod daemon;
mod dhcp;
mod host;
mod machine;
mod monitor;
mod report;
mod session;
mod steps;
mod wire;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::BufWriter;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use net_backend_tap::testing::allow_namespaces;

use super::initramfs::Initramfs;
use super::kernel::{Kernel, Modules};
use super::plan::{PLAN, Plan};
use super::programs::{self, Program};
use super::qemu::OUTPUT;
use super::{Options, agent, console, page, pattern};
use crate::demo::lab;
use crate::needs;
use crate::workspace::Workspace;
use report::{Report, Verdict};
use session::{Parts, Session};
use steps::{FIRST, STEPS};

pub(super) use wire::Wire;

/// What the guest's NIC needs.
const DRIVERS: &[&str] = &["virtio_pci", "virtio_net"];

/// Debian's package of the latest kernel.
const KERNEL: &str = "linux-image-amd64";

/// Runs the steps for each backend.
///
/// # Errors
///
/// If something is missing, cannot be built or started, or a step failed.
pub(super) fn run(options: &Options) -> Result<()> {
    let filter = options.steps.as_deref().unwrap_or_default();
    let mut known = FIRST.iter().chain(STEPS).map(|(name, _)| name);
    ensure!(
        known.any(|name| name.contains(filter)),
        "--steps {filter}: there is no such step"
    );
    let kernel = kernel(options)?;
    let workspace = Workspace::load()?;
    let wires = match options.backends.as_slice() {
        [] => Wire::ALL,
        chosen => chosen,
    };
    let daemon = match wires.iter().any(|wire| wire.uri().is_some()) {
        true => Some(programs::daemon(&workspace)?),
        false => None,
    };
    let init = programs::init(&workspace, true)?;
    let mut modules = kernel.modules()?;
    DRIVERS
        .iter()
        .try_for_each(|name| modules.add_named(name))?;
    let directory = tempfile::tempdir()?;
    let initramfs = directory.path().join("initramfs");
    write(&initramfs, &init, &modules)?;
    let plan = machine::Plan {
        kernel: &kernel,
        initramfs: &initramfs,
        memory: options.memory,
        accelerator: options.accel.decide()?,
    };
    let parts = Parts {
        plan,
        daemon: daemon.as_deref(),
        bytes: u64::from(options.megabytes) * 1_000_000,
        filter,
    };
    let logs = workspace.target.join("vm");
    if wires.contains(&Wire::Tap) {
        lab::look_for_taps()?;
    }
    // Before there is a second thread.
    allow_namespaces().context("cannot make private networks")?;
    println!("Linux {} in QEMU {}\n", kernel.version, machine::version()?);
    try_all(wires, parts, &logs)
}

/// What keeps guests from being run here; with `setup`, what would do so after a kernel was installed.
pub(super) fn obstacle(setup: bool) -> Option<String> {
    let is_missing = !setup && Kernel::latest(DRIVERS).is_none();
    let taps = || lab::look_for_taps().err();
    let kernel = is_missing.then(no_kernel);
    kernel.or_else(|| taps().map(|error| format!("{error:#}")))
}

fn try_all(wires: &[Wire], parts: Parts<'_>, logs: &Path) -> Result<()> {
    fs::create_dir_all(logs)?;
    let mut report = Report::default();
    for &wire in wires {
        let mut session = None;
        report.step(wire.name(), "start", || {
            session = Some(Session::start(parts, wire)?);
            Ok(Verdict::Done(wire.uri().unwrap_or_default()))
        });
        if let Some(session) = session {
            session.run(&mut report, logs);
        }
    }
    let (failed, count, time) = report.finish();
    println!("\n{count} steps in {:.0} s", time.as_secs_f64());
    if !failed.is_empty() {
        bail!(
            "{} of {count} steps failed: {}. What kernels and daemons said is in {}",
            failed.len(),
            failed.join(", "),
            logs.display()
        );
    }
    Ok(())
}

/// The kernel that was asked for, or the latest that is installed.
fn kernel(options: &Options) -> Result<Kernel> {
    if let Some(image) = &options.kernel {
        return Kernel::load(image).context("--kernel");
    }
    match Kernel::latest(DRIVERS) {
        None if options.setup => {
            needs::install(&[KERNEL])?;
            Kernel::latest(DRIVERS)
        }
        other => other,
    }
    .with_context(no_kernel)
}

fn no_kernel() -> String {
    format!(
        "no kernel with the modules {} is in /boot and /lib/modules. Add --setup, run `sudo apt-get install {KERNEL}`, \
         or pass one whose modules are in /lib/modules with --kernel",
        DRIVERS.join(" and ")
    )
}

fn write(path: &Path, init: &Program, modules: &Modules) -> Result<()> {
    let file = File::create(path).with_context(|| path.display().to_string())?;
    let mut archive = Initramfs::new(BufWriter::new(file))?;
    archive.file("/init", &init.read()?)?;
    let plan = Plan {
        output: OUTPUT.to_owned(),
        modules: archive.modules(modules)?,
        programs: Vec::new(),
        arguments: Vec::new(),
        environment: BTreeMap::new(),
        serve: true,
    };
    archive.file(PLAN, &serde_json::to_vec_pretty(&plan)?)?;
    archive.finish()?;
    Ok(())
}
