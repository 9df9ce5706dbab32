//! Compiles the proto files with nothing but Rust.

use std::error::Error;
use std::path::{Path, PathBuf};

use prost::Message as _;
use prost_types::field_descriptor_proto::{Label, Type};
use prost_types::{DescriptorProto, FileDescriptorSet, OneofDescriptorProto};
use tonic_prost_build::Builder;

fn main() -> Result<(), Box<dyn Error>> {
    let files = [
        "orders/v1/command_service.proto",
        "orders/v1/query_service.proto",
        "orders/v1/history_service.proto",
        "orders/v1/report_service.proto",
        "orders/v1/read_model_service.proto",
        "orders/log/v1/record.proto",
    ];
    for file in files.iter().chain(&["orders/v1/order.proto"]) {
        println!("cargo::rerun-if-changed={file}");
    }
    let descriptors = protox::compile(files, ["."])?;
    let out = PathBuf::from(std::env::var_os("OUT_DIR").ok_or("OUT_DIR is not set")?);
    std::fs::write(out.join("descriptors.bin"), descriptors.encode_to_vec())?;
    served(descriptors.clone(), &out.join("served"))?;
    tonic_prost_build::configure()
        // Ordered maps make an encoding canonical: request fingerprints depend on it.
        .btree_map(".")
        .compile_fds(descriptors)?;
    Ok(())
}

/// The query service once more, with replies that take orders as bytes: on the wire, a message and
/// bytes are the same. So what the read model stores goes out without being decoded.
fn served(mut descriptors: FileDescriptorSet, out: &Path) -> Result<(), Box<dyn Error>> {
    let mut config = tonic_prost_build::configure()
        .build_client(false)
        .bytes(".")
        .out_dir(out);
    descriptors
        .file
        .retain(|file| file.package() == "orders.v1");
    for file in &mut descriptors.file {
        let serves = file.name() == "orders/v1/query_service.proto";
        if !serves {
            file.service.clear();
        }
        for found in &mut file.message_type {
            if !serves || !takes_bytes(found) {
                config = external(config, found.name());
            }
        }
        for found in &file.enum_type {
            config = external(config, found.name());
        }
    }
    std::fs::create_dir_all(out)?;
    config.compile_fds(descriptors)?;
    Ok(())
}

/// Makes the fields of a reply that hold orders take bytes; says whether there are some.
fn takes_bytes(message: &mut DescriptorProto) -> bool {
    let mut found = false;
    for field in &mut message.field {
        if field.type_name.as_deref() == Some(".orders.v1.Order") {
            found = true;
            field.type_name = None;
            field.set_type(Type::Bytes);
            if field.label() == Label::Optional {
                // An order without a field that was asked for is empty, not absent.
                field.proto3_optional = Some(true);
                field.oneof_index = Some(0);
                message.oneof_decl.push(OneofDescriptorProto {
                    name: Some(format!("_{}", field.name())),
                    ..OneofDescriptorProto::default()
                });
            }
        }
    }
    found
}

/// A type that is there already, in `crate::v1`.
fn external(config: Builder, name: &str) -> Builder {
    config.extern_path(format!(".orders.v1.{name}"), format!("crate::v1::{name}"))
}
