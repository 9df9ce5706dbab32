//! The read side through its gRPC methods, over a log in memory, a read model in memory,
//! and orders made by the write side.

mod building;
mod call;
mod decoded;
mod explain;
mod fixture;
mod forged;
mod fresh;
mod list;
mod look_up;
mod past;
mod personal;
mod refused;
mod report;
mod resume;
mod script;
mod sort;
mod watch;
mod world;
