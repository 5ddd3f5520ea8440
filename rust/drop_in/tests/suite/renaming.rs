//! Which identifiers of a script are renamed.

use crate::marked::assert_renames;
use drop_in::{Names, Script, mentions_any, mentions_dtls, renamed_bytes};

#[test]
fn the_engines_classes_are_renamed_wherever_an_expression_names_them() {
    assert_renames("var dtls = «DTLSServer».new()");
    assert_renames("dtls.setup(«TlsOptions».server(key, cert))");
    assert_renames("if p.get_status() == «PacketPeerDTLS».STATUS_CONNECTED:");
    assert_renames(
        "print([«UDPServer», «PacketPeerUDP»], «DTLSServer» if x else «PacketPeerDTLS»)",
    );
    assert_renames("return «PacketPeerUDP».new()");
    assert_renames("is_instance_of(x, «UDPServer»)");
    assert_renames(
        "match status:\n\t«PacketPeerDTLS».STATUS_CONNECTED, «PacketPeerDTLS».STATUS_ERROR:\n\t\tpass",
    );
}

#[test]
fn the_engines_classes_are_renamed_wherever_a_type_names_them() {
    assert_renames("extends «PacketPeerUDP»");
    assert_renames("class Peer extends «PacketPeerDTLS»:");
    assert_renames("@export var x: «UDPServer»");
    assert_renames("var x: «PacketPeerDTLS».Status = «PacketPeerDTLS».STATUS_ERROR");
    assert_renames("var x: Array[«PacketPeerDTLS»] = []");
    assert_renames("var x: Dictionary[int, «PacketPeerUDP»]");
    assert_renames(
        "func f(a: «UDPServer», b := «UDPServer».new(), ...c: Array[«DTLSServer»]) -> «PacketPeerDTLS»:",
    );
    assert_renames("signal s(peer: «PacketPeerUDP»)");
    assert_renames("for peer: «PacketPeerDTLS» in peers:");
    assert_renames("if x is «UDPServer» or x is not «PacketPeerDTLS»:");
    assert_renames("var x := y as «UDPServer»");
    assert_renames("var f = func(x: «DTLSServer») -> «UDPServer»: return x as «UDPServer»");
    assert_renames("const Peer := «PacketPeerDTLS»");
}

#[test]
fn tls_options_of_the_engine_keep_their_name() {
    assert_renames("var o := TLSOptions.client()");
}

#[test]
fn longer_identifiers_stay() {
    assert_renames(
        "MyDTLSServer, DTLSServer_x, DTLSServer2, _UDPServer, udpserver, éDTLSServer, UDPServerß, OpenSSLUDPServer",
    );
}

#[test]
fn strings_of_every_kind_stay() {
    assert_renames(
        r#"a("DTLSServer", 'DTLSServer', &"DTLSServer", &'DTLSServer', ^"DTLSServer", ^'DTLSServer', «UDPServer»)"#,
    );
    assert_renames(
        r#""\"DTLSServer" + «DTLSServer» + '\'DTLSServer' + "\\" + «DTLSServer» + r"\\" + «DTLSServer» + r"\"DTLSServer""#,
    );
    assert_renames("\"\"\"DTLSServer\n\"DTLSServer\"\" \\\"\"\"DTLSServer\"\"\" + «DTLSServer»");
    assert_renames("'''DTLSServer ''DTLSServer\n''' + «DTLSServer»");
    assert_renames("r'''\\''' DTLSServer ''' + «DTLSServer»");
    assert_renames("preload(\"DTLSServer.gd\").new(«DTLSServer».new())");
    assert_renames("x.bar\"\\\"DTLSServer\"");
}

#[test]
fn an_unterminated_string_contains_the_rest_of_the_file() {
    assert_renames("var a: «UDPServer»\nvar b = \"DTLSServer\nDTLSServer\n");
    assert_renames("var b = '''DTLSServer'' DTLSServer");
    assert_renames("var b = \"DTLSServer\\");
}

#[test]
fn comments_stay() {
    assert_renames(
        "# DTLSServer \"\n## [DTLSServer] '''\nvar x = «DTLSServer» # DTLSServer\n#DTLSServer",
    );
}

#[test]
fn attributes_stay() {
    assert_renames(
        "self.UDPServer = super.UDPServer() + a.UDPServer.b . UDPServer + a[0].UDPServer + f().DTLSServer",
    );
    assert_renames("var x = (a.\n\tDTLSServer + a\n\t.DTLSServer + a. # comment\n\n\tDTLSServer)");
    assert_renames("var x = a \\\n\t.DTLSServer \\\n\t. \\\n\tDTLSServer");
    assert_renames("extends \"base.gd\".DTLSServer.UDPServer");
    assert_renames("var x: Base.DTLSServer");
}

