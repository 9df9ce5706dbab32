//! What every request carries beside its own fields.

use order::CLOCK_GRACE_SECONDS;
use order::value::{Actor, ActorId, ActorKind, InvalidValue, Note, RequestId, Timestamp};
use proto::v1;

use super::field::{At, Fields};

/// What every request carries beside its own fields. No `Debug`: the reason is personal.
#[derive(Clone, Default, PartialEq, Eq)]
pub(crate) struct Context {
    /// Makes the command idempotent.
    pub(crate) request_id: Option<RequestId>,
    /// The version on which the caller decided, at least 1.
    pub(crate) expected_version: Option<u64>,
    /// Check everything, store nothing.
    pub(crate) validate_only: bool,
    /// When it happened in the business; the server's clock if absent.
    pub(crate) occur_time: Option<Timestamp>,
    /// Why, for people; personal.
    pub(crate) reason: Option<Note>,
    /// On whose behalf.
    pub(crate) actor: Option<Actor>,
    /// Ties calls together in logs and traces.
    pub(crate) correlation_id: Option<String>,
}

/// Parses the context of a request; `creates` when there is no version to expect yet.
pub(crate) fn context(
    fields: &mut Fields,
    raw: Option<&v1::CommandContext>,
    creates: bool,
) -> Context {
    let Some(raw) = raw else {
        return Context::default();
    };
    let root = At::Root;
    let at = root.field("context");
    Context {
        request_id: fields.optional(at.field("request_id"), &raw.request_id, RequestId::new),
        expected_version: expected_version(fields, at, raw.expected_version, creates),
        validate_only: raw.validate_only,
        occur_time: occur_time(fields, at, raw.occur_time.as_ref()),
        reason: fields.optional(at.field("reason"), &raw.reason, Note::new),
        actor: raw
            .actor
            .as_ref()
            .and_then(|raw| actor(fields, at.field("actor"), raw)),
        correlation_id: fields.optional(
            at.field("correlation_id"),
            &raw.correlation_id,
            correlation_id,
        ),
    }
}

fn expected_version(
    fields: &mut Fields,
    at: At<'_>,
    version: Option<i64>,
    creates: bool,
) -> Option<u64> {
    let version = version?;
    let at = at.field("expected_version");
    if creates {
        fields.wrong(at, "absent: the order does not exist yet");
        return None;
    }
    let valid = u64::try_from(version).ok().filter(|version| *version >= 1);
    if valid.is_none() {
        fields.wrong(at, "at least 1");
    }
    valid
}

fn occur_time(
    fields: &mut Fields,
    at: At<'_>,
    time: Option<&prost_types::Timestamp>,
) -> Option<Timestamp> {
    let at = at.field("occur_time");
    let time = fields.time(at, time)?;
    if time > fields.now().plus_seconds(CLOCK_GRACE_SECONDS) {
        fields.wrong(at, "at most 5 minutes ahead of the server's clock");
    }
    Some(time)
}

fn actor(fields: &mut Fields, at: At<'_>, raw: &v1::Actor) -> Option<Actor> {
    let kind = fields.variant(at.field("kind"), raw.kind, |kind| match kind {
        v1::ActorKind::Unspecified => None,
        v1::ActorKind::Customer => Some(ActorKind::Customer),
        v1::ActorKind::Staff => Some(ActorKind::Staff),
        v1::ActorKind::Service => Some(ActorKind::Service),
    });
    let id = fields.required(at.field("actor_id"), &raw.actor_id, ActorId::new);
    Some(Actor {
        kind: kind?,
        id: id?,
    })
}

/// A correlation id that is safe in logs and headers.
pub(crate) fn correlation_id(text: &str) -> Result<String, InvalidValue> {
    let valid = (1..=64).contains(&text.len())
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'));
    if valid {
        Ok(text.to_owned())
    } else {
        Err(InvalidValue("1 to 64 characters of A-Z a-z 0-9 . _ -"))
    }
}
