//! Bytes that a C compiler made for amd64 of the structures in the headers of FreeBSD 14, in `netgraph/` where nothing else
//! is said: in hexadecimal, `0*26` for 26 zeros.

/// `struct ng_msghdr`, `ng_message.h`.
pub(super) const HEADER: &str =
    "0800000004030201 1413121101000000 2423222134333231 6765747374617473 0*24";

/// A whole `NGM_MKPEER`, `ng_message.h`.
pub(super) const QUESTION: &str = "0800000060000000 02 0*7 242322211e51c643 4e474d5f4d4b5045 4552 0*22 627269646765 0*26 \
    6f757273 0*28 6c696e6b30 0*27";

/// `struct ngm_mkpeer`, `ng_message.h`.
pub(super) const MKPEER: &str = "627269646765 0*26 6f757273 0*28 6c696e6b30 0*27";

/// `struct ngm_connect`, `ng_message.h`.
pub(super) const CONNECT: &str = "656d303a6c6f7765 72 0*503 6f757273 0*28 6c696e6b31 0*27";

/// `struct ngm_name`, `ng_message.h`.
pub(super) const NAME: &str = "73776974636830 0*25";

/// `struct ngm_rmhook`, `ng_message.h`.
pub(super) const RMHOOK: &str = "6f757273 0*28";

/// `struct nodeinfo`, `ng_message.h`.
pub(super) const NODEINFO: &str = "656d30 0*29 6574686572 0*27 0403020102000000";

/// `struct hooklist` with two `struct linkinfo`, `ng_message.h`.
pub(super) const HOOKLIST: &str = "656d30 0*29 6574686572 0*27 0403020102000000 6c6f776572 0*27 6c696e6b30 0*59 \
    627269646765 0*26 1f00000003000000 7570706572 0*27 6c696e6b31 0*59 627269646765 0*26 \
    1f00000003000000";

/// `struct namelist` with two `struct nodeinfo`, `ng_message.h`.
pub(super) const NAMELIST: &str =
    "02000000656d30 0*29 6574686572 0*27 0403020102 0*35 627269646765 0*26 1f00000003000000";

/// `struct typelist` with two `struct typeinfo`, `ng_message.h`.
pub(super) const TYPELIST: &str = "02000000736f636b 6574 0*26 0403020162726964 6765 0*26 05000000";

/// Arguments of `NGM_ASCII2BINARY`: a `struct ng_mesg` with text, `ng_message.h`.
pub(super) const ASCII: &str =
    "0800000014 0*19 736574636f6e6669 67 0*23 7b206c6f6f705469 6d656f75743d3330 207d2000";

/// The answer to `NGM_BINARY2ASCII`.
pub(super) const ASCII_ANSWER: &str = "0800000014000000 01 0*7 0700000009f4895d 736574636f6e6669 67 0*23 7b206c6f6f705469 \
    6d656f75743d3330 207d2000";

/// The answer to `NGM_ASCII2BINARY`: a `struct ng_mesg` with a `struct ng_bridge_config`.
pub(super) const BINARY: &str = "0800000010000000 01 0*11 09f4895d73657463 6f6e666967 0*27 1e 0*11";

/// `struct ng_bridge_config`, `ng_bridge.h`.
pub(super) const CONFIG: &str = "0100000004030201 1413121124232221";

/// `struct ng_bridge_link_stats`, `ng_bridge.h`.
pub(super) const STATS: &str = "0107060504030201 0207060504030201 0307060504030201 0407060504030201 0507060504030201 \
    0607060504030201 0707060504030201 0807060504030201 0907060504030201 0a07060504030201 \
    0b07060504030201 0c07060504030201 0d07060504030201 0e07060504030201";

/// `struct ng_bridge_host_ary` with two `struct ng_bridge_hostent`, `ng_bridge.h`.
pub(super) const HOSTS: &str =
    "02000000589cfc01 02036c696e6b30 0*27 0201040302000000 000575706c696e6b 31 0*25 12111413";

/// `struct ng_bridge_move_host`, `ng_bridge.h`.
pub(super) const MOVE_HOST: &str = "589cfc0102036c69 6e6b37 0*27";

/// `struct sockaddr_dl`, `sockaddr_in` and `sockaddr_in6`, padded as `SA_SIZE` does: `net/if_dl.h`, `netinet/in.h`,
/// `netinet6/in6.h`, `net/route.h`.
pub(super) const ADDRESSES: &str = "3612030006060600 6e6765746830589c fc010203 0*36 100200000a000001 0*8 1c1c 0*6 fe80 0*13 \
    0103 0*7";
