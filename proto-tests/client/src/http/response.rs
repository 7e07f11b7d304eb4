//! An HTTP response as read from the wire (RFC 9112).

use crate::Malformed;

/// A response: what its head says, and its body.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Response {
    /// The version's last digit: 0 or 1.
    pub minor_version: u8,
    /// The status code.
    pub status: u16,
    /// The headers in wire order, names as spelt by the tracker.
    pub headers: Vec<(String, String)>,
    /// The body; empty in a response to HEAD.
    pub body: Vec<u8>,
}

impl Response {
    /// The first header of this name, in any case.
    pub fn header(&self, name: &str) -> Option<&str> {
        let header = self.headers.iter().find(|(found, _)| found.eq_ignore_ascii_case(name));
        header.map(|(_, value)| value.as_str())
    }

    /// Whether the tracker closes the connection after this response (RFC 9112, section 9.3).
    pub fn is_last(&self) -> bool {
        let says = |option: &str| {
            let mut options = self.header("connection").unwrap_or_default().split(',');
            options.any(|found| found.trim().eq_ignore_ascii_case(option))
        };
        says("close") || (self.minor_version == 0 && !says("keep-alive"))
    }

    /// Takes one response off the front of these bytes, and returns what is behind it.
    ///
    /// One that states no length is taken for a response to HEAD.
    pub fn take(bytes: &[u8]) -> Result<(Self, &[u8]), Malformed> {
        const END: &[u8] = b"\r\n\r\n";
        let length = bytes.windows(END.len()).position(|window| window == END);
        let (head, rest) = bytes.split_at(length.ok_or_else(|| Malformed::new("response head without an end"))?);
        let (mut response, rest) = (Self::parse_head(head)?, &rest[END.len()..]);
        let stated = ["content-length", "transfer-encoding"].iter().any(|name| response.header(name).is_some());
        let length = if stated { response.content_length()? } else { 0 };
        let (body, rest) = rest.split_at_checked(length).ok_or_else(|| Malformed::new("response cut short"))?;
        response.body = body.to_vec();
        Ok((response, rest))
    }

    /// Reads a head without its final empty line; there is no body yet.
    pub(super) fn parse_head(head: &[u8]) -> Result<Self, Malformed> {
        let head = str::from_utf8(head).map_err(|_| Malformed::new("response head is not text"))?;
        let mut lines = head.split("\r\n");
        let (minor_version, status) = status_line(lines.next().unwrap_or_default())?;
        let headers = lines.map(header_line).collect::<Result<_, _>>()?;
        Ok(Self { minor_version, status, headers, body: Vec::new() })
    }

    /// The length of the body, which a tracker must state once; a body in chunks is one many clients cannot read.
    pub(super) fn content_length(&self) -> Result<usize, Malformed> {
        if self.header("transfer-encoding").is_some() {
            return Err(Malformed::new("body with a transfer encoding"));
        }
        let mut lengths = self.headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case("content-length"));
        let (Some((_, length)), None) = (lengths.next(), lengths.next()) else {
            return Err(Malformed::new("not one Content-Length"));
        };
        let digits = Some(length).filter(|length| length.bytes().all(|byte| byte.is_ascii_digit()));
        let length = digits.and_then(|digits| digits.parse().ok()).filter(|length| *length <= MAX_BODY);
        length.ok_or_else(|| Malformed::new("Content-Length is not a length, or too large"))
    }
}

/// Far beyond the reply to the largest scrape one request line holds.
const MAX_BODY: usize = 1 << 20;

/// RFC 9112, section 4: version, a space, three digits, a space, a phrase or nothing.
fn status_line(line: &str) -> Result<(u8, u16), Malformed> {
    let (version, rest) = line.split_at_checked(9).unwrap_or_default();
    let minor_version = match version {
        "HTTP/1.0 " => 0,
        "HTTP/1.1 " => 1,
        _ => return Err(Malformed::new(format!("not a status line: {line:?}"))),
    };
    let (status, phrase) = rest.split_at_checked(3).unwrap_or_default();
    match status.parse() {
        Ok(status @ 100..=599) if phrase.starts_with(' ') => Ok((minor_version, status)),
        _ => Err(Malformed::new(format!("not a status line: {line:?}"))),
    }
}

