//! The write side: a request becomes a command, the command a decision, the decision one commit.

#![allow(dead_code)]

mod parse;
