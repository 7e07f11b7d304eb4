//! Queries in one spelling (BEP 3): everything but RFC 3986's unreserved characters is percent-encoded.

use std::fmt::Write;

use crate::Announce;

/// Percent-encodes all but letters, digits and `-._~`, with upper-case digits.
pub fn percent_encode(bytes: impl AsRef<[u8]>) -> String {
    let mut text = String::new();
    for byte in bytes.as_ref() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => text.push(char::from(*byte)),
            _ => write!(text, "%{byte:02X}").expect("a string takes all that is written to it"),
        }
    }
    text
}

/// The query of an announce (BEP 3), without `?` and without `compact`.
pub fn announce_query(announce: &Announce) -> String {
    let Announce { info_hash, peer_id, port, uploaded, downloaded, left, event, num_want, key } = announce;
    let mut query = format!(
        "info_hash={}&peer_id={}&port={port}&uploaded={uploaded}&downloaded={downloaded}&left={left}&key={key:08X}",
        percent_encode(info_hash),
        percent_encode(peer_id),
    );
    if let Some(event) = event.name() {
        query.extend(["&event=", &event]);
    }
    if let Some(num_want) = num_want {
        query.extend(["&numwant=", &num_want.to_string()]);
    }
    query
}

/// The query of a scrape (BEP 48), without `?`.
pub fn scrape_query(info_hashes: &[[u8; 20]]) -> String {
    let parameters: Vec<_> = info_hashes.iter().map(|hash| format!("info_hash={}", percent_encode(hash))).collect();
    parameters.join("&")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Event;

    const HASH: [u8; 20] = *b"\x12\x34\x56\x78\x9a\xbc\xde\xf1\x23\x45\x67\x89\xab\xcd\xef\x12\x34\x56\x78\x9a";

    /// RFC 3986, section 2.3: the unreserved characters.
    #[test]
    fn only_unreserved_characters_stand_for_themselves() {
        assert_eq!(percent_encode("AZaz09-._~"), "AZaz09-._~");
        assert_eq!(percent_encode(" +&=?%/:@[`{"), "%20%2B%26%3D%3F%25%2F%3A%40%5B%60%7B");
        assert_eq!(percent_encode([0, 0x7f, 0x80, 0xff]), "%00%7F%80%FF");
        assert_eq!(percent_encode(HASH), "%124Vx%9A%BC%DE%F1%23Eg%89%AB%CD%EF%124Vx%9A");
    }

    /// BEP 3, "Trackers".
    #[test]
    fn an_announce_names_every_number() {
        let announce = Announce::new(HASH, 6881).uploaded(1).downloaded(2).left(3).key(0xab);
        let fixed = "info_hash=%124Vx%9A%BC%DE%F1%23Eg%89%AB%CD%EF%124Vx%9A&peer_id=-TC0001-000000006881&port=6881\
                     &uploaded=1&downloaded=2&left=3&key=000000AB";
        assert_eq!(announce_query(&announce), fixed);
        let leaving = announce.event(Event::Stopped).num_want(-1);
        assert_eq!(announce_query(&leaving), format!("{fixed}&event=stopped&numwant=-1"));
    }

    /// BEP 48: one parameter for each torrent.
    #[test]
    fn a_scrape_repeats_info_hash() {
        assert_eq!(scrape_query(&[]), "");
        let expected = "info_hash=aaaaaaaaaaaaaaaaaaaa&info_hash=%00%00%00%00%00%00%00%00%00%00\
                        %00%00%00%00%00%00%00%00%00%00";
        assert_eq!(scrape_query(&[[b'a'; 20], [0; 20]]), expected);
    }
}
