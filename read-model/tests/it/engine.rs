//! The laws, over every engine.

use read_model::contract::{DURABLE, Fixture, LAWS};
use read_model::{Memory, Sled};

const SLED: Sled = Sled {
    cache_bytes: 4 << 20,
};

#[test]
fn sled_keeps_every_law() {
    for (law, check) in LAWS.into_iter().chain(DURABLE) {
        let root = tempfile::tempdir().expect("folder");
        println!("{law}");
        check(&Fixture {
            engines: &SLED,
            root: root.path(),
        });
    }
}

#[test]
fn memory_keeps_every_law_but_durability() {
    for (law, check) in LAWS {
        let root = tempfile::tempdir().expect("folder");
        println!("{law}");
        check(&Fixture {
            engines: &Memory,
            root: root.path(),
        });
    }
}