#[test]
fn ranges_and_rest_parameters_are_no_attributes() {
    assert_renames("match x:\n\t[1, .., «UDPServer»]:\n\t\tpass");
    assert_renames("x = 1.5+«UDPServer».x");
}

#[test]
fn node_paths_stay() {
    assert_renames("$DTLSServer.start(«DTLSServer».new())");
    assert_renames("$A/DTLSServer/UDPServer.b(«DTLSServer»)");
    assert_renames("$/root/DTLSServer, «DTLSServer»");
    assert_renames("$\"DTLSServer\"/DTLSServer, $'A'/DTLSServer");
    assert_renames("$%DTLSServer/UDPServer + $A/%DTLSServer/UDPServer");
    assert_renames("$if/var/DTLSServer");
    assert_renames("$\"../DTLSServer\" + «UDPServer»");
    assert_renames("$A[«DTLSServer»], $A + «DTLSServer», $A == «DTLSServer»");
}

#[test]
fn spaces_do_not_end_a_node_path() {
    assert_renames("$A / DTLSServer");
    assert_renames("f($A /\n\tDTLSServer)");
    assert_renames("f($A # comment\n\t/ DTLSServer, «DTLSServer»)");
}

#[test]
fn a_line_ends_a_node_path() {
    assert_renames("$A\n«DTLSServer».new()");
    assert_renames("$\n«DTLSServer».new()");
}

#[test]
fn a_percent_sign_is_a_unique_node_where_a_value_is_expected() {
    assert_renames("%DTLSServer.start()");
    assert_renames("x = %DTLSServer");
    assert_renames("f(%DTLSServer, %UDPServer/DTLSServer)");
    assert_renames("return %DTLSServer");
    assert_renames("if not %DTLSServer and %UDPServer: %DTLSServer.x(); %DTLSServer.x()");
    assert_renames("x if %DTLSServer else %UDPServer");
    assert_renames("[%DTLSServer, {%DTLSServer: %UDPServer, a = %UDPServer}, -%DTLSServer]");
    assert_renames("@onready var x = %DTLSServer");
    assert_renames("await %DTLSServer.x");
    assert_renames("for x in %DTLSServer:");
    assert_renames("var x = a\n%DTLSServer.start()");
    assert_renames("match %DTLSServer:\n\t1 when %DTLSServer.x:\n\t\tpass");
    assert_renames("%\"DTLSServer\" / DTLSServer");
}

#[test]
fn a_percent_sign_is_an_operator_after_a_value() {
    assert_renames("\"%d\" % «PacketPeerUDP».STATUS");
    assert_renames("a %«DTLSServer».x");
    assert_renames("a%«DTLSServer».x");
    assert_renames(
        "f() % «DTLSServer».x, a[0] % «DTLSServer».x, {} % «DTLSServer».x, 5 % «DTLSServer».x",
    );
    assert_renames(
        "PI % «DTLSServer».x, self % «DTLSServer», true % «DTLSServer».x, a.if % «DTLSServer».x",
    );
    assert_renames("a %= «DTLSServer».x");
    assert_renames("x = (a\n\t% «DTLSServer».x)");
    assert_renames("x = a \\\n\t% «DTLSServer».x");
    assert_renames("x = a.match % «DTLSServer».x + match % «DTLSServer».x");
    assert_renames("x = when % «DTLSServer».x");
}

#[test]
fn division_is_no_node_path() {
    assert_renames("x / «DTLSServer».y, $A.x / «DTLSServer».y");
}

#[test]
fn keys_of_a_dictionary_in_luas_style_stay_and_its_values_do_not() {
    assert_renames("{ DTLSServer = 1 }");
    assert_renames("{ UDPServer = «UDPServer».new(), DTLSServer=«DTLSServer».new(), }");
    assert_renames(
        "{\n\tUDPServer # comment\n\t\t= { UDPServer = [«UDPServer»] },\n\n\tDTLSServer = «DTLSServer»\n}",
    );
    assert_renames("{ a = func(): return { UDPServer = «UDPServer» }, UDPServer = 2 }");
}

#[test]
fn keys_of_a_dictionary_in_pythons_style_are_expressions() {
    assert_renames("{ «DTLSServer»: 1, «UDPServer».X: «UDPServer», «UDPServer» : 3 }");
    assert_renames("{ x: «UDPServer» == 1, «UDPServer» == 1: 2 }");
    assert_renames("match x:\n\t{ \"a\": «UDPServer».X, \"b\": [«UDPServer».X, ..] }:\n\t\tpass");
}

