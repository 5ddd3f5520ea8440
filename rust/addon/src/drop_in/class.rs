//! `OpenSSLDropIn`: the drop-in's functions for scripts.

use drop_in::convert::Conversion;
use drop_in::{Names, Script, Source};
use godot::builtin::{GString, PackedStringArray};
use godot::global::Error;
use godot::register::{GodotClass, godot_api};

use crate::drop_in::project;
use crate::ffi::catch_panic::catch_panic;
use crate::report::mistake;

/// Renames the engine's DTLS, UDP and ENet classes to the addon's in texts of scripts that the drop-in does not rename
/// itself.
///
/// When a project starts, and when it is exported, the drop-in renames the project's scripts. It does not rename
/// scripts below [code]user://[/code], in packs that were exported without the addon, and scripts that are made from
/// text. For these there is [method rename], in exported games too:
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
    /// [code]UDPServer[/code], [code]PacketPeerUDP[/code] and [code]TlsOptions[/code] renamed to the addon's classes;
    /// and [code]ENetMultiplayerPeer[/code], [code]ENetConnection[/code] and [code]ENetPacketPeer[/code], unless
    /// [param enet] is [code]false[/code], for games whose own scripts keep the engine's ENet.
    ///
    /// Line numbers stay the same. Strings, comments, node paths, names that the script declares itself, and autoloads
    /// of the project are not renamed. A text that was renamed before does not change. The project settings have no
    /// influence.
    #[func]
    fn rename(source: GString, #[opt(default = true)] enet: bool) -> GString {
        catch_panic("OpenSSLDropIn.rename()", || {
            let text = source.to_string();
            let script = Script::scan(text.as_str());
            let sources = [Source {
                path: "",
                uid: None,
                script: &script,
            }];
            let autoloads = project::autoloads();
            let own = drop_in::plan(&sources, &autoloads, Names::NONE).own(0);
            let kept = if enet { own } else { own.union(Names::ENET) };
            GString::from(&*script.renamed(kept))
        })
    }

    /// Lists what [method convert_project] would change, as lines of text: each file, and each of its changed lines
    /// before and after. Changes nothing. [param back] is as in [method convert_project].
    #[func]
    fn list_changes(#[opt(default = false)] back: bool) -> PackedStringArray {
        catch_panic("OpenSSLDropIn.list_changes()", || {
            let conversion = conversion("OpenSSLDropIn.list_changes()", back);
            let listing = conversion.iter().flat_map(Conversion::listing);
            listing.map(|line| GString::from(&line)).collect()
        })
    }

    /// Writes the addon's names into the project's scripts, including scripts built into scenes and resources in text
    /// form, so that the project needs no drop-in. If [param back] is [code]true[/code], writes the engine's names in
    /// place of the addon's; [code]OpenSSLTLSOptions[/code] becomes [code]TLSOptions[/code] then.
    ///
    /// Writes all files or none. If none, prints the reason and returns [constant ERR_FILE_CANT_WRITE]. Returns
    /// [constant ERR_UNAVAILABLE] in an exported game, which has no project. On the command line, use
    /// [code]res://addons/openssl_dtls/convert.gd[/code].
    #[func]
    fn convert_project(#[opt(default = false)] back: bool) -> Error {
        const WHAT: &str = "OpenSSLDropIn.convert_project()";
        catch_panic(WHAT, || {
            match conversion(WHAT, back).map(|conversion| conversion.write()) {
                None => Error::ERR_UNAVAILABLE,
                Some(Ok(())) => Error::OK,
                Some(Err(why)) => {
                    mistake(WHAT, why);
                    Error::ERR_FILE_CANT_WRITE
                }
            }
        })
    }
}

fn conversion(what: &str, back: bool) -> Option<Conversion> {
    let conversion = project::conversion(back);
    if conversion.is_none() {
        mistake(what, "an exported game has no project to be converted");
    }
    conversion
}
