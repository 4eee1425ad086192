//! Finding the library, and telling what is wrong with one.

use std::env;
use std::fs;
use std::io;
use std::path::Path;
use std::process::{Command, ExitCode};

use libtest_mimic::Failed;
use net_backend_core::ErrorKind;

use crate::Case;
use crate::guest::settings;
use crate::stub::{self, Silent, failure, stub_as, stub_without};
use crate::surroundings::directory;
use crate::sys::{Instance, Library};

/// Makes this program print the version of the library that it finds, and do nothing else.
pub(crate) const PRINT_VERSION: &str = "PRINT_LIBSLIRP_VERSION";
const PATH: &str = "NET_BACKEND_LIBSLIRP";

type Outcome = Result<(), Failed>;

pub(crate) fn print_version() -> ExitCode {
    match Library::open(None) {
        Ok(library) => println!("version {}", library.version()),
        Err(error) => println!("error {error}"),
    }
    ExitCode::SUCCESS
}

pub(crate) fn cases() -> Vec<Case> {
    let alone = |name, run| Case {
        name,
        run,
        needs: Ok(()),
    };
    vec![
        alone("missing_file", missing_file),
        alone("missing_name", missing_name),
        alone("no_library", no_library).with_files(),
        alone("another_library", another_library),
        stub::case("environment", environment),
        stub::case("too_old", too_old),
        stub::case("no_version", no_version),
        stub::case("versions", versions),
        stub::case("required_functions", required_functions),
    ]
}

fn missing_file() -> Outcome {
    let error = failure(Path::new("/nowhere/libslirp.so.0"));
    assert_eq!(error.kind(), ErrorKind::NotFound);
    let message = error.to_string();
    assert!(
        message.starts_with("dlopen on /nowhere/libslirp.so.0: "),
        "{message}"
    );
    for part in ["libslirp0", "Fedora", "FreeBSD", "library=", PATH] {
        assert!(message.contains(part), "{message}");
    }
    Ok(())
}

fn missing_name() -> Outcome {
    let error = failure(Path::new("libslirp-that-nobody-has.so.0"));
    assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
    Ok(())
}

fn no_library() -> Outcome {
    let directory = directory()?;
    let path = directory.path().join("notes.txt");
    fs::write(
        &path,
        "no library at all, although quite long enough to have a header of sixty-four bytes",
    )?;
    let error = failure(&path);
    assert_eq!(error.kind(), ErrorKind::System, "{error}");
    assert!(error.to_string().contains("notes.txt"), "{error}");
    Ok(())
}

/// The C library, which is there but has no function of libslirp.
fn another_library() -> Outcome {
    let name = match env::consts::OS {
        "freebsd" => "libc.so.7",
        _ => "libc.so.6",
    };
    let error = failure(Path::new(name));
    let message = error.to_string();
    assert!(
        message.contains("slirp_version_string") && message.contains("library="),
        "{message}"
    );
    Ok(())
}

/// The environment names the library where the option does not; empty is as good as not there.
fn environment() -> Outcome {
    let directory = directory()?;
    let named = stub_as(&directory, "4.9.0-of-the-environment")?;
    let found = |path: &Path| -> io::Result<String> {
        let output = Command::new(env::current_exe()?)
            .env(PRINT_VERSION, "")
            .env(PATH, path)
            .output()?;
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    };
    assert_eq!(found(&named)?, "version 4.9.0-of-the-environment\n");
    let missing = found(&directory.path().join("missing"))?;
    assert!(missing.starts_with("error dlopen on "), "{missing}");
    let default = found(Path::new(""))?;
    assert!(!default.contains("environment"), "{default}");
    let option = stub_as(&directory, "4.8.0-of-the-option")?;
    assert_eq!(
        Library::open(Some(&option))?.version(),
        "4.8.0-of-the-option"
    );
    Ok(())
}

fn too_old() -> Outcome {
    let directory = directory()?;
    for version in ["4.6.1", "3.9.0", "4.0"] {
        let error = failure(&stub_as(&directory, version)?);
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        let message = error.to_string();
        for part in [version, "4.7", "upgrade libslirp0"] {
            assert!(message.contains(part), "{message}");
        }
    }
    Ok(())
}

fn no_version() -> Outcome {
    let directory = directory()?;
    for version in ["banana", "4", "4.x"] {
        let error = failure(&stub_as(&directory, version)?);
        let message = error.to_string();
        assert!(message.contains(&format!("{version:?}")), "{message}");
        assert!(message.contains("library="), "{message}");
    }
    Ok(())
}

/// Each version gets the configuration that it takes, a full table of callbacks, and is asked with the latest
/// function that it has.
fn versions() -> Outcome {
    let directory = directory()?;
    let old = ["slirp_pollfds_fill_socket"];
    let versions: [(&str, u32, &[&str], &str); 5] = [
        ("4.7.0", 4, &old, "slirp_pollfds_fill"),
        ("4.8.0", 5, &old, "slirp_pollfds_fill"),
        ("4.9.0", 6, &[], "slirp_pollfds_fill_socket"),
        ("4.12.0-git-123", 6, &[], "slirp_pollfds_fill_socket"),
        ("9.9.0", 6, &[], "slirp_pollfds_fill_socket"),
    ];
    for (version, configuration, without, fill) in versions {
        let library = Library::open(Some(&stub_without(&directory, version, without)?))?;
        assert_eq!(library.version(), version);
        let mut instance = Instance::new(&library, &settings(), Silent::default())?;
        assert_eq!(instance.fill(u32::MAX), 321);
        let report = instance.connection_info().ok_or("no report")?;
        let lines: Vec<&str> = report.lines().collect();
        assert!(lines.contains(&"callbacks 13"), "{report}");
        let configuration = format!("version {configuration}");
        assert!(lines.contains(&configuration.as_str()), "{report}");
        assert!(lines.contains(&format!("{fill}: 5").as_str()), "{report}");
    }
    Ok(())
}

fn required_functions() -> Outcome {
    let directory = directory()?;
    let functions = [
        "slirp_version_string",
        "slirp_new",
        "slirp_cleanup",
        "slirp_input",
        "slirp_pollfds_poll",
        "slirp_handle_timer",
    ];
    for function in functions {
        let error = failure(&stub_without(&directory, "4.7.0", &[function])?);
        let message = error.to_string();
        assert!(
            message.contains(&format!("no function {function},")),
            "{message}"
        );
    }
    let fill = ["slirp_pollfds_fill_socket", "slirp_pollfds_fill"];
    failure(&stub_without(&directory, "4.7.0", &fill)?);
    Ok(())
}
