//! Any text as bhyve and QEMU would have it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use net_backend::netgraph::{NetgraphConfig, NgdConfig};
use net_backend::netmap::NetmapConfig;
use net_backend::{ConfigError, Error, Uri, compat};

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
            let position = read(&uri).err().map_or(0, |error| error.position());
            assert!(printed.is_char_boundary(position), "{printed}");
        }
        Err(Error::Config(error)) => {
            assert!(text.is_char_boundary(error.position()), "{error}");
        }
        Err(error) => panic!("{error}"),
    }
});

/// As the backend reads it, for those that have names of their own kind. What they print reads the same.
fn read(uri: &Uri) -> Result<(), ConfigError> {
    match uri.scheme() {
        "netmap" => {
            let config = NetmapConfig::from_uri(uri)?;
            assert_eq!(NetmapConfig::from_uri(&config.to_uri()), Ok(config));
        }
        "netgraph" => {
            let config = NetgraphConfig::from_uri(uri)?;
            assert_eq!(NetgraphConfig::from_uri(&config.to_uri()), Ok(config));
        }
        "ngd" => {
            let config = NgdConfig::from_uri(uri)?;
            assert_eq!(NgdConfig::from_uri(&config.to_uri()), Ok(config));
        }
        _ => {}
    }
    Ok(())
}
