//! Test programs and examples, linked for FreeBSD, under names that say what they are.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;

use super::image::Image;
use super::zig::Zig;
use super::{EPOLL, FREEBSD, directory, features, only_libraries};
use crate::steps;
use crate::toolchain::Toolchain;
use crate::workspace::Workspace;

/// The feature that links libslirp, which is not part of FreeBSD's C library.
const LINK: &str = "link";

/// Where the files are put, below the target directory.
const HOME: &str = "freebsd";

/// The list of the tests, beside their directory.
const LIST: &str = "tests.txt";

/// Part of a line of `cargo --message-format=json`.
#[derive(Debug, Deserialize)]
struct Message {
    manifest_path: PathBuf,
    target: Target,
    profile: Profile,
    filenames: Vec<PathBuf>,
    executable: Option<PathBuf>,
}

#[derive(Debug, Deserialize)]
struct Target {
    name: String,
    kind: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct Profile {
    test: bool,
}

/// What was linked: where a file belongs, and where cargo put it.
#[derive(Debug)]
struct Linked {
    /// Tests, in the order in which to run them.
    tests: Vec<(String, PathBuf)>,
    /// Programs and libraries.
    examples: Vec<(String, PathBuf)>,
}

/// Links all tests and examples of the libraries, checks what they need, and puts them where they are found.
///
/// # Errors
///
/// If something does not build or link, or needs more than FreeBSD's C library.
pub(super) fn freebsd(
    workspace: &Workspace,
    toolchain: &Toolchain,
    zig: &Zig,
    release: bool,
) -> Result<()> {
    let mut cargo = cargo(workspace, toolchain, zig)?;
    let messages = steps::output(cargo.args(release.then_some("--release")))?;
    let linked = Linked::from(&messages, workspace)?;
    ensure!(!linked.tests.is_empty(), "cargo linked no tests");
    linked.check()?;
    linked.place(&workspace.target.join(HOME))
}

fn cargo(workspace: &Workspace, toolchain: &Toolchain, zig: &Zig) -> Result<Command> {
    let target = directory(workspace, FREEBSD);
    let linker = zig.linker(&target)?;
    let mut cargo = toolchain.cargo(workspace);
    cargo
        .env("RUSTC_BOOTSTRAP", "1")
        .env("CARGO_TARGET_X86_64_UNKNOWN_FREEBSD_LINKER", linker)
        .envs(zig.environment())
        // Without words like --tests, which would make tests of the examples too.
        .args(["test", "--no-run", "-Zbuild-std", "--target", FREEBSD])
        .args(only_libraries(workspace))
        .args(["--features", &features(workspace, &[LINK, EPOLL]).join(",")])
        .args(["--message-format", "json-render-diagnostics"])
        .arg("--target-dir")
        .arg(target);
    for profile in ["DEV", "RELEASE"] {
        // Three times the size, for machines that may have all of it in memory. Panics tell their line without it, and
        // backtraces the names, if zig is not told to strip, as cargo does then.
        cargo
            .env(format!("CARGO_PROFILE_{profile}_DEBUG"), "false")
            .env(format!("CARGO_PROFILE_{profile}_STRIP"), "none");
    }
    Ok(cargo)
}

impl Linked {
    /// Finds the files in cargo's messages, one in each line.
    fn from(messages: &str, workspace: &Workspace) -> Result<Self> {
        let order = workspace.libraries_in_order();
        let (mut tests, mut examples) = (Vec::new(), Vec::new());
        for line in messages.lines() {
            let Ok(message) = serde_json::from_str::<Message>(line) else {
                continue;
            };
            let mut packages = order.iter().enumerate();
            let package = packages.find(|(_, it)| it.manifest_path == message.manifest_path);
            let Some((position, package)) = package else {
                continue;
            };
            if message.target.is("example") {
                examples.extend(message.filenames.into_iter().map(named));
            } else if let (Some(program), true) = (message.executable, message.profile.test) {
                let (is_second, name) = message.target.test_name(&package.name);
                tests.push((position, is_second, name, program));
            }
        }
        tests.sort();
        let tests = tests.into_iter().map(|(_, _, name, path)| (name, path));
        let tests = tests.collect();
        let linked = Self { tests, examples };
        linked.has_no_name_twice()?;
        Ok(linked)
    }

    fn has_no_name_twice(&self) -> Result<()> {
        for files in [&self.tests, &self.examples] {
            let mut paths = BTreeMap::new();
            for (name, path) in files {
                if let Some(other) = paths.insert(name, path) {
                    bail!(
                        "{} and {} would both be {name}",
                        other.display(),
                        path.display()
                    );
                }
            }
        }
        Ok(())
    }

    /// Looks whether all of it runs where there is only the C library.
    fn check(&self) -> Result<()> {
        let mut bad = Vec::new();
        for (name, path) in self.tests.iter().chain(&self.examples) {
            let file = fs::read(path).with_context(|| path.display().to_string())?;
            if let Err(error) = Image::read(&file).and_then(|image| image.runs_on_bare_freebsd()) {
                bad.push(format!("{name} {error:#}"));
            }
        }
        ensure!(bad.is_empty(), "{}", bad.join("; "));
        Ok(())
    }

