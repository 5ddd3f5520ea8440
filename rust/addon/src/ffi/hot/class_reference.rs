//! The class reference of a hot method.

use super::signature::Kind;
use super::{Argument, Method, Returned};

/// The method's entry, in the XML of the engine's class reference.
pub(crate) fn class_reference<M: Method>() -> String {
    let name = M::NAME;
    let qualifiers = if M::IS_CONST {
        " qualifiers=\"const\""
    } else {
        ""
    };
    let type_of = |kind: Kind| match kind.class {
        "" => format!("type=\"{}\"", kind.name),
        class => format!("type=\"{}\" enum=\"{class}\"", kind.name),
    };
    let returned = M::Returned::kind().map_or_else(|| "type=\"void\"".to_owned(), type_of);
    let argument = M::Argument::kind().map_or_else(String::new, |(argument, kind)| {
        format!(
            "<param index=\"0\" name=\"{argument}\" {} />",
            type_of(kind)
        )
    });
    let description = M::DESCRIPTION;
    format!(
        "<method name=\"{name}\"{qualifiers}><return {returned} />{argument}\
         <description>{description}</description></method>"
    )
}
