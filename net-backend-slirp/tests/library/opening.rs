//! Finding the library, and telling what is wrong with one.

use std::env;
use std::ffi::CString;
use std::fs;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::fd::RawFd;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::sync::Arc;
use std::time::{Duration, Instant};

use libtest_mimic::Failed;
use net_backend_core::{Error, ErrorKind};
use tempfile::TempDir;

use crate::Case;
use crate::guest::settings;
use crate::sys::{Events, Host, HostAddress, Instance, Library, Settings};

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
    let with_stub = |name, run| Case {
        name,
        run,
        needs: stub().map(drop),
    };
    vec![
        alone("missing_file", missing_file),
        alone("missing_name", missing_name),
        alone("no_library", no_library),
        alone("another_library", another_library),
        with_stub("environment", environment),
        with_stub("too_old", too_old),
        with_stub("no_version", no_version),
        with_stub("versions", versions),
        with_stub("settings_arrive", settings_arrive),
        with_stub("callbacks_arrive", callbacks_arrive),
        with_stub("timers", timers),
        with_stub("required_functions", required_functions),
        with_stub("optional_functions", optional_functions),
        with_stub("refused", refused),
        with_stub("bad_settings", bad_settings),
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
    let directory = TempDir::new()?;
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
    let name = if cfg!(target_os = "freebsd") {
        "libc.so.7"
    } else {
        "libc.so.6"
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
    let directory = TempDir::new()?;
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
    let directory = TempDir::new()?;
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
    let directory = TempDir::new()?;
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
    let directory = TempDir::new()?;
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
        assert!(lines.contains(&"13 callbacks"), "{report}");
        let configuration = format!("configuration {configuration}");
        assert!(lines.contains(&configuration.as_str()), "{report}");
        assert!(lines.contains(&format!("{fill}: 5").as_str()), "{report}");
    }
    Ok(())
}

/// What is set arrives at the offsets where a C compiler has it.
fn settings_arrive() -> Outcome {
    let directory = TempDir::new()?;
    let library = Library::open(Some(&stub_as(&directory, "4.9.0")?))?;
    let texts = ["guest", "server", "/tftp", "pxelinux.0", "example.org"].map(CString::new);
    let [hostname, server, tftp, bootfile, domain] = texts.map(|it| it.expect("no zero"));
    let settings = Settings {
        restricted: true,
        hostname: Some(&hostname),
        tftp_server_name: Some(&server),
        tftp_path: Some(&tftp),
        bootfile: Some(&bootfile),
        domain_name: Some(&domain),
        mtu: 9000,
        disable_host_loopback: true,
        disable_dhcp: true,
        outbound4: Some(Ipv4Addr::new(192, 0, 2, 7)),
        ..settings()
    };
    let mut instance = Instance::new(&library, &settings, Silent::default())?;
    let report = instance.connection_info().ok_or("no report")?;
    assert_eq!(
        report,
        "13 callbacks\n\
         configuration 6\n\
         restricted 1\n\
         ipv4 1 10.0.2.0/255.255.255.0 host 10.0.2.2\n\
         ipv6 1 prefix length 64\n\
         strings guest server /tftp pxelinux.0 example.org\n\
         dhcp 10.0.2.15 dns 10.0.2.3\n\
         mtu 9000 mru 9000\n\
         outbound 192.0.2.7\n\
         no loopback 1 emulation 0 no dns 0 no dhcp 1\n"
    );
    Ok(())
}

fn callbacks_arrive() -> Outcome {
    let directory = TempDir::new()?;
    let library = Library::open(Some(&stub_as(&directory, "4.9.0")?))?;
    let mut instance = Instance::new(&library, &settings(), Silent::default())?;
    instance.input(b"a frame");
    instance.fill(u32::MAX);
    instance.poll(false);
    let told = &instance.host().told;
    let expected = [
        "frame [97, 32, 102, 114, 97, 109, 101]",
        "register 1000",
        "unregister 1000",
        "register 1001",
        "unregister 1001",
        // Bits that nobody knows are left out.
        "want 1000 Events(IN | OUT | PRIORITY | ERROR | HANG_UP)",
        "ready 0",
    ];
    assert_eq!(told, &expected);
    let report = instance.connection_info().ok_or("no report")?;
    assert!(report.ends_with("ready 18\n"), "{report}");
    Ok(())
}

