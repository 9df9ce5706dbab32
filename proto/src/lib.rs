//! The wire and the stored bytes: generated code, and the codecs between it and the domain.
//!
//! Two packages with two promises. [`v1`] is the API; it may change shape in a `v2`. [`log::v1`] is
//! what the log stores; it never changes, and golden files hold its bytes.

/// The API: `orders.v1`.
pub mod v1 {
    #![allow(missing_docs, unreachable_pub, clippy::all, reason = "generated code")]
    tonic::include_proto!("orders.v1");
}

/// The log's own package.
pub mod log {
    /// The stored bytes: `orders.log.v1`.
    pub mod v1 {
        #![allow(missing_docs, unreachable_pub, clippy::all, reason = "generated code")]
        tonic::include_proto!("orders.log.v1");
    }
}

/// All files as a `FileDescriptorSet`, for gRPC reflection.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));
