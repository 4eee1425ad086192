//! What a process in the sandbox tries: this program, once more.

use std::env;
use std::fs::{self, File};
use std::io::ErrorKind;
use std::net::TcpListener;
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, ExitCode, Output};
use std::thread;

use libtest_mimic::{Failed, Trial};
use net_backend_vhost_user::sandbox::{Sandbox, SandboxMode};
use rustix::process::{Signal, getppid, test_kill_process};

/// What is tried, in which mode, with which backend, in which directory.
const ATTEMPT: &str = "NET_BACKEND_SANDBOX_ATTEMPT";

/// Does what is to be tried; `None` if nothing is.
pub(crate) fn run() -> Option<ExitCode> {
    let attempt = env::var(ATTEMPT).ok()?;
    let words: Vec<&str> = attempt.split_whitespace().collect();
    let [what, mode, uri, directory] = words[..] else {
        panic!("{attempt}");
    };
    // A filter has to reach threads that there are.
    let (go, wait) = std::sync::mpsc::channel();
    let other = thread::spawn(move || wait.recv().map(|what: String| attempt_to(&what, "")));
    let mode: SandboxMode = mode.parse().expect("a mode");
    let directory = Path::new(directory);
    let mut sandbox = Sandbox::new(mode);
    let _backend = sandbox.open(uri).expect("a backend");
    sandbox.removes(&directory.join("socket"));
    if what == "remove" {
        sandbox.reads(&directory.join("socket"));
    }
    sandbox.enter(|what| println!("{what}")).expect("a sandbox");
    match what.strip_prefix("other-") {
        Some(what) => {
            go.send(what.to_owned()).expect("it waits");
            other.join().expect("no panic").expect("an attempt");
        }
        None => attempt_to(what, &directory.to_string_lossy()),
    }
    println!("done");
    Some(ExitCode::SUCCESS)
}

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        Trial::test("what_serves_is_allowed", || {
            allowed("serve", "on", "loopback:")
        }),
        Trial::test("panics_end_their_thread_only", || {
            allowed("panic", "on", "loopback:")
        }),
        Trial::test("programs_end_it", || ends("program", "loopback:")),
        Trial::test("programs_of_other_threads_end_it", || {
            ends("other-program", "loopback:")
        }),
        Trial::test("system_calls_are_only_logged", || {
            allowed("network", "log", "loopback:")
        }),
        Trial::test("files_are_forbidden_then_too", || {
            allowed("no-files", "log", "loopback:")
        }),
        Trial::test("nothing_is_forbidden_without", || {
            allowed("program", "off", "loopback:")
        }),
        Trial::test("networks_end_it", || ends("network", "loopback:")),
        Trial::test("slirp_has_networks", || allowed("network", "on", "slirp:")),
        Trial::test("signals_to_others_end_it", || ends("signal", "slirp:")),
        Trial::test("there_are_no_files", || {
            allowed("no-files", "on", "loopback:")
        }),
        Trial::test("slirp_has_few_files", || {
            allowed("few-files", "on", "slirp:")
        }),
        Trial::test("files_are_removed_where_they_may", || {
            if !has_landlock() {
                println!("skipped: this kernel has no Landlock");
                return Ok(());
            }
            allowed("remove", "on", "loopback:")
        }),
    ]
}

/// Whether files can be out of reach.
pub(crate) fn has_landlock() -> bool {
    let output = attempt("serve", "on", "loopback:").expect("an attempt");
    !String::from_utf8_lossy(&output.stdout).contains("no Landlock")
}

fn attempt_to(what: &str, directory: &str) {
    match what {
        "serve" => {
            let threads: Vec<_> = (0..4).map(|_| thread::spawn(|| vec![1; 1 << 20])).collect();
            for thread in threads {
                assert_eq!(thread.join().expect("no panic").len(), 1 << 20);
            }
        }
        "panic" => {
            let panics = thread::spawn(|| panic!("on purpose"));
            panics.join().expect_err("it panics");
        }
        "program" => drop(Command::new("true").status().expect("a program")),
        "network" => drop(TcpListener::bind("127.0.0.1:0").expect("a socket")),
        "signal" => drop(test_kill_process(getppid().expect("a parent"))),
        "no-files" => {
            for path in ["/etc/resolv.conf", "/proc/version", "/dev/null"] {
                let error = File::open(path).expect_err(path);
                assert_eq!(error.kind(), ErrorKind::PermissionDenied, "{path}");
            }
            // What Landlock would allow.
            let mut options = File::options();
            let options = options.read(true).custom_flags(libc::O_PATH);
            let error = options.open("/").expect_err("it is not looked at");
            assert_eq!(error.kind(), ErrorKind::PermissionDenied);
        }
        "few-files" => {
            let resolver = Path::new("/etc/resolv.conf");
            if resolver.exists() {
                File::open(resolver).expect("name servers");
            }
            for path in ["/dev/null", "/dev/zero"] {
                let error = File::options().write(true).open(path).expect_err(path);
                assert_eq!(error.kind(), ErrorKind::PermissionDenied, "{path}");
            }
        }
        "remove" => {
            let directory = Path::new(directory);
            fs::read(directory.join("socket")).expect("the socket may be read");
            fs::remove_file(directory.join("socket")).expect("the socket may go");
            let elsewhere = fs::remove_file(directory.with_extension("file"));
            let kind = elsewhere.expect_err("it is in another directory").kind();
            assert_eq!(kind, ErrorKind::PermissionDenied);
        }
        _ => panic!("{what}"),
    }
}

fn attempt(what: &str, mode: &str, uri: &str) -> Result<Output, Failed> {
    let parent = tempfile::tempdir()?;
    let directory = parent.path().join("directory");
    fs::create_dir(&directory)?;
    fs::write(directory.join("socket"), "")?;
    fs::write(directory.with_extension("file"), "")?;
    let value = format!("{what} {mode} {uri} {}", directory.display());
    Ok(Command::new(env::current_exe()?)
        .env(ATTEMPT, value)
        .env("RUST_BACKTRACE", "1")
        .output()?)
}

fn allowed(what: &str, mode: &str, uri: &str) -> Result<(), Failed> {
    let output = attempt(what, mode, uri)?;
    let is_done = String::from_utf8_lossy(&output.stdout).ends_with("done\n");
    match output.status.success() && is_done {
        true => Ok(()),
        false => Err(format!("{output:?}").into()),
    }
}

/// It ends by SIGSYS, and says why, if it can.
fn ends(what: &str, uri: &str) -> Result<(), Failed> {
    let output = attempt(what, "on", uri)?;
    let signal = output.status.signal();
    assert_eq!(signal, Some(Signal::SYS.as_raw()), "{output:?}");
    let said = String::from_utf8_lossy(&output.stderr);
    // The C library blocks all signals while it starts a program.
    let says = said.contains("ends this process for system call ");
    assert!(says || what.ends_with("program"), "{said}");
    Ok(())
}
