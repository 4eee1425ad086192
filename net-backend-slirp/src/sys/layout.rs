//! libslirp's configuration as its header declares it (`libslirp.h`), checked at compile time.
//!
//! Always the largest version: a field that the loaded library does not know lies behind what it reads. The table of
//! callbacks is in `callbacks.rs`.

use std::ffi::{c_char, c_int};

/// libslirp's state of one network; only ever behind a pointer.
#[repr(C)]
pub(super) struct Slirp {
    _opaque: [u8; 0],
}

/// `SlirpConfig`. libslirp copies what it points to, except the outbound addresses.
#[repr(C)]
#[derive(Debug)]
pub(super) struct SlirpConfig {
    /// How many of the fields libslirp may read, 1 to 6.
    pub(super) version: u32,
    // Version 1, libslirp 4.1.
    pub(super) restricted: c_int,
    pub(super) in_enabled: bool,
    pub(super) vnetwork: libc::in_addr,
    pub(super) vnetmask: libc::in_addr,
    pub(super) vhost: libc::in_addr,
    pub(super) in6_enabled: bool,
    pub(super) vprefix_addr6: libc::in6_addr,
    pub(super) vprefix_len: u8,
    pub(super) vhost6: libc::in6_addr,
    pub(super) vhostname: *const c_char,
    pub(super) tftp_server_name: *const c_char,
    pub(super) tftp_path: *const c_char,
    pub(super) bootfile: *const c_char,
    pub(super) vdhcp_start: libc::in_addr,
    pub(super) vnameserver: libc::in_addr,
    pub(super) vnameserver6: libc::in6_addr,
    /// Ends with a null pointer.
    pub(super) vdnssearch: *const *const c_char,
    pub(super) vdomainname: *const c_char,
    /// 0 stands for 1500.
    pub(super) if_mtu: usize,
    pub(super) if_mru: usize,
    pub(super) disable_host_loopback: bool,
    /// Rewriting of FTP and the like, with a history of overflows: always off.
    pub(super) enable_emu: bool,
    // Version 2, libslirp 4.2. Kept by pointer: they have to live as long as the instance.
    pub(super) outbound_addr: *const libc::sockaddr_in,
    pub(super) outbound_addr6: *const libc::sockaddr_in6,
    // Version 3, libslirp 4.3.
    pub(super) disable_dns: bool,
    // Version 4, libslirp 4.7.
    pub(super) disable_dhcp: bool,
    // Version 5, libslirp 4.8: the management controller of NC-SI, which a VM has no use for.
    pub(super) mfr_id: u32,
    pub(super) oob_eth_addr: [u8; 6],
    // Version 6, libslirp 4.9: nothing here, two callbacks.
}

/// `slirp_add_hostxfwd`: UDP instead of TCP.
pub(super) const HOSTFWD_UDP: c_int = 1;
/// `slirp_add_hostxfwd`: an IPv6 listener that takes no IPv4 connections.
pub(super) const HOSTFWD_V6ONLY: c_int = 2;

/// The range of `if_mtu` and `if_mru` in bytes.
pub(super) const MTU: std::ops::RangeInclusive<u16> = 68..=65521;
/// The boot file's name has to fit into a BOOTP message together with its terminator.
pub(super) const BOOTFILE_LENGTH: usize = 127;

#[cfg(target_pointer_width = "64")]
const _: () = {
    use std::mem::{align_of, offset_of, size_of};

    assert!(size_of::<SlirpConfig>() == 192 && align_of::<SlirpConfig>() == 8);
    assert!(offset_of!(SlirpConfig, restricted) == 4);
    assert!(offset_of!(SlirpConfig, in_enabled) == 8);
    assert!(offset_of!(SlirpConfig, vnetwork) == 12);
    assert!(offset_of!(SlirpConfig, vnetmask) == 16);
    assert!(offset_of!(SlirpConfig, vhost) == 20);
    assert!(offset_of!(SlirpConfig, in6_enabled) == 24);
    assert!(offset_of!(SlirpConfig, vprefix_addr6) == 28);
    assert!(offset_of!(SlirpConfig, vprefix_len) == 44);
    assert!(offset_of!(SlirpConfig, vhost6) == 48);
    assert!(offset_of!(SlirpConfig, vhostname) == 64);
    assert!(offset_of!(SlirpConfig, tftp_server_name) == 72);
    assert!(offset_of!(SlirpConfig, tftp_path) == 80);
    assert!(offset_of!(SlirpConfig, bootfile) == 88);
    assert!(offset_of!(SlirpConfig, vdhcp_start) == 96);
    assert!(offset_of!(SlirpConfig, vnameserver) == 100);
    assert!(offset_of!(SlirpConfig, vnameserver6) == 104);
    assert!(offset_of!(SlirpConfig, vdnssearch) == 120);
    assert!(offset_of!(SlirpConfig, vdomainname) == 128);
    assert!(offset_of!(SlirpConfig, if_mtu) == 136);
    assert!(offset_of!(SlirpConfig, if_mru) == 144);
    assert!(offset_of!(SlirpConfig, disable_host_loopback) == 152);
    assert!(offset_of!(SlirpConfig, enable_emu) == 153);
    assert!(offset_of!(SlirpConfig, outbound_addr) == 160);
    assert!(offset_of!(SlirpConfig, outbound_addr6) == 168);
    assert!(offset_of!(SlirpConfig, disable_dns) == 176);
    assert!(offset_of!(SlirpConfig, disable_dhcp) == 177);
    assert!(offset_of!(SlirpConfig, mfr_id) == 180);
    assert!(offset_of!(SlirpConfig, oob_eth_addr) == 184);
};