    /// Fills `home`: `tests/`, `examples/`, and the list of the tests.
    fn place(&self, home: &Path) -> Result<()> {
        if home.exists() {
            fs::remove_dir_all(home)?;
        }
        let (tests, examples) = (home.join("tests"), home.join("examples"));
        fs::create_dir_all(&tests)?;
        fs::create_dir_all(&examples)?;
        let mut list = String::new();
        for (name, path) in &self.tests {
            place(path, &tests.join(name))?;
            list.push_str(&format!("tests/{name}\n"));
        }
        for (name, path) in &self.examples {
            place(path, &examples.join(name))?;
        }
        fs::write(home.join(LIST), list)?;
        let (tests, examples) = (self.tests.len(), self.examples.len());
        println!(
            "{}: {tests} test programs, in the order of {LIST}, and {examples} examples; all need the C library only",
            home.display()
        );
        Ok(())
    }
}

impl Target {
    fn is(&self, kind: &str) -> bool {
        self.kind.iter().any(|it| it == kind)
    }

    /// What the test of this target is called, and whether it comes after the tests inside of the crate.
    fn test_name(&self, package: &str) -> (bool, String) {
        if self.is("lib") {
            (false, format!("{package}-unit"))
        } else {
            (true, format!("{package}-{}", self.name))
        }
    }
}

/// A file under the name that it has.
fn named(path: PathBuf) -> (String, PathBuf) {
    let name = path.file_name().unwrap_or_default();
    (name.to_string_lossy().into_owned(), path)
}

/// The same file under another name, or a copy where that cannot be.
fn place(from: &Path, to: &Path) -> Result<()> {
    fs::hard_link(from, to)
        .or_else(|_| fs::copy(from, to).map(drop))
        .with_context(|| format!("{} to {}", from.display(), to.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace::tests::small;

    /// What cargo says of a file that it linked.
    fn message(package: &str, kind: &str, name: &str, is_test: bool, file: &str) -> String {
        let executable = (!file.ends_with(".so")).then_some(file);
        let message = serde_json::json!({
            "reason": "compiler-artifact", "manifest_path": format!("/w/{package}/Cargo.toml"),
            "target": {"name": name, "kind": [kind]}, "profile": {"test": is_test},
            "filenames": [file], "executable": executable,
        });
        format!("{message}\n")
    }

    #[test]
    fn tests_have_the_crates_name_and_those_inside_of_it_come_first() {
        let messages = [
            message("library", "test", "conformance", true, "/t/conformance-1"),
            message("library", "test", "a", true, "/t/a-1"),
            message("library", "lib", "library", false, "/t/library.rlib"),
            message("library", "lib", "library", true, "/t/library-1"),
            message("tester", "lib", "tester", true, "/t/tester-1"),
            "text\n{\"reason\":\"build-finished\",\"success\":true}\n".to_owned(),
        ];
        let linked = Linked::from(&messages.concat(), &small()).unwrap();
        let expected = [
            ("library-unit", "/t/library-1"),
            ("library-a", "/t/a-1"),
            ("library-conformance", "/t/conformance-1"),
        ];
        assert_eq!(
            linked.tests,
            expected.map(|(name, path)| (name.to_owned(), path.into()))
        );
        assert!(linked.examples.is_empty(), "{linked:?}");
    }

    #[test]
    fn examples_are_programs_and_libraries() {
        let messages = [
            message("library", "example", "pump", false, "/t/examples/pump"),
            message(
                "library",
                "example",
                "stub",
                false,
                "/t/examples/libstub.so",
            ),
        ];
        let linked = Linked::from(&messages.concat(), &small()).unwrap();
        let names: Vec<&String> = linked.examples.iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["pump", "libstub.so"]);
        assert!(linked.tests.is_empty(), "{linked:?}");
    }

    #[test]
    fn two_files_of_one_name_are_refused() {
        let messages = [
            message("library", "test", "unit", true, "/t/unit-1"),
            message("library", "bench", "unit", true, "/t/unit-2"),
        ];
        let error = Linked::from(&messages.concat(), &small()).unwrap_err();
        let error = error.to_string();
        assert!(
            error.contains("/t/unit-1") && error.contains("/t/unit-2"),
            "{error}"
        );
    }

    #[test]
    fn files_are_placed_and_what_was_there_before_is_gone() {
        let directory = tempfile::tempdir().unwrap();
        let (built, home) = (
            directory.path().join("a-1"),
            directory.path().join("freebsd"),
        );
        fs::write(&built, "program").unwrap();
        fs::create_dir_all(home.join("tests/old")).unwrap();
        let linked = Linked {
            tests: vec![("a-unit".to_owned(), built.clone())],
            examples: vec![("pump".to_owned(), built)],
        };
        linked.place(&home).unwrap();
        assert_eq!(
            fs::read_to_string(home.join(LIST)).unwrap(),
            "tests/a-unit\n"
        );
        for file in ["tests/a-unit", "examples/pump"] {
            assert_eq!(fs::read_to_string(home.join(file)).unwrap(), "program");
        }
        assert!(!home.join("tests/old").exists());
    }

    #[test]
    fn the_feature_that_links_libslirp_is_left_out() {
        assert_eq!(
            features(&small(), &[LINK]),
            ["library/slirp", "library/tap"]
        );
    }
}