/// Timers of both kinds expire when they were set to, and once.
fn timers() -> Outcome {
    let directory = TempDir::new()?;
    let library = Library::open(Some(&stub_as(&directory, "4.9.0")?))?;
    let mut instance = Instance::new(&library, &settings(), Silent::default())?;
    assert_eq!(instance.next_timer(), None);
    let before = Instant::now();
    instance.poll(true);
    let after = Instant::now();
    let first = instance.next_timer().ok_or("no timer")?;
    let (five, seven) = (Duration::from_secs(5), Duration::from_secs(7));
    // The clock of libslirp counts whole milliseconds.
    assert!(first + Duration::from_millis(1) > before + five && first <= after + five);
    let lines = |instance: &mut Instance<Silent>| -> Vec<String> {
        let report = instance.connection_info().unwrap_or_default();
        let lines = report.lines().filter(|line| line.starts_with("timer"));
        lines.map(str::to_owned).collect()
    };
    instance.run_timers(first - Duration::from_millis(1));
    assert!(lines(&mut instance).is_empty());
    instance.run_timers(first);
    assert_eq!(lines(&mut instance), ["timer with a function"]);
    let second = instance.next_timer().ok_or("no timer")?;
    assert_eq!(second - first, seven - five);
    instance.run_timers(second + seven);
    let expected = ["timer with a function", "timer 3 with 77"];
    assert_eq!(lines(&mut instance), expected);
    assert_eq!(instance.next_timer(), None);
    Ok(())
}

fn required_functions() -> Outcome {
    let directory = TempDir::new()?;
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

/// The stub has one of the functions that may be missing; the others are missed when they are needed.
fn optional_functions() -> Outcome {
    let directory = TempDir::new()?;
    let without = ["slirp_connection_info"];
    let library = Library::open(Some(&stub_without(&directory, "4.8.0", &without)?))?;
    let mut instance = Instance::new(&library, &settings(), Silent::default())?;
    assert_eq!(instance.connection_info(), None);
    let host = HostAddress::Socket(SocketAddr::from(([127, 0, 0, 1], 0)));
    let guest = SocketAddr::from(([10, 0, 2, 15], 80));
    let server = "10.0.2.4:80".parse()?;
    let results = [
        instance.add_host_forward(false, &host, guest, false),
        instance.remove_host_forward(false, &host),
        instance.add_command(server, c"cat"),
        instance.add_unix(server, c"/nowhere"),
    ];
    for result in results {
        let error = result.expect_err("not there");
        assert_eq!(error.kind(), io::ErrorKind::Unsupported, "{error}");
        assert!(error.to_string().contains("no slirp_"), "{error}");
    }
    // This one is there. No address stands for the one that libslirp chooses.
    instance.remove_guest_forward("0.0.0.0:80".parse()?)?;
    let directory = TempDir::new()?;
    let library = Library::open(Some(&stub_as(&directory, "4.8.0")?))?;
    let mut instance = Instance::new(&library, &settings(), Silent::default())?;
    instance.remove_guest_forward("0.0.0.0:80".parse()?)?;
    let report = instance.connection_info().ok_or("no report")?;
    assert!(report.ends_with("removed 10.0.2.4:80\n"), "{report}");
    Ok(())
}

fn refused() -> Outcome {
    let directory = TempDir::new()?;
    let library = Library::open(Some(&stub_as(&directory, "4.9.0,refuse")?))?;
    let host = Silent::default();
    let alive = Arc::clone(&host.alive);
    let error = Instance::new(&library, &settings(), host).map(drop);
    let message = error.expect_err("refused").to_string();
    assert!(
        message.starts_with("slirp_new on libslirp 4.9.0: "),
        "{message}"
    );
    assert_eq!(Arc::strong_count(&alive), 1, "the host stayed");
    Ok(())
}

fn bad_settings() -> Outcome {
    let directory = TempDir::new()?;
    let library = Library::open(Some(&stub_as(&directory, "4.9.0")?))?;
    let refusal = |settings: Settings<'_>| {
        let result = Instance::new(&library, &settings, Silent::default());
        result.map(drop).err().map(|error| error.to_string())
    };
    for mtu in [1, 67, 65522, u16::MAX] {
        let message = refusal(Settings { mtu, ..settings() }).ok_or("taken")?;
        assert!(
            message.contains(&mtu.to_string()) && message.contains("65521"),
            "{message}"
        );
    }
    for mtu in [0, 68, 65521] {
        assert_eq!(refusal(Settings { mtu, ..settings() }), None);
    }
    let long = CString::new("x".repeat(128))?;
    let bootfile = Some(long.as_c_str());
    let message = refusal(Settings {
        bootfile,
        ..settings()
    })
    .ok_or("taken")?;
    assert!(
        message.contains("128") && message.contains("127"),
        "{message}"
    );
    let short = CString::new("x".repeat(127))?;
    let bootfile = Some(short.as_c_str());
    assert_eq!(
        refusal(Settings {
            bootfile,
            ..settings()
        }),
        None
    );
    Ok(())
}

