//! What is probed.

use std::fmt;
use std::str::FromStr;

use hyper::http::uri::Uri;

/// A tracker's URL.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Target {
    text: String,
    transport: Transport,
    host: String,
    port: u16,
    /// Path and query; empty where the URL ends with its host.
    path: String,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Transport {
    Udp,
    Http,
}

/// Why a text is no URL of a tracker.
#[derive(Debug, Eq, PartialEq, thiserror::Error)]
pub enum TargetError {
    /// Not a URL.
    #[error("write a URL like udp://tracker.example:6969/announce or http://tracker.example:6969/announce")]
    Url,
    /// A scheme that is not spoken.
    #[error("{0}:// is not supported; udp:// and http:// are")]
    Scheme(String),
    /// A UDP tracker has no usual port.
    #[error("name the port, like udp://tracker.example:6969")]
    Port,
}

impl FromStr for Target {
    type Err = TargetError;

    fn from_str(text: &str) -> Result<Self, TargetError> {
        let uri: Uri = text.parse().map_err(|_| TargetError::Url)?;
        let transport = match uri.scheme_str() {
            Some("udp") => Transport::Udp,
            Some("http") => Transport::Http,
            Some(other) => return Err(TargetError::Scheme(other.into())),
            None => return Err(TargetError::Url),
        };
        let authority =
            uri.authority().filter(|authority| !authority.as_str().contains('@')).ok_or(TargetError::Url)?;
        let usual = (transport == Transport::Http).then_some(80);
        let port = match (authority.port_u16(), authority.as_str().rsplit_once(':')) {
            (Some(0), _) => return Err(TargetError::Url),
            (Some(port), _) => port,
            // A colon outside of brackets, and no port behind it.
            (None, Some((_, rest))) if !rest.ends_with(']') => return Err(TargetError::Url),
            (None, _) => usual.ok_or(TargetError::Port)?,
        };
        let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_owned();
        let behind = text.find(authority.as_str()).map_or("", |start| &text[start + authority.as_str().len()..]);
        let path = behind.split('#').next().unwrap_or_default().to_owned();
        Ok(Self { text: text.into(), transport, host, port, path })
    }
}

impl Target {
    pub(super) fn transport(&self) -> Transport {
        self.transport
    }

    /// A name, or an address without brackets.
    pub(super) fn host(&self) -> &str {
        &self.host
    }

    pub(super) fn port(&self) -> u16 {
        self.port
    }

    /// As a `Host` header has it.
    pub(super) fn authority(&self) -> String {
        if self.host.contains(':') {
            format!("[{}]:{}", self.host, self.port)
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }

    /// What follows the host: what a UDP announce carries (BEP 41).
    pub(super) fn path(&self) -> &str {
        &self.path
    }

    /// What to ask for over HTTP: the path, its query, and this one.
    pub(super) fn announce_path(&self, query: &str) -> String {
        with_query(&self.path, query)
    }

    /// The same for a scrape; `None` where trackers of such a URL cannot be scraped (BEP 48, "Scrape URL").
    pub(super) fn scrape_path(&self, query: &str) -> Option<String> {
        let (path, old) = self.path.split_once('?').unwrap_or((&self.path, ""));
        let (folder, last) = path.rsplit_once('/')?;
        let last = last.strip_prefix("announce").or_else(|| last.strip_prefix("scrape"))?;
        let old = if old.is_empty() { String::new() } else { format!("?{old}") };
        Some(with_query(&format!("{folder}/scrape{last}{old}"), query))
    }
}

fn with_query(path: &str, query: &str) -> String {
    let slash = if path.starts_with('/') { "" } else { "/" };
    format!("{slash}{path}{}{query}", if path.contains('?') { '&' } else { '?' })
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(text: &str) -> Target {
        text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    #[test]
    fn a_url_is_a_transport_a_host_a_port_and_a_path() {
        let udp = target("udp://[2001:db8::1]:6969/announce?a=b#c");
        assert_eq!((udp.transport(), udp.host(), udp.port()), (Transport::Udp, "2001:db8::1", 6969));
        assert_eq!((udp.path(), udp.authority().as_str()), ("/announce?a=b", "[2001:db8::1]:6969"));
        assert_eq!(target("udp://t.example:1").path(), "");
        let http = target("http://t.example/announce");
        assert_eq!((http.transport(), http.authority().as_str()), (Transport::Http, "t.example:80"));
        assert_eq!(http.to_string(), "http://t.example/announce");
    }

    #[test]
    fn other_texts_are_refused() {
        assert_eq!("udp://t.example".parse::<Target>(), Err(TargetError::Port));
        assert_eq!("udp://[::1]/announce".parse::<Target>(), Err(TargetError::Port));
        assert_eq!("https://t.example/".parse::<Target>(), Err(TargetError::Scheme("https".into())));
        for text in
            ["", "t.example:6969", "/announce", "udp://a:0", "udp://u@a:1", "http://a:99999/", "http://a:/", "udp:/a"]
        {
            assert_eq!(text.parse::<Target>(), Err(TargetError::Url), "{text}");
        }
    }

    #[test]
    fn bep48_scrape_follows_from_announce() {
        let scrape = |text: &str| target(text).scrape_path("info_hash=x");
        assert_eq!(scrape("http://a/announce").as_deref(), Some("/scrape?info_hash=x"));
        assert_eq!(scrape("http://a/x/announce.php?k=1").as_deref(), Some("/x/scrape.php?k=1&info_hash=x"));
        assert_eq!(scrape("http://a/scrape").as_deref(), Some("/scrape?info_hash=x"));
        assert_eq!(scrape("http://a/announce/x"), None);
        assert_eq!(scrape("http://a"), None);
        assert_eq!(target("http://a").announce_path("q"), "/?q");
        assert_eq!(target("http://a?k").announce_path("q"), "/?k&q");
    }
}
