//! Finds the identifiers that name the engine's classes, in one pass over a script's tokens.
//!
//! Follows the engine's parser (modules/gdscript/gdscript_parser.cpp, 4.6) far enough to know whether a word is the
//! name in a declaration, a key, an attribute, part of a node path, or an operand.

use super::facts::{Facts, Use};
use super::lexer::{self, Kind, Token};
use super::references;
use super::scope::{Blocks, Bracket, BracketKind, Lambda, Locals};
use crate::names::{Direction, Names};

/// Parses a script.
///
/// Each declaration in a class body is an *item*, including its body. A local variable, parameter, loop variable or
/// pattern's binding hides the engine's class of that name from there to the end of its item. That can be more than its
/// scope, but is never less.
pub(crate) fn parse(text: &str, direction: Direction) -> Facts {
    let tokens = lexer::tokens(text);
    let mut parser = Parser {
        text,
        direction,
        tokens: &tokens,
        facts: Facts::default(),
        locals: vec![Locals::default()],
        late_locals: Names::NONE,
        brackets: Vec::new(),
        blocks: Blocks::new(),
        line: Line::default(),
        before: Before::Statement,
        expected: Expected::Nothing,
        node_path: NodePath::Outside,
    };
    let mut at_line_end = true;
    for (index, token) in tokens.iter().enumerate() {
        if token.kind == Kind::Newline {
            at_line_end = true;
            continue;
        }
        if at_line_end {
            parser.begin_line(token);
        } else {
            parser.continue_line();
        }
        at_line_end = false;
        parser.token(index);
    }
    parser.finish()
}

struct Parser<'t> {
    text: &'t str,
    direction: Direction,
    tokens: &'t [Token],
    facts: Facts,
    /// Of each item.
    locals: Vec<Locals>,
    /// Names that are hidden from the next statement on: in `var x = x.new()` the second `x` is not the variable.
    late_locals: Names,
    brackets: Vec<Bracket>,
    blocks: Blocks,
    line: Line,
    before: Before,
    expected: Expected,
    node_path: NodePath,
}

/// What the current line contains so far. Lines between brackets belong to the line with the bracket.
#[derive(Default)]
struct Line {
    /// It has `func`: the rest of it is in a function.
    in_function: bool,
    /// It has `class`: the lines indented further are its body.
    is_class_header: bool,
}

/// What precedes a token, as far as it decides what the token can be.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Before {
    /// The start of a statement, or annotations and `static` there.
    Statement,
    /// A value. After it, `%` is an operator.
    Operand,
    Period,
    Colon,
    /// An opening bracket or a comma: an element begins.
    Item,
    /// An operator or keyword: a value follows.
    Operator,
}

/// What has to follow the last keyword.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Expected {
    Nothing,
    Name(Declaration),
    /// After `func` and an optional name.
    Parameters,
    /// After `signal` and its name.
    SignalParameters,
    /// After `enum` and a name.
    EnumValues,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Declaration {
    ClassName,
    Class,
    Variable,
    Constant,
    Function,
    /// Its name is not in any scope.
    LambdaFunction,
    Signal,
    Enum,
    Loop,
}

/// The state in a node path, `$A/B` or `%C`. The engine allows spaces between its tokens.
#[derive(Clone, Copy, PartialEq, Eq)]
enum NodePath {
    Outside,
    /// After `$`, `%` or `/`: a name or string continues the path.
    Separator,
    /// After a name: `/` continues the path.
    Name,
}

