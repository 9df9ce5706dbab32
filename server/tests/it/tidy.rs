//! The house rules that a machine can check.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use crate::tools::root;

/// Where a task or a thread may begin, and why.
const SPAWNS: [(&str, &str); 11] = [
    (
        "lifecycle/",
        "the supervisor owns every task that it starts",
    ),
    (
        "command/src/handler/append.rs",
        "an append must outlive a caller that hangs up",
    ),
    (
        "event-store/src/embedded/",
        "SQLite blocks: reads, the writer and the checkpoints have threads",
    ),
    (
        "event-store/src/jetstream.rs",
        "a silent log is probed while nobody appends",
    ),
    ("event-store/src/contract/", "laws about writers that race"),
    ("projector/src/", "sled blocks: folding and digests"),
    ("query/src/blocking.rs", "sled blocks: scans"),
    ("query/src/watch.rs", "a watch outlives its call"),
    ("server/src/serve/deadlines.rs", "sled blocks: what is due"),
    (
        "server/src/serve/erasures.rs",
        "sled blocks: what was erased",
    ),
    (
        "client/src/import",
        "the importer's reader and senders; joined at its end",
    ),
];

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        let Ok(entries) = fs::read_dir(folder) else {
            continue;
        };
        for entry in entries {
            let path = entry.expect("entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "rs") {
                found.push(path);
            }
        }
    }
    found
}

/// The table of ARCHITECTURE.md: each crate, and those that it may depend on.
fn map() -> BTreeMap<String, BTreeSet<String>> {
    let text = fs::read_to_string(root().join("ARCHITECTURE.md")).expect("the map");
    let quoted = |cell: &str| -> BTreeSet<String> {
        let names = cell.split('`').skip(1).step_by(2);
        names
            .map(|name| name.trim_end_matches('/').to_owned())
            .collect()
    };
    let rows = text.lines().filter(|line| line.starts_with("| `"));
    let mut map: BTreeMap<_, _> = rows
        .map(|row| {
            let cells: Vec<&str> = row.split('|').collect();
            let name = quoted(cells[1]).pop_first().expect("a crate");
            (name, (quoted(cells[3]), cells[3].trim() == "all"))
        })
        .collect();
    let everyone: BTreeSet<String> = map.keys().cloned().collect();
    for (name, (allowed, all)) in &mut map {
        if *all {
            *allowed = everyone.iter().filter(|it| *it != name).cloned().collect();
        }
    }
    map.into_iter()
        .map(|(name, (allowed, _))| (name, allowed))
        .collect()
}

fn all_sources() -> Vec<(String, String)> {
    let folders = map().into_keys().map(|name| root().join(name).join("src"));
    let files = folders.flat_map(|folder| sources(&folder));
    let named = files.map(|path| {
        let name = path
            .strip_prefix(root())
            .expect("inside")
            .display()
            .to_string();
        (name, fs::read_to_string(path).expect("text"))
    });
    named.collect()
}

/// Dependencies of a manifest on these crates, those for tests left out.
fn edges<'a>(manifest: &str, crates: impl IntoIterator<Item = &'a String>) -> BTreeSet<String> {
    let crates: BTreeSet<&str> = crates.into_iter().map(String::as_str).collect();
    let section = manifest.split("[dependencies]").nth(1).unwrap_or_default();
    let section = section.split("\n[").next().unwrap_or_default();
    let keys = section
        .lines()
        .filter_map(|line| line.split(['.', ' ', '=']).next());
    let known = keys.filter(|key| crates.contains(key));
    known.map(str::to_owned).collect()
}

#[test]
fn arrows_between_crates_are_those_of_the_map() {
    let map = map();
    let workspace = fs::read_to_string(root().join("Cargo.toml")).expect("manifest");
    let members = workspace.split("members = [").nth(1).unwrap_or_default();
    let members = members.split(']').next().unwrap_or_default();
    let members: BTreeSet<&str> = members.split('"').skip(1).step_by(2).collect();
    let named: BTreeSet<&str> = map.keys().map(String::as_str).collect();
    assert_eq!(
        members, named,
        "the members are the rows of ARCHITECTURE.md"
    );
    for (name, allowed) in &map {
        let manifest = fs::read_to_string(root().join(name).join("Cargo.toml")).expect("manifest");
        assert_eq!(
            edges(&manifest, map.keys()),
            *allowed,
            "{name} depends on what ARCHITECTURE.md says, no more and no less"
        );
    }
}

