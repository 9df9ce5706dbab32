//! The client against peers that accept a connection and then say too little.

#![allow(clippy::panic, reason = "a test panics")]

mod silent;
