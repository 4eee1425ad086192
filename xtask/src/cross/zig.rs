//! zig, which links for FreeBSD on other systems: its wheel has a linker, the start code, the names and versions of
//! all that is in FreeBSD's C library, and an unwinder.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use clap::Args;

use crate::needs::{self, Need};
use crate::steps;
use crate::workspace::Workspace;

/// The package of PyPI.
const WHEEL: &str = "ziglang";
const VERSION: &str = "0.17.1";

/// What zig is told: to link for the oldest FreeBSD that it knows ([`START`] makes older ones do), and not to bring a
/// library that checks C. Without the latter it wants to; with optimisation it would not, but strip the program.
const LINK: &[&str] = &[
    "cc",
    "-target",
    "x86_64-freebsd.14.0",
    "-fno-sanitize=undefined",
];

/// Code that programs bring along, because the C library of older versions does not have it.
const START: &str = include_str!("start.c");

/// What the libc crate asks for, for functions that nobody here calls. zig does not have them.
const LEFT_OUT: &[&str] = &["-ldevstat", "-lkvm", "-lmemstat", "-lprocstat"];

/// What std unwinds with on FreeBSD, and zig's library with the same functions, which is linked statically.
const UNWINDER: (&str, &str) = ("-lgcc_s", "-lunwind");

const PIP: Need = Need {
    package: "python3-pip",
    program: Some("pip3"),
};

/// A zig that runs on this machine.
#[derive(Debug)]
pub(super) struct Zig {
    program: PathBuf,
    cache: PathBuf,
}

/// Link for FreeBSD, as rustc's linker
#[derive(Args, Debug)]
pub(crate) struct LinkOptions {
    /// The zig to link with
    zig: PathBuf,
    /// Code to link with programs
    start: PathBuf,
    /// What rustc tells its linker
    #[arg(last = true)]
    arguments: Vec<OsString>,
}

impl Zig {
    /// The one below the target directory, which is fetched first if it is missing and `setup`. `None` if it is missing
    /// and may not be fetched.
    ///
    /// # Errors
    ///
    /// If it cannot be fetched, or does not run.
    pub(super) fn find(workspace: &Workspace, setup: bool) -> Result<Option<Self>> {
        let toolchains = workspace.target.join("toolchains");
        let home = home(workspace);
        if home.is_dir() {
            if setup {
                println!("--setup: {} is there", home.display());
            }
        } else if setup {
            fetch(&home)?;
        } else {
            return Ok(None);
        }
        let zig = Self {
            program: home.join(WHEEL).join("zig"),
            cache: toolchains.join(format!("{WHEEL}-cache")),
        };
        let version = steps::output(Command::new(&zig.program).arg("version"))
            .with_context(|| format!("remove {} to have it fetched again", home.display()))?;
        ensure!(
            version.trim() == VERSION,
            "{} is zig {}, not {VERSION}",
            zig.program.display(),
            version.trim()
        );
        Ok(Some(zig))
    }

    /// Writes the script that rustc calls as its linker somewhere in `directory`: this program, which calls zig.
    ///
    /// # Errors
    ///
    /// If it cannot be written, or a path in it is not Unicode.
    pub(super) fn linker(&self, directory: &Path) -> Result<PathBuf> {
        let this = env::current_exe().context("where is this program?")?;
        // cargo does not look into a linker, but links anew with one of another name.
        let mut hasher = DefaultHasher::new();
        (VERSION, LINK, START, LEFT_OUT, UNWINDER).hash(&mut hasher);
        let directory = directory.join(format!("linker-{:x}", hasher.finish()));
        let (script, start) = (directory.join("freebsd-cc"), directory.join("start.c"));
        let text = script_of(&this, &self.program, &start)?;
        fs::create_dir_all(&directory)?;
        fs::write(&start, START).with_context(|| start.display().to_string())?;
        fs::write(&script, text).with_context(|| script.display().to_string())?;
        fs::set_permissions(&script, fs::Permissions::from_mode(0o755))?;
        Ok(script)
    }

