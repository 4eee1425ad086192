//! Guests that do what no driver does: whatever it is, a turn ends soon, nothing is touched that is not theirs, and the
//! device is as good as before after a reset.

#![expect(clippy::panic, clippy::unwrap_used, reason = "tests may fail so")]

mod chains;
mod commands;
mod guests;
mod rings;

use net_backend_vhost_user::testing::hostile;
use proptest::prelude::*;

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 200,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn frames_of_any_guest(script in prop::collection::vec(any::<u8>(), 0..1500)) {
        hostile::frames(&script);
    }

    #[test]
    fn commands_of_any_guest(script in prop::collection::vec(any::<u8>(), 0..1500)) {
        hostile::commands(&script);
    }
}
