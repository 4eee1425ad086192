//! Forwarded ports, in both directions.

use std::ffi::CString;
use std::fs;
use std::io::{ErrorKind, Read};
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpStream, UdpSocket};
use std::os::unix::net::{UnixListener, UnixStream};
use std::time::Duration;

use libtest_mimic::Failed;

use crate::Case;
use crate::frames::{ACK, GATEWAY, GUEST, PSH, SYN, udp_payload};
use crate::guest::Guest;
use crate::network::case;
use crate::surroundings::directory;
use crate::sys::sockets::{self, SocketAddress};
use crate::sys::{Events, HostAddress, Library};

type Outcome = Result<(), Failed>;

pub(crate) fn cases() -> Vec<Case> {
    vec![
        case("host_forward", host_forward).on_loopback(),
        case("host_forward_ipv6", host_forward_ipv6).on_loopback(),
        case("host_forward_unix", host_forward_unix).with_files(),
        case("host_forward_datagrams", host_forward_datagrams).on_loopback(),
        case("guest_forward", guest_forward).with_files(),
    ]
}

fn host_forward() -> Outcome {
    let mut guest = Guest::new(&Library::open(None)?);
    let host = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let inside = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 80));
    guest
        .instance
        .add_host_forward(false, &HostAddress::Socket(host), inside, false)?;
    let wanted = guest.wanted();
    let [(listener, events)] = wanted[..] else {
        return Err(format!("{wanted:?}").into());
    };
    assert!(events.contains(Events::IN));
    assert!(sockets::is_listener(listener));
    sockets::set_backlog(listener, 64)?;
    let Some(SocketAddress::Ip(bound)) = sockets::local_address(listener) else {
        return Err("not bound".into());
    };
    assert_ne!(bound.port(), 0);

    // Nobody accepts meanwhile: with libslirp's backlog of 1 the third would have to wait.
    let streams = (0..8).map(|_| TcpStream::connect_timeout(&bound, Duration::from_secs(20)));
    let streams: Vec<TcpStream> = streams.collect::<Result<_, _>>()?;
    let syn = guest.segment(SYN);
    assert_eq!(syn.port, 80);
    drop(streams);

    let taken = HostAddress::Socket(bound);
    let again = guest
        .instance
        .add_host_forward(false, &taken, inside, false);
    assert_eq!(again.expect_err("bound").kind(), ErrorKind::AddrInUse);
    guest.instance.remove_host_forward(false, &taken)?;
    assert!(guest.instance.host().unregistered.contains(&listener));
    let again = guest.instance.remove_host_forward(false, &taken);
    assert_eq!(again.expect_err("removed").kind(), ErrorKind::NotFound);
    let refused = TcpStream::connect(bound).expect_err("removed");
    assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
    Ok(())
}

fn host_forward_ipv6() -> Outcome {
    let mut guest = Guest::new(&Library::open(None)?);
    let inside: SocketAddr = "[fec0::15]:80".parse()?;
    // Longer than libslirp has room for: it would abort the process.
    let zone: SocketAddr = "[fe80:1111:2222:3333:4444:5555:6666:7777%1]:0".parse()?;
    for (host, inside) in [(zone, inside), (inside, zone)] {
        let host = HostAddress::Socket(host);
        let refused = guest.instance.add_host_forward(false, &host, inside, true);
        assert_eq!(
            refused.expect_err("too long").kind(),
            ErrorKind::InvalidInput
        );
    }
    let host = HostAddress::Socket("[::1]:0".parse()?);
    match guest.instance.add_host_forward(false, &host, inside, true) {
        // This machine has no IPv6.
        Err(error) if error.kind() == ErrorKind::AddrNotAvailable => return Ok(()),
        result => result?,
    }
    let listener = guest.wanted()[0].0;
    let Some(SocketAddress::Ip(bound)) = sockets::local_address(listener) else {
        return Err("not bound".into());
    };
    assert!(bound.is_ipv6());
    guest
        .instance
        .remove_host_forward(false, &HostAddress::Socket(bound))?;
    Ok(())
}

