//! The read model's row of an order.
//!
//! ```text
//!  1 byte    4 bytes    8 bytes   8 bytes  32 bytes    length + bytes    length + bytes     the rest
//! ┌────────┬──────────┬─────────┬────────┬───────────┬─────────────────┬───────────────────┬─────────┐
//! │ schema │ partition│ sequence│ version│ chain hash│ log.v1.Customer │ log.v1.Destination│ v1.Order│
//! └────────┴──────────┴─────────┴────────┴───────────┴─────────────────┴───────────────────┴─────────┘
//! ```
//!
//! The stored `Order` lacks the two fields that may hold personal data, whole; they lie beside it,
//! sealed, and are appended at the edge. A reader that shows an order needs no more than [`Stored`].
//! What is frozen of the shipping stands in its totals.

use std::collections::BTreeMap;

use order::Order;
use order::state::Placed;
use order::value::{Amount, Customer, Destination, OrderId};
use prost::Message as _;

use crate::commit::{Unsealed, decode, encode};
use crate::log::v1 as log;
use crate::{api, v1};

const SCHEMA: u8 = 2;

/// An order as a projection keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Its id.
    pub order_id: OrderId,
    /// Its state, without what only `decide` looks at.
    pub order: Order,
    /// Partition and sequence of its last commit.
    pub position: (u32, u64),
    /// Hash of its last commit's bytes.
    pub chain_hash: [u8; 32],
}

/// Stored bytes that are no row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a row of this version")]
pub struct InvalidRow;

impl Row {
    /// The stored bytes.
    ///
    /// # Errors
    /// [`Unsealed`]: a view, too, holds nothing personal in the clear.
    pub fn encode(&self) -> Result<Vec<u8>, Unsealed> {
        let customer = encode::customer(&self.order.customer)?.encode_to_vec();
        let destination = match &self.order.shipping {
            Some(shipping) => encode::destination(&shipping.destination)?.encode_to_vec(),
            None => Vec::new(),
        };
        let order = api::bare(&self.order_id, &self.order);
        let mut bytes =
            Vec::with_capacity(64 + customer.len() + destination.len() + order.encoded_len());
        bytes.push(SCHEMA);
        bytes.extend_from_slice(&self.position.0.to_be_bytes());
        bytes.extend_from_slice(&self.position.1.to_be_bytes());
        bytes.extend_from_slice(&self.order.version.to_be_bytes());
        bytes.extend_from_slice(&self.chain_hash);
        for part in [customer, destination] {
            bytes.extend_from_slice(&u32::try_from(part.len()).unwrap_or(u32::MAX).to_be_bytes());
            bytes.extend_from_slice(&part);
        }
        bytes.extend_from_slice(&order.encode_to_vec());
        Ok(bytes)
    }

    /// Reads stored bytes.
    ///
    /// # Errors
    /// [`InvalidRow`].
    pub fn decode(bytes: &[u8]) -> Result<Self, InvalidRow> {
        let parts = Stored::of(bytes)?;
        let stored = v1::Order::decode(parts.order).map_err(|_malformed| InvalidRow)?;
        let order = api::order_of(
            &stored,
            parts.customer()?,
            parts.destination()?,
            placed(&stored),
        );
        let order = order.filter(|order| order.version == parts.version);
        Ok(Self {
            order_id: OrderId::new(&stored.order_id).map_err(|_invalid| InvalidRow)?,
            order: order.ok_or(InvalidRow)?,
            position: parts.position,
            chain_hash: parts.chain_hash,
        })
    }
}

/// The frozen money of a placed order, from its totals.
fn placed(stored: &v1::Order) -> Option<Placed> {
    stored.place_time.as_ref()?;
    let totals = stored.totals.as_ref()?;
    let units = |money: &Option<v1::Money>| money.as_ref().map(|money| money.minor_units);
    let mut taxes = stored.lines.iter().map(|line| units(&line.tax));
    let line_tax = taxes.try_fold(0_i64, |sum, tax| sum.checked_add(tax?))?;
    let shipping_tax = units(&totals.tax)?.checked_sub(line_tax)?;
    let on_top = if stored.prices_include_tax {
        0
    } else {
        shipping_tax
    };
    Some(Placed {
        shipping_total: Amount::new(units(&totals.shipping)?.checked_add(on_top)?).ok()?,
        shipping_tax: Amount::new(shipping_tax).ok()?,
        placed_total: Amount::new(units(&totals.placed_total)?).ok()?,
    })
}

