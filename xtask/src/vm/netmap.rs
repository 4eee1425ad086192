//! The tests of the netmap backend in a guest whose kernel has netmap.

use std::collections::BTreeMap;
use std::env;
use std::fs::{self, File};
use std::io::BufWriter;
use std::path::Path;

use anyhow::{Context, Result, bail};

use super::Options;
use super::initramfs::Initramfs;
use super::kernel::{Kernel, Modules};
use super::module::Module;
use super::plan::{PLAN, Plan};
use super::programs::{self, Program};
use super::qemu::{Machine, OUTPUT};
use crate::needs;
use crate::workspace::Workspace;

/// The crate whose tests are run.
const PACKAGE: &str = "net-backend-netmap";

/// Modules of the kernel for interfaces that the tests make.
const WANTED: &[&str] = &["veth", "tun"];

/// Names the backends whose cases fail if they cannot run.
const REQUIRE_VARIABLE: (&str, &str) = ("NET_BACKEND_REQUIRE", "netmap");

/// Variables of the conformance suite that are passed on.
const PASSED: &[&str] = &["NET_BACKEND_SEED", "NET_BACKEND_FRAMES"];

/// A kernel with modules that fit it.
#[derive(Debug)]
pub(super) struct Boot {
    kernel: Kernel,
    modules: Modules,
}

impl Boot {
    /// Finds the kernel for the netmap module, and the other modules.
    ///
    /// # Errors
    ///
    /// If a file is missing, or does not fit the others.
    pub(super) fn find(module: &Path, options: &Options) -> Result<Self> {
        let netmap = Module::load(module).context("--netmap-module")?;
        let others = options.modules.iter().map(|path| Module::load(path));
        let others: Vec<Module> = others.collect::<Result<_>>().context("--module")?;
        let kernel = match &options.kernel {
            Some(image) => Kernel::load(image).context("--kernel")?,
            None => installed(netmap.info.version(), options.setup)?,
        };
        let mut modules = kernel.modules_beside(&netmap)?;
        for module in [netmap].into_iter().chain(others) {
            modules.add(module)?;
        }
        for name in WANTED {
            modules.add_named(name)?;
        }
        Ok(Self { kernel, modules })
    }

    /// Builds the tests and runs them in a guest.
    ///
    /// # Errors
    ///
    /// If they cannot be built, one of them fails, or the guest does not end as it should.
    pub(super) fn run(&self, options: &Options) -> Result<()> {
        let workspace = Workspace::load()?;
        let init = programs::init(&workspace, options.release)?;
        let tests = programs::tests(&workspace, PACKAGE, options.release)?;
        if tests.is_empty() {
            bail!("{PACKAGE} has no tests");
        }
        let directory = tempfile::tempdir()?;
        let initramfs = directory.path().join("initramfs");
        self.write(&initramfs, &init, &tests, &options.arguments)?;
        let console = directory.path().join("console");
        let machine = Machine {
            kernel: &self.kernel.image,
            initramfs: &initramfs,
            console: &console,
            memory: options.memory,
            accelerator: options.accel,
            silence: options.silence(),
        };
        let outcome = machine.run();
        let kept = workspace.target.join("vm/console.log");
        if let Err(error) = fs::copy(&console, &kept) {
            println!("cannot keep the console as {}: {error}", kept.display());
        }
        outcome
    }

    fn write(
        &self,
        path: &Path,
        init: &Program,
        tests: &[Program],
        arguments: &[String],
    ) -> Result<()> {
        let file = File::create(path).with_context(|| path.display().to_string())?;
        let mut archive = Initramfs::new(BufWriter::new(file))?;
        archive.file("/init", &init.read()?)?;
        let mut plan = Plan {
            output: OUTPUT.to_owned(),
            modules: archive.modules(&self.modules)?,
            programs: Vec::new(),
            arguments: arguments.to_vec(),
            environment: environment(|name| env::var(name).ok()),
            serve: false,
        };
        for test in tests {
            let path = format!("/tests/{}", test.name);
            archive.file(&path, &test.read()?)?;
            plan.programs.push(path);
        }
        archive.file(PLAN, &serde_json::to_vec_pretty(&plan)?)?;
        archive.finish()?;
        println!("kernel {}, modules in this order:", self.kernel.version);
        for module in self.modules.in_order() {
            println!("  {}", module.path.display());
        }
        Ok(())
    }
}

/// The kernel of that version on this system.
fn installed(version: &str, setup: bool) -> Result<Kernel> {
    let package = format!("linux-image-{version}");
    let image = match Kernel::find(version) {
        None if setup => {
            needs::install(&[&package])?;
            Kernel::find(version)
        }
        other => other,
    };
    let image = image.with_context(|| {
        format!(
            "the netmap module is for kernel {version}, which is neither in /boot nor in /lib/modules. Add \
             --setup, run `sudo apt-get install {package}`, or pass the kernel with --kernel"
        )
    })?;
    Kernel::load(&image)
}

fn environment(variable: impl Fn(&str) -> Option<String>) -> BTreeMap<String, String> {
    let fixed = [
        REQUIRE_VARIABLE,
        ("RUST_BACKTRACE", "1"),
        ("HOME", "/tmp"),
        ("PATH", "/tests"),
    ];
    let fixed = fixed.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let passed = PASSED
        .iter()
        .filter_map(|&name| Some((name.to_owned(), variable(name)?)));
    fixed.into_iter().chain(passed).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_suite_is_told_what_this_command_was_told() {
        let environment = environment(|name| (name == "NET_BACKEND_SEED").then(|| "7".to_owned()));
        assert_eq!(environment["NET_BACKEND_REQUIRE"], "netmap");
        assert_eq!(environment["NET_BACKEND_SEED"], "7");
        assert!(!environment.contains_key("NET_BACKEND_FRAMES"));
    }

    #[test]
    fn a_kernel_that_is_not_there_is_named_with_its_package() {
        let error = installed("0.0-none", false).unwrap_err().to_string();
        assert!(
            error.contains("kernel 0.0-none, which is neither"),
            "{error}"
        );
        assert!(
            error.contains("`sudo apt-get install linux-image-0.0-none`"),
            "{error}"
        );
    }
}
