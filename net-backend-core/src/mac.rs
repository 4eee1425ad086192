use std::fmt;
use std::str::FromStr;

/// An Ethernet address.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MacAddr([u8; 6]);

/// Why a text is not an Ethernet address, or not one that a NIC may own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MacAddrError {
    /// Not six pairs of hexadecimal digits with colons between them.
    #[error("not six pairs of hexadecimal digits as in 52:54:00:12:34:56")]
    Malformed,
    /// The lowest bit of the first byte is set.
    #[error("a multicast address; a NIC's own address has an even first byte")]
    Multicast,
    /// All zero.
    #[error("all zero; a NIC needs an address of its own")]
    Zero,
}

impl MacAddr {
    /// `ff:ff:ff:ff:ff:ff`.
    pub const BROADCAST: Self = Self([0xff; 6]);

    /// An address from its bytes, in the order on the wire.
    pub const fn new(bytes: [u8; 6]) -> Self {
        Self(bytes)
    }

    /// The bytes, in the order on the wire.
    pub const fn bytes(self) -> [u8; 6] {
        self.0
    }

    /// A unicast, locally administered address made from `name`: the same name gives the same address, on
    /// every machine and in every version.
    pub fn local(name: &str) -> Self {
        // FNV-1a, because the standard library's hashers promise no stable value.
        let hash = name.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        let [a, b, c, d, e, f, g, h] = hash.to_be_bytes();
        Self([(a ^ g) & 0xfc | 0x02, b ^ h, c, d, e, f])
    }

    /// Whether it addresses a group (broadcast included).
    pub const fn is_multicast(self) -> bool {
        let [first, ..] = self.0;
        first & 1 != 0
    }

    /// The address itself, if a NIC may own it.
    ///
    /// # Errors
    ///
    /// [`MacAddrError::Multicast`] and [`MacAddrError::Zero`].
    pub fn owned(self) -> Result<Self, MacAddrError> {
        if self.is_multicast() {
            Err(MacAddrError::Multicast)
        } else if self.0 == [0; 6] {
            Err(MacAddrError::Zero)
        } else {
            Ok(self)
        }
    }
}

impl FromStr for MacAddr {
    type Err = MacAddrError;

    /// Parses six pairs of hexadecimal digits with colons between them.
    fn from_str(text: &str) -> Result<Self, MacAddrError> {
        let mut bytes = [0; 6];
        let mut pairs = text.split(':');
        for byte in &mut bytes {
            *byte = pairs
                .next()
                .and_then(hex_pair)
                .ok_or(MacAddrError::Malformed)?;
        }
        match pairs.next() {
            None => Ok(Self(bytes)),
            Some(_) => Err(MacAddrError::Malformed),
        }
    }
}

impl fmt::Display for MacAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

impl fmt::Debug for MacAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MacAddr({self})")
    }
}

fn hex_pair(text: &str) -> Option<u8> {
    let digits = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    digits.then(|| u8::from_str_radix(text, 16).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_and_prints() {
        let address: MacAddr = "52:54:00:AB:cd:01".parse().unwrap();
        assert_eq!(address.to_string(), "52:54:00:ab:cd:01");
    }

    #[test]
    fn refuses_what_is_not_an_address() {
        for text in [
            "",
            "52:54:00:12:34",
            "52:54:00:12:34:56:78",
            "52:54:0:12:34:56",
            "52-54-00-12-34-56",
            "+2:54:00:12:34:56",
            "52:54:00:12:34:5g",
        ] {
            assert_eq!(
                text.parse::<MacAddr>(),
                Err(MacAddrError::Malformed),
                "{text}"
            );
        }
    }

    #[test]
    fn a_nic_owns_neither_a_group_nor_nothing() {
        let owned = |text: &str| text.parse::<MacAddr>().unwrap().owned();
        assert_eq!(owned("01:00:5e:00:00:01"), Err(MacAddrError::Multicast));
        assert_eq!(owned("ff:ff:ff:ff:ff:ff"), Err(MacAddrError::Multicast));
        assert_eq!(owned("00:00:00:00:00:00"), Err(MacAddrError::Zero));
        assert!(owned("00:a0:98:00:00:01").is_ok());
    }

    #[test]
    fn names_give_stable_local_addresses() {
        assert_eq!(
            MacAddr::local("vm0").to_string(),
            MacAddr::local("vm0").to_string()
        );
        assert_ne!(MacAddr::local("vm0"), MacAddr::local("vm1"));
        for name in ["", "vm0", "guest/7", "ü"] {
            let address = MacAddr::local(name);
            assert!(address.owned().is_ok());
            assert_eq!(address.bytes()[0] & 0x03, 0x02, "{name}");
        }
    }
}