    /// What zig wants to know from the environment: where it keeps what it built for the next time.
    pub(super) fn environment(&self) -> [(&'static str, &Path); 2] {
        ["ZIG_GLOBAL_CACHE_DIR", "ZIG_LOCAL_CACHE_DIR"].map(|name| (name, self.cache.as_path()))
    }
}

/// Links for FreeBSD: the hidden command that rustc calls.
///
/// # Errors
///
/// If zig cannot be run, or does not link.
pub(crate) fn link(options: &LinkOptions) -> Result<()> {
    let mut command = Command::new(&options.zig);
    command
        .args(LINK)
        .args(options.arguments.iter().filter_map(translated));
    if !options.arguments.iter().any(|it| it == "-shared") {
        command.arg(&options.start);
    }
    let status = command
        .status()
        .with_context(|| format!("cannot start {}", options.zig.display()))?;
    if !status.success() {
        bail!("zig {}: {status}", LINK.join(" "));
    }
    Ok(())
}

/// How to get zig, for who has none.
pub(super) fn remedy(workspace: &Workspace) -> String {
    let home = home(workspace);
    format!(
        "zig {VERSION} is not in {}. To fetch it from PyPI: `cargo xtask cross --setup`, or \
         `pip3 install --no-deps --target {0} {WHEEL}=={VERSION}`",
        home.display()
    )
}

fn home(workspace: &Workspace) -> PathBuf {
    let name = format!("{WHEEL}-{VERSION}");
    workspace.target.join("toolchains").join(name)
}

/// Unpacks the wheel into `home`.
fn fetch(home: &Path) -> Result<()> {
    needs::ensure(&[PIP], true).context("zig is fetched with pip3")?;
    let partial = home.with_file_name(format!("{WHEEL}.partial"));
    if partial.exists() {
        fs::remove_dir_all(&partial)?;
    }
    println!("--setup: fetching zig {VERSION} from PyPI, 100 MB");
    let mut pip = Command::new("pip3");
    pip.args([
        "install",
        "--no-deps",
        "--only-binary=:all:",
        "--no-compile",
    ])
    .args(["--quiet", "--disable-pip-version-check", "--target"])
    .arg(&partial)
    .arg(format!("{WHEEL}=={VERSION}"));
    steps::run(&mut pip)?;
    fs::rename(&partial, home)?;
    Ok(())
}

/// What zig is told for an argument of rustc: the same, another one, or nothing.
fn translated(argument: &OsString) -> Option<OsString> {
    let (asked_for, given) = UNWINDER;
    match argument.to_str() {
        Some(text) if LEFT_OUT.contains(&text) => None,
        Some(text) if text == asked_for => Some(given.into()),
        _ => Some(argument.clone()),
    }
}

fn script_of(this: &Path, zig: &Path, start: &Path) -> Result<String> {
    let quoted = |path: &Path| {
        let path = path.to_str();
        let path = path.with_context(|| format!("{path:?} is not Unicode"))?;
        anyhow::Ok(format!("'{}'", path.replace('\'', r"'\''")))
    };
    Ok(format!(
        "#!/bin/sh\nexec {} link-for-freebsd {} {} -- \"$@\"\n",
        quoted(this)?,
        quoted(zig)?,
        quoted(start)?
    ))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Cli {
        #[command(flatten)]
        link: LinkOptions,
    }

    fn for_zig(arguments: &[&str]) -> Vec<OsString> {
        let arguments: Vec<OsString> = arguments.iter().map(Into::into).collect();
        arguments.iter().filter_map(translated).collect()
    }

    #[test]
    fn libraries_that_nothing_needs_are_left_out() {
        let arguments = [
            "-m64",
            "-lkvm",
            "-lmemstat",
            "-lprocstat",
            "-ldevstat",
            "-lc",
        ];
        assert_eq!(for_zig(&arguments), ["-m64", "-lc"]);
    }

    #[test]
    fn other_libraries_and_files_of_such_names_stay() {
        let arguments = ["-lutil", "-lkvm2", "libkvm.rlib", "-L", "kvm", "-o", "a b"];
        assert_eq!(for_zig(&arguments), arguments);
    }

    #[test]
    fn the_unwinder_is_zigs() {
        let arguments = ["-lpthread", "-lgcc_s", "-lc"];
        assert_eq!(for_zig(&arguments), ["-lpthread", "-lunwind", "-lc"]);
    }

    #[test]
    fn what_rustc_passes_is_not_taken_for_options() {
        let passed = ["-m64", "--help", "-o", "x", "--", "y"];
        let words = ["link-for-freebsd", "/zig", "/start.c", "--"];
        let options = Cli::parse_from(words.iter().chain(&passed)).link;
        assert_eq!(options.zig, Path::new("/zig"));
        assert_eq!(options.start, Path::new("/start.c"));
        assert_eq!(options.arguments, passed);
    }

    #[test]
    fn the_script_passes_all_on_wherever_things_are() {
        let [this, zig, start] = ["/a b/xtask", "/it's/zig", "/start.c"].map(Path::new);
        let script = script_of(this, zig, start).unwrap();
        let expected = r#"exec '/a b/xtask' link-for-freebsd '/it'\''s/zig' '/start.c' -- "$@""#;
        assert_eq!(script.lines().nth(1), Some(expected));
    }
}
