//! What a list is sorted by.

use crate::failure::Failure;

/// What a list is sorted by; ties by id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sort {
    Place,
    Create,
    Update,
    Total,
}

/// A sort key and its direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct OrderBy {
    pub(crate) sort: Sort,
    pub(crate) descending: bool,
}

impl OrderBy {
    pub(crate) fn parse(text: &str) -> Result<Self, Failure> {
        let mut words = text.split_ascii_whitespace();
        let sort = match words.next() {
            None => {
                return Ok(Self {
                    sort: Sort::Place,
                    descending: true,
                });
            }
            Some("place_time") => Sort::Place,
            Some("create_time") => Sort::Create,
            Some("update_time") => Sort::Update,
            Some("total") => Sort::Total,
            Some(_) => return Err(unsupported()),
        };
        let descending = match (words.next(), words.next()) {
            (None | Some("asc"), None) => false,
            (Some("desc"), None) => true,
            _ => return Err(unsupported()),
        };
        Ok(Self { sort, descending })
    }
}

fn unsupported() -> Failure {
    let rule = "place_time, create_time, update_time or total, with asc or desc";
    Failure::invalid("ORDER_BY_UNSUPPORTED", "order_by", rule)
}
