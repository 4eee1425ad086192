//! The first program in a guest of `cargo xtask vm`: mounts what programs expect, loads kernel modules, does what it is asked
//! for or runs the programs of the plan, and ends the machine. What it says goes where their output goes; errors
//! before there is such a place end it, and with it the kernel, whose console then has them.

#[path = "../../src/vm/agent.rs"]
mod agent;
#[path = "../../src/vm/page.rs"]
mod page;
#[path = "../../src/vm/pattern.rs"]
mod pattern;
#[path = "../../src/vm/plan.rs"]
mod plan;
mod serve;
mod sys;

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};

use anyhow::{Context, Result, ensure};
use net_backend_tap::testing::Interface;
use rustix::mount::{MountFlags, mount};
use rustix::system::{RebootCommand, finit_module, reboot};
use rustix::termios::{OptionalActions, tcdrain, tcgetattr, tcsetattr};

use plan::{FAILURE, FINISHED, IMPOSSIBLE, PLAN, Plan, SUCCESS};

/// File systems, and where programs expect them.
const MOUNTS: &[(&str, &str)] = &[
    ("devtmpfs", "/dev"),
    ("proc", "/proc"),
    ("sysfs", "/sys"),
    ("tmpfs", "/tmp"),
];

fn main() -> Result<()> {
    ensure!(
        std::process::id() == 1,
        "this is for guests of `cargo xtask vm`: it ends the machine that it runs on"
    );
    for (kind, place) in MOUNTS {
        fs::create_dir_all(place)?;
        mount(*kind, *place, *kind, MountFlags::empty(), None)
            .with_context(|| format!("cannot mount {kind} on {place}"))?;
    }
    let plan = fs::read(PLAN).context(PLAN)?;
    let plan: Plan = serde_json::from_slice(&plan).context(PLAN)?;
    let mut output = open(&plan.output).with_context(|| plan.output.clone())?;
    let status = match carry_out(&plan, &mut output) {
        Ok(0) => SUCCESS,
        Ok(_) => FAILURE,
        Err(error) => {
            writeln!(output, "vm-init: {error:#}")?;
            IMPOSSIBLE
        }
    };
    writeln!(output, "{FINISHED}{status}")?;
    tcdrain(&output)?;
    // QEMU takes a restart for the end (-no-reboot), and that needs no support for power management in the kernel.
    reboot(RebootCommand::Restart)?;
    Ok(())
}

/// Opens a serial port, which passes everything as it is.
fn open(port: &str) -> Result<File> {
    let output = OpenOptions::new().read(true).write(true).open(port)?;
    let mut modes = tcgetattr(&output)?;
    modes.make_raw();
    tcsetattr(&output, OptionalActions::Now, &modes)?;
    Ok(output)
}

/// Does what the plan says, and returns how many programs failed.
fn carry_out(plan: &Plan, output: &mut File) -> Result<usize> {
    Interface::named("lo")
        .set_up()
        .context("cannot bring the loopback interface up")?;
    for module in &plan.modules {
        load(module).with_context(|| format!("cannot load {module}"))?;
    }
    if plan.serve {
        serve::serve(output)?;
    }
    let mut summary = Vec::new();
    let mut failed = 0;
    for program in &plan.programs {
        writeln!(output, "vm-init: running {program}")?;
        let status = run(program, plan, output);
        failed += usize::from(!matches!(&status, Ok(status) if status.success()));
        summary.push(match status {
            Ok(status) => format!("vm-init: {program}: {status}"),
            Err(error) => format!("vm-init: {program}: {error:#}"),
        });
    }
    for line in &summary {
        writeln!(output, "{line}")?;
    }
    let count = plan.programs.len();
    writeln!(output, "vm-init: {failed} of {count} programs failed")?;
    Ok(failed)
}

fn load(module: &str) -> Result<()> {
    let file = File::open(module)?;
    Ok(finit_module(&file, c"", 0)?)
}

fn run(program: &str, plan: &Plan, output: &File) -> Result<ExitStatus> {
    let mut command = Command::new(program);
    command
        .args(&plan.arguments)
        .env_clear()
        .envs(&plan.environment)
        .current_dir(Path::new("/tmp"))
        .stdin(Stdio::null())
        .stdout(output.try_clone()?)
        .stderr(output.try_clone()?);
    Ok(command.status()?)
}
