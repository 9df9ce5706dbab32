//! Files that no shop writes on purpose: broken rows, other encodings, bombs.

use std::io::{Read as _, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};

use super::{HEADER, json};
use crate::harness::{Server, orders, wait_until};
use crate::tools::run;

fn command(server: &Server, file: &Path) -> Command {
    let mut command = orders();
    command
        .args(["import", "--quiet", "-o", "json", "--addr", &server.grpc])
        .arg("--rejects")
        .arg(file.with_file_name("rejects.csv"))
        .arg(file);
    command
}

/// Reason and number of every rejected row, in the order of the file.
fn rejects(file: &Path) -> Vec<(u32, String)> {
    let reader = csv::Reader::from_path(file.with_file_name("rejects.csv"));
    let mut rows: Vec<_> = reader
        .expect("rejects")
        .records()
        .map(|record| {
            let record = record.expect("a reject");
            (record[0].parse().expect("a number"), record[9].to_owned())
        })
        .collect();
    rows.sort_unstable();
    rows
}

#[test]
fn a_row_that_cannot_be_read_is_rejected_and_the_rest_is_imported() {
    let folder = tempfile::tempdir().expect("folder");
    let server = Server::ready(folder.path(), &[]);
    let file = folder.path().join("invoices.csv");
    let mut text = format!(
        "{HEADER}\n\
         1,A,a,1,2010-12-01 08:00:00,1.00,7.0,X\n\
         2,A,a,1,2010-02-31 08:00:00,1.00,7.0,X\n\
         2,B,b,1,2010-12-01 08:00:00,1.00,7.0,X\n\
         3,A,\"open,1,2010-12-01 08:00:00,1.00,7.0,X\n\
         4,A,a,1\n"
    )
    .into_bytes();
    text.extend(b"5,A,caf\xe9,1,2010-12-01 08:00:00,1.00,7.0,X\n");
    text.extend(b"6,A,a,1,2010-12-01 08:00:00,1.00,7.0,X\n");
    std::fs::write(&file, text).expect("written");
    let (code, out, err) = run(&mut command(&server, &file));
    assert_eq!(code, 65, "{err}");
    for word in ["4 rows cannot be read", "rejects.csv", "next: "] {
        assert!(err.contains(word), "{word} is not in {err}");
    }
    let summary = json(&out);
    assert_eq!(summary["orders_placed"], 2, "{summary}");
    assert_eq!(summary["rows_unread"], 4);
    let expected = [
        (2, "DATE_INVALID"),
        (3, "INVOICE_INCOMPLETE"),
        (4, "ROW_MALFORMED"),
        (5, "ROW_MALFORMED"),
        (6, "ROW_MALFORMED"),
    ];
    assert_eq!(
        rejects(&file),
        expected.map(|(row, why)| (row, why.to_owned()))
    );
}

#[test]
fn a_file_in_utf16_is_refused_with_the_command_that_converts_it() {
    let folder = tempfile::tempdir().expect("folder");
    let server = Server::ready(folder.path(), &[]);
    let file = folder.path().join("invoices.csv");
    let text = format!("{HEADER}\n1,A,a,1,2010-12-01 08:00:00,1.00,7.0,X\n");
    let utf16 = text.encode_utf16().flat_map(u16::to_le_bytes);
    let bytes: Vec<u8> = [0xff, 0xfe].into_iter().chain(utf16).collect();
    std::fs::write(&file, bytes).expect("written");
    let (code, out, err) = run(&mut command(&server, &file));
    assert_eq!((code, out.as_str()), (65, ""));
    for word in ["UTF-16", "next: ", "iconv -f UTF-16 -t UTF-8"] {
        assert!(err.contains(word), "{word} is not in {err}");
    }
}

/// The most memory that a process has had so far, in MiB; nothing once it has ended.
fn peak_mib(pid: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let peak = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: u64 = peak.trim().trim_end_matches(" kB").parse().ok()?;
    Some(kib / 1024)
}

/// Bytes of the one row of the bomb.
const BOMB: u64 = 1 << 30;

/// An importer takes less than this for any row, in MiB.
const PEAK_MAX: u64 = 200;

#[test]
fn a_row_of_a_gigabyte_is_one_reject_and_takes_little_memory() {
    let folder = tempfile::tempdir().expect("folder");
    let server = Server::ready(folder.path(), &[]);
    let file = folder.path().join("bomb.csv.zst");
    let out = std::fs::File::create(&file).expect("created");
    let mut bomb = zstd::stream::Encoder::new(out, 3).expect("an encoder");
    writeln!(bomb, "{HEADER}").expect("written");
    std::io::copy(&mut std::io::repeat(b'A').take(BOMB), &mut bomb).expect("written");
    write!(bomb, "\n1,A,a,1,2010-12-01 08:00:00,1.00,7.0,X\n").expect("written");
    bomb.finish().expect("written");
    let size = file.metadata().expect("a file").len();
    assert!(size < 200_000, "{size} bytes are no bomb");

    let mut running = command(&server, &file)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("the importer starts");
    let mut peak = 0;
    wait_until("the import has ended", || {
        peak = peak.max(peak_mib(running.id()).unwrap_or(0));
        running.try_wait().expect("a child").is_some()
    });
    assert!(0 < peak && peak < PEAK_MAX, "{peak} MiB");
    let mut summary = String::new();
    let mut out = running.stdout.take().expect("output");
    out.read_to_string(&mut summary).expect("read");
    assert_eq!(json(&summary)["orders_placed"], 1, "{summary}");
    assert_eq!(rejects(&file), [(1, "ROW_TOO_LONG".to_owned())]);
}
