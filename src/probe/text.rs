//! Texts of strangers, made fit for a terminal.

/// A text with whatever could move a cursor, colour, hide or reverse spelt out, and cut if it is long.
pub(super) fn printable(bytes: &[u8]) -> String {
    let cut = bytes.len() > LONGEST;
    let text = String::from_utf8_lossy(&bytes[..bytes.len().min(LONGEST)]);
    let mut shown: String = text.chars().map(spelt).collect();
    if cut {
        shown.push('…');
    }
    shown
}

/// The character, or its code where it is none that is seen.
fn spelt(c: char) -> String {
    match c {
        '\'' | '"' | '\\' => c.into(),
        c => c.escape_debug().to_string(),
    }
}

/// Bytes of a text: some lines of a terminal.
const LONGEST: usize = 300;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_but_what_is_seen_gets_through() {
        assert_eq!(printable(b"it's \"busy\" \\o/"), "it's \"busy\" \\o/");
        assert_eq!(printable("zu spät".as_bytes()), "zu spät");
        assert_eq!(printable(b"\x1b[2J\x07\r\n\t\0"), r"\u{1b}[2J\u{7}\r\n\t\0");
        assert_eq!(printable("a\u{202e}b\u{9b}31m\u{200b}".as_bytes()), r"a\u{202e}b\u{9b}31m\u{200b}");
        assert_eq!(printable(b"\xff\xfe"), "\u{fffd}\u{fffd}");
    }

    #[test]
    fn a_long_text_is_cut() {
        let shown = printable(&[b'a'; 1 << 20]);
        assert_eq!(shown.len(), 300 + '…'.len_utf8());
    }
}
