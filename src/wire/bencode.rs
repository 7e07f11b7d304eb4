//! Bencode: written for clients, and read from other trackers by the probe (BEP 3, "bencoding").
//!
//! Values are appended to a buffer as they are named. A dictionary or list is closed when the function that fills it
//! returns, so nothing can stay open.

mod item;

use std::ops::Range;

pub use item::{Item, ItemError};

/// Appends a dictionary to `out`.
pub fn dictionary(out: &mut Vec<u8>, fill: impl FnOnce(&mut Dictionary<'_>)) {
    Value(out).dictionary(fill);
}

/// Room for exactly one value.
#[must_use = "a key or item without its value is not bencode"]
pub struct Value<'a>(&'a mut Vec<u8>);

impl Value<'_> {
    /// `i…e`.
    #[inline]
    pub fn integer(self, integer: impl Into<u64>) {
        self.0.push(b'i');
        decimal(self.0, integer.into());
        self.0.push(b'e');
    }

    /// Length, colon, bytes.
    #[inline]
    pub fn bytes(self, bytes: impl AsRef<[u8]>) {
        let bytes = bytes.as_ref();
        decimal(self.0, bytes.len());
        self.0.push(b':');
        self.0.extend_from_slice(bytes);
    }

    /// `l…e`.
    pub fn list(self, fill: impl FnOnce(&mut List<'_>)) {
        self.0.push(b'l');
        fill(&mut List(self.0));
        self.0.push(b'e');
    }

    /// `d…e`.
    pub fn dictionary(self, fill: impl FnOnce(&mut Dictionary<'_>)) {
        self.0.push(b'd');
        fill(&mut Dictionary { out: self.0, last_key: 0..0 });
        self.0.push(b'e');
    }
}

/// A list being filled.
pub struct List<'a>(&'a mut Vec<u8>);

impl List<'_> {
    /// The next item.
    pub fn item(&mut self) -> Value<'_> {
        Value(self.0)
    }
}

/// A dictionary being filled, in the order of its keys.
pub struct Dictionary<'a> {
    out: &'a mut Vec<u8>,
    /// Where in `out` the key before stands.
    last_key: Range<usize>,
}

impl Dictionary<'_> {
    /// The next key, greater than the one before it when compared as raw bytes.
    #[inline]
    pub fn key(&mut self, key: impl AsRef<[u8]>) -> Value<'_> {
        let key = key.as_ref();
        let last_key = self.out.get(self.last_key.clone()).unwrap_or_default();
        debug_assert!(last_key < key, "{} before {}", last_key.escape_ascii(), key.escape_ascii());
        Value(self.out).bytes(key);
        self.last_key = self.out.len().saturating_sub(key.len())..self.out.len();
        Value(self.out)
    }
}

fn decimal(out: &mut Vec<u8>, integer: impl itoa::Integer) {
    out.extend_from_slice(itoa::Buffer::new().format(integer).as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(fill: impl FnOnce(&mut Dictionary<'_>)) -> String {
        let mut out = Vec::new();
        dictionary(&mut out, fill);
        out.escape_ascii().to_string()
    }

    /// The examples of BEP 3, "bencoding".
    #[test]
    fn values_are_spelt_as_in_bep_3() {
        assert_eq!(written(|_| ()), "de");
        assert_eq!(written(|all| all.key("spam").bytes("eggs")), "d4:spam4:eggse");
        assert_eq!(written(|all| all.key("n").integer(3_u32)), "d1:ni3ee");
        assert_eq!(written(|all| all.key("n").integer(u64::MAX)), "d1:ni18446744073709551615ee");
        let spam_and_eggs = |list: &mut List<'_>| {
            list.item().bytes("spam");
            list.item().bytes("eggs");
        };
        assert_eq!(written(|all| all.key("spam").list(spam_and_eggs)), "d4:spaml4:spam4:eggsee");
        assert_eq!(written(|all| all.key("a").list(|_| ())), "d1:alee");
    }

    #[test]
    fn strings_are_raw_bytes_and_keys_may_be_too() {
        assert_eq!(written(|all| all.key(b"\x00\xff").bytes(b"\xfe")), r"d2:\x00\xff1:\xfee");
    }

    #[test]
    fn dictionaries_nest() {
        let inner = |inner: &mut Dictionary<'_>| inner.key("a").integer(1_u32);
        let both = written(|all| {
            all.key("x").dictionary(inner);
            all.key("y").integer(2_u32);
        });
        assert_eq!(both, "d1:xd1:ai1ee1:yi2ee");
    }

    /// BEP 3: "Keys must be strings and appear in sorted order (sorted as raw strings, not alphanumerics)."
    #[test]
    #[should_panic(expected = "peers6 before peers")]
    fn keys_out_of_order_are_a_bug() {
        written(|all| {
            all.key("peers6").bytes("");
            all.key("peers").bytes("");
        });
    }

    #[test]
    #[should_panic(expected = "peers before peers")]
    fn so_is_a_key_twice() {
        written(|all| {
            all.key("peers").bytes("");
            all.key("peers").bytes("");
        });
    }
}
