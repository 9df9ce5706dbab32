//! docs/clients.md: it shows the programs that run, and its commands run them.

mod cable;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::harness::Server;
use crate::readme::blocks;
use crate::tools::{folder, program, root, run, skip, was_found};
use cable::Cable;

/// A program in one language, and what runs it.
struct Language {
    /// Folder below `server/tests/clients`, and language of the listing.
    name: &'static str,
    listing: &'static str,
    /// Which of the document's command blocks fetches packages; the next one runs the program.
    block: usize,
    /// Programs that print their version; without one of them nothing runs.
    toolchain: &'static [(&'static str, &'static str)],
    /// What brings the toolchain.
    remedy: &'static str,
}

const PYTHON: Language = Language {
    name: "python",
    listing: "place_order.py",
    block: 0,
    toolchain: &[("python3", "--version")],
    remedy: "apt-get install python3-venv",
};
const GO: Language = Language {
    name: "go",
    listing: "main.go",
    block: 2,
    toolchain: &[("go", "version")],
    remedy: "install Go 1.26 or newer",
};
const TYPESCRIPT: Language = Language {
    name: "typescript",
    listing: "place_order.ts",
    block: 4,
    toolchain: &[("node", "--version"), ("npm", "--version")],
    remedy: "install Node.js 20 or newer, with npm",
};

/// Lines of a program that somebody reads to the end.
const LINES_MAX: usize = 75;

fn document() -> String {
    fs::read_to_string(root().join("docs/clients.md")).expect("docs/clients.md")
}

impl Language {
    fn source(&self) -> PathBuf {
        root().join("server/tests/clients").join(self.name)
    }

    /// A folder below the target folder with the program and the proto files in it; `None`, and a
    /// note that says why, where the toolchain or its packages cannot be had.
    fn prepare(&self) -> Option<PathBuf> {
        for (program, argument) in self.toolchain {
            let tried = Command::new(program).arg(argument).output();
            if !tried.is_ok_and(|tried| tried.status.success()) {
                skip(program, self.remedy);
                return None;
            }
            was_found(program);
        }
        let place = folder().join("clients").join(self.name);
        copy(&self.source(), &place);
        copy(
            &root().join("proto/orders/v1"),
            &place.join("proto/orders/v1"),
        );
        let packages = format!("packages for {}", self.name);
        let fetch = &blocks(&document(), "```sh\n")[self.block];
        let (code, _, err) = shell(fetch, &place);
        if code != 0 {
            let why = err.lines().last().unwrap_or_default();
            skip(&packages, &format!("connect to a package registry: {why}"));
            return None;
        }
        was_found(&packages);
        Some(place)
    }

    /// Generates the client and runs the program against a service whose first reply is lost.
    #[track_caller]
    fn check(&self) {
        let Some(place) = self.prepare() else {
            return;
        };
        let data = tempfile::tempdir().expect("folder");
        let server = Server::ready(data.path(), &[]);
        let cable = Cable::to(&server.grpc);
        let commands = blocks(&document(), "```sh\n")[self.block + 1]
            .replace("127.0.0.1:50051", &cable.address);
        let (code, out, err) = shell(&commands, &place);
        assert_eq!(code, 0, "{commands}{out}{err}");
        assert!(
            cable.is_cut(),
            "the first reply arrived: the retry was not tried"
        );
        assert_eq!(normal(&out), normal(&blocks(&document(), "```text\n")[0]));
        let orders = server.client(&["list", "-o", "jsonl"]);
        assert_eq!(
            orders.lines().count(),
            1,
            "one order, however often it was sent: {orders}"
        );
    }
}

/// What a program prints, without the assigned id and with one spelling of booleans.
fn normal(output: &str) -> String {
    let id = output.split(' ').nth(1).unwrap_or_default();
    output.replace(id, "ID").to_lowercase()
}

