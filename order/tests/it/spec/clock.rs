//! When a command happened, and in which state it finds the order.

use order::value::{HoldReason, OrderState, Timestamp};
use order::{Command, Moment, Rejection};

use super::story::{completed, drafted, held, placed};
use super::{NOW, given, now};
use crate::ask::{blank, create, hold, place};

fn occurred(micros: i64) -> Moment {
    Moment {
        now: now(),
        occur_time: Timestamp::from_micros(NOW + micros),
    }
}

#[test]
fn a_command_happens_at_most_five_minutes_ahead_of_the_clock() {
    let reason = HoldReason::Other;
    let ahead = |micros| given(placed()).at(occurred(micros)).when(hold(reason));
    ahead(300_000_000).then([held(reason)]);
    ahead(300_000_001).then_invalid(&["context.occur_time"]);
    let new = given([]).at(occurred(300_000_001)).when(create(blank()));
    new.then_invalid(&["context.occur_time"]);
}

#[test]
fn nothing_happens_to_an_order_before_it_was_created() {
    let reason = HoldReason::Other;
    let back = |micros| given(placed()).at(occurred(micros)).when(hold(reason));
    back(0).then([held(reason)]);
    back(-1).then_invalid(&["context.occur_time"]);
}

#[test]
fn an_order_may_have_begun_long_ago() {
    let story = given([]).at(occurred(-NOW)).when(create(blank()));
    assert_eq!(story.accepted().len(), 1);
}

#[test]
fn a_command_for_another_state_is_told_which_states_allow_it() {
    let refused = |state, allowed| Rejection::OrderStateInvalid { state, allowed };
    let draft = refused(OrderState::Draft, &[OrderState::Placed]);
    given(drafted())
        .when(hold(HoldReason::Other))
        .then_refused(draft);
    let done = refused(OrderState::Completed, &[OrderState::Draft]);
    given(completed()).when(place()).then_refused(done);
    let moving = refused(
        OrderState::Placed,
        &[OrderState::Completed, OrderState::Cancelled],
    );
    given(placed())
        .when(Command::ErasePersonalData)
        .then_refused(moving);
}
