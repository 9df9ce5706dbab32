//! Which fields of an order a caller wants.

use std::collections::BTreeSet;

use bytes::Bytes;

use crate::failure::Failure;
use crate::schema;
use crate::wire::Fields;

/// The wanted fields, by their numbers; all when nothing was said.
#[derive(Clone, Debug, Default)]
pub(crate) struct Mask(Option<BTreeSet<u32>>);

impl Mask {
    pub(crate) fn parse(mask: Option<prost_types::FieldMask>) -> Result<Self, Failure> {
        let Some(mask) = mask.filter(|mask| !mask.paths.is_empty()) else {
            return Ok(Self(None));
        };
        if mask.paths.iter().any(|path| path == "*") {
            return Ok(Self(None));
        }
        let mut wanted = BTreeSet::new();
        for path in &mask.paths {
            let field = schema::order().and_then(|order| order.get_field_by_name(path));
            let field = field.ok_or_else(|| unknown(path))?;
            wanted.insert(field.number());
        }
        Ok(Self(Some(wanted)))
    }

    /// Whether every field is wanted.
    pub(crate) const fn is_all(&self) -> bool {
        self.0.is_none()
    }

    pub(crate) fn wants(&self, number: u32) -> bool {
        self.0
            .as_ref()
            .is_none_or(|wanted| wanted.contains(&number))
    }

    /// The encoded order with the wanted fields only.
    pub(crate) fn apply(&self, order: Vec<u8>) -> Bytes {
        if self.0.is_none() {
            return order.into();
        }
        let wanted = Fields::of(&order).filter(|field| self.wants(field.number));
        let parts: Vec<&[u8]> = wanted.map(|field| field.whole).collect();
        parts.concat().into()
    }
}

fn unknown(path: &str) -> Failure {
    let shown = path.chars().take(64).filter(char::is_ascii_graphic);
    let shown: String = shown.collect();
    let rule = format!("made of top-level fields of Order; {shown:?} is none");
    Failure::invalid("READ_MASK_INVALID", "read_mask", &rule)
}

#[cfg(test)]
mod tests {
    use prost::Message as _;
    use proto::v1;

    use super::*;

    fn mask(paths: &[&str]) -> Result<Mask, Failure> {
        let paths = paths.iter().map(|path| (*path).to_owned()).collect();
        Mask::parse(Some(prost_types::FieldMask { paths }))
    }

    #[test]
    fn every_field_of_the_order_can_be_asked_for_alone() {
        let order = schema::order().expect("descriptor");
        assert!(order.fields().len() >= 31);
        for field in order.fields() {
            let mask = mask(&[field.name()]).expect("known");
            let wanted = order.fields().filter(|other| mask.wants(other.number()));
            assert_eq!(wanted.count(), 1, "{}", field.name());
        }
    }

    #[test]
    fn the_masked_order_holds_what_was_asked_for() {
        let order = v1::Order {
            order_id: "o1".to_owned(),
            version: 7,
            tags: vec!["a".to_owned(), "b".to_owned()],
            ..v1::Order::default()
        };
        let masked = |paths: &[&str]| {
            let bytes = mask(paths).expect("known").apply(order.encode_to_vec());
            v1::Order::decode(bytes).expect("an order")
        };
        assert_eq!(masked(&["tags", "version", "tags"]).tags, ["a", "b"]);
        assert_eq!(
            masked(&["version"]),
            v1::Order {
                version: 7,
                ..Default::default()
            }
        );
        assert_eq!(masked(&["lines"]), v1::Order::default());
        assert_eq!(masked(&["version", "*"]), order);
        assert_eq!(masked(&[]), order);
        assert!(mask(&["lines.sku"]).is_err() && mask(&["Version"]).is_err());
    }
}
