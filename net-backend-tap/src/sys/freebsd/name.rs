//! Names of taps. Nothing here calls the system.

/// The drivers whose interfaces the kernel makes when their device is opened.
const DRIVERS: [&str; 2] = ["tap", "vmnet"];

/// Names become paths below /dev, so that they cannot have everything that an interface name could have.
pub(crate) fn check_name(name: &str) -> Result<(), &'static str> {
    if name == "." || name == ".." {
        return Err("is not an interface name");
    }
    let graphic = name.bytes().all(|byte| byte.is_ascii_graphic());
    if name.contains('/') || !graphic {
        return Err(
            "has a character that a device name cannot have: a slash, white space or the like",
        );
    }
    if DRIVERS.contains(&name) {
        return Err("has no number; write tap%d or vmnet%d for a free one");
    }
    if name.contains('%') && driver_of_pattern(name).is_none() {
        return Err("has a percent sign; only tap%d and vmnet%d stand for a free number");
    }
    Ok(())
}

/// The driver in `tap%d`, which stands for a free number.
pub(super) fn driver_of_pattern(name: &str) -> Option<&str> {
    name.strip_suffix("%d")
        .filter(|driver| DRIVERS.contains(driver))
}

/// Whether the kernel would make this interface if it does not exist: `tap0`, `vmnet12`.
pub(super) fn can_be_made(name: &str) -> bool {
    let mut numbers = DRIVERS
        .into_iter()
        .filter_map(|driver| name.strip_prefix(driver));
    numbers.any(|number| {
        let digits = number.bytes().all(|byte| byte.is_ascii_digit());
        // IF_MAXUNIT (sys/net/if.h); dev_stdclone takes no leading zeros.
        let canonical = number == "0" || !number.starts_with('0');
        digits && canonical && number.parse().is_ok_and(|number: u16| number <= 0x7fff)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_can_be_taps() {
        for name in ["tap0", "vmnet12", "tap%d", "vmnet%d", "vm-net.7", "tap0x"] {
            assert_eq!(check_name(name), Ok(()), "{name}");
        }
        for name in [
            "tap", "vmnet", "tun%d", "tap%d%d", "a b", "../tap0", "..", "tap%s", "t\0",
        ] {
            assert!(check_name(name).is_err(), "{name}");
        }
    }

    #[test]
    fn only_numbered_names_of_the_drivers_are_made() {
        for name in ["tap0", "tap7", "vmnet12", "tap32767"] {
            assert!(can_be_made(name), "{name}");
        }
        for name in [
            "tap", "tap01", "tap+1", "tap32768", "tun0", "tap0x", "xtap0", "tap%d",
        ] {
            assert!(!can_be_made(name), "{name}");
        }
        assert_eq!(driver_of_pattern("vmnet%d"), Some("vmnet"));
        assert_eq!(driver_of_pattern("tun%d"), None);
    }
}
