use std::io::{Read, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;

use libc::{CAP_EVENT, CAP_IOCTL, CAP_KQUEUE_EVENT, CAP_READ, CAP_WRITE};
use net_backend_core::{Activation, ErrorKind, NetBackend};
use rustix::io::ioctl_fionread;

use super::*;
use crate::{Netmap, NetmapConfig};

fn socket() -> (UnixStream, UnixStream) {
    let (near, far) = UnixStream::pair().unwrap();
    near.set_nonblocking(true).unwrap();
    (near, far)
}

fn words(of: &[u64]) -> [u64; 2] {
    WORDS.map(|mark| {
        let of = of.iter().filter(|right| *right & mark != 0);
        of.fold(mark, |union, right| union | right)
    })
}

fn is_refused<T>(result: io::Result<T>) -> bool {
    result.is_err_and(|error| error.raw_os_error() == Some(libc::ENOTCAPABLE))
}

#[test]
fn only_what_is_wanted_is_left_and_what_was_duplicated_before_keeps_all() {
    let (near, far) = socket();
    let before = near.try_clone().unwrap();
    let all = rights(near.as_fd()).unwrap();
    let some = [CAP_READ, CAP_EVENT];
    limit(near.as_fd(), &some, &[]).unwrap();

    let after = near.try_clone().unwrap();
    assert_eq!(rights(near.as_fd()).unwrap(), words(&some));
    assert_eq!(rights(after.as_fd()).unwrap(), words(&some));
    assert_eq!(rights(before.as_fd()).unwrap(), all);
    assert!(
        is_refused((&near).write(&[1])) && is_refused(ioctl_fionread(&near).map_err(Into::into))
    );
    assert_eq!((&before).write(&[1]).unwrap(), 1);
    assert_eq!((&far).write(&[2]).unwrap(), 1);
    assert_eq!((&near).read(&mut [0; 8]).unwrap(), 1);
}

#[test]
fn requests_are_allowed_by_number() {
    let (near, _far) = socket();
    limit(near.as_fd(), &[], &[libc::FIONREAD]).unwrap();
    assert_eq!(ioctl_fionread(&near).unwrap(), 0);
    // FIONBIO.
    assert!(is_refused(near.set_nonblocking(false)));
    assert!(is_refused((&near).read(&mut [0; 8])));
}

#[test]
fn what_was_passed_with_less_keeps_less() {
    let (near, _far) = socket();
    limit(near.as_fd(), &[CAP_READ], &[]).unwrap();
    let more = [CAP_READ, CAP_WRITE];
    limit(near.as_fd(), &more, &[libc::FIONREAD]).unwrap();
    assert_eq!(rights(near.as_fd()).unwrap(), words(&[CAP_READ]));
}

#[test]
fn no_descriptor_of_a_port_has_more_than_it_needs() {
    let uri = format!("netmap:vale{}:rights?rings=2", std::process::id() % 1000);
    let config = NetmapConfig::from_uri(&uri.parse().unwrap()).unwrap();
    let mut port = match Netmap::open(&config) {
        Err(error) if matches!(error.kind(), ErrorKind::Permission | ErrorKind::NotFound) => {
            return eprintln!("skipped: {error}");
        }
        port => port.unwrap(),
    };
    let control: &[u64] = &[CAP_EVENT, CAP_IOCTL];
    let source: &[u64] = &[CAP_EVENT];
    for (index, descriptor) in port.descriptors().into_iter().enumerate() {
        let expected = if index % 2 == 0 { control } else { source };
        assert_eq!(rights(descriptor).unwrap(), words(expected), "{index}");
    }
    // One pair, which waits for two rings.
    let pairs = port.activate(&Activation::plain()).unwrap();
    let set = pairs[0].rx.source().descriptor;
    assert_eq!(rights(set).unwrap(), words(&[CAP_EVENT, CAP_KQUEUE_EVENT]));
}
