//! Walks through a parsed template and notes what the engine would refuse, or misunderstand, only when it is
//! rendered. Never evaluates anything. Enter at [`Walk::statement`].

use std::collections::{BTreeMap, BTreeSet};

use minijinja::machinery::ast::{BinOpKind, CallArg, CompareOpKind, Expr, Spanned, Stmt, UnaryOpKind};
use minijinja::value::ValueKind;
use minijinja::{Environment, machinery::ast};

use super::{FILTERS, Flaw, Kind, Names};
use crate::problem::nearest;

pub(super) struct Walk<'w> {
    env: &'w Environment<'w>,
    names: &'w Names,
    /// Kinds of what the template sets itself.
    own: BTreeMap<String, Kind>,
    pub found: Vec<Flaw>,
    /// Names of functions and methods: they are no variables.
    pub called: BTreeSet<String>,
    /// The first line of each name.
    pub lines: BTreeMap<String, usize>,
}

impl<'w> Walk<'w> {
    pub fn new(env: &'w Environment<'w>, names: &'w Names) -> Self {
        let (own, found, called, lines) = Default::default();
        Self { env, names, own, found, called, lines }
    }

    pub fn statement(&mut self, statement: &Stmt<'_>) {
        match statement {
            Stmt::Template(of) => self.all(&of.children),
            Stmt::EmitExpr(of) => self.of(&of.expr),
            Stmt::ForLoop(of) => {
                let kind = self.item(&of.iter);
                self.assign(&of.target, kind);
                of.filter_expr.iter().for_each(|only| self.of(only));
                self.all(&of.body);
                self.all(&of.else_body);
            }
            Stmt::IfCond(of) => {
                self.of(&of.expr);
                self.all(&of.true_body);
                self.all(&of.false_body);
            }
            Stmt::WithBlock(of) => {
                for (target, value) in &of.assignments {
                    self.set(target, value);
                }
                self.all(&of.body);
            }
            Stmt::Set(of) => self.set(&of.target, &of.expr),
            Stmt::SetBlock(of) => {
                of.filter.iter().for_each(|filter| self.of(filter));
                self.all(&of.body);
                self.assign(&of.target, Kind::Text);
            }
            Stmt::AutoEscape(of) => self.all(&of.body),
            Stmt::FilterBlock(of) => {
                self.of(&of.filter);
                self.all(&of.body);
            }
            Stmt::Block(of) => self.all(&of.body),
            Stmt::Do(of) => self.call(&of.call),
            Stmt::EmitRaw(_)
            | Stmt::Import(_)
            | Stmt::FromImport(_)
            | Stmt::Extends(_)
            | Stmt::Include(_) => {}
        }
    }

