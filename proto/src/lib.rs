//! The wire and the stored bytes: generated code, and the codecs between it and the domain.
//!
//! Two packages with two promises. [`v1`] is the API; it may change shape in a `v2`. [`log::v1`] is
//! what the log stores; it never changes, and golden files hold its bytes.
//!
//! * [`commit`] turns commits into stored bytes and back.
//! * [`personal`] says what is sealed of them.
//! * [`row`] is what a projection keeps of an order; [`api`] is what a caller is shown of it.
//! * [`token`] is the consistency token, [`error`] the error registry.

pub mod api;
pub mod commit;
pub mod error;
pub mod personal;
pub mod row;
pub mod token;

/// The currencies of ISO 4217. A client needs their digits to read and write amounts.
pub use order::value::Currency;

/// The API: `orders.v1`.
pub mod v1 {
    #![allow(
        missing_docs,
        rustdoc::all,
        unreachable_pub,
        unused_qualifications,
        clippy::all,
        clippy::allow_attributes_without_reason,
        clippy::large_futures,
        clippy::needless_pass_by_value,
        clippy::too_many_lines,
        clippy::wildcard_imports,
        reason = "generated code"
    )]
    tonic::include_proto!("orders.v1");
}

/// The query service with replies that take orders as bytes, for whoever serves it: the same on the
/// wire as [`v1`].
pub mod served {
    #![allow(
        missing_docs,
        rustdoc::all,
        unreachable_pub,
        unused_qualifications,
        clippy::all,
        clippy::allow_attributes_without_reason,
        clippy::large_futures,
        clippy::needless_pass_by_value,
        clippy::too_many_lines,
        clippy::wildcard_imports,
        reason = "generated code"
    )]
    include!(concat!(env!("OUT_DIR"), "/served/orders.v1.rs"));
}

/// The log's own package.
pub mod log {
    /// The stored bytes: `orders.log.v1`.
    pub mod v1 {
        #![allow(
            missing_docs,
            rustdoc::all,
            unreachable_pub,
            unused_qualifications,
            clippy::all,
            clippy::allow_attributes_without_reason,
            clippy::large_futures,
            clippy::needless_pass_by_value,
            clippy::too_many_lines,
            clippy::wildcard_imports,
            reason = "generated code"
        )]
        tonic::include_proto!("orders.log.v1");
    }
}

/// All files as a `FileDescriptorSet`, for gRPC reflection.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));
