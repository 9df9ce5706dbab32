//! Field paths: `lines[L1].quantity`.

use prost_reflect::{
    DynamicMessage, FieldDescriptor, Kind, MapKey, MessageDescriptor, ReflectMessage as _, Value,
};

use crate::failure::Failure;
use crate::schema;

/// Most bytes of a path: the deepest field with the longest keys fits.
const MAX_BYTES: usize = 1_024;
/// Names that an error suggests.
const SUGGESTIONS: usize = 3;

/// A path from an order to one of its fields, each step checked against the descriptor.
#[derive(Clone, Debug)]
pub(crate) struct Path {
    steps: Vec<Step>,
}

/// A field, or one element of it.
#[derive(Clone, Debug)]
struct Step {
    field: FieldDescriptor,
    key: Option<String>,
}

/// A value that a path leads to.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Found {
    /// The list has no element of that name.
    NoElement,
    /// A message that is not there, on the way or at the end.
    Absent,
    Here(String),
}

impl Found {
    /// As callers are shown it; empty when there is none.
    pub(crate) fn into_text(self) -> String {
        match self {
            Self::NoElement | Self::Absent => String::new(),
            Self::Here(text) => text,
        }
    }
}

impl Path {
    pub(crate) fn parse(text: &str) -> Result<Self, Failure> {
        if text.is_empty() || text.len() > MAX_BYTES {
            return Err(wrong(
                "a field of Order, like payment_state or lines[L1].quantity",
            ));
        }
        let mut message = schema::order();
        let mut steps = Vec::new();
        let mut rest = text;
        loop {
            let of = message.ok_or_else(|| {
                wrong(&format!(
                    "shorter: there are no fields in {}",
                    before(text, rest)
                ))
            })?;
            let end = rest.find(['.', '[']).unwrap_or(rest.len());
            let (name, after) = rest.split_at(end);
            let field = field(&of, name)?;
            let (key, after) = match after.strip_prefix('[') {
                Some(inside) => {
                    let (key, after) = bracketed(inside)?;
                    (Some(key), after)
                }
                None => (None, after),
            };
            message = check_key(&field, key.as_deref(), after.is_empty())?;
            steps.push(Step { field, key });
            match after.strip_prefix('.') {
                Some(next) => rest = next,
                None if after.is_empty() => return Ok(Self { steps }),
                None => return Err(wrong("names joined by dots, keys in brackets")),
            }
        }
    }

    /// Number of the field of `Order` that the path begins with.
    pub(crate) fn top(&self) -> u32 {
        self.steps.first().map_or(0, |step| step.field.number())
    }

    /// Whether an erasure empties what the path leads to.
    pub(crate) fn is_personal(&self) -> bool {
        use crate::personal::{CUSTOMER, SHIPPING_ADDRESS};
        let part = self.steps.get(1).map(|step| step.field.name());
        match self.top() {
            CUSTOMER => part != Some("customer_id"),
            SHIPPING_ADDRESS => part != Some("country_code"),
            _other => false,
        }
    }

    /// What the path leads to in this order.
    pub(crate) fn find(&self, order: &DynamicMessage) -> Found {
        let mut message = order.clone();
        let mut steps = self.steps.iter().peekable();
        while let Some(step) = steps.next() {
            let value = if step.key.is_some() {
                match element(&message, step) {
                    Some(value) => value,
                    None => return Found::NoElement,
                }
            } else if step.field.supports_presence() && !message.has_field(&step.field) {
                return Found::Absent;
            } else {
                message.get_field(&step.field).into_owned()
            };
            if steps.peek().is_none() {
                return Found::Here(text(&step.field, step.key.is_some(), &value));
            }
            match value {
                Value::Message(inner) => message = inner,
                _checked_when_parsed => return Found::Absent,
            }
        }
        Found::Absent
    }

    /// Names of the elements of the list that the path's first key looks in.
    pub(crate) fn elements(&self, order: &DynamicMessage) -> Vec<String> {
        let Some(step) = self.steps.first() else {
            return Vec::new();
        };
        match &*order.get_field(&step.field) {
            Value::List(values) => values
                .iter()
                .filter_map(|value| name_of(&step.field, value))
                .collect(),
            Value::Map(entries) => entries.keys().filter_map(key_text).collect(),
            _no_list => Vec::new(),
        }
    }

    /// The list's name, for people.
    pub(crate) fn list(&self) -> &str {
        self.steps.first().map_or("", |step| step.field.name())
    }
}

fn wrong(rule: &str) -> Failure {
    Failure::field("field_path", rule)
}

/// The part of a path that was read.
fn before<'a>(text: &'a str, rest: &str) -> &'a str {
    let end = text.len().saturating_sub(rest.len());
    text.get(..end).unwrap_or("").trim_end_matches('.')
}

fn field(of: &MessageDescriptor, name: &str) -> Result<FieldDescriptor, Failure> {
    of.get_field_by_name(name).ok_or_else(|| {
        let shown: String = name.chars().take(64).filter(|c| !c.is_control()).collect();
        let near = near(of, name).join(", ");
        wrong(&format!(
            "made of fields: {} has no field {shown:?}; near it: {near}",
            of.name()
        ))
    })
}

