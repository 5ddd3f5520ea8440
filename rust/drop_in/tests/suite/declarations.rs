//! Names that a script declares itself.

use crate::marked::assert_renames;
use drop_in::{Extends, Names, Script};

fn declared(text: &str) -> Vec<&'static str> {
    Script::scan(text).declares().iter().collect()
}

#[test]
fn a_name_that_a_class_body_declares_keeps_its_meaning_in_the_whole_script() {
    for declaration in [
        "var UDPServer = 1",
        "var UDPServer: int:\n\tset(value): UDPServer = value",
        "static var UDPServer := 1",
        "@export var UDPServer: int",
        "@export_range(0, 1) var UDPServer: int",
        "@onready var UDPServer = 1",
        "const UDPServer = 1",
        "func UDPServer(): pass",
        "static func UDPServer(): pass",
        "@rpc(\"any_peer\") func UDPServer(): pass",
        "signal UDPServer",
        "signal UDPServer(a: int)",
        "class UDPServer:\n\tpass",
        "class_name UDPServer",
        "class_name UDPServer extends Node",
        "enum UDPServer { A }",
        "enum { UDPServer }",
        "enum { A, UDPServer = 3, }",
        "enum\n{\n\tA,\n\tUDPServer\n}",
        "class Inner:\n\tvar UDPServer = 1",
        "class Inner: var UDPServer = 1",
        "class Inner:\n\tclass Deeper extends Node:\n\n\t\t# comment\n\t\tconst UDPServer = 1",
        "class Inner:\n\tfunc f():\n\t\tpass\n\tvar UDPServer = 1",
        "@abstract\nclass Inner:\n\tsignal UDPServer",
    ] {
        assert_renames(&format!(
            "{declaration}\nfunc f():\n\tUDPServer.x(«DTLSServer»)\n"
        ));
        assert_eq!(declared(declaration), ["UDPServer"], "{declaration}");
    }
}

#[test]
fn a_name_that_a_function_declares_keeps_its_meaning_in_that_function() {
    for function in [
        "func f(UDPServer):\n\tUDPServer.x()",
        "func f(a, UDPServer: int = 1):\n\tUDPServer.x()",
        "func f(\n\ta = [1, 2],\n\tUDPServer = 1,\n):\n\tUDPServer.x()",
        "func f\\\n\t(UDPServer): UDPServer.x()",
        "func f(...UDPServer):\n\tUDPServer.x()",
        "func f():\n\tvar UDPServer = 1\n\tUDPServer.x()",
        "func f(): var UDPServer = 1; UDPServer.x()",
        "func f():\n\tif a:\n\t\tconst UDPServer = 1\n\t\tUDPServer.x()",
        "func f():\n\tfor UDPServer in a:\n\t\tUDPServer.x()",
        "func f():\n\tfor UDPServer: int in a:\n\t\tUDPServer.x()",
        "func f():\n\tmatch a:\n\t\tvar UDPServer:\n\t\t\tUDPServer.x()",
        "func f():\n\tmatch a:\n\t\t[1, { \"x\": var UDPServer }]:\n\t\t\tUDPServer.x()",
        "func f():\n\ta(func(UDPServer): return UDPServer.x())",
        "func f():\n\ta(func(b = func(UDPServer): return 1):\n\t\tUDPServer.x()\n\t)",
        "func f():\n\ta(func():\n\t\tvar UDPServer = 1\n\t\tUDPServer.x()\n\t)",
        "var a = func(UDPServer):\n\tUDPServer.x()",
        "var a = func(): var UDPServer = 1",
        "var a:\n\tset(UDPServer):\n\t\tUDPServer.x()",
        "var a: int = 1:\n\tget:\n\t\tvar UDPServer = 1\n\t\treturn UDPServer\n\tset ( UDPServer ):\n\t\tpass",
        "class Inner:\n\tfunc f(UDPServer):\n\t\tUDPServer.x()",
    ] {
        assert_renames(&format!(
            "var x: «UDPServer»\n{function}\nfunc g():\n\t«UDPServer».x(«DTLSServer»)\n"
        ));
        assert_eq!(declared(function), [""; 0], "{function}");
    }
}

