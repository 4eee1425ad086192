//! Any bytes as a virtio-net header, of either length.
#![no_main]

use libfuzzer_sys::fuzz_target;
use net_backend::{Features, HeaderLength, VirtioNetHeader};

fuzz_target!(|wire: [u8; 12]| {
    for length in HeaderLength::ALL {
        let Some(header) = VirtioNetHeader::decode(wire, length) else {
            continue;
        };
        let encoded = header.encode();
        assert_eq!(VirtioNetHeader::decode(encoded, length), Some(header));
        if length != HeaderLength::None {
            assert_eq!(encoded[..length.bytes()], wire[..length.bytes()]);
        }
        for needed in [header.transmit_features(), header.receive_features()] {
            assert!(Features::OFFLOADS.contains(needed), "{needed}");
        }
    }
});
