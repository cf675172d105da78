//! Who sends a request: the address of its connection, or what a configured proxy says of it. Never believes a
//! header that anybody else could have written. Enter at [`Proxies`].

use std::net::IpAddr;
use std::str::FromStr;

use ipnet::IpNet;

/// Longest list of forwarded addresses that is read: a chain of proxies is short.
const HOPS_MAX: usize = 16;

/// The addresses of our own proxies. Empty: nobody's header is believed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Proxies(Vec<IpNet>);

impl Proxies {
    /// What [`Proxies::read`] accepts.
    pub const FORM: &str = "an address or a network: 127.0.0.1, 10.0.0.0/8, fd00::/8";

    /// One entry of the setting.
    pub fn read(entry: &str) -> Option<IpNet> {
        let entry = entry.trim();
        IpNet::from_str(entry).ok().or_else(|| entry.parse::<IpAddr>().ok().map(IpNet::from))
    }

    pub fn new(networks: Vec<IpNet>) -> Self {
        Self(networks)
    }

    fn has(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(&address))
    }

    /// The sender. `forwarded` are the values of `X-Forwarded-For`, in the order of the request: each proxy adds
    /// the address that called it at the end, so only what our own proxies have added counts.
    pub fn peer<'a>(
        &self,
        connection: IpAddr,
        forwarded: impl DoubleEndedIterator<Item = &'a str>,
    ) -> IpAddr {
        let mut peer = connection.to_canonical();
        let hops = forwarded.rev().flat_map(|value| value.rsplit(',')).take(HOPS_MAX);
        for hop in hops {
            if !self.has(peer) {
                break;
            }
            let Some(before) = address(hop) else { break };
            peer = before;
        }
        peer
    }
}

/// `192.0.2.1`, `192.0.2.1:4711`, `2001:db8::1`, `[2001:db8::1]:4711`: proxies differ.
fn address(text: &str) -> Option<IpAddr> {
    let text = text.trim().trim_matches('"');
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    let read = bare.parse::<IpAddr>().ok();
    read.or_else(|| text.parse::<std::net::SocketAddr>().ok().map(|socket| socket.ip()))
        .map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(connection: &str, forwarded: &[&str], expected: &str) {
        let proxies = ["127.0.0.1", "10.0.0.0/8", "fd00::/8"].map(|entry| Proxies::read(entry).unwrap());
        let proxies = Proxies::new(proxies.to_vec());
        let peer = proxies.peer(connection.parse().unwrap(), forwarded.iter().copied());
        assert_eq!(peer.to_string(), expected, "{connection} {forwarded:?}");
    }

    #[test]
    fn only_a_proxy_of_ours_is_believed() {
        check("192.0.2.9", &["198.51.100.1"], "192.0.2.9");
        check("127.0.0.1", &["198.51.100.1"], "198.51.100.1");
        check("127.0.0.1", &[], "127.0.0.1");
        check("::ffff:127.0.0.1", &["198.51.100.1"], "198.51.100.1");
        // What the sender has written itself stands before what the proxy added.
        check("127.0.0.1", &["203.0.113.7, 198.51.100.1"], "198.51.100.1");
        check("127.0.0.1", &["203.0.113.7", "198.51.100.1"], "198.51.100.1");
        check("127.0.0.1", &["198.51.100.1, 10.0.0.2"], "198.51.100.1");
        check("127.0.0.1", &["nonsense, 10.0.0.2"], "10.0.0.2");
        check("127.0.0.1", &["198.51.100.1:4711"], "198.51.100.1");
        check("fd00::1", &["[2001:db8::1]:4711"], "2001:db8::1");
        check("fd00::1", &["[2001:db8::1]"], "2001:db8::1");
        check("127.0.0.1", &["10.0.0.1,".repeat(99).trim_end_matches(',')], "10.0.0.1");
    }

    #[test]
    fn an_entry_is_an_address_or_a_network() {
        for (entry, is_read) in [
            ("127.0.0.1", true),
            ("10.0.0.0/8", true),
            ("::1", true),
            ("10.0.0.0/40", false),
            ("proxy", false),
        ] {
            assert_eq!(Proxies::read(entry).is_some(), is_read, "{entry}");
        }
    }
}
