//! The service from outside: the real binary, real clients, real servers.

mod harness;
mod import;
mod k8s;
mod readme;
mod service;
mod tidy;
mod tools;
