//! Opens an invoice file: plain or compressed, UTF-8 or an error that says how to convert it.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Cursor, Read};
use std::path::Path;

use crate::error::Error;

/// The first bytes of formats that are no CSV in UTF-8.
const ZSTD: &[u8] = &[0x28, 0xb5, 0x2f, 0xfd];
const GZIP: &[u8] = &[0x1f, 0x8b];
const ZIP: &[u8] = b"PK\x03\x04";
const UTF8_MARK: &[u8] = &[0xef, 0xbb, 0xbf];
const UTF16_MARKS: [&[u8]; 2] = [&[0xff, 0xfe], &[0xfe, 0xff]];

/// Largest window of a compressed file, as a power of 2: the default of zstd, 128 MiB.
const WINDOW_LOG_MAX: u32 = 27;

/// The text of a file, from its first character on.
///
/// # Errors
/// When it cannot be opened, or is in another format: with the command that converts it.
pub(super) fn open(path: &Path) -> Result<Box<dyn BufRead>, Error> {
    let name = path.display().to_string();
    let storage = |error| Error::storage(format!("read {name}"))(error);
    let file = File::open(path).map_err(storage)?;
    let (start, reader) = peek(file).map_err(storage)?;
    if !start.starts_with(ZSTD) {
        return text(&name, &start, reader);
    }
    let mut decoder = zstd::stream::read::Decoder::new(reader).map_err(storage)?;
    decoder.window_log_max(WINDOW_LOG_MAX).map_err(storage)?;
    let (start, reader) = peek(decoder).map_err(storage)?;
    text(&name, &start, reader)
}

/// The first bytes, and a reader that still begins with them.
fn peek(mut reader: impl Read + 'static) -> io::Result<(Vec<u8>, Box<dyn Read>)> {
    let mut start = Vec::new();
    reader.by_ref().take(4).read_to_end(&mut start)?;
    let whole = Cursor::new(start.clone()).chain(reader);
    Ok((start, Box::new(whole)))
}

fn text(name: &str, start: &[u8], mut reader: Box<dyn Read>) -> Result<Box<dyn BufRead>, Error> {
    if let Some((format, next)) = other_format(start) {
        return Err(Error::Rejected(format!(
            "{name} is {format}, not CSV in UTF-8\nnext: {next}, and import the new file"
        )));
    }
    if start.starts_with(UTF8_MARK) {
        let skipped = reader.read_exact(&mut [0; UTF8_MARK.len()]);
        skipped.map_err(Error::storage(format!("read {name}")))?;
    }
    Ok(Box::new(BufReader::new(reader)))
}

/// A format that is recognised but not read, and how to convert it. A zero byte among the first is
/// UTF-16 without a mark.
fn other_format(start: &[u8]) -> Option<(&'static str, &'static str)> {
    let utf16 = UTF16_MARKS.iter().any(|mark| start.starts_with(mark)) || start.contains(&0);
    if start.starts_with(GZIP) {
        Some((
            "compressed with gzip",
            "decompress it with `gunzip -k FILE`",
        ))
    } else if start.starts_with(ZIP) {
        Some((
            "a ZIP archive or an Excel workbook",
            "unpack it, or save the workbook as \"CSV UTF-8\"",
        ))
    } else if utf16 {
        Some((
            "in UTF-16",
            "convert it with `iconv -f UTF-16 -t UTF-8 FILE > NEW.csv`",
        ))
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is read of a file with these bytes.
    fn opened(bytes: &[u8]) -> Result<String, String> {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("invoices.csv");
        std::fs::write(&path, bytes).expect("written");
        let mut reader = open(&path).map_err(|error| error.to_string())?;
        let mut text = String::new();
        reader.read_to_string(&mut text).expect("text");
        Ok(text)
    }

    #[test]
    fn a_compressed_file_is_known_by_its_first_bytes() {
        let bytes = zstd::stream::encode_all("a,b\n".as_bytes(), 3).expect("compressed");
        assert_eq!(opened(&bytes), Ok("a,b\n".to_owned()));
        assert_eq!(opened(b"a,b\n"), Ok("a,b\n".to_owned()));
        assert_eq!(opened(b""), Ok(String::new()));
    }

    #[test]
    fn the_mark_of_utf8_is_skipped() {
        assert_eq!(opened(b"\xef\xbb\xbfa,b\n"), Ok("a,b\n".to_owned()));
    }

    #[test]
    fn another_encoding_is_named_with_the_command_that_converts_it() {
        for bytes in [&b"\xff\xfea\0,\0"[..], b"\xfe\xff\0a\0,", b"a\0,\0b\0"] {
            let problem = opened(bytes).expect_err("refused");
            for word in ["in UTF-16", "next: ", "iconv -f UTF-16 -t UTF-8"] {
                assert!(problem.contains(word), "{word} is not in {problem}");
            }
        }
        let problem = opened(b"\x1f\x8b\x08\0").expect_err("refused");
        assert!(problem.contains("gunzip"), "{problem}");
        let problem = opened(b"PK\x03\x04").expect_err("refused");
        assert!(problem.contains("CSV UTF-8"), "{problem}");
    }
}
