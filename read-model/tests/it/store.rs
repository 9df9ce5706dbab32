//! The folder: promotions, restarts, damage, other folds.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use read_model::{
    Changes, Checkpoint, Engines as _, Error, Found, Generation, Old, Sled, Store, Task, Work,
};

fn store(root: &Path, fold: u32) -> Store {
    let cache_bytes = 1 << 20;
    Store::new(root, fold, Arc::new(Sled { cache_bytes }))
}

fn open(root: &Path, fold: u32) -> (Store, Option<Found>) {
    let store = store(root, fold);
    let found = store.open().expect("opened");
    (store, found)
}

fn write(store: &Store, generation: &Generation, value: &str) {
    let mut changes = Changes::default();
    changes.set(b"ok".to_vec(), Old::Unread, Some(value.into()));
    let mut checkpoint = Checkpoint::start(store.fold(), [1; 16]);
    generation.load(changes).expect("written");
    generation.seal(&mut checkpoint).expect("sealed");
}

/// Builds and promotes a generation that holds a value.
fn build(store: &Store, value: &str) -> Arc<Generation> {
    let generation = store.create().expect("made");
    write(store, &generation, value);
    store.serve(&generation).expect("served");
    generation
}

fn read(generation: &Generation) -> String {
    let value = generation.get(b"ok").expect("read").expect("there");
    String::from_utf8(value).expect("text")
}

fn served(store: &Store) -> Option<String> {
    store.active().map(|generation| read(&generation))
}

fn names(path: &Path) -> Vec<String> {
    let entries = fs::read_dir(path).expect("listed");
    let mut names: Vec<_> = entries
        .map(|entry| {
            entry
                .expect("entry")
                .file_name()
                .into_string()
                .expect("text")
        })
        .collect();
    names.sort();
    names
}

fn generations(root: &Path) -> Vec<String> {
    let mut names = names(root);
    names.retain(|name| name.starts_with("sled-"));
    names
}

#[test]
fn a_view_survives_a_restart_and_serves_only_when_told_to() {
    let root = tempfile::tempdir().expect("folder");
    let (first, found) = open(root.path(), 1);
    assert!(found.is_none());
    drop(build(&first, "one"));
    drop(first);
    let (store, found) = open(root.path(), 1);
    let found = found.expect("found");
    assert_eq!(served(&store), None);
    assert!(store.reader().view().is_err());
    store.serve(&found.generation).expect("served");
    assert_eq!(served(&store).as_deref(), Some("one"));
    assert!(store.progress().borrow().serving);
}

#[test]
fn without_a_view_readers_are_told_how_far_the_build_is() {
    let root = tempfile::tempdir().expect("folder");
    let store = store(root.path(), 1);
    let none = store.reader().view().expect_err("no view");
    assert_eq!((none.task, none.done, none.total), (None, 0, 0));
    let work = Work {
        done: 40,
        ..Work::new(Task::Build, 100)
    };
    store
        .progress()
        .send_modify(|progress| progress.work = Some(work));
    let none = store.reader().view().expect_err("no view");
    assert_eq!(
        (none.task, none.done, none.total),
        (Some(Task::Build), 40, 100)
    );
    assert!(
        none.per_second > 0.0 && none.remaining.is_some(),
        "{none:?}"
    );
    assert_eq!(none.to_string(), "the read model is being built");
}

#[test]
fn a_promoted_generation_serves_at_once_and_no_file_goes_under_a_reader() {
    let root = tempfile::tempdir().expect("folder");
    let (store, _) = open(root.path(), 1);
    let old = build(&store, "old");
    let (path, reader) = (old.path().to_owned(), store.reader());
    let held = reader.view().expect("view");
    drop(old);
    drop(build(&store, "new"));
    assert_eq!(served(&store).as_deref(), Some("new"));
    assert_eq!(store.sweep().expect("swept"), 1);
    assert!(path.exists(), "a reader still holds it");
    assert_eq!(held.get(b"ok").expect("read").as_deref(), Some(&b"old"[..]));
    drop(held);
    assert_eq!(store.sweep().expect("swept"), 0);
    assert!(!path.exists());
    drop((store, reader));
    let (_store, found) = open(root.path(), 1);
    assert_eq!(read(&found.expect("found").generation), "new");
}

#[test]
fn a_build_that_was_cut_short_is_removed() {
    let root = tempfile::tempdir().expect("folder");
    let (store, _) = open(root.path(), 1);
    drop(build(&store, "old"));
    let unfinished = store.create().expect("made");
    let mut changes = Changes::default();
    changes.set(b"ok".to_vec(), Old::Absent, Some(b"half".to_vec()));
    unfinished.load(changes).expect("written");
    unfinished.flush().expect("flushed");
    drop((unfinished, store));
    let (_store, found) = open(root.path(), 1);
    assert_eq!(read(&found.expect("found").generation), "old");
    assert_eq!(generations(root.path()), ["sled-1-1"]);
}

