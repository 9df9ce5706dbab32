//! The shape of the log's package is for ever, too: a committed text, one line for each field, and a
//! checker that names what a change would break.

use std::collections::BTreeMap;

use prost::Message as _;
use prost_types::field_descriptor_proto::{Label, Type};
use prost_types::{DescriptorProto, FieldDescriptorProto, FileDescriptorProto, FileDescriptorSet};

use crate::bless;

pub(crate) const FILE: &str = "orders.log.v1.descriptor";
const PACKAGE: &str = "orders.log.v1";

fn log_file(set: &FileDescriptorSet) -> &FileDescriptorProto {
    set.file
        .iter()
        .find(|file| file.package() == PACKAGE)
        .expect("the log's package")
}

fn compiled() -> FileDescriptorSet {
    FileDescriptorSet::decode(proto::DESCRIPTORS).expect("descriptors")
}

/// What the crate was compiled with, as text.
pub(crate) fn current() -> String {
    render(log_file(&compiled()))
}

fn render(file: &FileDescriptorProto) -> String {
    let mut lines = Vec::new();
    for found in &file.enum_type {
        for value in &found.value {
            let line = format!(
                "{}.{} = {} enum value",
                found.name(),
                value.name(),
                value.number()
            );
            lines.push(line);
        }
    }
    for message in &file.message_type {
        render_message(message, message.name(), &mut lines);
    }
    lines.join("\n") + "\n"
}

fn render_message(message: &DescriptorProto, name: &str, lines: &mut Vec<String>) {
    if message.field.is_empty() {
        lines.push(format!("{name} = message"));
    }
    for field in &message.field {
        let label = match field.label() {
            Label::Repeated => "repeated",
            Label::Optional | Label::Required => "singular",
        };
        let oneof = field
            .oneof_index
            .and_then(|index| message.oneof_decl.get(usize::try_from(index).ok()?))
            .map(|oneof| format!(" oneof {}", oneof.name()))
            .unwrap_or_default();
        let (field_name, number, kind) = (field.name(), field.number(), kind(field));
        lines.push(format!(
            "{name}.{field_name} = {number} {kind} {label}{oneof}"
        ));
    }
    for nested in &message.nested_type {
        render_message(nested, &format!("{name}.{}", nested.name()), lines);
    }
}

fn kind(field: &FieldDescriptorProto) -> String {
    match field.r#type() {
        Type::Message | Type::Enum => field
            .type_name()
            .trim_start_matches('.')
            .trim_start_matches(PACKAGE)
            .trim_start_matches('.')
            .to_owned(),
        scalar => scalar
            .as_str_name()
            .trim_start_matches("TYPE_")
            .to_lowercase(),
    }
}

/// What `current` breaks of `committed`, and what it adds, one line each.
#[derive(Debug, Default, PartialEq, Eq)]
struct Difference {
    broken: Vec<String>,
    added: Vec<String>,
}

fn compare(committed: &str, current: &str) -> Difference {
    let parse = |text: &str| -> BTreeMap<String, String> {
        text.lines()
            .filter_map(|line| line.split_once(" = "))
            .map(|(name, rest)| (name.to_owned(), rest.to_owned()))
            .collect()
    };
    let (committed, current) = (parse(committed), parse(current));
    let mut difference = Difference::default();
    for (name, was) in &committed {
        let Some(is) = current.get(name) else {
            // A message that gets its first field stops being listed as an empty one.
            let grown = was == "message"
                && current
                    .keys()
                    .any(|key| key.starts_with(&format!("{name}.")));
            if !grown {
                difference
                    .broken
                    .push(format!("{name} was removed or renamed"));
            }
            continue;
        };
        let number = |rest: &str| rest.split(' ').next().map(str::to_owned);
        if number(was) != number(is) {
            difference
                .broken
                .push(format!("{name} was renumbered: {was} is now {is}"));
        } else if was != is {
            difference
                .broken
                .push(format!("{name} was retyped: {was} is now {is}"));
        }
    }
    let added = current
        .iter()
        .filter(|(name, _)| !committed.contains_key(*name));
    difference.added = added.map(|(name, is)| format!("{name} = {is}")).collect();
    difference
}

