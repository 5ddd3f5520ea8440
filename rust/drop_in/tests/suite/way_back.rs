//! From the addon's names back to the engine's.

use drop_in::scene::Scene;
use drop_in::{Autoload, Direction, Names, Script, Source, mentions_toward, plan};

fn back(text: &str) -> String {
    let script = Script::scan_toward(Direction::ToEngine, text);
    let sources = [Source {
        path: "res://a.gd",
        uid: None,
        script: &script,
    }];
    let kept = plan(&sources, &[], Names::NONE).kept(0);
    script.renamed(kept).into_owned()
}

fn there(text: &str) -> String {
    Script::scan(text).renamed(Names::NONE).into_owned()
}

#[test]
fn scripts_for_the_engine_are_restored_byte_by_byte() {
    for text in [
        "extends Node\r\nvar dtls := DTLSServer.new()\r\nvar peers: Array[PacketPeerDTLS] = [] # DTLSServer\r\n",
        "\u{feff}var udp: UDPServer\nfunc f(peer: PacketPeerUDP, o := TLSOptions.client()) -> PacketPeerDTLS:\n\treturn null",
        "var p := ENetMultiplayerPeer.new()\nfunc f(c: ENetConnection, p: ENetPacketPeer):\n\tc.dtls_server_setup(TLSOptions.server(k, c))",
        "const DTLSServer = 1\nvar a := DTLSServer\nvar b: UDPServer",
        "var a = { DTLSServer = 1, \"PacketPeerDTLS\": $DTLSServer, DTLSServer: %UDPServer }\n",
        "func f(UDPServer):\n\tUDPServer.poll()\nfunc g():\n\tUDPServer.new()\n",
    ] {
        let converted = there(text);
        assert_eq!(back(&converted), text);
    }
}

#[test]
fn the_options_become_the_engines_own() {
    assert_eq!(
        back("var o = OpenSSLTLSOptions.server(k, c) # OpenSSLTLSOptions"),
        "var o = TLSOptions.server(k, c) # OpenSSLTLSOptions"
    );
    assert_eq!(back(&there("TlsOptions.client()")), "TLSOptions.client()");
}

#[test]
fn a_name_that_the_script_declares_is_not_overwritten() {
    for text in [
        "const TLSOptions = 1\nvar a := OpenSSLTLSOptions.client()",
        "class DTLSServer:\n\tpass\nvar a := OpenSSLDTLSServer.new()",
        "var a := \"OpenSSLDTLSServer\"",
        "var a: TlsOptions",
    ] {
        assert_eq!(back(text), text);
    }
    let script = Script::scan_toward(Direction::ToEngine, "var a: OpenSSLUDPServer");
    let sources = [Source {
        path: "res://a.gd",
        uid: None,
        script: &script,
    }];
    let autoload = Autoload {
        name: "UDPServer".into(),
        path: "res://b.gd".into(),
    };
    assert_eq!(
        script.renamed(plan(&sources, &[autoload], Names::NONE).kept(0)),
        script.text()
    );
}

#[test]
fn one_name_of_any_kind_is_enough_for_the_way_back() {
    assert_eq!(back("var a: OpenSSLUDPServer"), "var a: UDPServer");
    assert!(mentions_toward(b"x OpenSSLTLSOptions", Direction::ToEngine));
    assert!(!mentions_toward(b"x TlsOptions", Direction::ToEngine));
    assert!(mentions_toward(b"x TlsOptions", Direction::ToAddon));
}

#[test]
fn scripts_in_scenes_are_restored_too() {
    let scene = "[sub_resource type=\"GDScript\" id=\"a\"]\nscript/source = \"var a := DTLSServer.new()\\nvar b = \\\"DTLSServer\\\"\"\n[node name=\"OpenSSLDTLSServer\"]\n";
    let converted = Scene::scan(scene).renamed(|_| Names::NONE).into_owned();
    assert!(converted.contains("var a := OpenSSLDTLSServer.new()"));
    assert_eq!(
        Scene::scan_toward(Direction::ToEngine, &converted).renamed(|_| Names::NONE),
        scene
    );
}
