//! What a whole project renames.

use drop_in::{Autoload, Names, Plan, Script, Source, plan};

struct Project {
    scripts: Vec<(&'static str, Script<'static>)>,
    autoloads: Vec<Autoload>,
    always: Names,
}

impl Project {
    fn of(scripts: &[(&'static str, &'static str)]) -> Self {
        let scripts = scripts
            .iter()
            .map(|(path, text)| (*path, Script::scan(*text)))
            .collect();
        Self {
            scripts,
            autoloads: Vec::new(),
            always: Names::NONE,
        }
    }

    fn plan(&self) -> Plan {
        let source = |(path, script)| Source {
            path,
            uid: None,
            script,
        };
        let sources: Vec<_> = self
            .scripts
            .iter()
            .map(|(path, script)| source((path, script)))
            .collect();
        plan(&sources, &self.autoloads, self.always)
    }

    #[track_caller]
    fn becomes(&self, expected: &[&str]) {
        let plan = self.plan();
        let renamed = self
            .scripts
            .iter()
            .enumerate()
            .map(|(index, (_, script))| script.renamed(plan.kept(index)));
        assert_eq!(renamed.collect::<Vec<_>>(), expected);
    }
}

const USER: (&str, &str) = ("res://user.gd", "var a = DTLSServer.new()");

#[test]
fn one_script_that_uses_dtls_renames_all() {
    let project = Project::of(&[("res://a.gd", "var a: UDPServer"), USER]);
    assert_eq!(project.plan().renamed(), Names::ALL.without(Names::ENET));
    project.becomes(&["var a: OpenSSLUDPServer", "var a = OpenSSLDTLSServer.new()"]);
}

#[test]
fn without_dtls_nothing_changes() {
    let text =
        "var a: UDPServer # DTLSServer\nvar b = \"PacketPeerDTLS\"\nvar c = $DTLSServer.TlsOptions";
    let project = Project::of(&[("res://a.gd", text)]);
    assert_eq!(project.plan().renamed(), Names::NONE);
    assert_eq!(project.plan().kept(0), Names::ALL);
    project.becomes(&[text]);
}

#[test]
fn a_call_of_either_setup_renames_enets_classes_everywhere() {
    let uses = "var p: ENetMultiplayerPeer\nvar c: ENetConnection\nvar q: ENetPacketPeer";
    let renamed = "var p: OpenSSLENetMultiplayerPeer\nvar c: OpenSSLENetConnection\nvar q: OpenSSLENetPacketPeer";
    for setup in [
        "func f(p):\n\tp.host.dtls_server_setup(TLSOptions.server(k, c))",
        "func f(p):\n\tp.host.dtls_client_setup(\"a.example\")",
        "func f(p):\n\tvar setup = p.get_host() \\\n\t\t. dtls_client_setup",
    ] {
        let project = Project::of(&[("res://a.gd", uses), ("res://b.gd", setup)]);
        assert_eq!(project.plan().renamed(), Names::ENET);
        assert_eq!(project.plan().encrypted(), Names::ENET);
        project.becomes(&[renamed, setup]);
    }
}

#[test]
fn enet_without_a_call_of_a_setup_is_left_alone() {
    for setup in [
        "# p.dtls_server_setup(o)",
        "var a = \"p.dtls_server_setup\"",
        "func dtls_server_setup(): pass",
        "var a = $p/dtls_client_setup",
        "var a = { dtls_client_setup = 1 }",
        "p.dtls_server_setup_done()",
        "var a: DTLSServer",
    ] {
        let plain = "var p: ENetMultiplayerPeer";
        let project = Project::of(&[("res://a.gd", plain), ("res://b.gd", setup)]);
        let plan = project.plan();
        assert!(!plan.renamed().contains(Names::ENET), "{setup}");
        assert_eq!(project.scripts[0].1.renamed(plan.kept(0)), plain);
    }
}

#[test]
fn enet_can_be_renamed_in_any_case_and_dtls_by_its_use() {
    let mut project = Project::of(&[
        ("res://a.gd", "var p: ENetPacketPeer\nvar u: UDPServer"),
        ("res://b.gd", "class_name ENetConnection"),
    ]);
    project.always = Names::ENET;
    assert_eq!(project.plan().encrypted(), Names::NONE);
    project.becomes(&[
        "var p: OpenSSLENetPacketPeer\nvar u: UDPServer",
        "class_name ENetConnection",
    ]);
}

#[test]
fn dtls_names_that_the_project_declares_are_no_use_of_dtls() {
    Project::of(&[
        ("res://a.gd", "class_name TlsOptions"),
        ("res://b.gd", "var a = TlsOptions.new()\nvar b: UDPServer"),
    ])
    .becomes(&[
        "class_name TlsOptions",
        "var a = TlsOptions.new()\nvar b: UDPServer",
    ]);
}

