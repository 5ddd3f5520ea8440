//! Which tests a run is for.

/// Whether a name contains one of the filters, or there are none.
pub(super) fn selects(filters: &[String], name: &str) -> bool {
    filters.is_empty() || filters.iter().any(|filter| name.contains(filter))
}
