//! Which flag a field of a request came from.
//!
//! Arguments have the names of the fields that they become, so that most need no table: `order_id`,
//! `items`, `tracking_number`. [`RENAMED`] has the others.

use clap::{Arg, Command};

/// Fields that are not called like their argument, by the end of their path.
const RENAMED: [(&str, &str); 37] = [
    ("action.add_line", "lines"),
    ("action.remove_line", "removals"),
    ("action.set_customer", "customer"),
    ("action.set_discounts", "discounts"),
    ("action.set_quantity", "quantities"),
    ("action.set_shipping", "shipping"),
    ("actions.add_line", "lines"),
    ("actions.remove_line", "removals"),
    ("actions.set_customer", "customer"),
    ("actions.set_discounts", "discounts"),
    ("actions.set_quantity", "quantities"),
    ("actions.set_shipping", "shipping"),
    ("address.country_code", "country"),
    ("address.lines", "street"),
    ("consistency_token", "token"),
    ("currency_code", "currency"),
    ("customer.customer_id", "customer"),
    ("customer.email", "customer_email"),
    ("customer.name", "customer_name"),
    ("filter.channels", "channel"),
    ("filter.customer_ids", "customer"),
    ("filter.fulfillment_states", "fulfillment_state"),
    ("filter.max_total_minor_units", "max_total"),
    ("filter.min_total_minor_units", "min_total"),
    ("filter.payment_states", "payment_state"),
    ("filter.references", "reference"),
    ("filter.return_states", "return_state"),
    ("filter.skus", "sku"),
    ("filter.states", "state"),
    ("filter.tags", "tag"),
    ("payment_terms", "terms"),
    ("place_time.end_time", "until"),
    ("place_time.start_time", "since"),
    ("range.end_time", "until"),
    ("range.start_time", "since"),
    ("update_time.end_time", "updated_until"),
    ("update_time.start_time", "updated_since"),
];

/// The flag that a field came from, and which part of it is meant: `--line 1 quantity`. Nothing
/// where the command has no such flag.
///
/// The longest beginning of the path that is an argument decides, so that `lines[0].quantity` is
/// `--line`.
pub(crate) fn of(command: &Command, field: &str) -> Option<String> {
    let parts: Vec<(&str, Option<usize>)> = field.split('.').map(part).collect();
    for end in (1..=parts.len()).rev() {
        let (path, rest) = parts.split_at(end);
        let Some(argument) = argument(command, path) else {
            continue;
        };
        let mut words = vec![written(argument)];
        let index = path.last().and_then(|(_, index)| *index);
        words.extend(index.map(|index| (index + 1).to_string()));
        words.extend(rest.iter().map(|(name, _)| (*name).to_owned()));
        return Some(words.join(" "));
    }
    None
}

/// A part of a path: `items[0]` is `items` and 0.
fn part(text: &str) -> (&str, Option<usize>) {
    match text.split_once('[') {
        Some((name, index)) => (name, index.trim_end_matches(']').parse().ok()),
        None => (text, None),
    }
}

fn argument<'a>(command: &'a Command, path: &[(&str, Option<usize>)]) -> Option<&'a Arg> {
    let names: Vec<&str> = path.iter().map(|(name, _)| *name).collect();
    let whole = names.join(".");
    let last = *names.last()?;
    let ends = |suffix: &str| {
        let before = whole.strip_suffix(suffix);
        before.is_some_and(|before| before.is_empty() || before.ends_with('.'))
    };
    let renamed = RENAMED.iter().find(|(suffix, _)| ends(suffix));
    let id = renamed.map_or(last, |(_, id)| *id);
    command.get_arguments().find(|it| it.get_id() == id)
}

/// An argument as it is written: `--item`, or `ORDER_ID`.
fn written(argument: &Arg) -> String {
    match argument.get_long() {
        Some(long) => format!("--{long}"),
        None => argument.get_id().as_str().to_ascii_uppercase(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(field: &str) -> Option<String> {
        let argument = |id: &'static str, long: &'static str| Arg::new(id).long(long);
        let command = Command::new("")
            .arg(Arg::new("order_id"))
            .arg(argument("lines", "line"))
            .arg(argument("country", "country"))
            .arg(argument("request_id", "request-id"));
        of(&command, field)
    }

    #[test]
    fn a_field_is_called_by_the_flag_that_it_came_from() {
        for (field, flag) in [
            ("order_id", "ORDER_ID"),
            ("context.request_id", "--request-id"),
            ("lines[1].quantity", "--line 2 quantity"),
            ("shipping.address.country_code", "--country"),
            ("actions[0].add_line.unit_price", "--line unit_price"),
        ] {
            assert_eq!(named(field).as_deref(), Some(flag), "{field}");
        }
        assert_eq!(named("page_size"), None);
    }
}
