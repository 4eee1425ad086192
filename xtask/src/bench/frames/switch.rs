//! Ports of VALE switches, and pipes of netmap.

use anyhow::{Error, Result};
use net_backend::bench::Unavailable;
use net_backend::bench::frames::{BackendEnd, Opened, Shape};

use super::subjects;

/// Opens a port, and another one of the same switch, or the other end of the pipe.
///
/// # Errors
///
/// What the backend says; that the port is one of a NIC.
pub(super) fn open(uri: &str, shape: Shape) -> Result<Opened> {
    let backend = subjects::open(uri, shape)?;
    let other = other_end(backend.describe().target());
    let other = other.ok_or_else(|| Unavailable::new("its far end is on a wire"))?;
    let far = net_backend::open(&format!("netmap:{other}"))?;
    let far = BackendEnd::new(far, shape).map_err(Error::from_boxed)?;
    Ok(Opened::new(backend, far))
}

/// The port to open at the far end; `None` for what has none on this machine.
fn other_end(port: &str) -> Option<String> {
    if let Some((base, pipe)) = port.split_once('{') {
        return Some(format!("{base}}}{pipe}"));
    }
    if let Some((base, pipe)) = port.split_once('}') {
        return Some(format!("{base}{{{pipe}"));
    }
    let (switch, name) = port.split_once(':')?;
    let other = match name {
        "far" => "far2",
        _ => "far",
    };
    switch
        .starts_with("vale")
        .then(|| format!("{switch}:{other}"))
}

#[cfg(test)]
mod tests {
    use super::other_end;

    #[test]
    fn ports_have_another_end() {
        let other = |port| other_end(port);
        assert_eq!(other("vale0:bench").as_deref(), Some("vale0:far"));
        assert_eq!(other("vale0:far").as_deref(), Some("vale0:far2"));
        assert_eq!(other("vale0:bench{1").as_deref(), Some("vale0:bench}1"));
        assert_eq!(other("em0}pipe").as_deref(), Some("em0{pipe"));
        assert_eq!(other("em0"), None);
        assert_eq!(other("em0^"), None);
    }
}