/// What package managers download and cache stays in the target folder.
fn shell(commands: &str, place: &Path) -> (i32, String, String) {
    let path = std::env::var("PATH").unwrap_or_default();
    let path = format!("{}:{path}", folder().join("bin").display());
    let caches = [
        ("npm_config_cache", "npm"),
        ("PIP_CACHE_DIR", "pip"),
        ("GOPATH", "go"),
        ("GOMODCACHE", "go/mod"),
        ("GOCACHE", "go/build"),
    ];
    let caches = caches.map(|(variable, cache)| (variable, folder().join(cache)));
    run(Command::new("sh")
        .args(["-ec", commands])
        .current_dir(place)
        .env("PATH", path)
        .env("GOFLAGS", "-modcacherw")
        .envs(caches))
}

/// Copies a folder over another one; what is there beside it stays.
fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).expect("a folder") {
        let entry = entry.expect("an entry").path();
        let target = to.join(entry.file_name().expect("a name"));
        if entry.is_dir() {
            copy(&entry, &target);
        } else {
            fs::copy(&entry, &target).expect("copied");
        }
    }
}

#[test]
fn a_python_client_places_one_order_though_a_reply_is_lost() {
    PYTHON.check();
}

#[test]
fn a_go_client_places_one_order_though_a_reply_is_lost() {
    if program("protoc").is_some() {
        GO.check();
    }
}

#[test]
fn a_typescript_client_places_one_order_though_a_reply_is_lost() {
    TYPESCRIPT.check();
}

#[test]
fn the_document_shows_the_programs_that_run() {
    let document = document();
    for language in [PYTHON, GO, TYPESCRIPT] {
        let path = language.source().join(language.listing);
        let program = fs::read_to_string(&path).expect("a program");
        assert!(
            program.lines().count() <= LINES_MAX,
            "{} has more than {LINES_MAX} lines",
            path.display()
        );
        let shown = blocks(&document, &format!("```{}\n", language.name));
        assert_eq!(shown, [program], "docs/clients.md shows {}", path.display());
    }
    assert_eq!(
        blocks(&document, "```sh\n").len(),
        6,
        "a new block needs a test that runs it"
    );
}

/// Every proto file.
fn protos(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(protos(&path));
        } else if path.extension().is_some_and(|it| it == "proto") {
            found.push(path);
        }
    }
    found
}

#[test]
fn every_proto_file_says_where_generated_code_belongs() {
    let files = protos(&root().join("proto/orders"));
    assert!(files.len() > 5, "{files:?}");
    for path in files {
        let proto = fs::read_to_string(&path).expect("proto");
        let package = proto.lines().find_map(|line| line.strip_prefix("package "));
        let package = package
            .and_then(|it| it.strip_suffix(';'))
            .expect("a package");
        let words: Vec<&str> = package.split('.').collect();
        let capital = |word: &&str| word[..1].to_uppercase() + &word[1..];
        let csharp = words.iter().map(capital).collect::<Vec<_>>().join(".");
        for option in [
            format!(
                "option go_package = \"{};{}\";",
                words.join("/"),
                words.concat()
            ),
            format!("option java_package = \"{package}\";"),
            "option java_multiple_files = true;".to_owned(),
            format!("option csharp_namespace = \"{csharp}\";"),
        ] {
            assert!(
                proto.lines().any(|line| line == option),
                "{} lacks {option}",
                path.display()
            );
        }
    }
}

#[test]
fn code_for_java_and_csharp_can_be_generated() {
    let Some(protoc) = program("protoc") else {
        return;
    };
    let out = tempfile::tempdir().expect("folder");
    let mut command = Command::new(protoc);
    command.arg("-I").arg(root().join("proto"));
    for language in ["java", "csharp"] {
        command.arg(format!("--{language}_out={}", out.path().display()));
    }
    let (code, _, err) = run(command.args(protos(&root().join("proto/orders"))));
    assert_eq!(code, 0, "{err}");
    assert!(out.path().join("orders/v1/PlaceOrderRequest.java").exists());
}
