use std::time::Duration;

use net_backend_core::{ConfigError, ConfigProblem, MacAddr, OptionValue, Uri};

use super::options::{LAST_DEVICE, NGD_OPTIONS, NGD_OPTIONS_AND_QUEUES, PATIENCE};
use super::read::{self, given};
use super::write;

/// A device of ng_device(4) to open.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct NgdConfig {
    /// Which device: `ngd0` to `ngd999`, in `/dev`. Empty for a descriptor.
    pub name: String,
    /// How long a frame may be busy because a receiver has no room, before it is dropped. Zero drops it at once. At most
    /// a minute; a URI has whole milliseconds.
    pub patience: Duration,
    /// Checksums and segmentation in software, for guests that leave them to their NIC.
    pub offloads: bool,
    /// The address that the guest's NIC should have.
    pub mac: Option<MacAddr>,
    /// A descriptor of this process, by number: an open `/dev/ngdN`. The backend works on a duplicate: it stays open,
    /// and yours.
    pub descriptor: Option<i32>,
}

impl NgdConfig {
    /// The device of this name, with everything else left as it is.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            patience: PATIENCE,
            offloads: true,
            mac: None,
            descriptor: None,
        }
    }

    /// Reads `ngd:NAME?…`.
    ///
    /// # Errors
    ///
    /// Whatever in it is not right, before anything is touched.
    pub fn from_uri(uri: &Uri) -> Result<Self, ConfigError> {
        let options = read::options(uri, NGD_OPTIONS, NGD_OPTIONS_AND_QUEUES)?;
        let mut config = Self::new(uri.target());
        config.descriptor = given(&options, "fd", read::descriptor)?;
        check_name(uri, config.descriptor)?;
        config.patience = given(&options, "patience", read::patience)?.unwrap_or(PATIENCE);
        config.offloads = given(&options, "offloads", OptionValue::switch)?.unwrap_or(true);
        config.mac = given(&options, "mac", OptionValue::mac)?;
        Ok(config)
    }

    /// Checks what only a config that was not read from a URI can have wrong.
    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        Self::from_uri(&self.to_uri()).map(drop)
    }

    /// The URI that reads as this.
    pub fn to_uri(&self) -> Uri {
        let uri = Uri::new("ngd").with_target(&self.name);
        let options = [
            ("fd", write::text(self.descriptor.as_ref())),
            ("patience", write::patience(self.patience)),
            ("offloads", write::off(self.offloads)),
            ("mac", write::text(self.mac.as_ref())),
        ];
        write::with_options(uri, options)
    }
}

fn check_name(uri: &Uri, descriptor: Option<i32>) -> Result<(), ConfigError> {
    let refuse = |message: String| Err(uri.target_error(ConfigProblem::BadTarget, message));
    let name = uri.target();
    match descriptor {
        Some(_) if name.is_empty() => return Ok(()),
        Some(number) => {
            return refuse(format!(
                "descriptor {number} is a device already; leave {name} out, or fd={number}"
            ));
        }
        None if name.is_empty() => {
            return refuse("no device; write ngd:ngd0, or ngd:?fd=N".to_owned());
        }
        None => {}
    }
    let bare = name.strip_prefix("/dev/").unwrap_or(name);
    if bare.len() < name.len() && is_device(bare) {
        return refuse(format!("the device is in /dev anyway; write ngd:{bare}"));
    }
    if !is_device(name) {
        return refuse(format!(
            "{name} is no device of ng_device(4); write ngd0 to ngd{LAST_DEVICE}"
        ));
    }
    Ok(())
}

/// Whether ng_device(4) makes devices of this name.
fn is_device(name: &str) -> bool {
    let number = name.strip_prefix("ngd").unwrap_or_default();
    let digits = number.bytes().all(|byte| byte.is_ascii_digit());
    let padded = number.len() > 1 && number.starts_with('0');
    let number = number
        .parse()
        .ok()
        .filter(|number: &u16| *number <= LAST_DEVICE);
    digits && !padded && number.is_some()
}
