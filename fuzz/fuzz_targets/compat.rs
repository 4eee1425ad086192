//! Any text as bhyve and QEMU would have it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use net_backend::{Error, Uri, compat};

fuzz_target!(|text: &str| {
    match compat::parse(text) {
        Ok(uri) => {
            let printed = uri.to_string();
            assert_eq!(
                printed.parse::<Uri>().ok(),
                Some(uri),
                "{text} prints as {printed}"
            );
            assert!(compat::recognizes(text));
            assert!(
                compat::parse(&printed).is_err(),
                "a URI is not translated again"
            );
        }
        Err(Error::Config(error)) => {
            assert!(text.is_char_boundary(error.position()), "{error}");
        }
        Err(error) => panic!("{error}"),
    }
});
