//! Options behind a UDP announce (BEP 41).

/// The pieces of the announce URL's path and query; put together they are the whole (BEP 41, "URLData").
///
/// Options of unknown types are skipped by their length. Where the bytes end within an option, or are no options at all,
/// the pieces simply end: options never make an announce fail.
pub fn url_data(options: &[u8]) -> impl Iterator<Item = &[u8]> {
    Options(options).filter_map(|(kind, data)| (kind == URL_DATA).then_some(data))
}

/// Appends options that hold this path and query, in as many pieces as it takes; none for none.
pub(super) fn put_url_data(request: &mut Vec<u8>, url_data: &[u8]) {
    for piece in url_data.chunks(u8::MAX.into()) {
        request.extend([URL_DATA, u8::try_from(piece.len()).unwrap_or(u8::MAX)]);
        request.extend_from_slice(piece);
    }
}

/// Yields each option that has data as its type and the data.
struct Options<'a>(&'a [u8]);

impl<'a> Iterator for Options<'a> {
    type Item = (u8, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            match *self.0 {
                [] | [END_OF_OPTIONS, ..] => return None,
                [NOP, ref rest @ ..] => self.0 = rest,
                [kind, length, ref rest @ ..] => {
                    let (data, rest) = rest.split_at_checked(length.into())?;
                    self.0 = rest;
                    return Some((kind, data));
                }
                [_] => return None,
            }
        }
    }
}

const END_OF_OPTIONS: u8 = 0;
const NOP: u8 = 1;
const URL_DATA: u8 = 2;

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(options: &[u8]) -> Vec<u8> {
        url_data(options).collect::<Vec<_>>().concat()
    }

    #[test]
    fn bep41_url_data_concatenates() {
        assert_eq!(whole(b"\x02\x0d/announce?k=v"), b"/announce?k=v");
        assert_eq!(whole(b"\x02\x04/ann\x02\0\x02\x05ounce\0"), b"/announce");
    }

    #[test]
    fn bep41_url_data_is_written_as_it_is_read() {
        for url_data in [&b""[..], b"/announce?k=v", &[b'/'; 255], &[b'/'; 600]] {
            let mut written = Vec::new();
            put_url_data(&mut written, url_data);
            assert_eq!(whole(&written), url_data);
        }
    }

    #[test]
    fn bep41_nops_and_unknown_options_are_skipped() {
        assert_eq!(whole(b"\x01\x01\x07\x03abc\x02\x01/\x01\xff\0\x02\x01x"), b"/x");
    }

    #[test]
    fn bep41_nothing_counts_after_the_end() {
        assert_eq!(whole(b"\x02\x01/\0\x02\x01x"), b"/");
        assert_eq!(whole(b"\0\0"), b"");
    }

    #[test]
    fn bep41_truncated_options_end_the_list() {
        assert_eq!(whole(b"\x02\x01/\x02"), b"/");
        assert_eq!(whole(b"\x02\x01/\x02\x05abcd"), b"/");
        assert_eq!(whole(b"\x09"), b"");
    }
}
