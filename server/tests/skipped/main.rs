//! Runs after all tests of the workspace and lists those that were skipped: what each lacked, and
//! the command that brings it. It is not a test, and does not count as one.

#![allow(clippy::print_stdout, reason = "it prints a list")]

use std::collections::BTreeMap;
use std::path::Path;

fn main() {
    if std::env::args().any(|argument| argument == "--list") {
        return;
    }
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("skipped");
    let notes = notes(&folder);
    // The next run notes what it lacks then.
    drop(std::fs::remove_dir_all(&folder));
    let count: usize = notes.values().map(|(_, tests)| tests.len()).sum();
    println!(
        "\n{count} skipped{}",
        if count == 0 {
            ""
        } else {
            "; they count as passed above"
        }
    );
    for (lacks, (how, tests)) in notes {
        println!("  {lacks} is missing: {how}");
        for test in tests {
            println!("    skipped {test}");
        }
    }
    println!();
}

/// By what is missing: how to get it, and the tests that lack it.
fn notes(folder: &Path) -> BTreeMap<String, (String, Vec<String>)> {
    let mut notes: BTreeMap<String, (String, Vec<String>)> = BTreeMap::new();
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    for text in entries.filter_map(|entry| std::fs::read_to_string(entry.path()).ok()) {
        let mut lines = text.lines().map(str::to_owned);
        if let (Some(lacks), Some(test), Some(how)) = (lines.next(), lines.next(), lines.next()) {
            let (known, tests) = notes.entry(lacks).or_default();
            *known = how;
            tests.push(test);
            tests.sort();
        }
    }
    notes
}
