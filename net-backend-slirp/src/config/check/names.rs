use std::path::Path;

use super::{Checked, Fault, dhcp};
use crate::config::SlirpConfig;

/// The longest name that libslirp keeps for the guest.
const LONGEST_HOSTNAME: usize = 32;
/// The longest value of a DHCP option.
const LONGEST_OPTION: usize = 255;
/// The longest file name in a BOOTP answer (RFC 951): 128 bytes with the final zero.
const LONGEST_BOOTFILE: usize = 127;
/// The longest label and the longest name in the DNS (RFC 1035, 2.3.4), without the lengths.
const LONGEST_LABEL: usize = 63;
const LONGEST_DOMAIN: usize = 253;

impl SlirpConfig {
    pub(super) fn check_names(&self) -> Checked {
        let names = [
            ("hostname", &self.hostname, LONGEST_HOSTNAME),
            ("domainname", &self.domain_name, LONGEST_OPTION),
            ("tftp-server-name", &self.tftp_server_name, LONGEST_OPTION),
            ("bootfile", &self.bootfile, LONGEST_BOOTFILE),
        ];
        for (key, name, longest) in names {
            let Some(name) = name else { continue };
            let may_have_spaces = key == "bootfile";
            check_name(name, longest, may_have_spaces)
                .map_err(|complaint| Fault::new(key, name, complaint))?;
        }
        for (index, domain) in self.dns_search.iter().enumerate() {
            check_domain(domain)
                .map_err(|complaint| Fault::new("dnssearch", domain, complaint).at(index))?;
        }
        match dhcp::excess(self) {
            excess if self.ipv4.is_some() && self.dhcp && excess > 0 => {
                let (key, value, index) = self.last_name();
                let complaint = format!(
                    "makes the answer of DHCP {excess} bytes too long, with the other names; \
                     shorten or leave out some"
                );
                Err(Fault::new(key, value, complaint).at(index))
            }
            _ => Ok(()),
        }
    }

    /// The name that DHCP gives last.
    fn last_name(&self) -> (&'static str, &str, usize) {
        if let Some(domain) = self.dns_search.last() {
            return ("dnssearch", domain, self.dns_search.len() - 1);
        }
        let names = [
            ("tftp-server-name", &self.tftp_server_name),
            ("domainname", &self.domain_name),
            ("hostname", &self.hostname),
        ];
        let mut names = names.into_iter();
        let name = names.find_map(|(key, name)| Some((key, name.as_deref()?, 0)));
        name.unwrap_or(("", "", 0))
    }

    pub(super) fn check_paths(&self) -> Checked {
        for (key, path) in [("tftp", &self.tftp), ("library", &self.library)] {
            let Some(path) = path else { continue };
            check_path(path).map_err(|complaint| Fault::new(key, path.display(), complaint))?;
        }
        Ok(())
    }
}

fn check_name(name: &str, longest: usize, may_have_spaces: bool) -> Result<(), String> {
    let is_refused = |c: char| c.is_control() || (c.is_whitespace() && !may_have_spaces);
    if name.is_empty() {
        return Err("is empty; give a name, or leave it out".to_owned());
    }
    if name.len() > longest {
        let length = name.len();
        return Err(format!("has {length} bytes; it may have {longest}"));
    }
    if name.contains(is_refused) {
        return Err("has a space or a control character in it; leave it out".to_owned());
    }
    Ok(())
}

/// A domain as the DNS has it; libslirp gives up the whole list for one that is not.
fn check_domain(domain: &str) -> Result<(), String> {
    let name = domain.strip_suffix('.').unwrap_or(domain);
    check_name(name, LONGEST_DOMAIN, false)?;
    if !name.is_ascii() {
        return Err("has letters that DNS has not; write it in its xn-- form".to_owned());
    }
    for label in name.split('.') {
        if label.is_empty() {
            return Err("has two dots in a row or one in front; leave one out".to_owned());
        }
        if label.len() > LONGEST_LABEL {
            let length = label.len();
            return Err(format!(
                "has a label of {length} bytes; it may have {LONGEST_LABEL}"
            ));
        }
    }
    Ok(())
}

fn check_path(path: &Path) -> Result<(), String> {
    match path.to_str() {
        None => Err("is not UTF-8, which a URI is made of; give a path that is".to_owned()),
        Some("") => Err("is empty; give a path, or leave it out".to_owned()),
        Some(path) if path.contains('\0') => {
            Err("has a zero byte in it, which ends a path; leave it out".to_owned())
        }
        Some(_) => Ok(()),
    }
}
