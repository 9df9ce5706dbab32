//! What callers are shown.

use proto::api;
use proto::v1::order_event::Payload;

use crate::sample;

#[test]
fn every_event_is_shown_under_its_own_name() {
    let commit = sample::full(sample::events());
    let currency = order::value::Currency::new("GBP").expect("a currency");
    for (index, event) in commit.events.iter().enumerate() {
        let shown = api::event(&commit, index, (0, 9), currency).expect("an event");
        let payload = format!("{:?}", shown.payload.as_ref().expect("a payload"));
        assert!(
            payload.starts_with(&format!("{}(", event.name())),
            "{payload}"
        );
        assert_eq!(shown.r#type, event.name());
        let version = 12 + i64::try_from(index).expect("few");
        assert_eq!(shown.version, version);
        assert_eq!(shown.event_id, format!("536365:{version}"));
        assert_eq!(shown.position, "0:9");
    }
    let beyond = api::event(&commit, commit.events.len(), (0, 9), currency);
    assert_eq!(beyond, None);
}

#[test]
fn what_is_sealed_is_shown_as_absent() {
    let commit = sample::full(sample::events());
    let currency = order::value::Currency::new("GBP").expect("a currency");
    let shown = |index| api::event(&commit, index, (0, 9), currency).expect("an event");
    assert_eq!(shown(0).reason, "");
    let Some(Payload::OrderCreated(created)) = shown(0).payload else {
        panic!("not a creation");
    };
    let customer = created.customer.expect("its id is no secret");
    assert_eq!(
        (
            customer.customer_id.as_str(),
            customer.name.as_str(),
            customer.email.as_str()
        ),
        ("C-17850", "", "")
    );
    let Some(Payload::ShippingSet(set)) = shown(4).payload else {
        panic!("not a shipping");
    };
    let address = set.shipping.and_then(|shipping| shipping.address);
    let address = address.expect("its country is no secret");
    assert_eq!(
        (address.country_code.as_str(), address.city.as_str()),
        ("GB", "")
    );
}
