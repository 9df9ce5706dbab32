//! The read side through its gRPC methods, over a log in memory, views in a temporary directory,
//! and orders made by the write side.

mod fixture;
mod forged;
mod fresh;
mod list;
mod look_up;
mod past;
mod personal;
mod refused;
mod report;
mod script;
mod world;