fn host_forward_unix() -> Outcome {
    let directory = directory()?;
    let path = directory.path().join("forward");
    let mut guest = Guest::new(&Library::open(None)?);
    let host = HostAddress::Unix(&path);
    let inside = SocketAddr::from((GUEST, 22));
    guest
        .instance
        .add_host_forward(false, &host, inside, false)?;
    let listener = guest.wanted()[0].0;
    let bound = SocketAddress::Unix(Some(path.clone()));
    assert_eq!(sockets::local_address(listener), Some(bound));
    let _stream = UnixStream::connect(&path)?;
    assert_eq!(guest.segment(SYN).port, 22);
    guest.instance.remove_host_forward(false, &host)?;
    assert!(fs::exists(&path)?, "libslirp removes the file by itself");

    let long = "x".repeat(200);
    let wrong = [
        (true, path.as_path()),
        (false, "".as_ref()),
        (false, long.as_ref()),
    ];
    for (udp, path) in wrong {
        let host = HostAddress::Unix(path);
        let result = guest.instance.add_host_forward(udp, &host, inside, false);
        assert!(result.is_err(), "{path:?}");
    }
    Ok(())
}

fn host_forward_datagrams() -> Outcome {
    let mut guest = Guest::new(&Library::open(None)?);
    let host = HostAddress::Socket(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)));
    let inside = SocketAddr::from((GUEST, 53));
    guest
        .instance
        .add_host_forward(true, &host, inside, false)?;
    let socket = guest.wanted()[0].0;
    let Some(SocketAddress::Ip(bound)) = sockets::local_address(socket) else {
        return Err("not bound".into());
    };
    assert!(!sockets::is_listener(socket));
    assert!(sockets::set_backlog(socket, 5).is_err());
    UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?.send_to(b"question", bound)?;
    guest.expect(|frame| (udp_payload(frame)? == b"question").then_some(()));
    let tcp = guest
        .instance
        .remove_host_forward(false, &HostAddress::Socket(bound));
    assert_eq!(tcp.expect_err("it is UDP").kind(), ErrorKind::NotFound);
    guest
        .instance
        .remove_host_forward(true, &HostAddress::Socket(bound))?;
    Ok(())
}

/// To a command and to a socket file, at an address that libslirp chooses and at one that is given.
fn guest_forward() -> Outcome {
    let directory = directory()?;
    let path = directory.path().join("service");
    let service = UnixListener::bind(&path)?;
    let path = CString::new(path.into_os_string().into_encoded_bytes())?;
    let mut guest = Guest::new(&Library::open(None)?);
    let any = SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 7);
    let fourth = SocketAddrV4::new(Ipv4Addr::new(10, 0, 2, 4), 7);
    let other = SocketAddrV4::new(Ipv4Addr::new(10, 0, 2, 99), 8);
    guest.instance.add_command(any, c"cat")?;
    guest.instance.add_unix(other, &path)?;
    let outside = SocketAddrV4::new(Ipv4Addr::new(192, 0, 2, 1), 7);
    for wrong in [outside, SocketAddrV4::new(GATEWAY, 7)] {
        let refused = guest.instance.add_command(wrong, c"cat");
        assert_eq!(refused.expect_err("wrong").kind(), ErrorKind::InvalidInput);
    }
    for taken in [any, fourth, other] {
        let refused = guest.instance.add_command(taken, c"cat");
        assert_eq!(refused.expect_err("taken").kind(), ErrorKind::AddrInUse);
    }

    let mut segment = guest.connect(4002, (*fourth.ip(), 7));
    segment.flags = ACK | PSH;
    segment.payload = b"echo".to_vec();
    guest.send(&segment);
    assert_eq!(guest.segment(PSH).payload, b"echo");

    let mut segment = guest.connect(4003, (*other.ip(), 8));
    segment.flags = ACK | PSH;
    segment.payload = b"hello".to_vec();
    guest.send(&segment);
    let (mut stream, _) = service.accept()?;
    let mut heard = [0; 5];
    stream.read_exact(&mut heard)?;
    assert_eq!(&heard, b"hello");
    Ok(())
}
