//! The addon's places among the export plugins.

/// When the engine asks an export plugin of the addon for a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Before all other plugins: records that a file is exported.
    First,
    /// Right before the engine's plugin for scripts. The plugins after that one are not asked for a script that is
    /// exported as binary tokens.
    Scripts,
    /// After all other plugins, for all other files.
    Last,
}

impl Place {
    /// All places, in the engine's order.
    pub const ALL: [Self; 3] = [Self::First, Self::Scripts, Self::Last];

    /// The plugin's name. The engine sorts plugins by the code points of their names; its own is called "GDScript".
    pub fn name(self) -> &'static str {
        match self {
            Self::First => "\u{1} OpenSSL DTLS, first",
            Self::Scripts => "GDScrips\u{10ffff} OpenSSL DTLS, before GDScript",
            Self::Last => "\u{10ffff} OpenSSL DTLS, last",
        }
    }
}
