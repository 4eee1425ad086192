//! Any text as bhyve and QEMU would have it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use net_backend::netmap::NetmapConfig;
use net_backend::{Error, Uri, compat};

fuzz_target!(|text: &str| {
    match compat::parse(text) {
        Ok(uri) => {
            let printed = uri.to_string();
            assert_eq!(
                printed.parse::<Uri>().ok().as_ref(),
                Some(&uri),
                "{text} prints as {printed}"
            );
            assert!(compat::recognizes(text));
            assert!(
                compat::parse(&printed).is_err(),
                "a URI is not translated again"
            );
            if uri.scheme() == "netmap" {
                let read = NetmapConfig::from_uri(&uri);
                let position = read.err().map_or(0, |error| error.position());
                assert!(printed.is_char_boundary(position), "{printed}");
            }
        }
        Err(Error::Config(error)) => {
            assert!(text.is_char_boundary(error.position()), "{error}");
        }
        Err(error) => panic!("{error}"),
    }
});
