//! Addresses: what a URL of the file may be, decided from its text alone.
//!
//! A name is resolved only when it is connected to, and judged again then; here it is about what
//! can be seen to be wrong.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::walk::Item;

/// The parts of a URL that matter here.
struct Parts<'a> {
    scheme: &'a str,
    credentials: bool,
    host: &'a str,
    /// Where the path begins, in bytes of the URL.
    path_at: usize,
}

/// Splits `url`; the error says what is missing.
fn split(url: &str) -> Result<Parts<'_>, String> {
    let forbidden =
        |c: char| c.is_whitespace() || c.is_control() || matches!(c, '\\' | '"' | '<' | '>' | '#');
    if url.contains(forbidden) {
        return Err("it holds a character that a URL cannot have".into());
    }
    let (scheme, rest) = url.split_once("://").ok_or("it has no scheme, like \"https://\"")?;
    let authority_len = rest.find(['/', '?']).unwrap_or(rest.len());
    let authority = rest.get(..authority_len).unwrap_or(rest);
    let (credentials, host_port) = match authority.rsplit_once('@') {
        Some((_, host_port)) => (true, host_port),
        None => (false, authority),
    };
    let bracketed = host_port.starts_with('[');
    let (host, port) = match host_port.rfind(':').filter(|at| !bracketed || host_port.rfind(']') < Some(*at))
    {
        Some(at) => (host_port.get(..at).unwrap_or(""), host_port.get(at + 1..)),
        None => (host_port, None),
    };
    if port.is_some_and(|p| p.parse::<u16>().map_or(true, |p| p == 0)) {
        return Err("its port is not a number from 1 to 65535".into());
    }
    if host.is_empty() {
        return Err("it names no host".into());
    }
    let literal = host.strip_prefix('[').and_then(|h| h.strip_suffix(']'));
    if bracketed && literal.is_none_or(|h| h.parse::<Ipv6Addr>().is_err()) {
        return Err("its host is not an IPv6 address".into());
    }
    if !bracketed && !host.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_')) {
        return Err("its host is not a name".into());
    }
    let path_at = scheme.len() + "://".len() + authority_len;
    Ok(Parts { scheme, credentials, host, path_at })
}

/// What a host is, as far as its text tells.
#[derive(Debug, PartialEq, Eq)]
enum Host {
    Loopback,
    Private,
    /// Digits that some resolvers read as an address and others do not.
    Ambiguous,
    Public,
}

fn host(text: &str) -> Host {
    let text = text.trim_start_matches('[').trim_end_matches([']', '.']).to_ascii_lowercase();
    if text == "localhost" || text.ends_with(".localhost") {
        return Host::Loopback;
    }
    match text.parse::<IpAddr>() {
        Ok(ip) if ip.to_canonical().is_loopback() => Host::Loopback,
        Ok(ip) if is_global(ip) => Host::Public,
        Ok(_) => Host::Private,
        Err(_) => {
            let last = text.rsplit('.').next().unwrap_or("");
            let number = last.strip_prefix("0x").map_or_else(
                || !last.is_empty() && last.bytes().all(|b| b.is_ascii_digit()),
                |hex| hex.bytes().all(|b| b.is_ascii_hexdigit()),
            );
            if number { Host::Ambiguous } else { Host::Public }
        }
    }
}

/// Whether `ip` is an address of the public internet.
fn is_global(ip: IpAddr) -> bool {
    match ip.to_canonical() {
        IpAddr::V4(ip) => is_global_v4(ip),
        IpAddr::V6(ip) => {
            let [first, second, ..] = ip.segments();
            // NAT64 and 6to4 carry a v4 address that could be private.
            let carries_v4 = (first == 0x64 && second == 0xff9b) || first == 0x2002;
            // Global unicast is 2000::/3; documentation lies within it.
            first & 0xe000 == 0x2000 && !carries_v4 && !(first == 0x2001 && second == 0xdb8)
        }
    }
}

fn is_global_v4(ip: Ipv4Addr) -> bool {
    let [a, b, c, _] = ip.octets();
    let shared = a == 100 && b & 0xc0 == 64;
    let special = a == 0 || a >= 224 || (a, b, c) == (192, 0, 0) || (a == 198 && b & 0xfe == 18);
    !(ip.is_private() || ip.is_loopback() || ip.is_link_local() || ip.is_documentation() || shared || special)
}

/// The URL of a WebSocket.
pub(super) fn websocket(item: &Item<'_>) -> Option<String> {
    let text = item.string("a URL", "\"wss://api.upbit.com/websocket/v1\"")?;
    let refuse = |message: String, help: &str| {
        item.fault(message, help.to_owned());
        None
    };
    let parts = match split(text) {
        Ok(parts) => parts,
        Err(why) => return refuse(format!("not a URL: {why}"), "write \"wss://api.upbit.com/websocket/v1\""),
    };
    if parts.credentials {
        item.walk.hide(item.span.clone());
        return refuse("the URL holds a user name or password".into(), "the trade stream needs none");
    }
    match parts.scheme {
        "wss" => Some(text.to_owned()),
        "ws" if host(parts.host) == Host::Loopback => Some(text.to_owned()),
        "ws" => refuse(
            "unencrypted ws:// is accepted for this machine only".into(),
            "write wss://, or a loopback host",
        ),
        other => refuse(format!("unknown scheme \"{}\"", other.escape_debug()), "a WebSocket is wss://"),
    }
}