#[test]
fn an_assignment_in_a_lambda_in_a_dictionary_is_no_key() {
    assert_renames("var x = { \"a\": func():\n\t\tprint(1)\n\t\t«UDPServer» = 3\n\t\tpass\n}");
}

#[test]
fn a_line_ends_a_statement_of_a_lambda_between_brackets() {
    assert_renames(
        "f(func():\n\tvar a = b\n\t%DTLSServer.show()\n\tif a:\n\t\tprint(a)\n\t%DTLSServer.show()\n, a\n% «DTLSServer».x)",
    );
    assert_renames(
        "f(func(x: «UDPServer») -> void: # comment\n\n\tvar a = b\n\t%DTLSServer.show())",
    );
    assert_renames("f(func(): return a\n\t% «DTLSServer».x)");
}

#[test]
fn annotations_stay_and_their_arguments_do_not() {
    assert_renames("@DTLSServer var x = «DTLSServer»");
    assert_renames("@export_custom(«UDPServer».X, \"UDPServer\") var x: «UDPServer»");
}

#[test]
fn names_of_a_signals_parameters_stay_and_hide_nothing() {
    assert_renames("signal s(UDPServer, PacketPeerDTLS: «PacketPeerDTLS»,)\nvar x: «UDPServer»");
}

#[test]
fn values_of_an_enum_with_a_name_stay_and_are_in_scope_inside_it_only() {
    assert_renames(
        "enum Kind { UDPServer, DTLSServer = 3, X = DTLSServer + «PacketPeerUDP».A }\nvar x: «UDPServer» = Kind.UDPServer",
    );
    assert_renames("enum Kind\n{\n\tUDPServer,\n}\nvar x: «UDPServer»");
}

#[test]
fn every_other_byte_stays() {
    assert_renames(
        "\u{feff}extends «UDPServer»\r\n\tvar x := \"è DTLSServer\" # DTLSServer\r\nvar y = «DTLSServer»\r\n",
    );
    assert_renames("var x = «DTLSServer»\rvar y = «DTLSServer»\r");
    assert_renames("var ünï := «DTLSServer».new();;\t \n\n\u{1}«UDPServer»");
    assert_renames("«DTLSServer»");
    assert_renames("");
}

#[test]
fn what_follows_a_nul_is_not_read() {
    assert_renames("var x = «DTLSServer»\0var y = DTLSServer");
}

#[test]
fn bytes_that_are_not_utf_8_stay() {
    assert_eq!(
        &*renamed_bytes(b"DTLSServer", Names::NONE),
        b"OpenSSLDTLSServer"
    );
    assert_eq!(
        &*renamed_bytes(b"DTLSServer \xff", Names::NONE),
        b"DTLSServer \xff"
    );
}

#[test]
fn kept_names_stay() {
    let script = Script::scan("DTLSServer, UDPServer");
    assert_eq!(
        script.renamed(Names::named("UDPServer")),
        "OpenSSLDTLSServer, UDPServer"
    );
    assert_eq!(script.renamed(Names::ALL), "DTLSServer, UDPServer");
    assert_eq!(
        script.uses(),
        Names::named("UDPServer").union(Names::named("DTLSServer"))
    );
}

#[test]
fn a_mention_is_any_occurrence() {
    assert!(
        mentions_dtls(b"# MyDTLSServer")
            && mentions_dtls(b"PacketPeerDTLS")
            && mentions_dtls(b"\xffTlsOptions")
            && mentions_dtls(b"host.dtls_client_setup(")
    );
    assert!(!mentions_dtls(
        b"UDPServer, PacketPeerUDP, TLSOptions, DTLS"
    ));
    assert!(
        mentions_any(b"UDPServer")
            && mentions_any(b"xPacketPeerUDPx")
            && mentions_any(b"TlsOptions")
            && mentions_any(b"ENetPacketPeer.STATE_CONNECTED")
    );
    assert!(!mentions_any(b"PacketPeer, Server, TLSOptions"));
}

#[test]
fn unmatched_brackets_do_not_panic() {
    assert_renames("var x = ((([{ \"a\": «DTLSServer»\nvar y = «DTLSServer»");
    assert_renames(")]} «DTLSServer» )");
    assert_renames("func");
    assert_renames("enum");
    assert_renames("extends");
    assert_renames("set(");
    assert_renames("const X = preload(");
    assert_renames("const X = preload('");
    assert_renames("extends '''");
}
