//! Every path that a document names is there.

use std::fs;
use std::path::{Path, PathBuf};

use crate::tools::root;

/// Endings by which a word in backticks is known as a path.
const ENDINGS: [&str; 8] = [
    ".rs", ".md", ".toml", ".proto", ".sh", ".yaml", ".ts", ".py",
];

/// Documents for people, decisions aside: those speak of their day.
fn documents() -> Vec<PathBuf> {
    let mut documents = vec![
        root().join("k8s/README.md"),
        root().join("lifecycle/README.md"),
    ];
    for folder in [root(), root().join("docs")] {
        for entry in fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.extension().is_some_and(|it| it == "md") {
                documents.push(path);
            }
        }
    }
    documents
}

/// The text without its blocks of commands and listings.
fn prose(document: &str) -> String {
    document.split("```").step_by(2).collect()
}

/// Words in backticks that are paths from the root of the repository.
fn paths(document: &str) -> Vec<String> {
    let prose = prose(document);
    let words = prose.split('`').skip(1).step_by(2);
    let is_path = |word: &&str| {
        let inside = word
            .split('/')
            .next()
            .is_some_and(|first| root().join(first).is_dir());
        let plain = !word.contains([' ', '*', ':'])
            && !word.starts_with("target/")
            && !word.starts_with("./");
        plain && word.contains('/') && (inside || ENDINGS.iter().any(|it| word.ends_with(it)))
    };
    words.filter(is_path).map(str::to_owned).collect()
}

/// Targets of links to files, from the folder of the document.
fn links(document: &str) -> Vec<String> {
    let prose = prose(document);
    let targets = prose
        .split("](")
        .skip(1)
        .filter_map(|rest| rest.split(')').next());
    let files = targets.filter(|target| !target.starts_with("http") && !target.starts_with('#'));
    files
        .map(|target| target.split('#').next().unwrap_or(target).to_owned())
        .collect()
}

fn missing(document: &Path) -> Vec<String> {
    let text = fs::read_to_string(document).expect("a document");
    let folder = document.parent().expect("a folder");
    let named = paths(&text)
        .into_iter()
        .map(|path| (root().join(&path), path));
    let linked = links(&text)
        .into_iter()
        .map(|path| (folder.join(&path), path));
    let gone = named.chain(linked).filter(|(place, _)| !place.exists());
    gone.map(|(_, path)| path).collect()
}

#[test]
fn every_path_in_a_document_exists() {
    for document in documents() {
        let missing = missing(&document);
        assert!(
            missing.is_empty(),
            "{} names {missing:?}",
            document.display()
        );
    }
}

#[test]
fn a_path_that_is_gone_is_found() {
    let text = "See `order/src/nowhere.rs`, `server/nothing` and [this](docs/none.md#part).";
    assert_eq!(paths(text), ["order/src/nowhere.rs", "server/nothing"]);
    assert_eq!(links(text), ["docs/none.md"]);
    let map = fs::read_to_string(root().join("ARCHITECTURE.md")).expect("the map");
    assert!(paths(&map).len() > 60, "ARCHITECTURE.md names its files");
}

#[test]
fn the_glossary_has_the_words_of_the_house() {
    let map = fs::read_to_string(root().join("ARCHITECTURE.md")).expect("the map");
    let glossary = map.split("## Glossary").nth(1).expect("a glossary");
    for word in [
        "commit",
        "position",
        "epoch",
        "fence",
        "generation",
        "parked",
        "cover",
        "sealed",
    ] {
        let row = format!("| **{word}** |");
        assert!(glossary.contains(&row), "the glossary lacks {word}");
    }
}