/// The parts of a row as they are stored, not decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stored<'a> {
    /// Partition and sequence of the order's last commit.
    pub position: (u32, u64),
    /// Number of events so far.
    pub version: u64,
    /// Hash of the last commit's bytes.
    pub chain_hash: [u8; 32],
    /// `log.v1.Customer`, sealed.
    pub customer: &'a [u8],
    /// `log.v1.Destination`, sealed; empty when there is no shipping.
    pub destination: &'a [u8],
    /// `v1.Order` without the fields `customer` and `shipping_address`. Bytes of an `Order` that
    /// holds only these two may be appended to it: a decoder takes fields in any order.
    pub order: &'a [u8],
}

impl<'a> Stored<'a> {
    /// Takes stored bytes apart.
    ///
    /// # Errors
    /// [`InvalidRow`].
    pub fn of(bytes: &'a [u8]) -> Result<Self, InvalidRow> {
        Self::parse(bytes).ok_or(InvalidRow)
    }

    fn parse(bytes: &'a [u8]) -> Option<Self> {
        let (&schema, rest) = bytes.split_first()?;
        let (partition, rest) = rest.split_first_chunk::<4>()?;
        let (sequence, rest) = rest.split_first_chunk::<8>()?;
        let (version, rest) = rest.split_first_chunk::<8>()?;
        let (&chain_hash, rest) = rest.split_first_chunk::<32>()?;
        let (customer, rest) = sized(rest)?;
        let (destination, order) = sized(rest)?;
        let position = (
            u32::from_be_bytes(*partition),
            u64::from_be_bytes(*sequence),
        );
        (schema == SCHEMA).then_some(Self {
            position,
            version: u64::from_be_bytes(*version),
            chain_hash,
            customer,
            destination,
            order,
        })
    }

    /// The customer, sealed.
    ///
    /// # Errors
    /// [`InvalidRow`].
    pub fn customer(&self) -> Result<Customer, InvalidRow> {
        let stored = log::Customer::decode(self.customer).map_err(|_malformed| InvalidRow)?;
        decode::customer(stored).map_err(|_invalid| InvalidRow)
    }

    /// The destination, sealed.
    ///
    /// # Errors
    /// [`InvalidRow`].
    pub fn destination(&self) -> Result<Destination, InvalidRow> {
        let stored = log::Destination::decode(self.destination).map_err(|_malformed| InvalidRow)?;
        decode::destination(stored).map_err(|_invalid| InvalidRow)
    }
}

/// Names of the parts and fields in which two stored rows differ.
///
/// # Errors
/// [`InvalidRow`]: one of them is no row.
pub fn differing_fields(held: &[u8], expected: &[u8]) -> Result<Vec<String>, InvalidRow> {
    let (held, expected) = (Stored::of(held)?, Stored::of(expected)?);
    let parts = [
        ("position", held.position != expected.position),
        ("chain hash", held.chain_hash != expected.chain_hash),
        ("customer", held.customer != expected.customer),
        ("shipping_address", held.destination != expected.destination),
    ];
    let differing = parts.into_iter().filter(|(_, differs)| *differs);
    let mut names: Vec<String> = differing.map(|(name, _)| name.to_owned()).collect();
    let order = |bytes| v1::Order::decode(bytes).map_err(|_malformed| InvalidRow);
    let (held, expected) = (fields(&order(held.order)?), fields(&order(expected.order)?));
    let differing = held
        .iter()
        .filter(|(name, text)| expected.get(*name) != Some(*text));
    names.extend(differing.map(|(name, _)| name.clone()));
    Ok(names)
}

/// The fields of an order by name, as Rust prints them: a list from which none can be forgotten.
fn fields(order: &v1::Order) -> BTreeMap<String, String> {
    let mut fields: BTreeMap<String, String> = BTreeMap::new();
    let mut current = String::new();
    for line in format!("{order:#?}").lines() {
        let top = line.strip_prefix("    ");
        let top = top.filter(|rest| rest.starts_with(|first: char| first.is_ascii_lowercase()));
        if let Some((name, _)) = top.and_then(|rest| rest.split_once(':')) {
            name.clone_into(&mut current);
        }
        fields.entry(current.clone()).or_default().push_str(line);
    }
    fields
}

fn sized(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    rest.split_at_checked(usize::try_from(u32::from_be_bytes(*length)).ok()?)
}
