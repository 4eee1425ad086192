//! Whether what DHCP has to say fits into libslirp's answer, which leaves out what does not.

use super::SlirpConfig;

/// Bytes for options in an answer (`DHCP_OPT_LEN` in libslirp), of which the last is the mark of the end.
const ROOM: usize = 312 - 1;
/// The magic cookie, and the options that every answer has: kind, server, mask and lease time.
const ALWAYS: usize = 4 + 3 + 6 + 6 + 6;
/// Gateway and name server, which a restricted network has none of.
const OUTWARD: usize = 6 + 6;
/// What an option has besides its value.
const OPTION_HEADER: usize = 2;
/// A pointer to a domain that was written before (RFC 1035, 4.1.4).
const POINTER: usize = 2;
/// The longest value of an option.
const LONGEST_VALUE: usize = 255;
/// `HTTPClient`, which the answer has for a boot file that is a URL.
const VENDOR_CLASS: usize = 10;

/// How many bytes the answer is too long.
pub(super) fn excess(config: &SlirpConfig) -> usize {
    let outward = if config.restrict { 0 } else { OUTWARD };
    let names = [
        &config.hostname,
        &config.domain_name,
        &config.tftp_server_name,
    ];
    let names = names.into_iter().flatten();
    let names: usize = names.map(|name| OPTION_HEADER + name.len()).sum();
    let bootfile = config.bootfile.as_deref().unwrap_or_default();
    let vendor_class = if bootfile.starts_with("http://") {
        OPTION_HEADER + VENDOR_CLASS
    } else {
        0
    };
    let search = search_length(&config.dns_search);
    let length = ALWAYS + outward + names + search + vendor_class;
    length.saturating_sub(ROOM)
}

/// The option of the search list, with each domain compressed by those before it as libslirp does.
fn search_length(domains: &[String]) -> usize {
    let domains: Vec<&str> = domains
        .iter()
        .map(|domain| domain.trim_end_matches('.'))
        .collect();
    let lengths = domains.iter().enumerate().map(|(index, domain)| {
        let earlier = domains.iter().take(index);
        let shared = earlier.map(|other| shared_length(domain, other)).max();
        let shared = shared.filter(|shared| *shared > POINTER);
        let whole = domain.len() + 2;
        shared.map_or(whole, |shared| whole - shared + POINTER)
    });
    let length: usize = lengths.sum();
    length + length.div_ceil(LONGEST_VALUE) * OPTION_HEADER
}

/// Bytes of the labels at the end of both domains, each with its length, and of the zero behind them.
fn shared_length(one: &str, other: &str) -> usize {
    let pairs = one.rsplit('.').zip(other.rsplit('.'));
    let shared = pairs.take_while(|(one, other)| one == other);
    1 + shared.map(|(label, _)| label.len() + 1).sum::<usize>()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn length(domains: &[&str]) -> usize {
        let domains: Vec<String> = domains.iter().map(|it| (*it).to_owned()).collect();
        search_length(&domains)
    }

    #[test]
    fn a_domain_takes_its_labels() {
        assert_eq!(length(&[]), 0);
        assert_eq!(length(&["example.com"]), 2 + 1 + 7 + 1 + 3 + 1);
        assert_eq!(length(&["example.com."]), length(&["example.com"]));
    }

    #[test]
    fn a_shared_end_is_a_pointer() {
        let one = length(&["example.com"]);
        assert_eq!(length(&["example.com", "a.example.com"]), one + 2 + 2);
        assert_eq!(length(&["example.com", "example.com"]), one + 2);
        assert_eq!(length(&["example.com", "b.com"]), one + 2 + 2);
        assert_eq!(length(&["example.com", "ample.org"]), one + 11);
    }

    #[test]
    fn long_lists_have_several_options() {
        let domains: Vec<String> = (0..10)
            .map(|it| format!("{it}{it}.{}", "x".repeat(30)))
            .collect();
        assert_eq!(search_length(&domains[..1]), 2 + 3 + 31 + 1);
        let distinct: Vec<String> = (0..10).map(|it| it.to_string().repeat(30)).collect();
        assert_eq!(search_length(&distinct), 10 * 32 + 2 * 2);
    }
}
