//! What touches the engine's pointers, or depends on how gdext calls methods.

pub(crate) mod calls;
pub(crate) mod catch_panic;
pub(crate) mod engine_peer;
pub(crate) mod held;
pub(crate) mod hot;
pub(crate) mod optional;
pub(crate) mod packet_ptr;
pub(crate) mod state;
mod virtuals;

#[cfg(all(debug_assertions, target_os = "linux"))]
#[global_allocator]
static ALLOCATOR: guarded_memory::Guarded = guarded_memory::Guarded;
