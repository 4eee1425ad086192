//! What passes between us and a libslirp that reports what it was given.

use std::ffi::CString;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use libtest_mimic::Failed;

use crate::Case;
use crate::guest::settings;
use crate::stub::{self, Silent, stub_as, stub_without};
use crate::surroundings::directory;
use crate::sys::{HostAddress, Instance, Library, Settings};

type Outcome = Result<(), Failed>;

/// What arrives of the settings in `settings_arrive`.
const SETTINGS: [&str; 27] = [
    "callbacks 13",
    "version 6",
    "restricted 1",
    "in_enabled 1",
    "vnetwork 10.0.2.0",
    "vnetmask 255.255.255.0",
    "vhost 10.0.2.2",
    "in6_enabled 1",
    // The first four bytes of the prefix, and the last of the other IPv6 addresses.
    "vprefix_addr6 254.192.0.0",
    "vprefix_len 64",
    "vhost6 0.0.0.2",
    "vhostname guest",
    "tftp_server_name server",
    "tftp_path /tftp",
    "bootfile pxelinux.0",
    "vdhcp_start 10.0.2.15",
    "vnameserver 10.0.2.3",
    "vnameserver6 0.0.0.3",
    "vdomainname example.org",
    "if_mtu 9000",
    "if_mru 9000",
    "disable_host_loopback 1",
    "enable_emu 0",
    "outbound_addr 192.0.2.7",
    "disable_dns 0",
    "disable_dhcp 1",
    "mfr_id 0",
];

pub(crate) fn cases() -> Vec<Case> {
    vec![
        stub::case("settings_arrive", settings_arrive),
        stub::case("callbacks_arrive", callbacks_arrive),
        stub::case("timers", timers),
        stub::case("optional_functions", optional_functions),
        stub::case("one_call_at_a_time", one_call_at_a_time),
        stub::case("refused", refused),
        stub::case("bad_settings", bad_settings),
    ]
}

/// What is set arrives at the offsets where a C compiler has it.
fn settings_arrive() -> Outcome {
    let directory = directory()?;
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
    assert_eq!(report.lines().collect::<Vec<_>>(), SETTINGS);
    Ok(())
}

fn callbacks_arrive() -> Outcome {
    let directory = directory()?;
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
    let directory = directory()?;
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

/// The stub has one of the functions that may be missing; the others are missed when they are needed.
fn optional_functions() -> Outcome {
    let directory = directory()?;
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
    Ok(())
}

/// Two networks, each in the hands of four threads, and others that come and go.
fn one_call_at_a_time() -> Outcome {
    let directory = directory()?;
    let library = Library::open(Some(&stub_as(&directory, "4.9.0")?))?;
    let network = || Instance::new(&library, &settings(), Silent::default());
    let shared = [Mutex::new(network()?), Mutex::new(network()?)];
    let turn = |instance: &mut Instance<Silent>| {
        instance.input(b"a frame");
        instance.fill(u32::MAX);
        instance.poll(false);
    };
    thread::scope(|scope| {
        for number in 0..8 {
            let shared = &shared[number % 2];
            scope.spawn(move || {
                for _ in 0..200 {
                    turn(&mut shared.lock().expect("no thread panics"));
                    turn(&mut network().expect("another network"));
                }
            });
        }
    });
    for instance in shared {
        let instance = instance.into_inner().expect("no thread panicked");
        let told = &instance.host().told;
        assert_eq!(told.iter().filter(|it| it.contains("frame")).count(), 800);
        assert!(!told.iter().any(|it| it.contains("at once")));
    }
    Ok(())
}

fn refused() -> Outcome {
    let directory = directory()?;
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
    let directory = directory()?;
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
