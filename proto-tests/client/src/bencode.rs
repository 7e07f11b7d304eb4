//! A bencode decoder that takes canonical input only (BEP 3, "bencoding").

use std::collections::BTreeMap;

use crate::Malformed;

/// Deeper than any tracker reply goes; it keeps hostile input from exhausting the stack.
const MAX_DEPTH: u32 = 16;

/// A bencoded value.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Value {
    /// `i…e`
    Integer(i64),
    /// `length:…`
    Bytes(Vec<u8>),
    /// `l…e`
    List(Vec<Self>),
    /// `d…e`, keys in the order of their raw bytes.
    Dictionary(BTreeMap<Vec<u8>, Self>),
}

impl Value {
    /// The integer, if it is one.
    pub fn as_integer(&self) -> Option<i64> {
        if let Self::Integer(integer) = self { Some(*integer) } else { None }
    }

    /// The bytes, if it is a string.
    pub fn as_bytes(&self) -> Option<&[u8]> {
        if let Self::Bytes(bytes) = self { Some(bytes) } else { None }
    }

    /// The entries, if it is a list.
    pub fn as_list(&self) -> Option<&[Self]> {
        if let Self::List(list) = self { Some(list) } else { None }
    }

    /// The entries, if it is a dictionary.
    pub fn as_dictionary(&self) -> Option<&BTreeMap<Vec<u8>, Self>> {
        if let Self::Dictionary(entries) = self { Some(entries) } else { None }
    }

    /// The value under `key`, if this is a dictionary that has it.
    pub fn get(&self, key: impl AsRef<[u8]>) -> Option<&Self> {
        self.as_dictionary()?.get(key.as_ref())
    }
}

/// Reads one value that takes up all of `bytes`.
///
/// Refused: keys unsorted or repeated, leading zeros, minus zero, integers beyond 64 bits, bytes left over.
pub fn decode(bytes: &[u8]) -> Result<Value, Malformed> {
    let mut reader = Reader { rest: bytes, whole_length: bytes.len() };
    let value = reader.value(MAX_DEPTH)?;
    if reader.rest.is_empty() { Ok(value) } else { Err(reader.wrong("bytes after the value")) }
}

/// The bytes not read yet.
struct Reader<'a> {
    rest: &'a [u8],
    whole_length: usize,
}

impl<'a> Reader<'a> {
    fn value(&mut self, depth: u32) -> Result<Value, Malformed> {
        let Some(depth) = depth.checked_sub(1) else {
            return Err(self.wrong("nested too deep"));
        };
        match self.rest.first() {
            Some(b'i') => self.integer().map(Value::Integer),
            Some(b'l') => self.list(depth).map(Value::List),
            Some(b'd') => self.dictionary(depth).map(Value::Dictionary),
            Some(b'0'..=b'9') => self.bytes().map(|bytes| Value::Bytes(bytes.to_vec())),
            Some(_) => Err(self.wrong("not the start of a value")),
            None => Err(self.wrong("value missing")),
        }
    }

    fn integer(&mut self) -> Result<i64, Malformed> {
        self.skip(b'i');
        let text = self.until(b'e')?;
        let digits = text.strip_prefix(b"-").unwrap_or(text);
        if text == b"-0" {
            return Err(self.wrong("minus zero"));
        }
        self.canonical(digits)?;
        self.number(text)
    }

