//! Which addresses are of the public network.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Whether an address is one of the public network. Private, local, shared, documentation,
/// multicast and reserved ones are not, nor what wraps them in IPv6.
pub fn is_global(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => is_global_v4(v4),
        IpAddr::V6(v6) => is_global_v6(v6),
    }
}

fn is_global_v4(v4: Ipv4Addr) -> bool {
    let [a, b, c, _] = v4.octets();
    !(a == 0
        || v4.is_private()
        || v4.is_loopback()
        || v4.is_link_local()
        || v4.is_documentation()
        || (a == 100 && (64..128).contains(&b))
        || (a == 192 && b == 0 && c == 0)
        || (a == 192 && b == 88 && c == 99)
        || (a == 198 && (18..20).contains(&b))
        || a >= 224)
}

fn is_global_v6(v6: Ipv6Addr) -> bool {
    let segments = v6.segments();
    let [s0, s1, s2, s3, s4, s5, s6, s7] = segments;
    let v4 = |high: u16, low: u16| Ipv4Addr::from((u32::from(high) << 16) | u32::from(low));
    match (s0, s1) {
        // Mapped and the old compatible form.
        (0, 0) if [s2, s3, s4] == [0, 0, 0] && (s5 == 0xffff || s5 == 0) => {
            s5 == 0xffff && is_global_v4(v4(s6, s7))
        }
        // NAT64.
        (0x64, 0xff9b) => [s2, s3, s4, s5] == [0; 4] && is_global_v4(v4(s6, s7)),
        // 6to4.
        (0x2002, _) => is_global_v4(v4(s1, s2)),
        // Teredo, benchmarking, documentation: the special block 2001::/23, and 2001:db8::/32.
        (0x2001, 0..0x200 | 0xdb8) => false,
        // Only 2000::/3 is given out.
        _ => s0 & 0xe000 == 0x2000 && !(s0 == 0x3fff && s1 < 0x1000),
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn only_public_addresses_are_global() {
        let check = |text: &str, expect: bool| {
            let address: IpAddr = text.parse().unwrap();
            assert_eq!(is_global(address), expect, "{text}");
        };
        for public in ["1.1.1.1", "8.8.8.8", "100.128.0.1", "172.32.0.1", "2606:4700::1", "::ffff:1.1.1.1"] {
            check(public, true);
        }
        for local in [
            "0.0.0.0",
            "10.1.2.3",
            "127.0.0.1",
            "169.254.169.254",
            "172.16.0.1",
            "192.168.1.1",
            "100.64.0.1",
            "192.0.0.1",
            "198.18.0.1",
            "203.0.113.5",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "fe80::1",
            "fc00::1",
            "ff02::1",
            "::ffff:127.0.0.1",
            "::ffff:169.254.169.254",
            "64:ff9b::a00:1",
            "2002:7f00:1::",
            "2001:db8::1",
            "2001::1",
            "::127.0.0.1",
            "3fff::1",
        ] {
            check(local, false);
        }
    }
}
