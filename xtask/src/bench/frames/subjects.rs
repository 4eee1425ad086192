//! Who takes part.

use anyhow::{Context, Result};
use net_backend::bench::Outcome;
use net_backend::bench::frames::{Direction, Opened, Shape, Subject};
use net_backend::{Environment, Mtu, NetBackend, Uri};

use super::super::case::boxed;
use super::super::field::{openable, with_mtu};
use super::{datagrams, memory, switch, tap, tun_rs, veth};

/// What is at the far end of a backend.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// The host's side of the interface.
    Tap,
    /// A socket of the host.
    Slirp,
    /// The sender.
    Loopback,
    /// Another port of the same switch, or the other end of a pipe.
    Netmap,
}

/// Whether there is something at the far end that can count: if not, why.
pub(super) fn is_measurable(uri: &str) -> Result<(), String> {
    kind(uri).map(|_| ())
}

/// Everybody, in the order of the table.
pub(super) fn all(uris: &[String], direction: Direction, peers: bool) -> Vec<Subject> {
    let mut all: Vec<Subject> = uris.iter().map(|uri| backend(uri)).collect();
    let taps = uris.iter().filter(|uri| kind(uri) == Ok(Kind::Tap));
    let taps: Vec<&str> = taps.map(String::as_str).collect();
    if let Some(first) = taps.first() {
        // A tap with a name cannot be opened twice, and of several none is like all others.
        let has_same = taps.len() == 1 && openable(first) != *first;
        all.push(tap::by_hand(
            if has_same { first } else { "tap:" },
            direction,
        ));
        if peers {
            all.push(tun_rs::subject());
        }
    }
    all.extend([veth::subject(), memory::ring(), memory::copy()]);
    all
}

fn kind(uri: &str) -> Result<Kind, String> {
    let scheme = uri.split(':').next().unwrap_or_default();
    match scheme {
        "tap" => Ok(Kind::Tap),
        "slirp" => Ok(Kind::Slirp),
        "loopback" => Ok(Kind::Loopback),
        "netmap" => Ok(Kind::Netmap),
        scheme if scheme.starts_with("vale") => Ok(Kind::Netmap),
        "null" => Err("nothing arrives anywhere".to_owned()),
        _ => Err("this program does not know what could be at its far end".to_owned()),
    }
}

fn backend(uri: &str) -> Subject {
    let name = uri.to_owned();
    Subject::backend(uri, move |shape| -> Outcome<Opened> {
        let opened = match kind(&name)? {
            Kind::Tap => tap::open(&name, shape),
            Kind::Slirp => datagrams::open(&name, shape),
            Kind::Netmap => switch::open(&name, shape),
            Kind::Loopback => open(&name, shape).map(Opened::echo),
        };
        opened.map_err(boxed)
    })
}

/// Opens a backend with an MTU that is long enough for such frames, unless its URI has one.
///
/// # Errors
///
/// What the backend says.
pub(super) fn open(uri: &str, shape: Shape) -> Result<Box<dyn NetBackend>> {
    let uri = long_enough(openable(uri).parse()?, shape);
    net_backend::open_uri(&uri, &Environment::default()).with_context(|| format!("opening {uri}"))
}

fn long_enough(uri: Uri, shape: Shape) -> Uri {
    match shape.mtu() {
        Mtu::ETHERNET => uri,
        mtu => with_mtu(uri, mtu),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_mtu_is_added_where_there_is_none_and_it_is_needed() {
        let uri = |text: &str, length| {
            let uri = long_enough(text.parse().unwrap(), Shape::Plain(length));
            uri.to_string()
        };
        assert_eq!(uri("tap:", 1514), "tap:");
        assert_eq!(uri("tap:", 9014), "tap:?mtu=9000");
        assert_eq!(
            uri("slirp:?thread=none", 9014),
            "slirp:?thread=none&mtu=9000"
        );
        assert_eq!(uri("tap:?mtu=1400", 9014), "tap:?mtu=1400");
    }

    #[test]
    fn far_ends_are_known_by_the_scheme() {
        assert_eq!(kind("vale0:bench"), Ok(Kind::Netmap));
        assert_eq!(kind("netmap:em0"), Ok(Kind::Netmap));
        assert_eq!(kind("tap:"), Ok(Kind::Tap));
        assert!(is_measurable("null:").is_err());
        assert!(is_measurable("netgraph:?bridge=bench0").is_err());
    }

    #[test]
    fn bare_loops_are_there_for_taps_and_peers_where_they_are_wanted() {
        let names = |uris: &[&str], peers| {
            let uris: Vec<String> = uris.iter().map(|&uri| uri.to_owned()).collect();
            let all = all(&uris, Direction::Send, peers);
            all.iter()
                .map(|it| it.name().to_owned())
                .collect::<Vec<_>>()
        };
        let limits = ["veth", "ring copy", "memcpy"];
        assert_eq!(names(&["slirp:"], true)[1..], limits);
        let with = names(&["tap:"], true);
        assert_eq!(with[1..3], ["write(2) on a tap", "tun-rs"]);
        assert!(!names(&["tap:"], false).contains(&"tun-rs".to_owned()));
    }
}
