//! Any text as the options of `slirp:`. Nothing is opened.
#![no_main]

use libfuzzer_sys::fuzz_target;
use net_backend::Uri;
use net_backend::slirp::SlirpConfig;

fuzz_target!(|options: &str| {
    let text = format!("slirp:{options}");
    let Ok(uri) = text.parse::<Uri>() else {
        return;
    };
    match SlirpConfig::from_uri(&uri) {
        Ok(config) => {
            let printed = config.to_uri().to_string();
            let read = printed.parse().and_then(|uri| SlirpConfig::from_uri(&uri));
            assert_eq!(read, Ok(config), "{text} prints as {printed}");
        }
        Err(error) => assert!(text.is_char_boundary(error.position()), "{error}"),
    }
});