fn header_line(line: &str) -> Result<(String, String), Malformed> {
    match line.split_once(':') {
        Some((name, value)) if !name.is_empty() && !name.contains([' ', '\t']) => {
            Ok((name.to_owned(), value.trim_matches([' ', '\t']).to_owned()))
        }
        _ => Err(Malformed::new(format!("not a header: {line:?}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(head: &str) -> Result<Response, Malformed> {
        Response::parse_head(head.as_bytes())
    }

    #[test]
    fn a_head_has_a_status_and_headers() {
        let response = parse("HTTP/1.1 404 Not Found\r\nContent-Length:  12 \r\nX-Empty:").unwrap();
        assert_eq!((response.minor_version, response.status), (1, 404));
        assert_eq!(response.headers[0], ("Content-Length".to_owned(), "12".to_owned()));
        assert_eq!(response.header("content-LENGTH"), Some("12"));
        assert_eq!(response.header("x-empty"), Some(""));
        assert_eq!(response.header("date"), None);
        assert!(parse("HTTP/1.0 200 ").is_ok());
    }

    #[test]
    fn other_heads_are_refused() {
        let heads = ["", "HTTP/1.1", "HTTP/2.0 200 OK", "HTTP/1.1 20 OK", "HTTP/1.1 2000 OK", "HTTP/1.1 099 OK"];
        for head in heads {
            assert!(parse(head).is_err(), "{head:?}");
        }
        for header in ["no colon", ": no name", "a space: 1", " folded: 1", ""] {
            assert!(parse(&format!("HTTP/1.1 200 OK\r\n{header}")).is_err(), "{header:?}");
        }
    }

    /// RFC 9112, section 6.3.
    #[test]
    fn the_length_is_stated_once_and_plainly() {
        let length = |headers: &str| parse(&format!("HTTP/1.1 200 OK\r\n{headers}")).unwrap().content_length();
        assert_eq!(length("content-length: 0"), Ok(0));
        assert_eq!(length("Content-Length: 1048576"), Ok(1 << 20));
        for headers in [
            "Content-Length: 1048577",
            "Content-Length: +1",
            "Content-Length: -1",
            "Content-Length:",
            "Content-Length: 1\r\nContent-Length: 1",
            "Content-Length: 1\r\nTransfer-Encoding: chunked",
            "Date: never",
        ] {
            assert!(length(headers).is_err(), "{headers:?}");
        }
    }

    #[test]
    fn responses_are_taken_one_by_one() {
        let bytes = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhiHTTP/1.1 404 No\r\n\r\nHTTP";
        let (first, rest) = Response::take(bytes).unwrap();
        assert_eq!((first.status, &first.body[..]), (200, &b"hi"[..]));
        let (second, rest) = Response::take(rest).unwrap();
        assert_eq!((second.status, second.body.len(), rest), (404, 0, &b"HTTP"[..]));
        assert!(Response::take(rest).is_err());
        assert!(Response::take(&bytes[..38]).is_err());
        assert!(Response::take(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n").is_err());
    }

    /// RFC 9112, section 9.3.
    #[test]
    fn the_last_response_says_so() {
        let last = |head: &str| parse(head).unwrap().is_last();
        assert!(!last("HTTP/1.1 200 OK"));
        assert!(last("HTTP/1.1 200 OK\r\nConnection: Close"));
        assert!(last("HTTP/1.1 200 OK\r\nConnection: foo, close"));
        assert!(last("HTTP/1.0 200 OK"));
        assert!(!last("HTTP/1.0 200 OK\r\nConnection: keep-alive"));
    }
}