/// The URL that paths of REST are appended to.
pub(super) fn rest(item: &Item<'_>) -> Option<String> {
    const EXAMPLE: &str = "\"https://api.upbit.com\"";
    let text = item.string("a URL", EXAMPLE)?;
    let refuse = |message: String, help: String| {
        item.fault(message, help);
        None
    };
    match split(text) {
        Err(why) => refuse(format!("not a URL: {why}"), format!("write {EXAMPLE}")),
        Ok(parts) if parts.credentials => {
            item.walk.hide(item.span.clone());
            refuse("the URL holds a user name or password".into(), "REST needs none".into())
        }
        Ok(_) if text.contains('?') => {
            refuse("the URL has a query".into(), "paths of REST are appended to it".into())
        }
        Ok(parts) if parts.scheme == "https" => Some(text.trim_end_matches('/').to_owned()),
        Ok(parts) if parts.scheme == "http" && host(parts.host) == Host::Loopback => {
            Some(text.trim_end_matches('/').to_owned())
        }
        Ok(parts) if parts.scheme == "http" => refuse(
            "unencrypted http:// is accepted for this machine only".into(),
            "write https://, or a loopback host".into(),
        ),
        Ok(parts) => {
            refuse(format!("unknown scheme \"{}\"", parts.scheme.escape_debug()), format!("write {EXAMPLE}"))
        }
    }
}

/// Whether `url` may be told alerts.
///
/// # Errors
/// What is wrong with it, without its path, and what would be accepted.
pub(super) fn webhook(url: &str, allow_private: bool) -> Result<(), (String, String)> {
    let fault = |message: String, help: &str| Err((message, help.to_owned()));
    let parts = match split(url) {
        Ok(parts) => parts,
        Err(why) => return fault(format!("not a URL: {why}"), "write \"https://host/path\""),
    };
    if parts.credentials {
        return fault(
            "the URL holds a user name or password".into(),
            "sign with secret_env, or put a token into the path and the URL into url_env",
        );
    }
    if !matches!(parts.scheme, "https" | "http") {
        return fault(
            format!("unknown scheme \"{}\"", parts.scheme.escape_debug()),
            "write \"https://host/path\"",
        );
    }
    match host(parts.host) {
        Host::Ambiguous => fault(
            format!("the host {} is neither a name nor a full address", parts.host),
            "write the address as four numbers, like \"203.0.113.7\"",
        ),
        Host::Loopback | Host::Private if !allow_private => fault(
            format!("the host {} is not on the public internet", parts.host),
            "set allow_private = true if it is meant",
        ),
        _ if parts.scheme == "http" && !allow_private => fault(
            "unencrypted http:// would show alerts to the network".into(),
            "write https://, or set allow_private = true for a host of your own",
        ),
        _ => Ok(()),
    }
}

/// The part of the quoted URL at `item` that may hold a token: everything after the host.
pub(super) fn hide_path(item: &Item<'_>) {
    let Some(text) = item.value.as_str() else { return };
    let at = split(text).ok().filter(|p| !p.credentials).map_or(0, |p| p.path_at);
    // An escaped or multi-line spelling has other offsets than its value: hide all of it then.
    let plain = item.span.len() == text.len() + 2;
    let from = if plain { item.span.start + 1 + at } else { item.span.start };
    item.walk.hide(from..item.span.end.saturating_sub(usize::from(plain)).max(from));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_webhook_url_is_judged_by_its_text() {
        let check = |url: &str, allow_private, expect: &str| {
            let found = webhook(url, allow_private).err().map_or("ok".into(), |f| f.0);
            assert!(found.contains(expect), "{url}: {found}");
        };
        check("https://example.org/trades", false, "ok");
        check("https://example.org:8443/trades?x=1", false, "ok");
        check("https://[2606:4700::1111]/x", false, "ok");
        check("https://xn--9n2bp8q.kr/x", false, "ok");
        check("example.org/trades", false, "no scheme");
        check("file:///etc/passwd", false, "names no host");
        check("ftp://example.org/", false, "unknown scheme");
        check("https://user:pass@example.org/", false, "user name or password");
        check("https://example.org:0/", false, "port");
        check("https://example.org:99999/", false, "port");
        check("https:///x", false, "names no host");
        check("https://exa mple.org/", false, "character");
        check("http://example.org/", false, "unencrypted");
        for private in [
            "localhost",
            "a.localhost",
            "127.0.0.1",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.0.1",
            "169.254.169.254",
            "100.64.0.1",
            "0.0.0.0",
            "224.0.0.1",
            "255.255.255.255",
            "198.18.0.1",
            "[::1]",
            "[fe80::1]",
            "[fd00::1]",
            "[::ffff:169.254.169.254]",
            "[64:ff9b::a9fe:a9fe]",
            "[2002:a00:1::]",
            "[2001:db8::1]",
        ] {
            check(&format!("https://{private}/x"), false, "not on the public internet");
            check(&format!("http://{private}/x"), true, "ok");
        }
        for ambiguous in ["2130706433", "0x7f000001", "0x7f.1", "127.1", "0177.0.0.1"] {
            check(&format!("https://{ambiguous}/x"), false, "neither a name nor a full address");
        }
    }
}