/// A damaged page that held the checkpoint is dropped when sled recovers: what is left opens.
#[test]
fn a_generation_that_served_and_lost_its_checkpoint_is_damage() {
    let root = tempfile::tempdir().expect("folder");
    let (store, _) = open(root.path(), 1);
    let path = build(&store, "one").path().to_owned();
    drop(store);
    fs::remove_dir_all(&path).expect("removed");
    let cache_bytes = 1 << 20;
    drop(Sled { cache_bytes }.open(&path).expect("an empty one"));
    let (store, found) = open(root.path(), 1);
    assert!(found.is_none(), "{found:?}");
    let healed = store.progress().borrow().healed.clone();
    assert_eq!(healed.damaged, 1);
    assert!(healed.last.contains("its checkpoint is gone"), "{healed:?}");
    let aside = names(&root.path().join("quarantine"));
    assert_eq!(aside, ["000001-sled-1-1"]);
}

#[test]
fn each_fold_returns_to_its_own_generation() {
    let root = tempfile::tempdir().expect("folder");
    let (store, _) = open(root.path(), 1);
    drop(build(&store, "one"));
    drop(store.create().expect("made"));
    drop(store);
    let (store, found) = open(root.path(), 2);
    assert!(found.is_none(), "{found:?}");
    drop(build(&store, "two"));
    drop(store);
    let (store, found) = open(root.path(), 1);
    assert_eq!(read(&found.expect("found").generation), "one");
    drop(store);
    let (store, found) = open(root.path(), 2);
    assert_eq!(read(&found.expect("found").generation), "two");
    drop(store);
    assert_eq!(generations(root.path()).len(), 2);
    // A third fold keeps the newest of the others only.
    let (store, found) = open(root.path(), 3);
    assert!(found.is_none());
    drop(build(&store, "three"));
    drop(store);
    let (store, found) = open(root.path(), 2);
    assert_eq!(read(&found.expect("found").generation), "two");
    drop(store);
    assert!(open(root.path(), 1).1.is_none());
}

#[test]
fn a_generation_that_is_set_aside_is_moved_when_its_last_reader_is_gone() {
    let root = tempfile::tempdir().expect("folder");
    let (store, _) = open(root.path(), 1);
    let wrong = build(&store, "wrong");
    let (path, held) = (
        wrong.path().to_owned(),
        store.reader().view().expect("view"),
    );
    store.set_aside(wrong).expect("set aside");
    assert!(store.reader().view().is_err(), "nothing serves");
    assert_eq!(store.sweep().expect("swept"), 1);
    assert!(path.exists());
    drop(held);
    assert_eq!(store.sweep().expect("swept"), 0);
    assert!(!path.exists());
    assert_eq!(names(&root.path().join("quarantine")), ["000001-sled-1-1"]);
}

#[test]
fn no_generation_gets_the_name_of_one_that_was_set_aside() {
    let root = tempfile::tempdir().expect("folder");
    let (store, _) = open(root.path(), 1);
    drop(build(&store, "wrong"));
    drop(store);
    let (store, found) = open(root.path(), 1);
    store
        .set_aside(found.expect("found").generation)
        .expect("set aside");
    assert_eq!(store.sweep().expect("swept"), 0);
    assert_eq!(store.create().expect("made").name(), "sled-1-2");
}

#[test]
fn what_was_to_be_set_aside_when_the_process_ended_is_never_gone_on_with() {
    let root = tempfile::tempdir().expect("folder");
    let (store, _) = open(root.path(), 1);
    let wrong = build(&store, "wrong");
    let held = store.reader().view().expect("view");
    store.set_aside(wrong).expect("set aside");
    drop((held, store));
    let (_store, found) = open(root.path(), 1);
    assert!(found.is_none(), "{found:?}");
    assert_eq!(names(&root.path().join("quarantine")), ["000001-sled-1-1"]);
}

#[test]
fn only_the_newest_two_things_set_aside_are_kept() {
    let root = tempfile::tempdir().expect("folder");
    let (store, _) = open(root.path(), 1);
    for _ in 0..5 {
        let wrong = build(&store, "wrong");
        store.set_aside(wrong).expect("set aside");
        assert_eq!(store.sweep().expect("swept"), 0);
    }
    let kept = ["000004-sled-1-4", "000005-sled-1-5"];
    assert_eq!(names(&root.path().join("quarantine")), kept);
}

/// Damages the folder of a built view in one way, and opens it again.
fn after(damage: impl FnOnce(&Path)) -> (tempfile::TempDir, Option<String>) {
    let root = tempfile::tempdir().expect("folder");
    let (store, _) = open(root.path(), 1);
    drop(build(&store, "whole"));
    drop(store);
    damage(root.path());
    let (store, found) = open(root.path(), 1);
    let found = found.map(|found| read(&found.generation));
    drop(store);
    (root, found)
}

