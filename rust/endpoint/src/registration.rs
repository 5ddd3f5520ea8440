//! What a connection keeps of the registry that it is in.

/// A connection's place in a registry; dropping it removes the place. A trait, so that a connection need not know the
/// registry that knows it.
pub(crate) trait Registration: Send + Sync {
    /// No poll of the registry passes the owner's token to its caller after this returns.
    fn forget_owner(&self);
}
