//! Scripts built into scenes and resources.

use crate::marked::unmarked;
use drop_in::Names;
use drop_in::scene::Scene;

#[track_caller]
fn assert_renames(marked: &str) {
    let (before, after) = unmarked(marked);
    assert_eq!(Scene::scan(&before).renamed(|_| Names::NONE), after);
}

#[test]
fn only_scripts_in_a_scene_change() {
    assert_renames(
        r#"[gd_scene load_steps=3 format=3 uid="uid://x"]

; DTLSServer [sub_resource type="GDScript"] script/source = "DTLSServer"
[ext_resource type="Script" path="res://DTLSServer.gd" id="1_a"]

[sub_resource type="GDScript" id="GDScript_b"]
resource_name = "DTLSServer"
script/source = "extends Node

var a := «DTLSServer».new() # [node name=\"DTLSServer\"]
var b = \"DTLSServer\"; var c = '\\'DTLSServer'; var d = \"\\\"DTLSServer\"; var e = «UDPServer»
var f = $DTLSServer
"

[sub_resource type="Resource" id="Resource_c"]
script/source = "DTLSServer"

[node name="DTLSServer" type="Node" groups=["DTLSServer", "]"]]
script = SubResource("GDScript_b")
metadata/x = { "DTLSServer": Array[Dictionary]([{ "script/source": "DTLSServer ]}" }]) }
y = &"DTLSServer"
z = null
[node name="a" parent="."]
script/source = "DTLSServer"
"#,
    );
}

#[test]
fn a_resource_file_can_be_a_script() {
    assert_renames(
        "[gd_resource type=\"GDScript\" format=3]\n\n[resource]\nscript/source = \"var a = «DTLSServer»\"\n",
    );
    assert_renames(
        "[gd_resource type=\"Curve\" format=3]\n\n[resource]\nscript/source = \"var a = DTLSServer\"\n",
    );
}

#[test]
fn escapes_next_to_a_name_and_in_it_are_read() {
    let head = "[sub_resource type=\"GDScript\" id=\"a\"]\nscript/source = ";
    assert_renames(&format!(
        "{head}\"\\t«DTLSServer»\\n«UDPServer»\\n\\n\\\"UDPServer\\\"\\u0020«UDPServer» \\u00e9\\U01F600\\ud83d\\ude00\""
    ));
    let scene = format!("{head}\"x(\\u0044TLSServe\\r, \\u0044TLSServe\\U000072, \\x)\"");
    assert_eq!(
        Scene::scan(&scene).renamed(|_| Names::NONE),
        format!("{head}\"x(\\u0044TLSServe\\r, OpenSSLDTLSServer, \\x)\"")
    );
}

#[test]
fn a_script_the_engine_cannot_read_stays() {
    for broken in [
        "DTLSServer \\u12",
        "DTLSServer \\ud800",
        "DTLSServer \\udc00",
        "DTLSServer \\Uffffff",
        "DTLSServer \\u+123",
    ] {
        assert_renames(&format!(
            "[sub_resource type=\"GDScript\" id=\"a\"]\nscript/source = \"{broken}\""
        ));
    }
    assert_renames("[sub_resource type=\"GDScript\" id=\"a\"]\nscript/source = \"DTLSServer");
    assert_renames("[sub_resource type=\"GDScript\" id=\"a\"]\nscript/source = \"DTLSServer\\");
}

#[test]
fn each_script_keeps_the_names_it_declares() {
    let script = |id| {
        format!(
            "[sub_resource id=\"{id}\" type=\"GDScript\"]\r\n\"script/source\" = \"var a: UDPServer\"\r\n"
        )
    };
    let text = script("a") + &script("b");
    let scene = Scene::scan(&text);
    assert_eq!(
        scene
            .scripts()
            .iter()
            .map(|built_in| built_in.id)
            .collect::<Vec<_>>(),
        ["a", "b"]
    );
    let renamed = scene.renamed(|index| if index == 0 { Names::ALL } else { Names::NONE });
    assert_eq!(
        renamed,
        script("a") + &script("b").replace("UDPServer", "OpenSSLUDPServer")
    );
}
