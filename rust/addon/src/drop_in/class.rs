//! `OpenSSLDropIn`: the drop-in for scripts that ask for it.

use std::path::PathBuf;

use drop_in::convert::Conversion;
use drop_in::{Direction, Script, Source};
use godot::builtin::{GString, PackedStringArray};
use godot::global::Error;
use godot::register::{GodotClass, godot_api};

use crate::drop_in::project;
use crate::panics::contained;
use crate::report::mistake;

/// Renames the engine's DTLS and UDP classes to the addon's, in script texts that the drop-in does not see by itself.
///
/// When a project starts, and when it is exported, the drop-in renames the scripts that the project consists of. Scripts that
/// arrive later are not among them: those below [code]user://[/code], those of packs that were not exported with the
/// addon, and those made from text. [method rename] is for them, in exported games too:
/// [codeblock]
/// var script := GDScript.new()
/// script.source_code = OpenSSLDropIn.rename(FileAccess.get_file_as_string("user://mods/duel.gd"))
/// script.reload()
/// [/codeblock]
/// All methods are static.
#[derive(GodotClass)]
#[class(tool, no_init, base = Object, rename = OpenSSLDropIn)]
struct OpenSslDropIn {}

#[godot_api]
impl OpenSslDropIn {
    /// Returns the script [param source] with the identifiers [code]DTLSServer[/code], [code]PacketPeerDTLS[/code],
    /// [code]UDPServer[/code], [code]PacketPeerUDP[/code] and [code]TlsOptions[/code] renamed to the addon's classes.
    ///
    /// Lines stay lines; strings, comments, node paths and names that the script declares itself, or that are autoloads of the
    /// project, stay as they are. A text that was renamed before does not change. Works whatever the setting
    /// [code]openssl_dtls/drop_in[/code] is.
    #[func]
    fn rename(source: GString) -> GString {
        contained("OpenSSLDropIn.rename()", || {
            let text = source.to_string();
            let script = Script::scan(text.as_str());
            let sources = [Source {
                path: "",
                uid: None,
                script: &script,
            }];
            let autoloads = project::autoloads();
            let own = drop_in::plan(&sources, &autoloads).own(0);
            GString::from(&*script.renamed(own))
        })
    }

    /// Lists what [method convert_project] would change, a line of text for each entry: each file, and each of its lines
    /// before and after. Changes nothing. If [param back] is [code]true[/code], for the way back.
    #[func]
    fn list_changes(#[opt(default = false)] back: bool) -> PackedStringArray {
        contained("OpenSSLDropIn.list_changes()", || {
            let Some(root) = project_folder("OpenSSLDropIn.list_changes()") else {
                return PackedStringArray::new();
            };
            let listing = Conversion::of(&root, &project::autoloads(), direction(back)).listing();
            listing.iter().map(GString::from).collect()
        })
    }

    /// Writes the addon's names into the project's own scripts, those built into scenes and resources in text form
    /// included, so that the project needs no drop-in; if [param back] is [code]true[/code], the engine's names in place of
    /// the addon's. [code]OpenSSLTLSOptions[/code] becomes [code]TLSOptions[/code] then.
    ///
    /// All files are written, or none: then a line says why, and [constant ERR_FILE_CANT_WRITE] is returned. Returns
    /// [constant ERR_UNAVAILABLE] in an exported game, which has no project. See also
    /// [code]res://addons/openssl_dtls/convert.gd[/code], which is for the command line.
    #[func]
    fn convert_project(#[opt(default = false)] back: bool) -> Error {
        const WHAT: &str = "OpenSSLDropIn.convert_project()";
        contained(WHAT, || {
            let Some(root) = project_folder(WHAT) else {
                return Error::ERR_UNAVAILABLE;
            };
            match Conversion::of(&root, &project::autoloads(), direction(back)).write() {
                Ok(()) => Error::OK,
                Err(why) => {
                    mistake(WHAT, why);
                    Error::ERR_FILE_CANT_WRITE
                }
            }
        })
    }
}

fn direction(back: bool) -> Direction {
    if back {
        Direction::ToEngine
    } else {
        Direction::ToAddon
    }
}

fn project_folder(what: &str) -> Option<PathBuf> {
    let folder = project::folder();
    if folder.is_none() {
        mistake(what, "an exported game has no project to be converted");
    }
    folder
}
