//! What tests, fuzzers and tools share. Nothing here is for production.

pub mod certificates;
