//! From a file and the environment to a configuration.
//!
//! Both are laid over the defaults as TOML, key by key, so that each fault is found with its place; only then are they
//! read into types. A key is known if it has a default, and its value must be of the default's kind.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde::Deserialize;
use serde_path_to_error::Segment;
use toml::de::{DeTable, DeValue, Deserializer};
use toml::{Table, Value};

use super::{Config, Fault, Place, Problem};
use crate::storage::Drivers;

/// The text of a file.
pub(super) fn read(path: &Path) -> Result<String, Problem> {
    fs::read_to_string(path).map_err(|error| {
        let message = format!("cannot be read: {error}; give --config a readable file, or leave it out");
        Problem(vec![Fault { place: Place::File(path.into()), key: String::new(), message }])
    })
}

/// See [`Config::parse`].
pub(super) fn parse(
    file: Option<(&Path, &str)>,
    environment: impl Iterator<Item = (String, String)>,
    drivers: &Drivers,
) -> Result<Config, Problem> {
    let defaults = Table::try_from(Config::with(drivers)).expect("defaults are plain values");
    let mut overlay = Overlay {
        defaults: &defaults,
        values: defaults.clone(),
        elsewhere: file.map_or(Place::Default, |(path, _)| Place::File(path.into())),
        places: BTreeMap::new(),
        faults: Vec::new(),
    };
    if let Some((path, text)) = file {
        overlay.lay_file(path, text).map_err(|fault| Problem(vec![fault]))?;
    }
    overlay.lay_environment(environment);
    overlay.finish(drivers)
}

/// The defaults and what has been laid over them so far.
struct Overlay<'a> {
    defaults: &'a Table,
    values: Table,
    /// The place of what is set nowhere.
    elsewhere: Place,
    /// Where each key was set that is no default any more.
    places: BTreeMap<String, Place>,
    faults: Vec<Fault>,
}

impl Overlay<'_> {
    fn lay_file(&mut self, path: &Path, text: &str) -> Result<(), Fault> {
        let syntax = |error: toml::de::Error| {
            let number = line_of(text, error.span().map_or(0, |span| span.start));
            let line = text.lines().nth(number - 1).unwrap_or_default().trim();
            let message = format!("\"{}\": {}", without_password(line), error.message());
            Fault { place: Place::Line(path.into(), number), key: String::new(), message }
        };
        let document = DeTable::parse(text).map_err(syntax)?;
        let mut lines = BTreeMap::new();
        find_lines(document.get_ref(), &[], text, &mut lines);
        let given = Table::deserialize(Deserializer::from(document)).map_err(syntax)?;
        let place = |key: &str| match lines.get(key) {
            Some(line) => Place::Line(path.into(), *line),
            None => Place::File(path.into()),
        };
        self.lay(given, self.defaults, &[], &place);
        Ok(())
    }

    fn lay_environment(&mut self, environment: impl Iterator<Item = (String, String)>) {
        for (variable, text) in environment {
            let Some(key) = variable.strip_prefix(PREFIX) else { continue };
            let path: Vec<String> = key.split("__").map(str::to_lowercase).collect();
            let (last, above) = path.split_last().expect("a split has a part");
            let value = read_variable(&text, find(self.defaults, &path));
            let inner = Table::from_iter([(last.clone(), value)]);
            let given = above.iter().rev().fold(inner, |inner, name| Table::from_iter([(name.clone(), inner.into())]));
            self.lay(given, self.defaults, &[], &|_| Place::Variable(variable.clone()));
        }
    }

    /// Lays the table `given` over the one at `above`, whose keys are those of `known`.
    fn lay(&mut self, given: Table, known: &Table, above: &[&str], place: &dyn Fn(&str) -> Place) {
        for (name, value) in given {
            let path = [above, &[&name]].concat();
            let key = path.join(".");
            let set = match (known.get(&name), value) {
                (Some(Value::Table(known)), Value::Table(given)) => {
                    self.lay(given, known, &path, place);
                    continue;
                }
                (Some(default), value) => self.set(&path, value, default),
                (None, _) => Err((key.clone(), unknown(&name, known, above))),
            };
            if let Err((key_at_fault, message)) = set {
                self.faults.push(Fault { place: place(&key), key: key_at_fault, message });
            }
            let place = place(&key);
            self.places.insert(key, place);
        }
    }

    /// Sets one key, if the defaults with it alone can be read; otherwise tells the key at fault and the reason.
    fn set(&mut self, path: &[&str], value: Value, default: &Value) -> Result<(), (String, String)> {
        let whole = value.is_integer() && default.is_float();
        if !value.same_type(default) && !whole {
            return Err((
                path.join("."),
                format!("expected {}, not {}", kind(default), without_password(&value.to_string())),
            ));
        }
        let mut alone = self.defaults.clone();
        insert(&mut alone, path, value.clone());
        if let Err(error) = serde_path_to_error::deserialize::<_, Config>(alone) {
            return Err((error.path().to_string(), refusal(&error, &value, default)));
        }
        insert(&mut self.values, path, value);
        Ok(())
    }

    fn finish(mut self, drivers: &Drivers) -> Result<Config, Problem> {
        if self.faults.is_empty() {
            let config = Config::deserialize(self.values.clone()).expect("each of its values could be read");
            let contradictions = config.contradictions(drivers);
            if contradictions.is_empty() {
                return Ok(config);
            }
            for (key, message) in contradictions {
                let place = self.place_to_look_at(&key, &message).clone();
                self.faults.push(Fault { place, key, message });
            }
        }
        self.faults.sort_by(|one, other| one.place.cmp(&other.place));
        Err(Problem(self.faults))
    }

    /// Where a contradiction was written: at its key, or, if that has its default, at the other key of its table that the
    /// message names.
    fn place_to_look_at(&self, key: &str, message: &str) -> &Place {
        let key = key.split('[').next().unwrap_or_default();
        let table = key.rsplit_once('.').map_or("", |(table, _)| table);
        let words = message.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
        let named = words.map(|word| format!("{table}.{word}"));
        let mut keys = std::iter::once(key.to_owned()).chain(named);
        keys.find_map(|key| self.places.get(&key)).unwrap_or(&self.elsewhere)
    }
}

