//! Any text as a URI, and its options by the table of every driver. Nothing is opened.
#![no_main]

use libfuzzer_sys::fuzz_target;
use net_backend::{ConfigError, Mtu, OptionValue, Uri};

fuzz_target!(|text: &str| {
    let uri: Uri = match text.parse() {
        Ok(uri) => uri,
        Err(error) => return in_bounds(text, &error),
    };
    let printed = uri.to_string();
    assert_eq!(
        printed.parse().as_ref(),
        Ok(&uri),
        "{text} prints as {printed}"
    );

    for driver in net_backend::drivers() {
        match uri.options(driver.options) {
            Ok(options) => {
                for option in driver.options {
                    options
                        .values(option.key)
                        .for_each(|value| read(text, &value));
                }
            }
            Err(error) => in_bounds(text, &error),
        }
    }
    if let Err(error) = uri.without_target() {
        in_bounds(text, &error);
    }
});

/// Reads the value as everything that an option may be.
fn read(text: &str, value: &OptionValue<'_>) {
    let complaints = [
        value.number(0..=u64::MAX).err(),
        value.number(1..=256_u16).err(),
        value.mtu(Mtu::MIN..=Mtu::MAX).err(),
        value.mac().err(),
        value.switch().err(),
    ];
    for error in complaints.iter().flatten() {
        in_bounds(text, error);
    }
}

fn in_bounds(text: &str, error: &ConfigError) {
    assert!(text.is_char_boundary(error.position()), "{error}");
}
