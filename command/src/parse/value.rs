//! The parts that requests share: lines, shipping, customers, discounts, tags, metadata.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use order::command::{Discount, DiscountValue, LineQuantity, NewLine, Shipping};
use order::value::{
    Address, Contact, Country, Customer, CustomerId, Destination, DiscountId, InvalidValue, LineId,
    MetadataKey, Private, Sku, Tag, Text,
};
use order::{MAX_LINES, MAX_TAGS};
use proto::v1;

use super::field::{At, Fields};

/// Most actions of one EditOrder.
pub(crate) const ACTIONS_MAX: usize = 100;
/// Most discounts of an order: each is spread over all its lines, so this bounds pricing.
const DISCOUNTS_MAX: usize = 50;
/// Most lines of an address.
const ADDRESS_LINES_MAX: usize = 10;

fn title(text: &str) -> Result<Text, InvalidValue> {
    if text.len() > 256 {
        return Err(InvalidValue("at most 256 bytes"));
    }
    Text::new(text)
}

/// A short text that must not be empty.
pub(crate) fn word(text: &str) -> Result<Text, InvalidValue> {
    if text.is_empty() {
        return Err(InvalidValue("set"));
    }
    Text::new(text)
}

/// A short text that may be empty.
pub(crate) fn text(fields: &mut Fields, at: At<'_>, raw: &str) -> Text {
    fields.required(at, raw, Text::new).unwrap_or_default()
}

pub(crate) fn new_line(fields: &mut Fields, at: At<'_>, raw: &v1::NewLine) -> Option<NewLine> {
    let line_id = fields.optional(at.field("line_id"), &raw.line_id, LineId::new);
    let sku = fields.required(at.field("sku"), &raw.sku, Sku::new);
    let title = fields.required(at.field("title"), &raw.title, title);
    let quantity = fields.quantity(at.field("quantity"), raw.quantity, 1);
    let unit_price = fields.money(at.field("unit_price"), raw.unit_price.as_ref(), 0);
    let tax_rate = fields.rate(at.field("tax_rate_ppm"), raw.tax_rate_ppm);
    Some(NewLine {
        line_id,
        sku: sku?,
        title: title?,
        quantity: quantity?,
        unit_price: unit_price?,
        tax_rate: tax_rate?,
    })
}

pub(crate) fn new_lines(fields: &mut Fields, raw: &[v1::NewLine]) -> Vec<NewLine> {
    let root = At::Root;
    if !fields.at_most(root.field("lines"), raw.len(), MAX_LINES) {
        return Vec::new();
    }
    raw.iter()
        .enumerate()
        .filter_map(|(index, line)| new_line(fields, root.index("lines", index), line))
        .collect()
}

/// Units per line, each line at most once.
pub(crate) fn items(
    fields: &mut Fields,
    name: &'static str,
    raw: &[v1::LineQuantity],
    least: u32,
) -> Vec<LineQuantity> {
    let root = At::Root;
    if !fields.at_most(root.field(name), raw.len(), MAX_LINES) {
        return Vec::new();
    }
    let mut seen = HashSet::new();
    let mut items = Vec::with_capacity(raw.len());
    for (index, item) in raw.iter().enumerate() {
        let at = root.index(name, index);
        let line_id = fields.required(at.field("line_id"), &item.line_id, LineId::new);
        let quantity = fields.quantity(at.field("quantity"), item.quantity, least);
        if line_id.is_some() && !seen.insert(item.line_id.as_str()) {
            fields.wrong(
                at.field("line_id"),
                "a line that is not in the list already",
            );
        }
        if let (Some(line_id), Some(quantity)) = (line_id, quantity) {
            items.push(LineQuantity { line_id, quantity });
        }
    }
    items
}

/// Units per line, of at least one line.
pub(crate) fn some_items(fields: &mut Fields, raw: &[v1::LineQuantity]) -> Vec<LineQuantity> {
    if raw.is_empty() {
        fields.wrong(At::Root.field("items"), "at least one entry");
    }
    items(fields, "items", raw, 1)
}

pub(crate) fn customer(fields: &mut Fields, at: At<'_>, raw: &v1::Customer) -> Customer {
    let id = fields.optional(at.field("customer_id"), &raw.customer_id, CustomerId::new);
    let name = text(fields, at.field("name"), &raw.name);
    let email = text(fields, at.field("email"), &raw.email);
    let known = !name.is_empty() || !email.is_empty();
    Customer {
        id,
        contact: known.then_some(Private::Clear(Contact { name, email })),
    }
}

pub(crate) fn shipping(fields: &mut Fields, at: At<'_>, raw: &v1::Shipping) -> Option<Shipping> {
    let method = text(fields, at.field("method"), &raw.method);
    let price = fields.money(at.field("price"), raw.price.as_ref(), 0);
    let tax_rate = fields.rate(at.field("tax_rate_ppm"), raw.tax_rate_ppm);
    let destination = raw
        .address
        .as_ref()
        .map(|raw| destination(fields, at.field("address"), raw))
        .unwrap_or_default();
    Some(Shipping {
        method,
        price: price?,
        tax_rate: tax_rate?,
        destination,
    })
}

