//! Any text as a rule of `hostfwd` or `guestfwd`, or as the host side of one that is to go.
#![no_main]

use std::fmt::{Debug, Display};
use std::str::FromStr;

use libfuzzer_sys::fuzz_target;
use net_backend::ConfigError;
use net_backend::slirp::{GuestForward, HostForward, HostForwardKey};

fuzz_target!(|text: &str| {
    if let Some(rule) = read::<HostForward>(text) {
        let key = HostForwardKey::from(&rule);
        assert!(key.matches(&rule, &[]), "{key} and {rule}");
        assert_eq!(read(&key.to_string()), Some(key));
    }
    read::<GuestForward>(text);
    read::<HostForwardKey>(text);
});

/// What is read prints as a text that reads the same.
fn read<T>(text: &str) -> Option<T>
where
    T: FromStr<Err = ConfigError> + Display + PartialEq + Debug,
{
    match text.parse::<T>() {
        Ok(rule) => {
            let printed = rule.to_string();
            assert_eq!(
                printed.parse().as_ref(),
                Ok(&rule),
                "{text} prints as {printed}"
            );
            Some(rule)
        }
        Err(error) => {
            assert!(text.is_char_boundary(error.position()), "{error}");
            None
        }
    }
}