#[test]
fn before_a_local_declaration_and_in_its_value_a_name_is_the_engines_class() {
    assert_renames("func f():\n\tvar UDPServer = «UDPServer».new()\n\tUDPServer.x()");
    assert_renames("func f():\n\tvar UDPServer := [\n\t\t«UDPServer»,\n\t]; UDPServer.x()");
    assert_renames("func f(): const UDPServer = «UDPServer»; UDPServer.x()");
    assert_renames("func f():\n\t«UDPServer».x()\n\tfor UDPServer in a:\n\t\tUDPServer.x()");
    assert_renames("func f(a = «UDPServer», UDPServer = 1, b = UDPServer):\n\tUDPServer.x()");
    assert_renames("func f():\n\tmatch a:\n\t\tvar UDPServer: UDPServer.x()");
    assert_renames(
        "func f():\n\tmatch a:\n\t\t«UDPServer».X:\n\t\t\tpass\n\t\t[var UDPServer] when UDPServer.x: UDPServer.x()",
    );
}

#[test]
fn the_name_of_a_lambda_and_an_argument_called_set_declare_nothing() {
    assert_renames("var a = func UDPServer(): return «UDPServer».new()");
    assert_renames("func f():\n\tset(«UDPServer», 1)\n\tset(«UDPServer»)");
}

#[test]
fn a_parameters_type_and_default_are_renamed() {
    assert_renames(
        "func f(a: «UDPServer» = «UDPServer».new(), b = [«UDPServer», «DTLSServer»], c = {«UDPServer»: 1}):\n\tpass",
    );
}

#[test]
fn a_declared_replacement_counts_as_the_name_it_replaces() {
    assert_renames("var OpenSSLUDPServer = 1\nvar x: UDPServer\nvar y: «DTLSServer»");
    assert_renames("func f(OpenSSLTLSOptions):\n\treturn TlsOptions.client()\nvar y: «TlsOptions»");
    assert_eq!(declared("const OpenSSLTLSOptions = 1"), ["TlsOptions"]);
}

#[test]
fn keys_and_attributes_declare_nothing() {
    assert_renames("var a = { UDPServer = 1 }\nvar b = a.UDPServer\nvar c: «UDPServer»");
}

#[test]
fn the_class_name_is_found() {
    assert_eq!(
        Script::scan("@tool\nclass_name Peer extends Node").class_name(),
        Some("Peer")
    );
    assert_eq!(
        Script::scan("# class_name A\nextends Node\nclass_name\\\n Pèer").class_name(),
        Some("Pèer")
    );
    assert_eq!(
        Script::scan("var x = a.class_name\n$class_name/B").class_name(),
        None
    );
    assert_eq!(Script::scan("class_name").class_name(), None);
}

#[test]
fn what_a_scripts_classes_extend_is_found() {
    let script = Script::scan(
        "extends \"res://base.gd\".Inner\nclass A extends B.C:\n\tpass\nclass D:\n\textends r'''e.gd'''\n",
    );
    let expected = [
        Extends {
            path: Some("res://base.gd"),
            names: vec!["Inner"],
        },
        Extends {
            path: None,
            names: vec!["B", "C"],
        },
        Extends {
            path: Some("e.gd"),
            names: vec![],
        },
    ];
    assert_eq!(script.extends().collect::<Vec<_>>(), expected);
}

#[test]
fn constants_for_other_scripts_are_found() {
    let script = Script::scan(
        "const A = preload(\"a.gd\")\nconst B: GDScript = preload('b.gd')\nconst C := preload(\n\"c.gd\")\nconst D = 1\nvar e = preload(\"e.gd\")\nfunc f():\n\tconst G = preload(\"g.gd\")",
    );
    assert_eq!(
        script.preloads().collect::<Vec<_>>(),
        [("A", "a.gd"), ("B", "b.gd")]
    );
    assert_eq!(script.uses(), Names::NONE);
}
