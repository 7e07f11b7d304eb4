//! The one question a tracker's name is asked: its TXT records (RFC 1035), one of which may say where trackers are (BEP 34).

/// A query for the TXT records of a name.
///
/// # Errors
///
/// When it cannot be a name.
pub fn txt_query(id: u16, name: &str) -> Result<Vec<u8>, NameError> {
    let mut query = id.to_be_bytes().to_vec();
    // Recursion desired; one question, nothing else (RFC 1035, 4.1.1).
    query.extend([1, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
    let name = name.strip_suffix('.').unwrap_or(name);
    for label in name.split('.') {
        let length = u8::try_from(label.len()).ok().filter(|length| (1..=LABEL_LENGTH).contains(length));
        query.push(length.filter(|_| label.is_ascii()).ok_or(NameError)?);
        query.extend_from_slice(label.as_bytes());
    }
    if name.len() > NAME_LENGTH {
        return Err(NameError);
    }
    query.push(0);
    query.extend([TYPE_TXT, CLASS_IN].map(u16::to_be_bytes).as_flattened());
    Ok(query)
}

/// A text that is no name in the DNS.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("not a name: labels of 1 to 63 ASCII characters with dots between, 253 in all (others as xn--…)")]
pub struct NameError;

/// What a server says.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Reply {
    /// The texts of all records, each put together from its pieces. Any bytes.
    Texts(Vec<Vec<u8>>),
    /// There is no such name.
    NoSuchName,
    /// It does not fit a datagram: to be asked over TCP.
    Truncated,
    /// It will not or cannot say (RFC 1035, 4.1.1, "RCODE").
    Failed(u8),
}

/// A reply to our query that breaks off or is put together wrongly.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("a reply that is no DNS message")]
pub struct ReplyError;

impl Reply {
    /// Reads a message; `None` where it does not answer this query.
    ///
    /// # Errors
    ///
    /// When it does, and breaks off.
    pub fn parse(message: &[u8], query: &[u8]) -> Option<Result<Self, ReplyError>> {
        let (head, rest) = message.split_first_chunk::<HEAD_LENGTH>()?;
        let (asked, question) = query.split_first_chunk::<HEAD_LENGTH>()?;
        let [id_high, id_low, flags, code, _, questions, answers @ ..] = *head;
        let (told, records) = rest.split_at_checked(question.len())?;
        let is_ours = asked.starts_with(&[id_high, id_low])
            && flags & IS_REPLY != 0
            && questions == 1
            && told.eq_ignore_ascii_case(question);
        is_ours.then(|| match code & CODE {
            _ if flags & IS_TRUNCATED != 0 => Ok(Self::Truncated),
            0 => {
                let [high, low, ..] = answers;
                texts(records, u16::from_be_bytes([high, low])).map(Self::Texts).ok_or(ReplyError)
            }
            NAME_ERROR => Ok(Self::NoSuchName),
            code => Ok(Self::Failed(code)),
        })
    }
}

/// The texts among so many records; a name that is another's alias has that one's record beside them.
fn texts(mut records: &[u8], count: u16) -> Option<Vec<Vec<u8>>> {
    let mut texts = Vec::new();
    for _ in 0..count {
        let behind_name = skip_name(records)?;
        let (fixed, rest) = behind_name.split_first_chunk::<RECORD_LENGTH>()?;
        let [type_high, type_low, class_high, class_low, _, _, _, _, length_high, length_low] = *fixed;
        let (data, rest) = rest.split_at_checked(u16::from_be_bytes([length_high, length_low]).into())?;
        if [[type_high, type_low], [class_high, class_low]] == [TYPE_TXT, CLASS_IN].map(u16::to_be_bytes) {
            texts.push(pieces(data)?);
        }
        records = rest;
    }
    Some(texts)
}

/// Behind a name: labels up to an empty one, or to a pointer to the rest (RFC 1035, 4.1.4).
fn skip_name(mut bytes: &[u8]) -> Option<&[u8]> {
    loop {
        let (length, rest) = bytes.split_first()?;
        match length {
            0 => return Some(rest),
            1..=LABEL_LENGTH => bytes = rest.get(usize::from(*length)..)?,
            POINTER.. => return rest.get(1..),
            _ => return None,
        }
    }
}

/// A text comes in pieces of up to 255 bytes (RFC 1035, 3.3.14).
fn pieces(mut data: &[u8]) -> Option<Vec<u8>> {
    let mut text = Vec::new();
    while let Some((length, rest)) = data.split_first() {
        let (piece, rest) = rest.split_at_checked((*length).into())?;
        text.extend_from_slice(piece);
        data = rest;
    }
    Some(text)
}

/// A way to a tracker, as a record spells it: `UDP:6969`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Service {
    /// A UDP tracker on this port.
    Udp(u16),
    /// An HTTP tracker on this port.
    Tcp(u16),
}

