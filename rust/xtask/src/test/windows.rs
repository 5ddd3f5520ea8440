//! `cargo xtask test --platform windows`: the Rust tests of the layers below Godot, for Windows, under Wine.

use std::process::ExitCode;

use anyhow::Result;

use super::emulated::{self, LeftOut};
use super::programs;
use super::selection::selects;
use super::tally::Tally;
use crate::platform::Platform;
use crate::platform::toolchain::Toolchain;
use crate::wine::Wine;
use crate::workspace;

const PLATFORM: Platform = Platform::WindowsX86_64;

/// The layers below Godot, and what their tests share.
const PACKAGES: &[&str] = &["drop_in", "dtls", "endpoint", "enet", "testkit", "udp"];

/// Tests that are not compiled for Windows, and why.
const LEFT_OUT: LeftOut = &[
    (
        "it needs Linux's network namespaces; on Windows the system chooses the source address",
        &[
            "a_broadcast_is_replied_to",
            "a_link_local_address_without_its_interface_is_refused",
            "a_listener_and_a_socket_are_bound_to_a_link_local_address",
            "a_listener_on_every_address_replies_to_link_local_clients_of_each_interface",
            "a_listener_on_every_ipv4_address_replies_from_the_destination",
            "a_listener_on_every_ipv6_address_replies_from_the_destination",
            "a_listener_on_one_address_receives_and_replies",
            "a_port_with_many_sockets_replies_from_the_destination",
            "replies_are_sent_from_another_address_when_the_machine_loses_one",
            "replies_are_sent_from_the_last_destination_until_an_address_is_pinned",
        ],
    ),
    (
        "it reads its own memory through Linux's /proc",
        &[
            "a_session_that_is_dropped_leaves_no_key_in_memory",
            "a_thread_that_calls_forget_keys_keeps_no_key_in_its_contexts",
        ],
    ),
    (
        "only administrators make symbolic links on Windows",
        &[
            "a_link_stays_a_link_and_its_file_is_written_once",
            "a_link_to_a_folder_that_contains_the_project_is_followed",
            "a_linked_folder_is_listed_by_each_of_its_paths",
            "a_project_with_endless_links_gets_no_pack",
            "folders_linked_to_themselves_are_listed_a_bounded_number_of_times",
            "one_link_to_the_project_itself_is_not_endless",
        ],
    ),
    (
        "folders have no locks on Windows",
        &["folders_left_behind_are_removed_unless_a_pack_is_being_written"],
    ),
];

/// Runs those whose names contain one of the filters, or all.
pub(super) fn run(filters: &[String]) -> Result<ExitCode> {
    let toolchain = emulated::toolchain(PLATFORM)?;
    let wine = Wine::start()?;

    let is_selected = |name: &str| selects(filters, name);
    let mut tally = Tally::default();
    for (reason, tests) in LEFT_OUT {
        for test in tests.iter().filter(|test| is_selected(test)) {
            tally.leave_out(test, reason);
        }
    }
    if let Err(error) = run_rust(&toolchain, &wine, filters, &is_selected, &mut tally) {
        tally.fail(format!("{error:#}"));
    }
    tally.print();
    Ok(tally.exit_code())
}

fn run_rust(
    toolchain: &Toolchain,
    wine: &Wine,
    filters: &[String],
    is_selected: &dyn Fn(&str) -> bool,
    tally: &mut Tally,
) -> Result<()> {
    workspace::step(&format!("Building the Rust tests for {PLATFORM}"));
    let built = programs::build(toolchain.cargo("test")?, PACKAGES)?;
    programs::run(&built, &|program| wine.command(program), is_selected, tally)?;
    let mut examples = toolchain.cargo("test")?;
    wine.run_for_cargo(&mut examples, toolchain.target);
    emulated::run_examples(examples, PACKAGES, filters, tally)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;

    fn read_sources(folder: &Path, into: &mut String) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                read_sources(&path, into);
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                *into += &fs::read_to_string(path).unwrap();
            }
        }
    }

    #[test]
    fn what_is_left_out_exists() {
        let mut sources = String::new();
        for package in PACKAGES {
            read_sources(&workspace::root().join("rust").join(package), &mut sources);
        }
        for test in LEFT_OUT.iter().flat_map(|(_, tests)| *tests) {
            assert!(sources.contains(&format!("fn {test}(")), "{test}");
        }
    }
}