fn destination(fields: &mut Fields, at: At<'_>, raw: &v1::Address) -> Destination {
    let fits = fields.at_most(at.field("lines"), raw.lines.len(), ADDRESS_LINES_MAX);
    let lines = if fits { raw.lines.as_slice() } else { &[] };
    let address = Address {
        recipient: text(fields, at.field("recipient"), &raw.recipient),
        lines: lines
            .iter()
            .enumerate()
            .map(|(index, line)| text(fields, at.index("lines", index), line))
            .collect(),
        city: text(fields, at.field("city"), &raw.city),
        region: text(fields, at.field("region"), &raw.region),
        postal_code: text(fields, at.field("postal_code"), &raw.postal_code),
    };
    let country = fields.optional(at.field("country_code"), &raw.country_code, Country::new);
    let given = address != Address::default();
    Destination {
        country,
        address: given.then_some(Private::Clear(address)),
    }
}

pub(crate) fn discounts(fields: &mut Fields, at: &At<'_>, raw: &[v1::Discount]) -> Vec<Discount> {
    if !fields.at_most(at.field("discounts"), raw.len(), DISCOUNTS_MAX) {
        return Vec::new();
    }
    let mut seen = HashSet::new();
    let mut discounts = Vec::with_capacity(raw.len());
    for (index, raw) in raw.iter().enumerate() {
        let at = at.index("discounts", index);
        if !raw.discount_id.is_empty() && !seen.insert(raw.discount_id.as_str()) {
            fields.wrong(
                at.field("discount_id"),
                "an id that is not in the list already",
            );
        }
        discounts.extend(discount(fields, at, raw));
    }
    discounts
}

fn discount(fields: &mut Fields, at: At<'_>, raw: &v1::Discount) -> Option<Discount> {
    let discount_id = fields.optional(at.field("discount_id"), &raw.discount_id, DiscountId::new);
    let label = fields.required(at.field("label"), &raw.label, title);
    let mut line_ids = Vec::new();
    if fields.at_most(at.field("line_ids"), raw.line_ids.len(), MAX_LINES) {
        let mut seen = HashSet::new();
        for (index, raw) in raw.line_ids.iter().enumerate() {
            let at = at.index("line_ids", index);
            line_ids.extend(fields.required(at, raw, LineId::new));
            if !seen.insert(raw.as_str()) {
                fields.wrong(at, "a line that is not in the list already");
            }
        }
    }
    let value = match raw.value {
        Some(v1::discount::Value::FixedMinorUnits(units)) => fields
            .amount(at.field("fixed_minor_units"), units, 0)
            .map(DiscountValue::Fixed),
        Some(v1::discount::Value::RatePpm(ppm)) => fields
            .rate(at.field("rate_ppm"), ppm)
            .map(DiscountValue::Rate),
        None => {
            fields.wrong(at.field("value"), "set");
            None
        }
    };
    Some(Discount {
        discount_id,
        label: label?,
        line_ids,
        value: value?,
    })
}

pub(crate) fn tags(fields: &mut Fields, name: &'static str, raw: &[String]) -> BTreeSet<Tag> {
    set(fields, name, raw, MAX_TAGS, Tag::new)
}

pub(crate) fn metadata_keys(
    fields: &mut Fields,
    name: &'static str,
    raw: &[String],
) -> BTreeSet<MetadataKey> {
    set(fields, name, raw, MAX_TAGS, MetadataKey::new)
}

fn set<T: Ord>(
    fields: &mut Fields,
    name: &'static str,
    raw: &[String],
    limit: usize,
    parse: fn(&str) -> Result<T, InvalidValue>,
) -> BTreeSet<T> {
    let root = At::Root;
    if !fields.at_most(root.field(name), raw.len(), limit) {
        return BTreeSet::new();
    }
    raw.iter()
        .enumerate()
        .filter_map(|(index, raw)| fields.required(root.index(name, index), raw, parse))
        .collect()
}

pub(crate) fn metadata(
    fields: &mut Fields,
    name: &'static str,
    raw: &BTreeMap<String, String>,
) -> BTreeMap<MetadataKey, Text> {
    let root = At::Root;
    if !fields.at_most(root.field(name), raw.len(), MAX_TAGS) {
        return BTreeMap::new();
    }
    let mut pairs = BTreeMap::new();
    for (key, value) in raw {
        // A key that is not valid is not repeated: it may be made to break the reader's terminal.
        let Some(key) = fields.required(root.field(name), key, MetadataKey::new) else {
            continue;
        };
        let value = fields.required(root.key(name, key.as_str()), value, Text::new);
        pairs.extend(value.map(|value| (key, value)));
    }
    pairs
}

/// Notes each entry of `taken` that is also in `given`: nobody can tell which of the two is meant.
pub(crate) fn disjoint<T: Ord>(
    fields: &mut Fields,
    name: &'static str,
    given: impl Fn(&T) -> bool,
    taken: &BTreeSet<T>,
) {
    if taken.iter().any(given) {
        fields.wrong(
            At::Root.field(name),
            "without entries that the same request adds",
        );
    }
}
