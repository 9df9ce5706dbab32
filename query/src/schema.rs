//! What the API's own description says: names and numbers of fields, values of enumerations. Nothing
//! of that is listed a second time.

use std::sync::LazyLock;

use prost_reflect::{DescriptorPool, MessageDescriptor};

static POOL: LazyLock<DescriptorPool> =
    LazyLock::new(|| DescriptorPool::decode(proto::DESCRIPTORS).unwrap_or_default());

/// `Order`; `None` only when the descriptors that were compiled in cannot be read.
pub(crate) fn order() -> Option<MessageDescriptor> {
    POOL.get_message_by_name("orders.v1.Order")
}

/// The number of a field of `Order`, or of a message in it: `lines.sku` is `[16, 2]`.
pub(crate) fn numbers(path: &str) -> Vec<u32> {
    let mut numbers = Vec::new();
    let mut message = order();
    for name in path.split('.') {
        let field = message.and_then(|message| message.get_field_by_name(name));
        numbers.extend(field.as_ref().map(|field| field.number()));
        message = field.and_then(|field| field.kind().as_message().cloned());
    }
    numbers
}

/// The values of an enumeration, without UNSPECIFIED.
pub(crate) fn values(name: &str) -> Vec<u8> {
    let found = POOL.get_enum_by_name(&format!("orders.v1.{name}"));
    let values = found.iter().flat_map(|found| found.values());
    let numbers = values.filter_map(|value| u8::try_from(value.number()).ok());
    numbers.filter(|number| *number != 0).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_and_values_are_those_of_the_descriptor() {
        assert_eq!(numbers("order_id"), [1]);
        assert_eq!(numbers("lines.sku"), [16, 2]);
        assert_eq!(numbers("nothing"), [0_u32; 0]);
        assert_eq!(values("OrderState"), [1, 2, 3, 4]);
        assert_eq!(values("Nothing"), [0_u8; 0]);
    }
}
