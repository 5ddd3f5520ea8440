//! What touches the engine's pointers, or depends on how gdext calls methods.

pub(crate) mod calls;
pub(crate) mod catch_panic;
pub(crate) mod engine_peer;
#[cfg(all(debug_assertions, target_os = "linux"))]
mod guarded_memory;
pub(crate) mod hot;
pub(crate) mod optional;
pub(crate) mod packet_memory;
pub(crate) mod packet_ptr;
pub(crate) mod state;
