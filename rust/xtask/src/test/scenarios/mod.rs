//! Scenarios: tests that need more than one process, or a project of their own.

use anyhow::Result;

use super::Context;

mod class_reference;
mod documented;
mod openssl_cli;
mod typed;

/// A scenario; its failure says what was not as it should be.
pub(crate) type Scenario = fn(&Context) -> Result<()>;

const SCENARIOS: &[(&str, Scenario)] = &[
    ("documented_pair_equals_shared", documented::equals_shared),
    ("documented_pair_runs", documented::runs),
    ("documented_pair_on_the_wire", documented::on_the_wire),
    (
        "openssl_s_client_talks_to_the_documented_server",
        openssl_cli::s_client,
    ),
    (
        "the_documented_client_talks_to_openssl_s_server",
        openssl_cli::s_server,
    ),
    ("a_typed_pair_runs_on_openssl", typed::runs),
    (
        "the_class_reference_is_complete",
        class_reference::is_complete,
    ),
];

/// The scenarios whose names contain the filter. They run one after another: the documented port is taken by one alone.
pub(crate) fn find(filter: &str) -> Vec<(&'static str, Scenario)> {
    SCENARIOS
        .iter()
        .filter(|(name, _)| name.contains(filter))
        .copied()
        .collect()
}