#[test]
fn a_global_class_keeps_its_name_in_every_script() {
    Project::of(&[
        ("res://a.gd", "class_name TlsOptions"),
        ("res://b.gd", "DTLSServer.new(TlsOptions)"),
        USER,
    ])
    .becomes(&[
        "class_name TlsOptions",
        "OpenSSLDTLSServer.new(TlsOptions)",
        "var a = OpenSSLDTLSServer.new()",
    ]);
}

#[test]
fn an_autoload_keeps_its_name_in_every_script() {
    let mut project = Project::of(&[("res://b.gd", "DTLSServer.new(TlsOptions)")]);
    project.autoloads.push(Autoload {
        name: "TlsOptions".into(),
        path: "res://options.tscn".into(),
    });
    project.becomes(&["OpenSSLDTLSServer.new(TlsOptions)"]);
}

#[test]
fn a_declared_name_is_kept_by_scripts_that_extend_its_script_directly_or_not() {
    let base = "class_name Base\nconst TlsOptions = 1";
    Project::of(&[
        ("res://x/base.gd", base),
        (
            "res://x/by_path.gd",
            "extends \"res://x/base.gd\"\nvar x = TlsOptions",
        ),
        (
            "res://x/by_relative_path.gd",
            "extends \"../x/base.gd\"\nvar x = TlsOptions",
        ),
        (
            "res://x/by_name.gd",
            "class_name ByName extends Base\nvar x = TlsOptions",
        ),
        ("res://x/distant.gd", "extends ByName\nvar x = TlsOptions"),
        (
            "res://x/by_constant.gd",
            "const B = preload(\"base.gd\")\nclass A extends B.Inner:\n\tvar x = TlsOptions",
        ),
        (
            "res://x/unrelated.gd",
            "var x = TlsOptions\nvar y = Base.TlsOptions",
        ),
        USER,
    ])
    .becomes(&[
        base,
        "extends \"res://x/base.gd\"\nvar x = TlsOptions",
        "extends \"../x/base.gd\"\nvar x = TlsOptions",
        "class_name ByName extends Base\nvar x = TlsOptions",
        "extends ByName\nvar x = TlsOptions",
        "const B = preload(\"base.gd\")\nclass A extends B.Inner:\n\tvar x = TlsOptions",
        "var x = OpenSSLTLSOptions\nvar y = Base.TlsOptions",
        "var a = OpenSSLDTLSServer.new()",
    ]);
}

#[test]
fn a_name_of_a_bases_local_variable_is_not_inherited() {
    Project::of(&[
        ("res://a.gd", "func f(UDPServer): pass"),
        ("res://b.gd", "extends \"a.gd\"\nvar x: UDPServer"),
        USER,
    ])
    .becomes(&[
        "func f(UDPServer): pass",
        "extends \"a.gd\"\nvar x: OpenSSLUDPServer",
        "var a = OpenSSLDTLSServer.new()",
    ]);
}

#[test]
fn scripts_that_extend_one_another_in_a_cycle_are_planned() {
    Project::of(&[
        ("res://a.gd", "extends \"b.gd\"\nvar UDPServer"),
        ("res://b.gd", "extends \"a.gd\"\nvar x: UDPServer"),
        ("res://c.gd", "extends \"c.gd\"\nvar x: UDPServer"),
        USER,
    ])
    .becomes(&[
        "extends \"b.gd\"\nvar UDPServer",
        "extends \"a.gd\"\nvar x: UDPServer",
        "extends \"c.gd\"\nvar x: OpenSSLUDPServer",
        "var a = OpenSSLDTLSServer.new()",
    ]);
}

#[test]
fn a_script_can_be_extended_by_its_uid_and_by_its_autoloads_name() {
    let base = Script::scan("const UDPServer = 1");
    let by_uid = Script::scan("extends \"uid://abc\"\nvar x = UDPServer");
    let by_autoload = Script::scan("extends Net\nvar x = UDPServer");
    let sources = [
        Source {
            path: "res://base.gd",
            uid: Some("uid://abc"),
            script: &base,
        },
        Source {
            path: "res://b.gd",
            uid: None,
            script: &by_uid,
        },
        Source {
            path: "res://c.gd",
            uid: None,
            script: &by_autoload,
        },
        Source {
            path: USER.0,
            uid: None,
            script: &Script::scan(USER.1),
        },
    ];
    let plan = plan(
        &sources,
        &[Autoload {
            name: "Net".into(),
            path: "res://base.gd".into(),
        }],
        Names::NONE,
    );
    let kept: Vec<_> = (0..4).map(|index| plan.kept(index)).collect();
    let udp = Names::named("UDPServer");
    assert_eq!(
        kept,
        [udp, udp, udp, Names::NONE].map(|own| own.union(Names::ENET))
    );
}
