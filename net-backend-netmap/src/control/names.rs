//! Names that requests about ports may have. Other than in the names of ports to open, there are no suffixes, so an
//! interface may have any name that the system gives it.

use net_backend_core::{ConfigError, ConfigProblem};

use crate::abi::{self, NAME_BYTES};
use crate::name::LONGEST_INTERFACE;

/// What all switches begin with.
const PREFIX: &str = "vale";

/// A port of a VALE switch, `vale0:em0`.
pub(super) fn switch_port(text: &str) -> Result<[u8; NAME_BYTES], ConfigError> {
    let wrong = |position, message: &str| Err(error(text, position, message));
    let Some((switch, interface)) = text.split_once(':') else {
        return wrong(0, "is no port of a VALE switch; write vale0:em0");
    };
    if !switch.starts_with(PREFIX) {
        return wrong(0, "is in no VALE switch; write vale0:em0");
    }
    let is_other = |c: char| !c.is_ascii_alphanumeric() && c != '_';
    if let Some(position) = switch.find(is_other) {
        let message = "has a switch whose name has more than letters, digits and _ in it";
        return wrong(position, message);
    }
    if switch.len() > LONGEST_INTERFACE {
        return wrong(
            LONGEST_INTERFACE,
            "has a switch with more than 15 bytes in its name",
        );
    }
    check_interface(text, interface, switch.len() + 1)?;
    Ok(abi::name(text))
}

/// A port: an interface or a port of a VALE switch.
pub(super) fn port(text: &str) -> Result<[u8; NAME_BYTES], ConfigError> {
    match text.starts_with(PREFIX) {
        true => switch_port(text),
        false => interface(text),
    }
}

/// A persistent VALE interface, whose name does not begin like a switch's.
pub(super) fn new_interface(text: &str) -> Result<[u8; NAME_BYTES], ConfigError> {
    if text.starts_with(PREFIX) {
        return Err(error(text, 0, "begins as switches do; an interface cannot"));
    }
    interface(text)
}

fn interface(text: &str) -> Result<[u8; NAME_BYTES], ConfigError> {
    check_interface(text, text, 0)?;
    Ok(abi::name(text))
}

/// Whether `interface`, which begins at `start`, can be the name of one.
fn check_interface(text: &str, interface: &str, start: usize) -> Result<(), ConfigError> {
    if interface.is_empty() {
        return Err(error(text, start, "names no interface"));
    }
    let is_none = |c: char| c.is_whitespace() || c.is_control() || c == '/' || c == ':';
    if let Some(position) = interface.find(is_none) {
        return Err(error(
            text,
            start + position,
            "has an interface with a character that no interface has",
        ));
    }
    if interface.len() > LONGEST_INTERFACE {
        return Err(error(
            text,
            start + LONGEST_INTERFACE,
            "has an interface with more than 15 bytes in its name",
        ));
    }
    Ok(())
}

fn error(text: &str, position: usize, message: &str) -> ConfigError {
    ConfigError::new(
        ConfigProblem::BadTarget,
        text,
        position,
        format!("{text:?} {message}"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_whole_or_refused() {
        let longest = "vale01234567890:ethernet01234.7";
        for good in ["vale0:em0", "vale_A:br-lan", "vale:em0", longest] {
            let name = switch_port(good).unwrap();
            assert!(name.starts_with(good.as_bytes()), "{good}");
            assert!(name[good.len()..].iter().all(|byte| *byte == 0));
        }
        assert!(port("em0").is_ok() && port("vale0:vm1").is_ok() && new_interface("v1").is_ok());
    }

    #[test]
    fn names_that_are_none_are_refused_where_they_are_wrong() {
        let bad = [
            ("em0", 0),
            ("em0:1", 0),
            ("vale0", 0),
            ("vale0:", 6),
            ("vale-0:em0", 4),
            ("vale0:em 0", 8),
            ("vale0:em/0", 8),
            ("vale0:em0:1", 9),
            ("vale0:em\u{0}0", 8),
            ("vale012345678901:em0", 15),
            ("vale0:ethernet01234.78", 21),
        ];
        for (text, position) in bad {
            let error = switch_port(text).unwrap_err();
            assert_eq!((error.position(), text), (position, text));
            assert_eq!(error.problem(), ConfigProblem::BadTarget);
        }
        assert!(port("vale7").is_err() && port("").is_err());
        assert!(new_interface("vale7").is_err() && new_interface("0123456789abcdef").is_err());
    }
}
