//! The examples, run: a driver that pings through each of them gets its answers.

#![expect(clippy::unwrap_used, reason = "tests may fail so")]

use std::path::Path;
use std::process::Command;

/// Runs an example that pings by `loopback:`, also when that is busy for nearly every frame, and by `slirp:` where there is libslirp.
fn run(name: &str, words: &[&str]) {
    let program = std::env::current_exe().unwrap();
    let programs = program.parent().and_then(Path::parent).unwrap();
    let example = programs.join("examples").join(name);
    assert!(
        example.exists(),
        "{} is missing; `cargo build --examples --features epoll` makes it, and so does `cargo test` without --test",
        example.display()
    );
    for uri in ["loopback:", "loopback:?capacity=1", "slirp:"] {
        if let Err(error) = net_backend::connect(uri) {
            let required = std::env::var("NET_BACKEND_REQUIRE").unwrap_or_default();
            let mut required = required.split(',');
            assert!(!required.any(|it| it == "slirp" || it == "all"), "{error}");
            println!("skipped: {error}");
            continue;
        }
        let output = Command::new(&example).args(words).arg(uri).output();
        let output = output.unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        println!("{text}");
        assert!(output.status.success(), "{output:?}");
        assert!(text.contains("64 pings in a burst, all answered"), "{text}");
    }
}

#[test]
fn vmm_level_triggered() {
    run("vmm", &[]);
}

#[test]
fn vmm_edge_triggered() {
    run("vmm", &["--edge"]);
}

#[test]
fn tokio() {
    run("tokio", &[]);
}