#[test]
fn a_pointer_that_is_lost_unreadable_or_nonsense_costs_nothing() {
    let broken: [fn(&Path); 5] = [
        |root| fs::remove_file(root.join("current")).expect("removed"),
        |root| fs::write(root.join("current"), "../../etc").expect("edited"),
        |root| fs::write(root.join("current"), [0xFF, 0xFE]).expect("edited"),
        |root| fs::write(root.join("current"), "sled-1-99\n").expect("edited"),
        |root| {
            fs::remove_file(root.join("current")).expect("removed");
            fs::create_dir(root.join("current")).expect("made");
        },
    ];
    for damage in broken {
        let (_root, found) = after(damage);
        assert_eq!(found.as_deref(), Some("whole"));
    }
}

#[test]
fn things_in_the_wrong_place_are_moved_out_of_the_way() {
    let (_root, found) = after(|root| {
        fs::remove_file(root.join("lock")).expect("removed");
        fs::create_dir(root.join("lock")).expect("made");
        fs::create_dir(root.join("clean")).expect("made");
        fs::create_dir(root.join("new")).expect("made");
        fs::write(root.join("quarantine"), "a file").expect("made");
    });
    assert_eq!(found.as_deref(), Some("whole"));
}

#[test]
fn a_file_in_place_of_the_whole_folder_is_moved_out_of_the_way() {
    let parent = tempfile::tempdir().expect("folder");
    let root = parent.path().join("read-model");
    fs::write(&root, "a file").expect("made");
    let (store, found) = open(&root, 1);
    assert!(found.is_none());
    drop(build(&store, "new"));
    assert_eq!(names(parent.path()), ["read-model", "read-model.set-aside"]);
}

#[test]
fn a_generation_that_is_a_file_is_set_aside() {
    let (root, found) = after(|root| {
        fs::remove_dir_all(root.join("sled-1-1")).expect("removed");
        fs::write(root.join("sled-1-1"), b"not a folder").expect("damaged");
    });
    assert_eq!(found, None);
    assert_eq!(names(&root.path().join("quarantine")), ["000001-sled-1-1"]);
}

#[test]
fn a_generation_that_does_not_open_is_set_aside() {
    let (root, found) = after(|root| {
        fs::remove_file(root.join("sled-1-1/db")).expect("removed");
        fs::create_dir(root.join("sled-1-1/db")).expect("damaged");
    });
    assert_eq!(found, None);
    assert_eq!(names(&root.path().join("quarantine")), ["000001-sled-1-1"]);
}

#[test]
fn only_a_clean_stop_is_remembered_and_only_once() {
    let root = tempfile::tempdir().expect("folder");
    let (store, _) = open(root.path(), 1);
    let generation = build(&store, "one");
    store.stop_cleanly(&generation).expect("stopped");
    drop((generation, store));
    let (store, found) = open(root.path(), 1);
    assert!(found.expect("found").clean);
    drop(store);
    let (store, found) = open(root.path(), 1);
    let found = found.expect("found");
    assert!(!found.clean, "the process before was killed");
    // A clean stop with another view than the one that is found says nothing.
    store.stop_cleanly(&found.generation).expect("stopped");
    let mut changes = Changes::default();
    changes.set(b"ok".to_vec(), Old::Unread, Some(b"later".to_vec()));
    let mut checkpoint = found.checkpoint.clone();
    found
        .generation
        .apply(changes, &mut checkpoint, None)
        .expect("written");
    found.generation.flush().expect("flushed");
    drop((store, found));
    let (_store, found) = open(root.path(), 1);
    assert!(!found.expect("found").clean);
}

#[test]
fn a_folder_has_one_owner_and_the_second_leaves_it_alone() {
    let root = tempfile::tempdir().expect("folder");
    let (store, _) = open(root.path(), 1);
    drop(build(&store, "one"));
    for fold in [1, 2] {
        let second = self::store(root.path(), fold).open();
        assert!(matches!(second, Err(Error::InUse { .. })), "{second:?}");
    }
    assert_eq!(served(&store).as_deref(), Some("one"));
    assert!(!root.path().join("quarantine").exists());
}

#[test]
fn a_folder_that_cannot_be_made_is_the_fault_of_the_machine() {
    let failed = store(Path::new("/proc/nothing/read-model"), 1).open();
    assert!(matches!(failed, Err(Error::Io { .. })), "{failed:?}");
}

#[test]
fn a_folder_that_can_be_written_passes_the_probe_and_holds_nothing_of_it() {
    let root = tempfile::tempdir().expect("folder");
    let (store, _) = open(root.path(), 1);
    let before = names(root.path());
    store.probe().expect("written");
    assert_eq!(names(root.path()), before);
}