/// Writes down what it is told.
#[derive(Debug, Default)]
struct Silent {
    told: Vec<String>,
    alive: Arc<()>,
}

impl Host for Silent {
    fn send_packet(&mut self, frame: &[u8]) {
        self.told.push(format!("frame {frame:?}"));
    }

    fn guest_error(&mut self, message: &str) {
        self.told.push(message.to_owned());
    }

    fn register(&mut self, descriptor: RawFd) {
        self.told.push(format!("register {descriptor}"));
    }

    fn unregister(&mut self, descriptor: RawFd) {
        self.told.push(format!("unregister {descriptor}"));
    }

    fn notify(&mut self) {}

    fn want(&mut self, descriptor: RawFd, events: Events) -> i32 {
        self.told.push(format!("want {descriptor} {events:?}"));
        5
    }

    fn ready(&mut self, index: i32) -> Events {
        self.told.push(format!("ready {index}"));
        Events::OUT | Events::HANG_UP
    }
}

fn failure(path: &Path) -> Error {
    match Library::open(Some(path)) {
        Ok(library) => panic!("{library:?} is no libslirp"),
        Err(error) => error,
    }
}

/// The library that plays libslirp, which cargo puts beside the directory of the tests.
fn stub() -> Result<PathBuf, String> {
    let program = env::current_exe().map_err(|error| error.to_string())?;
    let directory = program.parent().and_then(Path::parent);
    let path = directory
        .unwrap_or(Path::new(""))
        .join("examples/libstub_libslirp.so");
    match path.exists() {
        true => Ok(path),
        false => Err(format!(
            "{} is missing: `cargo test` without --test builds it",
            path.display()
        )),
    }
}

/// A copy whose name says how it behaves.
fn stub_as(directory: &TempDir, name: &str) -> Result<PathBuf, Failed> {
    stub_without(directory, name, &[])
}

/// A copy in which some functions have other names.
fn stub_without(directory: &TempDir, name: &str, functions: &[&str]) -> Result<PathBuf, Failed> {
    let mut library = fs::read(stub()?)?;
    for function in functions {
        let name = [b"\0", function.as_bytes(), b"\0"].concat();
        let starts = 0..library.len() - name.len();
        let found = starts.filter(|at| library[*at..].starts_with(&name));
        let found: Vec<usize> = found.collect();
        assert!(!found.is_empty(), "the stub has no {function}");
        for at in found {
            library[at + 1] = b'x';
        }
    }
    // Another file for each, as the loader knows libraries by their files.
    let place = tempfile::tempdir_in(directory.path())?.keep();
    let path = place.join(format!("{name}.so"));
    fs::write(&path, library)?;
    Ok(path)
}