    fn all(&mut self, body: &[Stmt<'_>]) {
        body.iter().for_each(|one| self.statement(one));
    }

    fn set(&mut self, target: &Expr<'_>, value: &Expr<'_>) {
        if let (Some(targets), Some(values)) = (items_of(target), items_of(value)) {
            return targets.iter().zip(values).for_each(|(target, value)| self.set(target, value));
        }
        let kind = self.kind(value);
        self.assign(target, kind);
    }

    fn assign(&mut self, target: &Expr<'_>, kind: Kind) {
        if let Expr::Var(var) = target {
            self.own.insert(var.id.to_owned(), kind);
        }
        items_of(target).unwrap_or_default().iter().for_each(|one| self.assign(one, Kind::Other));
    }

    /// What one item of a list is.
    fn item(&mut self, list: &Expr<'_>) -> Kind {
        let kind = self.kind(list);
        match list {
            _ if kind == Kind::List => Kind::Text,
            Expr::Filter(of) => of.expr.as_ref().map_or(Kind::Other, |inner| self.item(inner)),
            list => {
                let items = items_of(list).unwrap_or_default().iter().map(|item| self.kind(item));
                items.collect::<Vec<_>>().into_iter().reduce(either).unwrap_or(Kind::Other)
            }
        }
    }

    fn of(&mut self, expr: &Expr<'_>) {
        self.kind(expr);
    }

    fn flaw(&mut self, at: &Expr<'_>, wrong: String, allowed: String) {
        self.found.push(Flaw { line: at.span().start_line.into(), wrong, allowed });
    }

    /// What an expression gives, after its parts have been looked at.
    fn kind(&mut self, expr: &Expr<'_>) -> Kind {
        if let Some(name) = path(expr) {
            self.lines.entry(name.clone()).or_insert(expr.span().start_line.into());
            return self.own.get(&name).or(self.names.known.get(&name)).copied().unwrap_or(
                match self.names.open {
                    Some(open) if name.starts_with(open) => Kind::Text,
                    _ => Kind::Other,
                },
            );
        }
        match expr {
            Expr::Const(of) => match of.value.kind() {
                ValueKind::Number => Kind::Number,
                ValueKind::String => Kind::Text,
                ValueKind::Bool => Kind::Flag,
                _ => Kind::Other,
            },
            Expr::UnaryOp(of) => {
                self.of(&of.expr);
                match of.op {
                    UnaryOpKind::Neg => Kind::Number,
                    UnaryOpKind::Not => Kind::Flag,
                }
            }
            Expr::BinOp(of) => self.binary(expr, of),
            Expr::Compare(of) => {
                let mut left = (&of.expr, self.kind(&of.expr));
                for op in &of.ops {
                    let right = (&op.expr, self.kind(&op.expr));
                    match op.op {
                        CompareOpKind::In | CompareOpKind::NotIn => self.contains(expr, left, right),
                        CompareOpKind::Eq | CompareOpKind::Ne => self.compare(expr, left, right),
                        _ => self.order(expr, left, right),
                    }
                    left = right;
                }
                Kind::Flag
            }
            Expr::IfExpr(of) => {
                self.of(&of.test_expr);
                let one = self.kind(&of.true_expr);
                let other = of.false_expr.as_ref().map(|other| self.kind(other));
                other.map_or(one, |other| either(one, other))
            }
            Expr::Filter(of) => {
                let inner = match (&of.expr, of.name) {
                    (Some(list), "first" | "last" | "min" | "max") => Some(self.item(list)),
                    (inner, _) => inner.as_ref().map(|inner| self.kind(inner)),
                };
                self.args(&of.args);
                self.filter(expr, of.name, inner.unwrap_or(Kind::Text))
            }
            Expr::Test(of) => {
                let left = (&of.expr, self.kind(&of.expr));
                self.test(expr, of, left);
                Kind::Flag
            }
            other => self.inside(other),
        }
    }

    /// The same for what holds other expressions and gives no kind of its own.
    fn inside(&mut self, expr: &Expr<'_>) -> Kind {
        match expr {
            Expr::GetAttr(of) => {
                self.of(&of.expr);
                Kind::Other
            }
            Expr::GetItem(of) => {
                self.of(&of.expr);
                self.of(&of.subscript_expr);
                Kind::Other
            }
            Expr::Slice(of) => {
                let parts = [&of.start, &of.stop, &of.step];
                parts.into_iter().flatten().for_each(|part| self.of(part));
                self.kind(&of.expr)
            }
            Expr::Call(of) => {
                self.call(of);
                Kind::Other
            }
            Expr::List(of) => self.items(&of.items),
            Expr::Tuple(of) => self.items(&of.items),
            Expr::Map(of) => {
                self.items(&of.keys);
                self.items(&of.values)
            }
            _ => Kind::Other,
        }
    }

    fn items(&mut self, items: &[Expr<'_>]) -> Kind {
        items.iter().for_each(|item| self.of(item));
        Kind::Other
    }

    fn args(&mut self, args: &[CallArg<'_>]) {
        for arg in args {
            match arg {
                CallArg::Pos(arg)
                | CallArg::Kwarg(_, arg)
                | CallArg::PosSplat(arg)
                | CallArg::KwargSplat(arg) => {
                    self.of(arg);
                }
            }
        }
    }

    fn binary(&mut self, whole: &Expr<'_>, of: &ast::BinOp<'_>) -> Kind {
        let (left, right) = (self.kind(&of.left), self.kind(&of.right));
        match of.op {
            BinOpKind::Eq
            | BinOpKind::Ne
            | BinOpKind::Lt
            | BinOpKind::Lte
            | BinOpKind::Gt
            | BinOpKind::Gte => {
                let (left, right) = ((&of.left, left), (&of.right, right));
                match of.op {
                    BinOpKind::Eq | BinOpKind::Ne => self.compare(whole, left, right),
                    _ => self.order(whole, left, right),
                }
                Kind::Flag
            }
            BinOpKind::In => {
                self.contains(whole, (&of.left, left), (&of.right, right));
                Kind::Flag
            }
            BinOpKind::Concat => Kind::Text,
            BinOpKind::Add if (left, right) == (Kind::Text, Kind::Text) => Kind::Text,
            BinOpKind::ScAnd | BinOpKind::ScOr => either(left, right),
            _ => {
                for (side, kind) in [(&of.left, left), (&of.right, right)] {
                    if kind == Kind::Text {
                        self.not_a_number(
                            whole,
                            shown(side),
                            format!(
                                "{} is a text, and nothing can be calculated with it",
                                named(side, "this")
                            ),
                        );
                    }
                }
                Kind::Number
            }
        }
    }

    /// The engine compares kinds without an error: every text is greater than every number.
    fn compare(&mut self, whole: &Expr<'_>, one: (&Expr<'_>, Kind), other: (&Expr<'_>, Kind)) {
        for (list, with) in [(one, other.1), (other, one.1)] {
            if list.1 == Kind::List && matches!(with, Kind::Text | Kind::Number | Kind::Flag) {
                return self.is_a_list(whole, list.0);
            }
        }
        for (one, other) in [(one.0, other.0), (other.0, one.0)] {
            self.value(whole, one, other);
            self.form(whole, one, other);
        }
        let text = match (one.1, other.1) {
            (Kind::Text, Kind::Number) => one.0,
            (Kind::Number, Kind::Text) => other.0,
            _ => return,
        };
        let name = shown(text);
        let wrong = match &name {
            Some(name) => format!("`{name}` is a text and is compared with a number"),
            None => "a text is compared with a number".to_owned(),
        };
        self.not_a_number(whole, name, wrong);
    }

    /// The engine puts texts in the order of their letters: «9 000 ₽» stands behind «38 500 ₽».
    fn order(&mut self, whole: &Expr<'_>, one: (&Expr<'_>, Kind), other: (&Expr<'_>, Kind)) {
        if (one.1, other.1) != (Kind::Text, Kind::Text) {
            return self.compare(whole, one, other);
        }
        let text = if shown(one.0).is_some() { one.0 } else { other.0 };
        let wrong = format!("{} is put in order by its letters", named(text, "a text"));
        self.not_a_number(whole, shown(text), wrong);
    }

    fn not_a_number(&mut self, whole: &Expr<'_>, name: Option<String>, wrong: String) {
        let sum = name.map(|name| format!("{name}_sum")).filter(|sum| self.names.known.contains_key(sum));
        let allowed = match (sum, self.names.numbers()) {
            (Some(sum), _) => format!("`{sum}`, which is a number"),
            (None, none) if none.is_empty() => {
                "`{% if … %}` alone: a text is true if it is not empty".to_owned()
            }
            (None, numbers) => format!("one of the numbers: {numbers}"),
        };
        self.flaw(whole, wrong, allowed);
    }

    /// `one in other`: what can never be among the items of a list.
    fn contains(&mut self, whole: &Expr<'_>, one: (&Expr<'_>, Kind), other: (&Expr<'_>, Kind)) {
        if one.1 == Kind::List {
            return self.is_a_list(whole, one.0);
        }
        if (one.1, other.1) == (Kind::Number, Kind::List) {
            let wrong = format!("{} holds texts and is asked for a number", named(other.0, "a list"));
            return self.flaw(whole, wrong, "the same in quotes".to_owned());
        }
        self.value(whole, other.0, one.0);
        if let (Some(name), Kind::Text, Expr::Const(text)) = (shown(one.0), one.1, other.0)
            && let Some(text) = text.value.as_str()
        {
            let parts = text.split([',', ';', ' ']).filter(|part| !part.is_empty());
            let list: Vec<String> = parts.map(|part| format!("'{part}'")).collect();
            let wrong = format!("`{name}` is looked for among the letters of one text");
            return self.flaw(whole, wrong, format!("a list: `{name} in [{}]`", list.join(", ")));
        }
        for item in items_of(other.0).unwrap_or_default() {
            let kind = self.kind(item);
            self.compare(whole, one, (item, kind));
        }
    }

    /// A variable is compared with what is never written so: `line == '84955550000'`.
    fn form(&mut self, whole: &Expr<'_>, variable: &Expr<'_>, with: &Expr<'_>) {
        let (Some(name), Expr::Const(with)) = (shown(variable), with) else { return };
        let Some((form, with)) = self.names.forms.get(name.as_str()).zip(with.value.as_str()) else { return };
        let right = form(with);
        if right != with {
            self.flaw(whole, format!("`{name}` is never written `{with}`"), format!("`{right}`"));
        }
    }

    /// A variable is compared with what it never is: `author == 'manger'`.
    fn value(&mut self, whole: &Expr<'_>, variable: &Expr<'_>, with: &Expr<'_>) {
        let (Some(name), Expr::Const(with)) = (shown(variable), with) else { return };
        let (Some(values), Some(with)) = (self.names.values.get(name.as_str()), with.value.as_str()) else {
            return;
        };
        // A school's own letter is a template, too.
        let is_template = self.env.get_template(with).is_ok();
        if with.is_empty() || values.contains(&with) || is_template || self.own.contains_key(&name) {
            return;
        }
        let all = values.join(", ");
        let allowed = match nearest(with, values.iter().copied()) {
            Some(near) => format!("is `{near}` meant? There are: {all}"),
            None => format!("one of: {all}"),
        };
        let is_list = matches!(self.names.known.get(&name), Some(Kind::List | Kind::Other));
        let never = if is_list { "never holds" } else { "is never" };
        self.flaw(whole, format!("`{name}` {never} `{with}`"), allowed);
    }

    fn is_a_list(&mut self, whole: &Expr<'_>, list: &Expr<'_>) {
        let wrong = format!("{} is a list, and no text or number is equal to it", named(list, "this"));
        let items = shown(list).unwrap_or_else(|| "…".to_owned());
        self.flaw(whole, wrong, format!("`'one' in {items}`"));
    }

    fn filter(&mut self, whole: &Expr<'_>, name: &str, inner: Kind) -> Kind {
        if !self.exists(name, "filter") {
            let wrong = format!("unknown filter `{name}`");
            self.flaw(whole, wrong, format!("a filter: {}", FILTERS.join(", ")));
        }
        match name {
            "length" | "count" | "int" | "float" | "abs" | "sum" => Kind::Number,
            "round" | "default" | "d" | "first" | "last" | "min" | "max" => inner,
            "lower" | "upper" | "title" | "capitalize" | "trim" | "replace" | "join" | "string"
            | "plural" | "indent" | "format" => Kind::Text,
            _ => Kind::Other,
        }
    }

    fn test(&mut self, whole: &Expr<'_>, of: &Spanned<ast::Test<'_>>, left: (&Expr<'_>, Kind)) {
        if !self.exists(of.name, "test") {
            let wrong = format!("unknown test `is {}`", of.name);
            self.flaw(whole, wrong, "a comparison: `==`, `!=`, `>`, `<`, `in`".to_owned());
        }
        self.args(&of.args);
        const COMPARE: [&str; 12] =
            ["eq", "equalto", "ne", "lt", "lessthan", "le", "gt", "greaterthan", "ge", "==", "!=", "<"];
        if let ([CallArg::Pos(arg)], true) = (&of.args[..], COMPARE.contains(&of.name)) {
            let right = (arg, self.kind(arg));
            self.compare(whole, left, right);
        }
    }

    fn call(&mut self, of: &Spanned<ast::Call<'_>>) {
        self.args(&of.args);
        let Some(name) = path(&of.expr) else {
            // A method of what a filter or another call gives.
            if let Expr::GetAttr(method) = &of.expr {
                self.of(&method.expr);
                self.method(&of.expr, method.name, "…");
            }
            return;
        };
        self.called.insert(name.clone());
        match name.rsplit_once('.') {
            Some(("loop", _)) => {}
            Some((on, method)) => self.method(&of.expr, method, on),
            None if self.env.globals().any(|(known, _)| known == name) => {}
            None => {
                let all: Vec<&str> = self.env.globals().map(|(known, _)| known).collect();
                let allowed = format!("a filter ({}) or a function ({})", FILTERS.join(", "), all.join(", "));
                self.flaw(&of.expr, format!("unknown function `{name}(…)`"), allowed);
            }
        }
    }

    fn method(&mut self, at: &Expr<'_>, method: &str, on: &str) {
        let wrong = format!("`.{method}(…)` is a method, and texts have none");
        let use_it = match self.exists(method, "filter") {
            true => format!("the filter `{on} | {method}`"),
            false => format!("a filter, `{on} | trim`"),
        };
        let first = if method == "split" { ", `{{ client.name | split(' ') | first }}`" } else { "" };
        self.flaw(at, wrong, format!("{use_it}{first}; filters: {}", FILTERS.join(", ")));
    }

    /// Asks the engine itself whether it has this filter or test.
    fn exists(&self, name: &str, what: &str) -> bool {
        let asked = self.env.compile_expression_owned(format!("name is {what}"));
        let context = minijinja::context! { name };
        asked.and_then(|asked| asked.eval(context)).is_ok_and(|answer| answer.is_true())
    }
}

/// What is one of two: a text among them is compared as a text.
fn either(one: Kind, other: Kind) -> Kind {
    match [one, other] {
        [one, other] if one == other => one,
        sides if sides.contains(&Kind::Text) => Kind::Text,
        _ => Kind::Other,
    }
}

fn items_of<'e, 's>(expr: &'e Expr<'s>) -> Option<&'e [Expr<'s>]> {
    match expr {
        Expr::List(of) => Some(&of.items),
        Expr::Tuple(of) => Some(&of.items),
        _ => None,
    }
}

/// A name for people, in quotes, else these words.
fn named(expr: &Expr<'_>, otherwise: &str) -> String {
    shown(expr).map_or_else(|| otherwise.to_owned(), |name| format!("`{name}`"))
}

/// The name that is meant, also by `order.left or 0` and `order.left if order.left else 0`.
fn shown(expr: &Expr<'_>) -> Option<String> {
    match expr {
        Expr::BinOp(of) if matches!(of.op, BinOpKind::ScOr) => shown(&of.left),
        Expr::IfExpr(of) => shown(&of.true_expr),
        _ => path(expr),
    }
}

/// `order.left` of a plain name, whose parts are joined with dots; `order | attr('left')` is another way to write it.
fn path(expr: &Expr<'_>) -> Option<String> {
    match expr {
        Expr::Var(var) => Some(var.id.to_owned()),
        Expr::GetAttr(of) => Some(format!("{}.{}", path(&of.expr)?, of.name)),
        Expr::GetItem(of) => match &of.subscript_expr {
            Expr::Const(name) => Some(format!("{}.{}", path(&of.expr)?, name.value.as_str()?)),
            _ => None,
        },
        Expr::Filter(of) if of.name == "attr" => match &of.args[..] {
            [CallArg::Pos(Expr::Const(name))] => {
                Some(format!("{}.{}", path(of.expr.as_ref()?)?, name.value.as_str()?))
            }
            _ => None,
        },
        _ => None,
    }
}