#[test]
fn the_logs_package_has_the_shape_it_always_had() {
    let current = current();
    if bless::allowed() && !bless::path(FILE).exists() {
        bless::write(FILE, &current);
    }
    let difference = compare(&bless::read(FILE), &current);
    assert!(
        difference.broken.is_empty(),
        "stored bytes would be misread; a changed meaning gets a new number:\n{}",
        difference.broken.join("\n")
    );
    if bless::allowed() && !difference.added.is_empty() {
        bless::write(FILE, &current);
        return;
    }
    assert!(
        difference.added.is_empty(),
        "new in the log, for ever once it is stored; bless it with ORDERS_BLESS=1:\n{}",
        difference.added.join("\n")
    );
}

fn change(edit: impl FnOnce(&mut FileDescriptorProto)) -> Difference {
    let mut set = compiled();
    let file = set
        .file
        .iter_mut()
        .find(|file| file.package() == PACKAGE)
        .expect("the log's package");
    edit(file);
    compare(&current(), &render(file))
}

fn message<'a>(file: &'a mut FileDescriptorProto, name: &str) -> &'a mut DescriptorProto {
    let mut messages = file.message_type.iter_mut();
    messages
        .find(|message| message.name() == name)
        .expect("the message")
}

fn field<'a>(
    file: &'a mut FileDescriptorProto,
    of: &str,
    name: &str,
) -> &'a mut FieldDescriptorProto {
    let mut fields = message(file, of).field.iter_mut();
    fields
        .find(|field| field.name() == name)
        .expect("the field")
}

#[test]
fn an_unchanged_package_differs_in_nothing() {
    assert_eq!(change(|_| {}), Difference::default());
}

#[test]
fn a_renumbered_field_is_named() {
    let difference = change(|file| field(file, "PaymentCaptured", "amount").number = Some(9));
    assert_eq!(
        difference.broken,
        ["PaymentCaptured.amount was renumbered: 2 int64 singular is now 9 int64 singular"]
    );
}

#[test]
fn a_retyped_field_is_named() {
    let difference = change(|file| field(file, "LineAdded", "quantity").set_type(Type::String));
    assert_eq!(
        difference.broken,
        ["LineAdded.quantity was retyped: 4 uint32 singular is now 4 string singular"]
    );
    let difference = change(|file| field(file, "LineAdded", "title").set_label(Label::Repeated));
    assert_eq!(
        difference.broken,
        ["LineAdded.title was retyped: 3 string singular is now 3 string repeated"]
    );
}

#[test]
fn a_removed_field_is_named() {
    let difference = change(|file| {
        message(file, "Commit")
            .field
            .retain(|f| f.name() != "fingerprint")
    });
    assert_eq!(
        difference.broken,
        ["Commit.fingerprint was removed or renamed"]
    );
    let difference = change(|file| file.message_type.retain(|m| m.name() != "OrderCompleted"));
    assert_eq!(difference.broken, ["OrderCompleted was removed or renamed"]);
}

#[test]
fn an_event_out_of_its_oneof_and_a_renumbered_enum_value_are_named() {
    let difference = change(|file| field(file, "Event", "order_placed").oneof_index = None);
    assert!(difference.broken[0].starts_with("Event.order_placed was retyped"));
    let difference = change(|file| file.enum_type[1].value[1].number = Some(7));
    assert!(difference.broken[0].contains(" was renumbered: 1 enum value is now 7"));
}

#[test]
fn an_added_field_breaks_nothing_and_is_to_be_blessed() {
    let difference = change(|file| {
        let mut added = field(file, "LineAdded", "title").clone();
        (added.name, added.number) = (Some("colour".to_owned()), Some(7));
        message(file, "LineAdded").field.push(added);
    });
    assert_eq!(difference.broken, Vec::<String>::new());
    assert_eq!(difference.added, ["LineAdded.colour = 7 string singular"]);
}

#[test]
fn the_files_compile_from_their_folder_alone() {
    let root = env!("CARGO_MANIFEST_DIR");
    let files = ["orders/log/v1/record.proto", "orders/v1/order.proto"]
        .into_iter()
        .chain([
            "orders/v1/command_service.proto",
            "orders/v1/query_service.proto",
            "orders/v1/history_service.proto",
            "orders/v1/report_service.proto",
            "orders/v1/read_model_service.proto",
        ]);
    let set = protox::compile(files, [root]).expect("the files compile");
    assert_eq!(render(log_file(&set)), current());
}
