//! Any text as the name of a netmap port, and as a URI of one.
#![no_main]

use libfuzzer_sys::fuzz_target;
use net_backend::Uri;
use net_backend::netmap::{NetmapConfig, PortName};

fuzz_target!(|text: &str| {
    match text.parse::<PortName>() {
        Ok(name) => {
            let printed = name.to_string();
            assert_eq!(
                printed.parse().as_ref(),
                Ok(&name),
                "{text} prints as {printed}"
            );
            let kernel_name = name.kernel_name();
            assert!(kernel_name.starts_with(name.base().as_bytes()), "{text}");
            assert!(kernel_name.ends_with(&[0]), "{text}");
        }
        Err(error) => assert!(text.is_char_boundary(error.position()), "{error}"),
    }

    let text = format!("netmap:{text}");
    let Ok(uri) = text.parse::<Uri>() else {
        return;
    };
    match NetmapConfig::from_uri(&uri) {
        Ok(config) => {
            let printed = config.to_uri();
            assert_eq!(
                NetmapConfig::from_uri(&printed).as_ref(),
                Ok(&config),
                "{text} prints as {printed}"
            );
        }
        Err(error) => assert!(text.is_char_boundary(error.position()), "{error}"),
    }
});
