//! What tests and benchmarks have beside taps: cables between namespaces.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::process::Command;
use std::thread;

use net_backend_tap::testing::{Interface, NetworkNamespace};

use crate::support::{Case, Outcome, ensure};

pub(super) fn cases() -> Vec<Case> {
    vec![
        Case::anywhere("testing/veth", veth).if_possible(are_there_cables),
        Case::anywhere("testing/namespace-path", namespace_path).if_possible(is_there_nsenter),
    ]
}

fn are_there_cables() -> std::io::Result<()> {
    let probe = Interface::named("probe");
    probe.add_veth(&Interface::named("other"), &NetworkNamespace::new()?)?;
    probe.delete()
}

fn is_there_nsenter() -> std::io::Result<()> {
    NetworkNamespace::new()?;
    Command::new("nsenter").arg("--version").output().map(drop)
}

fn veth() -> Outcome {
    let [here, there] = [1, 2].map(|last| Ipv4Addr::new(192, 0, 2, last));
    let far = NetworkNamespace::new()?;
    let (one, other) = (Interface::named("one"), Interface::named("other"));
    one.add_veth(&other, &far)?;
    one.set_up()?;
    one.set_ipv4(here, 24)?;
    far.run(move || other.set_up().and_then(|()| other.set_ipv4(there, 24)))?;
    let listener = TcpListener::bind((here, 0))?;
    let port = listener.local_addr()?.port();
    let client = thread::spawn(move || -> std::io::Result<()> {
        far.run(move || TcpStream::connect((here, port)))?
            .write_all(b"from afar")
    });
    let (mut stream, from) = listener.accept()?;
    let mut text = String::new();
    stream.read_to_string(&mut text)?;
    ensure(
        client.join().is_ok_and(|sent| sent.is_ok()),
        "nothing was sent",
    )?;
    ensure(text == "from afar", &text)?;
    ensure(from.ip() == there, &from.to_string())
}

fn namespace_path() -> Outcome {
    let network = NetworkNamespace::new()?;
    network.run(|| Interface::named("inside").add_bridge())?;
    let mut command = Command::new("nsenter");
    command.arg(format!("--net={}", network.path().display()));
    let output = command.args(["cat", "/proc/self/net/dev"]).output()?;
    let seen = String::from_utf8_lossy(&output.stdout).into_owned();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    ensure(seen.contains("inside:"), &format!("{seen}{said}"))
}
