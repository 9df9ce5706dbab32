//! The house rules that a machine can check.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::tools::root;

const CRATES: [(&str, &[&str]); 9] = [
    ("order", &[]),
    ("event-store", &[]),
    ("lifecycle", &[]),
    ("proto", &["order"]),
    ("read-model", &["order"]),
    ("command", &["order", "proto", "event-store"]),
    (
        "projector",
        &["order", "proto", "event-store", "read-model"],
    ),
    ("query", &["order", "proto", "event-store", "read-model"]),
    (
        "server",
        &[
            "command",
            "event-store",
            "lifecycle",
            "order",
            "projector",
            "proto",
            "query",
            "read-model",
        ],
    ),
];

/// Where a task may be spawned, and why.
const SPAWNS: [(&str, &str); 4] = [
    (
        "lifecycle/",
        "the supervisor owns every task that it starts",
    ),
    (
        "command/src/handler/append.rs",
        "an append must outlive a caller that hangs up",
    ),
    (
        "event-store/src/jetstream.rs",
        "a silent log is probed while nobody appends",
    ),
    (
        "server/src/import.rs",
        "the importer's sender; joined at its end",
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

fn all_sources() -> Vec<(String, String)> {
    let folders = CRATES.iter().map(|(name, _)| root().join(name).join("src"));
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

/// Dependencies of a manifest within the workspace, those for tests left out.
fn edges(manifest: &str) -> BTreeSet<String> {
    let names: BTreeSet<_> = CRATES.iter().map(|(name, _)| *name).collect();
    let section = manifest.split("[dependencies]").nth(1).unwrap_or_default();
    let section = section.split("\n[").next().unwrap_or_default();
    let key = |line: &str| {
        line.split(['.', ' ', '='])
            .next()
            .unwrap_or_default()
            .to_owned()
    };
    section
        .lines()
        .map(key)
        .filter(|key| names.contains(key.as_str()))
        .collect()
}

#[test]
fn arrows_between_crates_are_those_of_the_map() {
    for (name, allowed) in CRATES {
        let manifest = fs::read_to_string(root().join(name).join("Cargo.toml")).expect("manifest");
        let allowed: BTreeSet<String> = allowed.iter().map(|name| (*name).to_owned()).collect();
        let extra: Vec<_> = edges(&manifest).difference(&allowed).cloned().collect();
        assert!(
            extra.is_empty(),
            "{name} must not depend on {extra:?}; see ARCHITECTURE.md"
        );
    }
}

#[test]
fn an_arrow_that_is_not_on_the_map_is_found() {
    let planted =
        "[dependencies]\norder.workspace = true\nquery = { path = \"../query\" }\n\n[lints]\n";
    assert!(edges(planted).contains("query"));
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

#[test]
fn tasks_are_spawned_only_where_a_rule_says_why() {
    for (file, text) in all_sources() {
        let spawns = text.contains("tokio::spawn(");
        let known = SPAWNS.iter().any(|(place, _)| file.starts_with(place));
        assert!(
            !spawns || known,
            "{file} spawns a task; name it in SPAWNS with a reason"
        );
    }
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
        for word in ["FIX", "XX", "HA"] {
            let word = match word {
                "FIX" => "FIXME",
                "XX" => "XXX:",
                _ => "HACK",
            };
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
            assert!(text.contains("tatus"), "{name} has no status");
        }
    }
}
