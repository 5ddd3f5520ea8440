//! Scenarios: tests that need more than one process, or a project of their own.

use anyhow::Result;

use crate::environment::Context;

mod arena;
mod bad_link;
mod class_reference;
mod contexts;
mod convert;
mod cost;
mod debugger;
mod documented;
mod documents;
mod drop_in;
mod edit;
mod enet;
mod export;
mod export_packs;
mod export_platforms;
mod export_plugins;
mod first_import;
mod flood;
mod foreign_tools;
mod freed_while_printing;
mod hostile_link;
mod hostile_players;
mod kinds;
mod live;
mod logging;
mod openssl_cli;
mod package;
mod project_scan;
#[cfg(target_os = "linux")]
mod real_link;
mod reload;
mod snippets;
mod soak;
#[cfg(unix)]
mod suspended;
mod typed;

/// A scenario; its error says what failed.
pub(crate) type Scenario = fn(&Context) -> Result<()>;

/// Every scenario with its name, in the order in which they run.
pub(crate) const ALL: &[(&str, Scenario)] = &[
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
    (
        "openssl_s_client_fragments_for_small_datagrams",
        foreign_tools::openssl_clients,
    ),
    (
        "openssl_s_server_fragments_for_small_datagrams",
        foreign_tools::openssl_servers,
    ),
    (
        "gnutls_cli_fragments_for_small_datagrams",
        foreign_tools::gnutls_clients,
    ),
    (
        "gnutls_serv_fragments_for_small_datagrams",
        foreign_tools::gnutls_servers,
    ),
    ("documents_name_what_exists", documents::name_what_exists),
    ("the_readme_echoes", snippets::readme_echoes),
    ("the_guide_echoes", snippets::guide_echoes),
    ("the_guides_multiplayer_is_encrypted", snippets::guide_joins),
    ("a_typed_pair_runs_on_openssl", typed::runs),
    ("players_of_the_arena_agree", arena::players_agree),
    (
        "contexts_are_made_once_for_many_connections",
        contexts::are_made_once,
    ),
    (
        "handshakes_are_logged_if_asked_for",
        logging::prints_what_is_asked_for,
    ),
    ("sessions_survive_a_bad_link", bad_link::survives),
    #[cfg(unix)]
    (
        "sessions_of_suspended_processes_go_on",
        suspended::sessions_go_on,
    ),
    #[cfg(unix)]
    (
        "sessions_that_end_while_a_process_is_suspended_say_so",
        suspended::ended_sessions_say_so,
    ),
    #[cfg(unix)]
    (
        "handshakes_of_suspended_processes_are_made_again",
        suspended::handshakes_are_made_again,
    ),
    #[cfg(target_os = "linux")]
    (
        "a_link_of_1500_bytes_carries_every_size",
        real_link::carries_every_size,
    ),
    #[cfg(target_os = "linux")]
    (
        "a_path_that_swallows_large_datagrams_is_crossed",
        real_link::swallows_large_datagrams,
    ),
    (
        "the_first_headless_import_ends_in_order",
        first_import::ends_in_order,
    ),
    (
        "the_class_reference_is_complete",
        class_reference::is_complete,
    ),
    ("drop_in_renames_every_kind_of_script", drop_in::every_kind),
    ("drop_in_leaves_names_of_the_project", drop_in::own_names),
    (
        "drop_in_leaves_a_project_without_dtls",
        drop_in::without_dtls,
    ),
    (
        "drop_in_works_however_a_project_starts",
        drop_in::every_start,
    ),
    (
        "drop_in_serves_many_processes_at_once",
        drop_in::many_at_once,
    ),
    (
        "drop_in_says_where_it_cannot_write",
        drop_in::nowhere_to_write,
    ),
    ("drop_in_costs_little_at_start", cost::start_up),
    ("drop_in_counts_what_it_renames", project_scan::counts),
    ("drop_in_leaves_enet_without_dtls", enet::without_dtls),
    ("drop_in_renames_enet_with_dtls", enet::with_dtls),
    ("drop_in_renames_all_enet_if_asked", enet::by_the_setting),
    (
        "drop_in_does_not_read_hidden_folders",
        project_scan::hidden_folders,
    ),
    ("drop_in_leaves_csharp_and_says_so", project_scan::csharp),
    #[cfg(unix)]
    (
        "drop_in_reads_folders_linked_to_themselves",
        project_scan::links,
    ),
    (
        "drop_in_says_that_folders_cannot_be_changed",
        project_scan::changed_folders,
    ),
    (
        "drop_in_removes_what_killed_starts_left",
        project_scan::killed_starts,
    ),
    ("scripts_saved_while_they_run_are_reloaded", live::reload),
    ("scripts_saved_while_they_run_are_loaded", live::load),
    (
        "scripts_saved_in_the_editor_are_reloaded",
        live::from_the_editor,
    ),
    ("a_project_is_converted_and_back", convert::there_and_back),
    ("the_documented_pair_is_converted", convert::documented_pair),
    (
        "what_cannot_be_converted_is_said",
        convert::says_what_it_cannot,
    ),
    ("the_editor_converts_a_project", convert::from_the_menu),
    ("exported_games_run_on_openssl", export::every_preset),
    ("exported_packs_run_on_openssl", export::pack),
    ("exports_are_not_stale_after_an_edit", export::after_an_edit),
    ("exports_without_the_drop_in", export::without_drop_in),
    ("exports_without_the_addon", export::without_addon),
    ("exported_patches_run_on_openssl", export_packs::patch),
    (
        "exported_downloadable_content_runs_on_openssl",
        export_packs::downloadable_content,
    ),
    (
        "exports_without_a_library",
        export_platforms::without_a_library,
    ),
    (
        "exports_look_for_the_platforms_library",
        export_platforms::with_a_library,
    ),
    (
        "exports_say_what_denies_the_network",
        export_platforms::without_network,
    ),
    (
        "exports_work_beside_other_export_plugins",
        export_plugins::work_side_by_side,
    ),
    (
        "exports_fail_rather_than_ship_half",
        export_plugins::fail_rather_than_ship_half,
    ),
    (
        "exports_say_what_is_not_customized",
        export_plugins::say_what_is_not_customized,
    ),
    (
        "a_package_works_in_an_empty_project",
        package::in_an_empty_project,
    ),
    ("the_editor_reloads_the_addon", reload::with_live_objects),
    (
        "objects_are_freed_while_their_methods_print",
        freed_while_printing::run,
    ),
    (
        "established_sessions_survive_a_hostile_link",
        hostile_link::established,
    ),
    (
        "handshakes_begin_anew_after_a_hostile_link",
        hostile_link::handshakes,
    ),
    ("players_do_not_notice_a_flood_of_hellos", flood::short),
    (
        "players_calls_arrive_beside_hostile_clients",
        hostile_players::calls_arrive,
    ),
    ("a_soak_leaves_nothing_behind", soak::two_minutes),
    ("players_calls_arrive_once_and_in_order", soak::players),
];