/// What a text says of trackers, preferred ones first: none at all is a host that runs none. `None` where the text is
/// about something else (BEP 34, "Words").
pub fn services(text: &[u8]) -> Option<Vec<Service>> {
    let mut words = text.split(|byte| *byte == b' ');
    (words.next() == Some(b"BITTORRENT")).then(|| words.filter_map(service).collect())
}

/// Unknown words are "silently ignored" (BEP 34); so is a port that is none.
fn service(word: &[u8]) -> Option<Service> {
    let (transport, port) = std::str::from_utf8(word).ok()?.split_once(':')?;
    let port = port.parse().ok().filter(|port| *port != 0)?;
    match transport {
        "UDP" => Some(Service::Udp(port)),
        "TCP" => Some(Service::Tcp(port)),
        _ => None,
    }
}

const HEAD_LENGTH: usize = 12;
/// Type, class, time to live, length.
const RECORD_LENGTH: usize = 10;
const LABEL_LENGTH: u8 = 63;
const NAME_LENGTH: usize = 253;
/// The two high bits of a length that is none.
const POINTER: u8 = 0xc0;
const TYPE_TXT: u16 = 16;
const CLASS_IN: u16 = 1;
const IS_REPLY: u8 = 0x80;
const IS_TRUNCATED: u8 = 0x02;
const CODE: u8 = 0x0f;
const NAME_ERROR: u8 = 3;

#[cfg(test)]
mod tests {
    use super::*;

    const QUERY: &[u8] = b"\x12\x34\x01\0\0\x01\0\0\0\0\0\0\x01t\x07example\0\0\x10\0\x01";

    /// The query's question, then these records.
    fn reply(flags: [u8; 2], answers: u8, records: &[u8]) -> Vec<u8> {
        let [high, low] = flags;
        [b"\x12\x34", &[high, low, 0, 1, 0, answers, 0, 0, 0, 0][..], &QUERY[12..], records].concat()
    }

    #[test]
    fn rfc1035_a_query() {
        assert_eq!(txt_query(0x1234, "t.example").as_deref(), Ok(QUERY));
        assert_eq!(txt_query(0x1234, "t.example.").as_deref(), Ok(QUERY));
        for name in ["", ".", "a..b", "é.example", &"a".repeat(64), &"a.".repeat(128)] {
            assert_eq!(txt_query(1, name), Err(NameError), "{name}");
        }
    }

    #[test]
    fn rfc1035_texts_are_found_beside_an_alias() {
        let records = b"\xc0\x0c\0\x05\0\x01\0\0\0\x3c\0\x02\xc0\x0e\
            \x01u\xc0\x0e\0\x10\0\x01\0\0\0\x3c\0\x0a\x04BITT\x04ORRE\
            \0\0\x10\0\x01\0\0\0\x3c\0\0";
        let texts = Reply::Texts(vec![b"BITTORRE".to_vec(), vec![]]);
        assert_eq!(Reply::parse(&reply([0x81, 0x80], 3, records), QUERY), Some(Ok(texts)));
        assert_eq!(Reply::parse(&reply([0x81, 0x80], 0, b""), QUERY), Some(Ok(Reply::Texts(vec![]))));
        for length in 0..records.len() {
            let broken = Reply::parse(&reply([0x81, 0x80], 3, &records[..length]), QUERY);
            assert_eq!(broken, Some(Err(ReplyError)), "{length}");
        }
    }

    #[test]
    fn rfc1035_codes() {
        let told = |flags| Reply::parse(&reply(flags, 0, b""), QUERY);
        assert_eq!(told([0x81, 0x83]), Some(Ok(Reply::NoSuchName)));
        assert_eq!(told([0x81, 0x85]), Some(Ok(Reply::Failed(5))));
        assert_eq!(told([0x83, 0x80]), Some(Ok(Reply::Truncated)));
        assert_eq!(told([0x01, 0x80]), None, "a query is no reply");
        let mut other = reply([0x81, 0x80], 0, b"");
        other[1] = 0x35;
        assert_eq!(Reply::parse(&other, QUERY), None);
        assert_eq!(Reply::parse(QUERY, QUERY), None);
    }

    #[test]
    fn bep34_words() {
        let both = Some(vec![Service::Udp(1337), Service::Tcp(80)]);
        assert_eq!(services(b"BITTORRENT UDP:1337 TCP:80"), both);
        assert_eq!(services(b"BITTORRENT UDP:1337  TCP:80 SCTP:9 udp:1 UDP:0 UDP:x UDP:99999 UDP \xff"), both);
        assert_eq!(services(b"BITTORRENT DENY ALL"), Some(vec![]));
        assert_eq!(services(b"BITTORRENT"), Some(vec![]));
        for other in [&b"v=spf1 -all"[..], b"BITTORRENTS", b" BITTORRENT", b"bittorrent UDP:1", b""] {
            assert_eq!(services(other), None);
        }
    }
}