    fn bytes(&mut self) -> Result<&'a [u8], Malformed> {
        let digits = self.until(b':')?;
        self.canonical(digits)?;
        let length = self.number(digits)?;
        let Some((bytes, rest)) = self.rest.split_at_checked(length) else {
            return Err(self.wrong("string cut short"));
        };
        self.rest = rest;
        Ok(bytes)
    }

    fn list(&mut self, depth: u32) -> Result<Vec<Value>, Malformed> {
        self.skip(b'l');
        let mut list = Vec::new();
        while !self.skip(b'e') {
            list.push(self.value(depth)?);
        }
        Ok(list)
    }

    fn dictionary(&mut self, depth: u32) -> Result<BTreeMap<Vec<u8>, Value>, Malformed> {
        self.skip(b'd');
        let mut entries = BTreeMap::new();
        let mut previous: Option<&[u8]> = None;
        while !self.skip(b'e') {
            let key = self.bytes()?;
            if previous.is_some_and(|previous| previous >= key) {
                return Err(self.wrong("keys unsorted or repeated"));
            }
            previous = Some(key);
            entries.insert(key.to_vec(), self.value(depth)?);
        }
        Ok(entries)
    }

    /// Takes `expected` if it is the next byte.
    fn skip(&mut self, expected: u8) -> bool {
        let rest = self.rest.split_first().filter(|(first, _)| **first == expected).map(|(_, rest)| rest);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    /// Takes the bytes before `end`, and `end` with them.
    fn until(&mut self, end: u8) -> Result<&'a [u8], Malformed> {
        let mut parts = self.rest.splitn(2, |byte| *byte == end);
        let (Some(taken), Some(rest)) = (parts.next(), parts.next()) else {
            return Err(self.wrong("number without an end"));
        };
        self.rest = rest;
        Ok(taken)
    }

    /// Refuses what has two spellings: leading zeros. (`parse` would also take a plus sign.)
    fn canonical(&self, digits: &[u8]) -> Result<(), Malformed> {
        match digits {
            [] => Err(self.wrong("number without digits")),
            [b'0', _, ..] => Err(self.wrong("leading zero")),
            _ if digits.iter().all(u8::is_ascii_digit) => Ok(()),
            _ => Err(self.wrong("not a digit")),
        }
    }

    fn number<N: std::str::FromStr>(&self, digits: &[u8]) -> Result<N, Malformed> {
        let number = str::from_utf8(digits).ok().and_then(|text| text.parse().ok());
        number.ok_or_else(|| self.wrong("number too large"))
    }

    fn wrong(&self, what: &str) -> Malformed {
        Malformed::new(format!("bencode: {what}, before byte {}", self.whole_length - self.rest.len()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(bytes: &[u8], why: &str) {
        let malformed = decode(bytes).expect_err(why);
        assert!(malformed.0.contains(why), "{malformed} does not say {why}");
    }

    /// The examples of BEP 3, "bencoding".
    #[test]
    fn examples_of_bep_3() {
        let spam = || Value::Bytes(b"spam".to_vec());
        let eggs = || Value::Bytes(b"eggs".to_vec());
        assert_eq!(decode(b"4:spam").unwrap(), spam());
        assert_eq!(decode(b"i3e").unwrap(), Value::Integer(3));
        assert_eq!(decode(b"i-3e").unwrap(), Value::Integer(-3));
        assert_eq!(decode(b"i0e").unwrap(), Value::Integer(0));
        assert_eq!(decode(b"l4:spam4:eggse").unwrap(), Value::List(vec![spam(), eggs()]));
        let cow = [(b"cow".to_vec(), Value::Bytes(b"moo".to_vec())), (b"spam".to_vec(), eggs())];
        assert_eq!(decode(b"d3:cow3:moo4:spam4:eggse").unwrap(), Value::Dictionary(cow.into()));
        let list = Value::List(vec![Value::Bytes(b"a".to_vec()), Value::Bytes(b"b".to_vec())]);
        assert_eq!(decode(b"d4:spaml1:a1:bee").unwrap().get("spam"), Some(&list));
    }

    #[test]
    fn empty_values_and_limits() {
        assert_eq!(decode(b"0:").unwrap(), Value::Bytes(Vec::new()));
        assert_eq!(decode(b"le").unwrap(), Value::List(Vec::new()));
        assert_eq!(decode(b"de").unwrap(), Value::Dictionary(BTreeMap::new()));
        assert_eq!(decode(b"i-9223372036854775808e").unwrap(), Value::Integer(i64::MIN));
        refused(b"i9223372036854775808e", "too large");
        refused(b"99999999999999999999:", "too large");
        refused(b"18446744073709551615:a", "cut short");
    }

    /// BEP 3: neither minus zero nor leading zeros.
    #[test]
    fn numbers_have_one_spelling() {
        refused(b"i-0e", "minus zero");
        refused(b"i03e", "leading zero");
        refused(b"i-03e", "leading zero");
        refused(b"i+3e", "not a digit");
        refused(b"i--3e", "not a digit");
        refused(b"i e", "not a digit");
        refused(b"ie", "without digits");
        refused(b"i-e", "without digits");
        refused(b"i3", "without an end");
        refused(b"04:spam", "leading zero");
        refused(b"00:", "leading zero");
    }

    /// BEP 3: keys are strings, in the order of their raw bytes.
    #[test]
    fn keys_are_sorted_unique_strings() {
        refused(b"d1:bi1e1:ai2ee", "unsorted or repeated");
        refused(b"d1:ai1e1:ai2ee", "unsorted or repeated");
        refused(b"d1:\xffi1e1:ai2ee", "unsorted or repeated");
        refused(b"di1ei2ee", "without an end");
        refused(b"di1e1:ae", "not a digit");
        refused(b"d1:a", "value missing");
        refused(b"d1:ae", "not the start of a value");
        assert!(decode(b"d1:ai1e2:aai2e1:bi3e1:\xffi4ee").is_ok());
    }

    #[test]
    fn one_whole_value() {
        refused(b"", "value missing");
        refused(b"i1ei2e", "bytes after the value");
        refused(b"de\n", "bytes after the value");
        refused(b"5:spam", "cut short");
        refused(b"4spam", "without an end");
        refused(b"l", "value missing");
        refused(b"x", "not the start of a value");
        refused(b"-1:", "not the start of a value");
    }

    #[test]
    fn nesting_is_bounded() {
        let nested = |depth: usize| [vec![b'l'; depth], vec![b'e'; depth]].concat();
        assert!(decode(&nested(16)).is_ok());
        refused(&nested(17), "nested too deep");
        refused(&vec![b'l'; 1 << 20], "nested too deep");
    }
}
