//! TCP between the guest's kernel and the host's, every byte compared.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};

use crate::guest::{Guest, HOST, PATIENCE, Setting};
use crate::harness::{Case, Outcome};
use crate::noise::Noise;
use crate::stream::{Sender, exchange};

/// Bytes over a good cable and over a bad one.
const LENGTH: usize = 100 << 20;
const LENGTH_WITH_NOISE: usize = 8 << 20;
/// Where the guest listens.
const PORT: u16 = 8080;

pub(super) fn cases() -> impl Iterator<Item = Case> {
    let kinds = [
        ("offloads", Setting::with_offloads()),
        ("plain", Setting::plain()),
    ];
    kinds.into_iter().flat_map(|(name, setting)| {
        let old = Setting {
            modern: false,
            ..setting.clone()
        };
        let forwarded = Setting {
            options: "&hostfwd=tcp:127.0.0.1:0-:8080",
            ..setting.clone()
        };
        [
            Case::new(format!("transfer/{name}"), setting.clone(), transfer),
            Case::new(format!("hostfwd/{name}"), forwarded.clone(), hostfwd),
            Case::new(format!("noise/{name}"), noisy(setting), noise),
            Case::new(format!("noise/{name}/old-tcp"), noisy(old), noise),
            Case::new(format!("noise/{name}/hostfwd"), noisy(forwarded), noise_in),
        ]
    })
}

/// The same over a bad cable.
fn noisy(setting: Setting) -> Setting {
    Setting {
        noise: Some(0x5eed),
        ..setting
    }
}

fn transfer(setting: &Setting) -> Outcome {
    let guest = Guest::new(setting)?;
    for sender in [Sender::Client, Sender::Server] {
        out(&guest, sender, LENGTH)?;
    }
    let super_frames = guest.unplug()?.super_frames;
    let expected = !setting.features.is_empty();
    if super_frames.map(|count| count > 0) != [expected; 2] {
        return Err(format!("super-frames out and back: {super_frames:?}").into());
    }
    Ok(())
}

fn hostfwd(setting: &Setting) -> Outcome {
    let guest = Guest::new(setting)?;
    for sender in [Sender::Client, Sender::Server, Sender::Both] {
        inward(&guest, sender, LENGTH / 10)?;
    }
    Ok(())
}

fn noise(setting: &Setting) -> Outcome {
    let guest = Guest::new(setting)?;
    for sender in [Sender::Client, Sender::Server, Sender::Both] {
        out(&guest, sender, LENGTH_WITH_NOISE)?;
    }
    is_disturbed(guest)
}

fn noise_in(setting: &Setting) -> Outcome {
    let guest = Guest::new(setting)?;
    for sender in [Sender::Client, Sender::Server] {
        inward(&guest, sender, LENGTH_WITH_NOISE)?;
    }
    is_disturbed(guest)
}

/// A connection of the guest to a server on the host.
fn out(guest: &Guest, sender: Sender, length: usize) -> Outcome {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let port = listener.local_addr()?.port();
    exchange(
        listener,
        || guest.connect((HOST, port).into()),
        sender,
        length,
    )
}

/// A connection of the host to a server in the guest.
fn inward(guest: &Guest, sender: Sender, length: usize) -> Outcome {
    let listen = || TcpListener::bind((Ipv4Addr::UNSPECIFIED, PORT));
    let listener = guest.network.run(listen)?;
    let bound = guest.bound.first().copied();
    let bound: SocketAddr = bound.ok_or("the rule is not bound")?;
    let connect = || Ok(TcpStream::connect_timeout(&bound, PATIENCE)?);
    exchange(listener, connect, sender, length)
}

fn is_disturbed(guest: Guest) -> Outcome {
    let noise = guest.unplug()?.noise;
    let did = |what: fn(&Noise) -> u64| noise.iter().flatten().all(|noise| what(noise) > 0);
    match did(|noise| noise.lost) && did(|noise| noise.doubled) && did(|noise| noise.delayed) {
        true => Ok(()),
        false => Err("the cable was not bad enough".into()),
    }
}