/// The value of a variable: TOML if it is of the default's kind, otherwise the text itself or, for a list, its items
/// between commas.
fn read_variable(text: &str, default: Option<&Value>) -> Value {
    match (text.parse(), default) {
        (Ok(value), Some(default)) if default.same_type(&value) => value,
        (_, Some(Value::Array(defaults))) => {
            let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
            items.map(|item| read_variable(item, defaults.first())).collect::<Vec<_>>().into()
        }
        (Err(_), _) | (_, Some(Value::String(_))) => text.into(),
        (Ok(value), _) => value,
    }
}

fn find<'a>(table: &'a Table, path: &[String]) -> Option<&'a Value> {
    let (first, rest) = path.split_first()?;
    let value = table.get(first)?;
    if rest.is_empty() { Some(value) } else { find(value.as_table()?, rest) }
}

fn insert(table: &mut Table, path: &[&str], value: Value) {
    match (path, table) {
        ([], _) => {}
        ([last], table) => drop(table.insert((*last).into(), value)),
        ([first, rest @ ..], table) => {
            if let Some(Value::Table(inner)) = table.get_mut(*first) {
                insert(inner, rest, value);
            }
        }
    }
}

/// Collects the line of every key, in full.
fn find_lines(table: &DeTable<'_>, above: &[&str], text: &str, lines: &mut BTreeMap<String, usize>) {
    for (name, value) in table {
        let path = [above, &[name.get_ref()]].concat();
        lines.insert(path.join("."), line_of(text, name.span().start));
        if let DeValue::Table(inner) = value.get_ref() {
            find_lines(inner, &path, text, lines);
        }
    }
}

/// A text in which what stands before the @ of a URL is not shown.
fn without_password(text: &str) -> String {
    match (text.find("://"), text.rfind('@')) {
        (Some(scheme), Some(at)) if scheme < at => format!("{}://…{}", &text[..scheme], &text[at..]),
        _ => text.into(),
    }
}

/// The line, from 1, of a byte of a text.
fn line_of(text: &str, offset: usize) -> usize {
    1 + text.bytes().take(offset).filter(|byte| *byte == b'\n').count()
}

fn unknown(name: &str, siblings: &Table, above: &[&str]) -> String {
    let likeness = |sibling: &str| strsim::normalized_damerau_levenshtein(sibling, name);
    let nearest = siblings.keys().max_by(|one, other| likeness(one).total_cmp(&likeness(other)));
    match nearest {
        Some(nearest) if likeness(nearest) >= LIKE => {
            format!("no such key; did you mean \"{}\"?", [above, &[nearest]].concat().join("."))
        }
        _ => format!("no such key; known keys: {}", siblings.keys().cloned().collect::<Vec<_>>().join(", ")),
    }
}

/// What a value has to be, by its default.
fn kind(default: &Value) -> String {
    let kind = match default {
        Value::Boolean(_) => return "true or false".into(),
        Value::Table(_) => return "a table".into(),
        Value::String(_) => "a string",
        Value::Integer(_) => "a whole number",
        Value::Float(_) => "a number",
        Value::Datetime(_) => "a time",
        Value::Array(_) => "a list",
    };
    match default.to_string().as_str() {
        "\"\"" | "[]" => kind.into(),
        example => format!("{kind} such as {example}"),
    }
}

/// Why a value of the right kind is refused.
fn refusal(error: &serde_path_to_error::Error<toml::de::Error>, value: &Value, default: &Value) -> String {
    let message = error.inner().message();
    if value.is_integer() {
        return format!("{value} is out of range; the default is {default}");
    }
    let (culprit, example) = match error.path().iter().next_back() {
        Some(Segment::Seq { index }) => (value.get(index), default.get(0)),
        _ => (Some(value), Some(default)),
    };
    let Some(Value::String(text)) = culprit else { return message.into() };
    // Most parsers quote what they could not parse; those of addresses do not.
    if ["\"", "`"].iter().any(|quote| message.contains(&format!("{quote}{text}{quote}"))) {
        return message.into();
    }
    let example = example.map(|example| format!("; write it like {example}")).unwrap_or_default();
    format!("\"{text}\": {message}{example}")
}

/// What the variables that override a key begin with.
const PREFIX: &str = "CHIHAYA__";

/// How alike two names are, from 0 to 1, if one may be a slip for the other.
const LIKE: f64 = 0.5;
