//! `netmap,id=n0,ifname=vale0:vm1`

use net_backend_core::{ConfigError, ConfigProblem, Uri};

use crate::compat::words::{Keys, Program, Rule, Words};

const NETMAP: Keys = Keys {
    of: "QEMU's netmap",
    rules: &[
        ("ifname", Rule::Translated),
        (
            "devname",
            Rule::Only(&["/dev/netmap"], "netmap has no other device; leave it out"),
        ),
        ("id", Rule::Ignored),
        (
            "type",
            Rule::Only(
                &["netmap"],
                "the first word says netmap already; leave type out",
            ),
        ),
    ],
};

pub(super) fn translate(words: &Words<'_>) -> Result<Uri, ConfigError> {
    words.check(&NETMAP)?;
    let Some(name) = words.option("ifname") else {
        let message = "QEMU's netmap needs a port; write ifname=netmap:em0 or ifname=vale0:vm1";
        return Err(words.error(ConfigProblem::BadTarget, 0, message));
    };
    Ok(Uri::new("netmap").with_target(name.netmap_port(Program::Qemu)?))
}
