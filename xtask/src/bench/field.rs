//! Who takes part in the sections that compare backends.

use std::fmt;

use net_backend::Uri;
use net_backend::bench::LeftOut;

use super::MakeCase;
use crate::needs::{self, Need};

/// What is measured where nothing is named.
const DEFAULTS: [&str; 6] = [
    "tap:",
    "slirp:",
    "slirp:?thread=none",
    "loopback:",
    "vale0:bench",
    "netgraph:?bridge=bench0",
];

/// Who takes part.
#[derive(Clone, Debug)]
pub(super) struct Field {
    /// URIs that can be opened here.
    pub(super) uris: Vec<String>,
    /// Whether other programs and libraries take part.
    pub(super) peers: bool,
}

impl Field {
    /// The backends that are `named`, or else all that this machine can open; and those that it cannot.
    pub(super) fn new(named: &[String], peers: bool) -> (Self, Vec<LeftOut>) {
        let defaults = || DEFAULTS.map(str::to_owned).to_vec();
        let wanted = match named {
            [] => defaults(),
            named => named.to_vec(),
        };
        let (mut uris, mut left_out) = (Vec::new(), Vec::new());
        for uri in wanted {
            match net_backend::open(&openable(&uri)) {
                Ok(_) => uris.push(uri),
                Err(error) => left_out.push(LeftOut {
                    what: uri,
                    why: error.to_string(),
                    is_failure: !named.is_empty(),
                }),
            }
        }
        (Self { uris, peers }, left_out)
    }

    /// Whether somebody else's program takes part: `Err` with the remedy if it should, and is not installed.
    pub(super) fn admits(&self, peer: &str, need: &Need) -> Result<bool, LeftOut> {
        if !self.peers || needs::is_met(need) {
            return Ok(self.peers);
        }
        let package = need.package;
        Err(LeftOut {
            what: peer.to_owned(),
            why: format!("it is not installed: --setup does, or `sudo apt-get install {package}`"),
            is_failure: false,
        })
    }
}

/// What is opened for a URI of the field: a tap without a name gets one.
pub(super) fn openable(uri: &str) -> String {
    match uri.strip_prefix("tap:") {
        Some(rest) if rest.is_empty() || rest.starts_with('?') && !rest.contains("fd") => {
            format!("tap:bench%d{rest}")
        }
        _ => uri.to_owned(),
    }
}

/// This URI with an IP MTU of so many bytes, unless it has one.
pub(super) fn with_mtu(uri: Uri, mtu: impl fmt::Display) -> Uri {
    let has_one = uri.pairs().any(|(key, _)| key == "mtu");
    match has_one {
        true => uri,
        false => uri.with_option("mtu", mtu),
    }
}

/// Cases, and what cannot be measured.
#[derive(Default)]
pub(super) struct Section {
    pub(super) cases: Vec<MakeCase>,
    pub(super) left_out: Vec<LeftOut>,
}

impl Section {
    /// One whose cases can all be measured.
    pub(super) fn of(cases: Vec<MakeCase>) -> Self {
        Self {
            cases,
            left_out: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_taps_without_a_name_get_one() {
        assert_eq!(openable("tap:"), "tap:bench%d");
        assert_eq!(openable("tap:?mtu=9000"), "tap:bench%d?mtu=9000");
        for uri in ["tap:x?mtu=9000", "tap:?fd=3", "slirp:", "loopback:"] {
            assert_eq!(openable(uri), uri);
        }
    }
}
