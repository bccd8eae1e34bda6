use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;

use serde::{Deserialize, Deserializer};

/// Addresses that are trusted together: one, or all that share its first bits.
///
/// ```
/// use session_core::config::Network;
///
/// let proxies: Network = "10.1.0.0/16".parse()?;
/// assert!(proxies.contains("10.1.2.3".parse()?));
/// assert!(!proxies.contains("10.2.0.1".parse()?));
/// assert!("10.1.2.3/16".parse::<Network>().is_err(), "a slip, most likely");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Network {
    /// An IPv4 address as IPv6 has it.
    bits: u128,
    /// How many of the bits count.
    prefix: u8,
}

/// Bits in front of an IPv4 address that is written as an IPv6 one.
const MAPPED: u8 = 96;

impl Network {
    /// Whether an address is one of them. An IPv4 address that comes as IPv6, as on a socket for both, is the same address.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        let differs = self.bits ^ bits(address);
        differs.leading_zeros() >= u32::from(self.prefix)
    }
}

fn bits(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped().to_bits(),
        IpAddr::V6(address) => address.to_bits(),
    }
}

impl From<IpAddr> for Network {
    fn from(address: IpAddr) -> Self {
        Self { bits: bits(address), prefix: 128 }
    }
}

impl FromStr for Network {
    type Err = InvalidNetwork;

    fn from_str(text: &str) -> Result<Self, InvalidNetwork> {
        let invalid = |problem| InvalidNetwork { text: text.into(), problem };
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let address: IpAddr =
            address.parse().map_err(|_| invalid("it takes an address, such as 10.0.0.0/8"))?;
        let Some(prefix) = prefix else { return Ok(address.into()) };
        let (before, longest) = match address {
            IpAddr::V4(_) => (MAPPED, 32_u8),
            IpAddr::V6(_) => (0, 128),
        };
        let prefix = prefix.parse::<u8>().ok().filter(|prefix| *prefix <= longest);
        let prefix = before + prefix.ok_or_else(|| invalid("too many bits after the slash"))?;
        let network = Self { bits: bits(address), prefix };
        if network.bits.trailing_zeros() < 128 - u32::from(prefix) {
            return Err(invalid("the address has bits beyond those that count"));
        }
        Ok(network)
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let address = Ipv6Addr::from_bits(self.bits);
        match address.to_ipv4_mapped() {
            Some(address) if self.prefix >= MAPPED => {
                write!(f, "{address}/{}", self.prefix - MAPPED)
            }
            _ => write!(f, "{address}/{}", self.prefix),
        }
    }
}

impl<'de> Deserialize<'de> for Network {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// A text that names no network.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not a network: {problem}")]
pub struct InvalidNetwork {
    text: Box<str>,
    problem: &'static str,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holds(network: &str, address: &str) -> bool {
        network.parse::<Network>().unwrap().contains(address.parse().unwrap())
    }

    #[test]
    fn a_network_holds_the_addresses_that_share_its_bits() {
        for (network, inside, outside) in [
            ("127.0.0.1", "127.0.0.1", "127.0.0.2"),
            ("10.0.0.0/8", "10.255.0.1", "11.0.0.0"),
            ("192.0.2.128/25", "192.0.2.200", "192.0.2.127"),
            ("::1", "::1", "::2"),
            ("fd00::/8", "fdff::1", "fe00::1"),
            ("0.0.0.0/0", "203.0.113.9", "2001:db8::1"),
            ("127.0.0.1", "::ffff:127.0.0.1", "::7f00:1"),
        ] {
            assert!(holds(network, inside), "{network} {inside}");
            assert!(!holds(network, outside), "{network} {outside}");
        }
        assert!(holds("::/0", "::ffff:10.0.0.1"));
    }

    #[test]
    fn what_names_no_network_is_refused() {
        for text in [
            "",
            "localhost",
            "10.0.0.0/33",
            "10.0.0.0/",
            "10.0.0.1/8",
            "::1/64",
            "10.0.0.0/-1",
            "1.2.3",
        ] {
            assert!(text.parse::<Network>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_network_is_printed_as_it_is_written() {
        for text in ["10.0.0.0/8", "127.0.0.1/32", "fd00::/8", "0.0.0.0/0", "::/0"] {
            assert_eq!(text.parse::<Network>().unwrap().to_string(), text);
        }
    }
}