impl Parser<'_> {
    fn begin_line(&mut self, first: &Token) {
        let Some(bracket) = self.brackets.last_mut() else {
            return self.begin_outer_line(first);
        };
        if bracket.lambda == Lambda::Colon {
            bracket.lambda = Lambda::Body(first.column);
        }
        match bracket.lambda {
            Lambda::Body(indent) if first.column >= indent => self.begin_statement(first.start),
            _ => bracket.lambda = Lambda::None,
        }
    }

    fn begin_outer_line(&mut self, first: &Token) {
        let opens = match self.expected {
            Expected::Parameters => Some(b'('),
            Expected::EnumValues | Expected::Name(Declaration::Enum) => Some(b'{'),
            _ => None,
        };
        if opens.is_some_and(|bracket| first.kind == Kind::Open(bracket)) {
            return;
        }
        self.blocks
            .begin_line(first.column, self.line.is_class_header);
        self.line = Line::default();
        if self.blocks.in_class_body() {
            self.locals.push(Locals::default());
            self.late_locals = Names::NONE;
        }
        self.begin_statement(first.start);
    }

    fn begin_statement(&mut self, start: usize) {
        let late = std::mem::take(&mut self.late_locals);
        self.declare_local(late, start);
        self.before = Before::Statement;
        self.expected = Expected::Nothing;
        self.node_path = NodePath::Outside;
    }

    /// Notes that the lambda's colon does not end its line, so that its body is in that line.
    fn continue_line(&mut self) {
        if let Some(bracket) = self.brackets.last_mut()
            && bracket.lambda == Lambda::Colon
        {
            bracket.lambda = Lambda::None;
        }
    }

    fn token(&mut self, index: usize) {
        let token = self.tokens[index];
        if self.node_path(token.kind) {
            return;
        }
        let expected = std::mem::replace(&mut self.expected, Expected::Nothing);
        self.before = match token.kind {
            Kind::Word => self.word(index, expected),
            Kind::String | Kind::Number => Before::Operand,
            Kind::Annotation => Before::Statement,
            Kind::Semicolon => {
                self.begin_statement(token.end);
                Before::Statement
            }
            Kind::Open(byte) => self.open(byte, expected),
            Kind::Close => self.close(),
            Kind::Comma => Before::Item,
            Kind::Ellipsis if self.before == Before::Item => Before::Item,
            Kind::Colon => self.colon(),
            Kind::Period => Before::Period,
            Kind::Dollar => {
                self.node_path = NodePath::Separator;
                Before::Operand
            }
            Kind::Percent if self.before != Before::Operand => {
                self.node_path = NodePath::Separator;
                Before::Operand
            }
            _ => Before::Operator,
        };
    }

    /// Whether a token continues a node path.
    fn node_path(&mut self, kind: Kind) -> bool {
        self.node_path = match (self.node_path, kind) {
            (NodePath::Separator, Kind::Word | Kind::String) => NodePath::Name,
            (NodePath::Separator | NodePath::Name, Kind::Slash | Kind::Percent) => {
                NodePath::Separator
            }
            _ => NodePath::Outside,
        };
        self.node_path != NodePath::Outside
    }

    fn open(&mut self, byte: u8, expected: Expected) -> Before {
        let function = Expected::Name(Declaration::Function);
        let lambda = Expected::Name(Declaration::LambdaFunction);
        let kind = match (byte, expected) {
            (b'(', Expected::Parameters) => BracketKind::Parameters,
            (b'(', _) if expected == function || expected == lambda => BracketKind::Parameters,
            (b'(', Expected::SignalParameters) => BracketKind::SignalParameters,
            (b'{', Expected::EnumValues | Expected::Name(Declaration::Enum)) => BracketKind::Enum {
                named: expected == Expected::EnumValues,
                uses_before: self.facts.uses.len(),
                values: Names::NONE,
            },
            (b'{', _) => BracketKind::Brace,
            _ => BracketKind::Plain,
        };
        if kind == BracketKind::Parameters && self.brackets.is_empty() {
            self.line.in_function = true;
        }
        self.brackets.push(Bracket::new(kind));
        Before::Item
    }

    fn close(&mut self) -> Before {
        if let Some(Bracket {
            kind:
                BracketKind::Enum {
                    uses_before,
                    values,
                    ..
                },
            ..
        }) = self.brackets.pop()
        {
            // The values of an enum with a name are in scope inside it only.
            let inside = self.facts.uses.split_off(uses_before);
            self.facts
                .uses
                .extend(inside.into_iter().filter(|found| !values.has(found.name)));
        }
        Before::Operand
    }

    fn colon(&mut self) -> Before {
        if let Some(bracket) = self.brackets.last_mut()
            && bracket.lambda == Lambda::Header
        {
            bracket.lambda = Lambda::Colon;
        }
        Before::Colon
    }

    /// Handles a word. Returns what precedes the next token.
    fn word(&mut self, index: usize, expected: Expected) -> Before {
        let range = self.tokens[index].range();
        let word = &self.text[range.clone()];
        if let Expected::Name(declaration) = expected {
            self.declare(declaration, index);
            return Before::Operand;
        }
        if self.before == Before::Period {
            let revealed = Names::revealed_by_call(word);
            self.facts.revealed_by_calls = self.facts.revealed_by_calls.union(revealed);
            return Before::Operand;
        }
        if self.names_an_element(index) {
            return Before::Operand;
        }
        if self.before == Before::Statement && word == "set" {
            self.setter(index);
        }
        if let Some(before) = self.keyword(word, index) {
            return before;
        }
        if let Some(name) = self.direction.index_of(word) {
            self.facts.uses.push(Use {
                start: range.start,
                name,
                item: self.locals.len() - 1,
            });
        }
        Before::Operand
    }

    /// Whether the word is the name of an element in brackets and not a value: a parameter, an enum's value, or a key
    /// of a dictionary in Lua's style.
    fn names_an_element(&mut self, index: usize) -> bool {
        if self.before != Before::Item {
            return false;
        }
        let Token { start, end, .. } = self.tokens[index];
        let hidden = self.direction.hidden_by(&self.text[start..end]);
        let next = self.kinds_after(index).next();
        match self.brackets.last_mut().map(|bracket| &mut bracket.kind) {
            Some(BracketKind::Parameters) => self.declare_local(hidden, start),
            Some(BracketKind::SignalParameters) => {}
            Some(BracketKind::Enum {
                named: true,
                values,
                ..
            }) => *values = values.union(hidden),
            Some(BracketKind::Enum { named: false, .. }) => self.declare_member(hidden),
            Some(BracketKind::Brace) => return next == Some(Kind::Equal),
            _ => return false,
        }
        true
    }

    /// Declares the parameter of a property's `set(value):`.
    fn setter(&mut self, index: usize) {
        let shape = [Kind::Open(b'('), Kind::Word, Kind::Close, Kind::Colon];
        if self.kinds_after(index).take(shape.len()).eq(shape)
            && let Some(parameter) = self.tokens[index + 1..]
                .iter()
                .find(|token| token.kind == Kind::Word)
        {
            self.declare_local(
                self.direction.hidden_by(&self.text[parameter.range()]),
                parameter.start,
            );
        }
    }

    fn keyword(&mut self, word: &str, index: usize) -> Option<Before> {
        let declaration = match word {
            "var" => Declaration::Variable,
            "const" => Declaration::Constant,
            "func" => self.func(),
            "class" => Declaration::Class,
            "class_name" => Declaration::ClassName,
            "enum" if self.brackets.is_empty() => Declaration::Enum,
            "signal" => Declaration::Signal,
            "for" => Declaration::Loop,
            "extends" => {
                let extends = references::after_extends(self.text, &self.tokens[index + 1..]);
                self.facts.extends.push(extends);
                return Some(Before::Operator);
            }
            "static" => return Some(self.before),
            // Keywords in some places only.
            "match" if self.begins_statement() => return Some(Before::Operator),
            "when" if self.before == Before::Operand => return Some(Before::Operator),
            "and" | "as" | "assert" | "await" | "elif" | "else" | "if" | "in" | "is" | "not"
            | "or" | "preload" | "return" | "while" => return Some(Before::Operator),
            _ => return None,
        };
        self.line.is_class_header = declaration == Declaration::Class;
        self.expected = Expected::Name(declaration);
        Some(Before::Operator)
    }

    /// `func` begins a method where a statement can begin, also after an annotation's arguments.
    fn func(&mut self) -> Declaration {
        let method =
            self.in_class_body() && !matches!(self.before, Before::Operator | Before::Item);
        if let Some(bracket) = self.brackets.last_mut()
            && bracket.lambda == Lambda::None
        {
            bracket.lambda = Lambda::Header;
        }
        if method {
            Declaration::Function
        } else {
            Declaration::LambdaFunction
        }
    }

    fn declare(&mut self, declaration: Declaration, index: usize) {
        let range = self.tokens[index].range();
        let hidden = self.direction.hidden_by(&self.text[range.clone()]);
        match declaration {
            Declaration::LambdaFunction => {}
            Declaration::Loop => self.declare_local(hidden, range.start),
            Declaration::ClassName => self.declare_member(hidden),
            _ if self.in_class_body() => self.declare_member(hidden),
            _ if self.has_plain_value(index) => self.late_locals = self.late_locals.union(hidden),
            _ => self.declare_local(hidden, range.start),
        }
        self.expected = match declaration {
            Declaration::Function | Declaration::LambdaFunction => Expected::Parameters,
            Declaration::Signal => Expected::SignalParameters,
            Declaration::Enum => Expected::EnumValues,
            _ => Expected::Nothing,
        };
        match declaration {
            Declaration::ClassName if self.facts.class_name.is_none() => {
                self.facts.class_name = Some(range);
            }
            Declaration::Constant if self.in_class_body() => {
                let preload = references::preload_of_constant(self.text, &self.tokens[index..]);
                self.facts.preloads.extend(preload);
            }
            _ => {}
        }
    }

    fn begins_statement(&self) -> bool {
        self.before == Before::Statement || self.before == Before::Colon && self.brackets.is_empty()
    }

    fn in_class_body(&self) -> bool {
        self.brackets.is_empty() && self.blocks.in_class_body() && !self.line.in_function
    }

    fn declare_member(&mut self, hidden: Names) {
        self.facts.declared = self.facts.declared.union(hidden);
    }

    fn declare_local(&mut self, hidden: Names, start: usize) {
        if let Some(locals) = self.locals.last_mut() {
            locals.hide(hidden, start);
        }
    }

    /// Whether `=` or `:=` follows the variable that is declared here. It never follows a pattern's binding.
    fn has_plain_value(&self, index: usize) -> bool {
        let mut next = self.kinds_after(index);
        matches!(
            (next.next(), next.next()),
            (Some(Kind::Equal), _) | (Some(Kind::Colon), Some(Kind::Equal))
        )
    }

    /// The kinds of the following tokens, without line ends.
    fn kinds_after(&self, index: usize) -> impl Iterator<Item = Kind> {
        self.tokens[index + 1..]
            .iter()
            .map(|token| token.kind)
            .filter(|kind| *kind != Kind::Newline)
    }

    fn finish(self) -> Facts {
        let Self {
            mut facts, locals, ..
        } = self;
        let declared = facts.declared;
        let is_own = |found: &Use| {
            declared.has(found.name) || locals[found.item].hides(found.name, found.start)
        };
        facts.uses.retain(|found| !is_own(found));
        facts
    }
}
