//! How a guest gets its addresses.

use std::fs;
use std::net::{Ipv4Addr, Ipv6Addr, TcpListener};
use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use net_backend_tap::testing::IcmpSocket;

use crate::guest::{Guest, HOST, PATIENCE, Setting};
use crate::harness::{Case, Outcome};
use crate::stream::{Sender, exchange};

/// Bytes over a connection.
const LENGTH: usize = 8 << 20;
/// What the guest gets by default.
const GUEST: Ipv4Addr = Ipv4Addr::new(10, 0, 2, 15);
const NAME_SERVER: Ipv4Addr = Ipv4Addr::new(10, 0, 2, 3);
const HOST6: Ipv6Addr = Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 2);

pub(super) fn cases() -> impl Iterator<Item = Case> {
    let with = Setting::with_offloads;
    [
        Case::new("dhcp", with(), dhcp),
        Case::new("dhcp/udhcpc", with(), udhcpc).with_program("busybox"),
        Case::new("ping", with(), ping),
        Case::new("ipv6", with(), ipv6).with_ipv6(),
        Case::new("ipv6/plain", Setting::plain(), ipv6).with_ipv6(),
    ]
    .into_iter()
}

fn dhcp(setting: &Setting) -> Outcome {
    let guest = Guest::without_address(setting)?;
    let lease = guest.request_lease()?;
    let given = (lease.address, lease.prefix, lease.router);
    if given != (GUEST, 24, Some(HOST)) || lease.name_servers != [NAME_SERVER] {
        return Err(format!("{lease:?}").into());
    }
    Ok(())
}

fn udhcpc(setting: &Setting) -> Outcome {
    let guest = Guest::without_address(setting)?;
    let directory = tempfile::tempdir()?;
    let (script, told) = (
        directory.path().join("script"),
        directory.path().join("told"),
    );
    // What udhcpc runs at every step, with what it knows in the environment.
    let text = format!(
        "#!/bin/sh\n[ \"$1\" = bound ] && echo \"$ip $subnet $router $dns\" > {}\nexit 0\n",
        told.display()
    );
    fs::write(&script, text)?;
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755))?;
    let output = guest.network.run(move || {
        Command::new("busybox")
            .args([
                "udhcpc", "-i", "guest", "-n", "-q", "-f", "-t", "10", "-T", "1", "-s",
            ])
            .arg(script)
            .output()
    })?;
    let text = fs::read_to_string(told).map_err(|_| format!("no lease: {output:?}"))?;
    match text.trim() {
        "10.0.2.15 255.255.255.0 10.0.2.2 10.0.2.3" => Ok(()),
        other => Err(other.into()),
    }
}

fn ping(setting: &Setting) -> Outcome {
    let guest = Guest::new(setting)?;
    let mut socket = guest.network.run(IcmpSocket::new)?;
    for payload in [0, 56, 1400] {
        let answer = socket.ping(HOST, payload, PATIENCE)?;
        answer.ok_or_else(|| format!("no answer to {payload} bytes"))?;
    }
    Ok(())
}

fn ipv6(setting: &Setting) -> Outcome {
    let guest = Guest::without_address(setting)?;
    let interface = guest.interface.clone();
    guest.network.run(move || interface.enable_ipv6())?;
    let start = Instant::now();
    loop {
        let interface = guest.interface.clone();
        let addresses = guest.network.run(move || interface.ipv6_addresses())?;
        if addresses
            .iter()
            .any(|address| address.segments()[..4] == HOST6.segments()[..4])
        {
            break;
        }
        if start.elapsed() > PATIENCE {
            return Err(format!("no address from the router's prefix: {addresses:?}").into());
        }
        thread::sleep(Duration::from_millis(10));
    }
    for sender in [Sender::Client, Sender::Server, Sender::Both] {
        let listener = TcpListener::bind("[::1]:0")?;
        let port = listener.local_addr()?.port();
        exchange(
            listener,
            || guest.connect((HOST6, port).into()),
            sender,
            LENGTH,
        )?;
    }
    Ok(())
}
