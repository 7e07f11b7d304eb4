//! Bencode, read in place from whoever answered.

/// One value. What it holds is borrowed from the bytes it was read from.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Item<'a> {
    /// `i…e`.
    Integer(i64),
    /// Length, colon, bytes.
    Bytes(&'a [u8]),
    /// `l…e`.
    List(Vec<Self>),
    /// `d…e`, in the order it came in: not every tracker sorts its keys.
    Dictionary(Vec<(&'a [u8], Self)>),
}

/// Why bytes are not bencode.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum ItemError {
    /// No value begins with such a byte.
    #[error("no value begins with its byte {0}")]
    Unknown(usize),
    /// They end within a value.
    #[error("it ends within a bencoded value")]
    Truncated,
    /// An integer or a length that is none, or beyond 64 bits.
    #[error("the number at byte {0} is none")]
    Number(usize),
    /// A key that is no string.
    #[error("the key at byte {0} is no string")]
    Key(usize),
    /// More values within each other than any reply has.
    #[error("its lists and dictionaries are nested too deeply")]
    Depth,
}

impl<'a> Item<'a> {
    /// Reads the value that `bytes` begin with; what follows it is passed over, as clients do.
    ///
    /// # Errors
    ///
    /// When they do not begin with one.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, ItemError> {
        Reader { bytes, position: 0 }.item(DEPTH)
    }

    /// The value of a key, if this is a dictionary that has it.
    pub fn get(&self, key: &str) -> Option<&Self> {
        let Self::Dictionary(entries) = self else { return None };
        entries.iter().find(|(name, _)| *name == key.as_bytes()).map(|(_, value)| value)
    }

    /// The bytes, if it is a string.
    pub fn bytes(&self) -> Option<&'a [u8]> {
        if let Self::Bytes(bytes) = self { Some(bytes) } else { None }
    }

    /// The number, if it is one that counts something.
    pub fn count(&self) -> Option<u64> {
        if let Self::Integer(integer) = self { u64::try_from(*integer).ok() } else { None }
    }
}

struct Reader<'a> {
    bytes: &'a [u8],
    position: usize,
}

impl<'a> Reader<'a> {
    /// The next value, with at most so many others around those within it.
    fn item(&mut self, depth: usize) -> Result<Item<'a>, ItemError> {
        match self.peek()? {
            b'i' => self.integer().map(Item::Integer),
            b'0'..=b'9' => self.string().map(Item::Bytes),
            b'l' => {
                let (depth, mut items) = (self.open(depth)?, Vec::new());
                while !self.closes()? {
                    items.push(self.item(depth)?);
                }
                Ok(Item::List(items))
            }
            b'd' => {
                let (depth, mut entries) = (self.open(depth)?, Vec::new());
                while !self.closes()? {
                    if !self.peek()?.is_ascii_digit() {
                        return Err(ItemError::Key(self.position));
                    }
                    entries.push((self.string()?, self.item(depth)?));
                }
                Ok(Item::Dictionary(entries))
            }
            _ => Err(ItemError::Unknown(self.position)),
        }
    }

    fn peek(&self) -> Result<u8, ItemError> {
        self.bytes.get(self.position).copied().ok_or(ItemError::Truncated)
    }

    /// Steps into a list or dictionary.
    fn open(&mut self, depth: usize) -> Result<usize, ItemError> {
        self.position = self.position.saturating_add(1);
        depth.checked_sub(1).ok_or(ItemError::Depth)
    }

    /// Steps out of it, if it ends here.
    fn closes(&mut self) -> Result<bool, ItemError> {
        let closes = self.peek()? == b'e';
        self.position = self.position.saturating_add(closes.into());
        Ok(closes)
    }

    fn integer(&mut self) -> Result<i64, ItemError> {
        self.position = self.position.saturating_add(1);
        self.number(b'e')
    }

    fn string(&mut self) -> Result<&'a [u8], ItemError> {
        let length: usize = self.number(b':')?;
        let end = self.position.saturating_add(length);
        let string = self.bytes.get(self.position..end).ok_or(ItemError::Truncated)?;
        self.position = end;
        Ok(string)
    }

    /// Digits up to `end`, and steps behind that.
    fn number<N: std::str::FromStr>(&mut self, end: u8) -> Result<N, ItemError> {
        let start = self.position;
        let rest = self.bytes.get(start..).unwrap_or_default();
        let window = rest.get(..NUMBER_LENGTH).unwrap_or(rest);
        let Some(length) = window.iter().position(|byte| *byte == end) else {
            return Err(if window.len() < NUMBER_LENGTH { ItemError::Truncated } else { ItemError::Number(start) });
        };
        let digits = window.get(..length).and_then(|digits| std::str::from_utf8(digits).ok()).unwrap_or_default();
        self.position = start.saturating_add(length).saturating_add(1);
        digits.parse().map_err(|_| ItemError::Number(start))
    }
}

/// A tracker's replies have four levels: `files`, a torrent, its counts.
const DEPTH: usize = 16;

/// More than the digits of any 64-bit number, its sign and its end.
const NUMBER_LENGTH: usize = 24;

#[cfg(test)]
mod tests {
    use super::*;

    /// The examples of BEP 3, "bencoding".
    #[test]
    fn values_are_read_as_in_bep_3() {
        assert_eq!(Item::parse(b"4:spam"), Ok(Item::Bytes(b"spam")));
        assert_eq!(Item::parse(b"i3e"), Ok(Item::Integer(3)));
        assert_eq!(Item::parse(b"i-3e"), Ok(Item::Integer(-3)));
        assert_eq!(Item::parse(b"l4:spam4:eggse"), Ok(Item::List(vec![Item::Bytes(b"spam"), Item::Bytes(b"eggs")])));
        let both = Item::parse(b"d3:cow3:moo4:spam4:eggse").unwrap();
        assert_eq!(both.get("spam").and_then(Item::bytes), Some(&b"eggs"[..]));
        assert_eq!(both.get("pork"), None);
        assert_eq!(Item::parse(b"d4:spaml1:a1:bee").unwrap().get("spam").and_then(Item::count), None);
    }

    #[test]
    fn what_follows_a_value_is_passed_over() {
        assert_eq!(Item::parse(b"de\r\n"), Ok(Item::Dictionary(vec![])));
    }

    #[test]
    fn what_is_none_is_told_why() {
        for (bytes, error) in [
            (&b"<html>"[..], ItemError::Unknown(0)),
            (b"", ItemError::Truncated),
            (b"i3", ItemError::Truncated),
            (b"5:spam", ItemError::Truncated),
            (b"d3:cow", ItemError::Truncated),
            (b"99999999999999999999:", ItemError::Number(0)),
            (b"i99999999999999999999999999999999e", ItemError::Number(1)),
            (b"ixe", ItemError::Number(1)),
            (b"18446744073709551615:a", ItemError::Truncated),
            (b"di1ei2ee", ItemError::Key(1)),
        ] {
            assert_eq!(Item::parse(bytes), Err(error), "{}", bytes.escape_ascii());
        }
        assert_eq!(Item::parse(&[b'l'; 1 << 20]), Err(ItemError::Depth));
    }
}