#[test]
fn an_arrow_that_is_not_on_the_map_is_found() {
    let planted =
        "[dependencies]\norder.workspace = true\nquery = { path = \"../query\" }\n\n[lints]\n";
    let found = edges(planted, map().keys());
    assert_eq!(found, ["order", "query"].map(str::to_owned).into());
}

#[test]
fn heavy_crates_stay_in_their_room() {
    let rooms = [
        ("sled::", "read-model/"),
        ("async_nats::", "event-store/"),
        ("rusqlite::", "event-store/"),
    ];
    for (file, text) in all_sources() {
        for (word, room) in rooms {
            let used = text
                .lines()
                .any(|l| l.contains(word) && !l.trim_start().starts_with("//"));
            assert!(
                !used || file.starts_with(room),
                "{file} names {word}, which belongs in {room}"
            );
        }
    }
}

/// Whether a line begins a task or a thread.
fn spawns(line: &str) -> bool {
    let code = line.split("//").next().unwrap_or_default();
    ["spawn(", "spawn_blocking(", "spawn_local("]
        .iter()
        .any(|call| code.contains(call))
}

#[test]
fn tasks_are_spawned_only_where_a_rule_says_why() {
    let mut unused: BTreeSet<&str> = SPAWNS.iter().map(|(place, _)| *place).collect();
    for (file, text) in all_sources()
        .iter()
        .filter(|(file, _)| !file.ends_with("/tests.rs"))
    {
        if !text.lines().any(spawns) {
            continue;
        }
        let known = SPAWNS.iter().find(|(place, _)| file.starts_with(place));
        let (place, _) = known
            .unwrap_or_else(|| panic!("{file} spawns a task; name it in SPAWNS with a reason"));
        unused.remove(place);
    }
    assert!(unused.is_empty(), "{unused:?} spawn nothing");
}

#[test]
fn a_spawn_in_any_form_is_found() {
    for line in [
        "tokio::spawn(work)",
        "tasks.spawn(work)",
        "task::spawn_blocking(read)",
    ] {
        assert!(spawns(line), "{line}");
    }
    assert!(!spawns("// tokio::spawn(work)"));
}

#[test]
fn files_are_rooms_not_halls() {
    let mut lengths: Vec<(usize, String)> = all_sources()
        .into_iter()
        .map(|(file, text)| (text.lines().count(), file))
        .filter(|(_, file)| !file.starts_with("event-store/src/contract"))
        .collect();
    lengths.sort_unstable_by(|a, b| b.cmp(a));
    for (lines, file) in lengths.iter().take(10) {
        println!("{lines:>5} {file}");
    }
    let (lines, file) = lengths.first().expect("files");
    assert!(
        *lines <= 500,
        "{file} has {lines} lines; more than 500 are two rooms"
    );
}

#[test]
fn names_say_what_is_inside() {
    let vague = ["utils", "common", "helpers", "types", "misc", "mod"];
    for (file, text) in all_sources() {
        let stem = Path::new(&file)
            .file_stem()
            .and_then(|s| s.to_str())
            .unwrap_or_default();
        assert!(
            !vague.contains(&stem),
            "{file}: name the one thing that is inside"
        );
        for word in ["FIXME", "XXX:", "HACK"] {
            assert!(
                !text.contains(word),
                "{file} holds {word}: mend it or write an issue"
            );
        }
    }
}

#[test]
fn every_decision_is_in_the_index_with_a_status() {
    let folder = root().join("docs/adr");
    let index = fs::read_to_string(folder.join("README.md")).expect("index");
    for entry in fs::read_dir(&folder).expect("folder") {
        let path = entry.expect("entry").path();
        let name = path
            .file_name()
            .and_then(|n| n.to_str())
            .unwrap_or_default()
            .to_owned();
        if name != "README.md" {
            let text = fs::read_to_string(&path).expect("text");
            assert!(
                index.contains(&format!("({name})")),
                "{name} is not in the index"
            );
            let status = text.lines().find_map(|line| line.strip_prefix("Status: "));
            let known = status.is_some_and(|status| {
                status.starts_with("accepted") || status.starts_with("superseded by ")
            });
            assert!(known, "{name} has the status {status:?}");
        }
    }
}