/// Fields with names like this one, the nearest first.
fn near(of: &MessageDescriptor, name: &str) -> Vec<String> {
    let short: String = name.chars().take(64).collect();
    let mut names: Vec<(usize, String)> = of
        .fields()
        .map(|field| {
            let distance = strsim::damerau_levenshtein(&short, field.name());
            (distance, field.name().to_owned())
        })
        .collect();
    names.sort();
    let nearest = names.into_iter().take(SUGGESTIONS);
    nearest.map(|(_, name)| name).collect()
}

/// A key and what comes after its bracket.
fn bracketed(text: &str) -> Result<(String, &str), Failure> {
    let unclosed = || wrong("closed: a bracket has no end");
    let Some(quoted) = text.strip_prefix('"') else {
        let (key, after) = text.split_once(']').ok_or_else(unclosed)?;
        if key.is_empty() || key.contains(['[', '.', '"']) {
            return Err(wrong(
                "like metadata[\"a.b\"] for a key with a dot, a bracket or a quote",
            ));
        }
        return Ok((key.to_owned(), after));
    };
    let mut key = String::new();
    let mut characters = quoted.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '\\' => key.push(characters.next().ok_or_else(unclosed)?.1),
            '"' => {
                let after = quoted.get(at + 1..).unwrap_or("");
                let after = after.strip_prefix(']').ok_or_else(unclosed)?;
                return Ok((key, after));
            }
            other => key.push(other),
        }
    }
    Err(unclosed())
}

/// Whether the key fits the field, and the message that the path goes on in.
fn check_key(
    field: &FieldDescriptor,
    key: Option<&str>,
    last: bool,
) -> Result<Option<MessageDescriptor>, Failure> {
    let name = field.name();
    let several = field.is_list() || field.is_map();
    if key.is_some() && !several {
        return Err(wrong(&format!("without a key: {name} is one value")));
    }
    if key.is_none() && several && !last {
        return Err(wrong(&format!(
            "with a key: {name} holds several, name one like {name}[{}]",
            example(name)
        )));
    }
    if field.is_map() {
        return Ok(None);
    }
    match field.kind() {
        Kind::Message(message) if !is_time(&message) => Ok(Some(message)),
        _value => Ok(None),
    }
}

/// Times are values, not messages with fields.
fn is_time(message: &MessageDescriptor) -> bool {
    message.full_name() == "google.protobuf.Timestamp"
}

fn example(name: &str) -> &'static str {
    match name {
        "payments" => "P1",
        "shipments" => "S1",
        "returns" => "R1",
        "discounts" => "D1",
        _lines => "L1",
    }
}

/// The element of a list or a map that a step names.
fn element(message: &DynamicMessage, step: &Step) -> Option<Value> {
    let key = step.key.as_deref()?;
    match &*message.get_field(&step.field) {
        Value::List(values) => {
            let mut values = values.iter();
            let named = values.find(|value| name_of(&step.field, value).as_deref() == Some(key));
            named.cloned()
        }
        Value::Map(entries) => entries.get(&MapKey::String(key.to_owned())).cloned(),
        _no_list => None,
    }
}

/// What an element of a list is called: the first field of a message, the name of an enumeration's
/// value, the text itself.
fn name_of(list: &FieldDescriptor, element: &Value) -> Option<String> {
    match element {
        Value::Message(message) => {
            let id = message.descriptor().get_field(1)?;
            message.get_field(&id).as_str().map(str::to_owned)
        }
        Value::String(text) => Some(text.clone()),
        Value::EnumNumber(number) => {
            let kind = list.kind();
            let value = kind.as_enum()?.get_value(*number)?;
            Some(value.name().to_owned())
        }
        _number => None,
    }
}

fn key_text(key: &MapKey) -> Option<String> {
    key.as_str().map(str::to_owned)
}

/// A value in the JSON form of protobuf.
fn text(field: &FieldDescriptor, is_element: bool, value: &Value) -> String {
    let mut holder = DynamicMessage::new(field.parent_message().clone());
    let whole = match value {
        Value::EnumNumber(_) | Value::List(_) | Value::Map(_) => value.clone(),
        element if is_element && field.is_list() => Value::List(vec![element.clone()]),
        element if is_element => {
            let key = MapKey::String(String::new());
            Value::Map([(key, element.clone())].into())
        }
        value => value.clone(),
    };
    if holder.try_set_field(field, whole).is_err() {
        return String::new();
    }
    let options = prost_reflect::SerializeOptions::new()
        .use_proto_field_name(true)
        .skip_default_fields(false);
    let json = holder.serialize_with_options(serde_json::value::Serializer, &options);
    let Ok(serde_json::Value::Object(mut fields)) = json else {
        return String::new();
    };
    let mut json = fields.remove(field.name()).unwrap_or_default();
    if is_element {
        json = match json {
            serde_json::Value::Array(mut elements) => elements.pop().unwrap_or_default(),
            serde_json::Value::Object(mut entries) => entries.remove("").unwrap_or_default(),
            other => other,
        };
    }
    match json {
        serde_json::Value::String(text) => text,
        other => other.to_string(),
    }
}
