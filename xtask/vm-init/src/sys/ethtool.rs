//! What a NIC does for the kernel, and how many queues it has: the requests of linux/ethtool.h.

// UNSAFETY: these requests exist as ioctl(2); netlink has them too, but not in all kernels that a guest may run.
#![expect(unsafe_code, reason = "ioctl(2) takes its argument by address")]

use std::collections::BTreeMap;
use std::ffi::c_char;
use std::io;
use std::net::{Ipv4Addr, UdpSocket};
use std::os::fd::AsRawFd;
use std::ptr;

use crate::agent::Feature;

/// Requests.
const STRINGS: u32 = 0x1b;
const STATISTICS: u32 = 0x1d;
const STRING_SETS: u32 = 0x37;
const FEATURES: u32 = 0x3a;
const SWITCH_FEATURES: u32 = 0x3b;
const CHANNELS: u32 = 0x3c;
const SET_CHANNELS: u32 = 0x3d;
/// `ETH_SS_STATS`, `ETH_SS_FEATURES`: sets of names.
const OF_STATISTICS: u32 = 1;
const OF_FEATURES: u32 = 4;
/// `ETH_GSTRING_LEN`, and the same in words.
const NAME: usize = 32;
const NAME_WORDS: usize = NAME / 4;
/// Features in a word of the kernel's.
const WORD: usize = 32;

/// The features of a NIC.
///
/// # Errors
///
/// What the system says.
pub(crate) fn features(interface: &str) -> io::Result<Vec<Feature>> {
    let names = names(interface, OF_FEATURES)?;
    let words = names.len().div_ceil(WORD);
    // struct ethtool_gfeatures: available, requested, active and never_changed in turn.
    let mut answer = vec![FEATURES, number(words)?];
    answer.resize(2 + 4 * words, 0);
    request(interface, &mut answer)?;
    let bit = |feature: usize, which: usize| {
        let word = answer.get(2 + 4 * (feature / WORD) + which);
        word.is_some_and(|word| word & (1 << (feature % WORD)) != 0)
    };
    let feature = |(number, name): (usize, String)| Feature {
        name,
        changeable: bit(number, 0),
        active: bit(number, 2),
    };
    Ok(names.into_iter().enumerate().map(feature).collect())
}

/// Switches features on or off. What cannot be switched stays as it is.
///
/// # Errors
///
/// What the system says; `NotFound` for a name that it does not know.
pub(crate) fn switch(interface: &str, wanted: &[String], on: bool) -> io::Result<()> {
    let names = names(interface, OF_FEATURES)?;
    let words = names.len().div_ceil(WORD);
    // struct ethtool_sfeatures: valid and requested in turn.
    let mut change = vec![SWITCH_FEATURES, number(words)?];
    change.resize(2 + 2 * words, 0);
    for name in wanted {
        let feature = names.iter().position(|it| it == name);
        let feature =
            feature.ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, name.clone()))?;
        let bit = 1 << (feature % WORD);
        for (place, bit) in [(0, bit), (1, if on { bit } else { 0 })] {
            if let Some(word) = change.get_mut(2 + 2 * (feature / WORD) + place) {
                *word |= bit;
            }
        }
    }
    request(interface, &mut change)
}

/// What the driver counts.
///
/// # Errors
///
/// What the system says.
pub(crate) fn statistics(interface: &str) -> io::Result<BTreeMap<String, u64>> {
    let names = names(interface, OF_STATISTICS)?;
    // struct ethtool_stats: two words for each.
    let mut answer = vec![STATISTICS, number(names.len())?];
    answer.resize(2 + 2 * names.len(), 0);
    request(interface, &mut answer)?;
    let bytes: Vec<u8> = answer
        .iter()
        .skip(2)
        .flat_map(|it| it.to_ne_bytes())
        .collect();
    let counts = bytes.chunks_exact(8).filter_map(|it| it.first_chunk::<8>());
    let counts = counts.map(|it| u64::from_ne_bytes(*it));
    Ok(names.into_iter().zip(counts).collect())
}

/// The queue pairs of a NIC: those in use, and all.
///
/// # Errors
///
/// What the system says.
pub(crate) fn channels(interface: &str) -> io::Result<(u32, u32)> {
    let [_, _, _, _, most, _, _, _, used] = all_channels(interface)?;
    Ok((used, most))
}

/// Uses so many queue pairs.
///
/// # Errors
///
/// What the system says: `InvalidInput` for more than there are.
pub(crate) fn set_channels(interface: &str, count: u32) -> io::Result<()> {
    let mut channels = all_channels(interface)?;
    let [command, _, _, _, _, _, _, _, used] = &mut channels;
    (*command, *used) = (SET_CHANNELS, count);
    request(interface, &mut channels)
}

/// `struct ethtool_channels`.
fn all_channels(interface: &str) -> io::Result<[u32; 9]> {
    let mut channels = [CHANNELS, 0, 0, 0, 0, 0, 0, 0, 0];
    request(interface, &mut channels)?;
    Ok(channels)
}

/// The names in a set, in the order of what they name.
fn names(interface: &str, set: u32) -> io::Result<Vec<String>> {
    // struct ethtool_sset_info: a set of bits in two words, and behind it the answer for the only bit.
    let mut count = [STRING_SETS, 0, 1 << set, 0, 0];
    request(interface, &mut count)?;
    let [.., count] = count;
    let mut strings = vec![STRINGS, set, count];
    let words = usize::try_from(count).map_err(io::Error::other)? * NAME_WORDS;
    strings.resize(3 + words, 0);
    request(interface, &mut strings)?;
    let strings: Vec<u8> = strings
        .iter()
        .skip(3)
        .flat_map(|it| it.to_ne_bytes())
        .collect();
    let text = |bytes: &[u8]| {
        let name = bytes.split(|&byte| byte == 0).next().unwrap_or_default();
        String::from_utf8_lossy(name).into_owned()
    };
    Ok(strings.chunks_exact(NAME).map(text).collect())
}

/// A request, whose answer takes its place. The requests above make room for all of it: the kernel writes what the
/// counts in their first words ask for, and of names and statistics as many as it counted before; only changing the number of
/// queues changes these, and nobody does so meanwhile.
fn request(interface: &str, words: &mut [u32]) -> io::Result<()> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?;
    let mut name = [0; libc::IFNAMSIZ];
    // The last byte stays zero.
    for (to, from) in name
        .iter_mut()
        .take(libc::IFNAMSIZ - 1)
        .zip(interface.bytes())
    {
        *to = c_char::from_ne_bytes([from]);
    }
    let mut argument = libc::ifreq {
        ifr_name: name,
        ifr_ifru: libc::__c_anonymous_ifr_ifru {
            ifru_data: words.as_mut_ptr().cast(),
        },
    };
    let argument = ptr::from_mut(&mut argument);
    // SAFETY: the descriptor is open; the argument is a struct ifreq whose address leads to words that are ours, and as
    // many as the kernel writes for each of the requests of this file.
    let outcome = unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCETHTOOL, argument) };
    if outcome < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

fn number(words: usize) -> io::Result<u32> {
    u32::try_from(words).map_err(io::Error::other)
}
