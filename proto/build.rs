//! Compiles the proto files with nothing but Rust.

use std::error::Error;
use std::path::PathBuf;

use prost::Message as _;

fn main() -> Result<(), Box<dyn Error>> {
    let files = [
        "orders/v1/command_service.proto",
        "orders/v1/query_service.proto",
        "orders/v1/history_service.proto",
        "orders/v1/report_service.proto",
        "orders/v1/projection_service.proto",
        "orders/log/v1/record.proto",
    ];
    for file in files.iter().chain(&["orders/v1/order.proto"]) {
        println!("cargo::rerun-if-changed={file}");
    }
    let descriptors = protox::compile(files, ["."])?;
    let out = PathBuf::from(std::env::var_os("OUT_DIR").ok_or("OUT_DIR is not set")?);
    std::fs::write(out.join("descriptors.bin"), descriptors.encode_to_vec())?;
    tonic_prost_build::configure()
        // Ordered maps make an encoding canonical: request fingerprints depend on it.
        .btree_map(".")
        .compile_fds(descriptors)?;
    Ok(())
}
