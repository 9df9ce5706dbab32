//! hold, release, annotate.

use proto::v1;

use super::send::send;
use crate::cli;

/// Stops shipping.
pub(crate) async fn hold(arguments: cli::Hold) -> anyhow::Result<()> {
    let request = v1::HoldOrderRequest {
        order_id: arguments.order_id,
        hold_reason: arguments.hold_reason.into(),
        ..v1::HoldOrderRequest::default()
    };
    send(&arguments.call, request).await
}

/// Lifts a hold.
pub(crate) async fn release(arguments: cli::Hold) -> anyhow::Result<()> {
    let request = v1::ReleaseOrderRequest {
        order_id: arguments.order_id,
        hold_reason: arguments.hold_reason.into(),
        ..v1::ReleaseOrderRequest::default()
    };
    send(&arguments.call, request).await
}

/// Adds a note, tags and metadata.
pub(crate) async fn annotate(arguments: cli::Annotate) -> anyhow::Result<()> {
    let request = v1::AnnotateOrderRequest {
        order_id: arguments.order_id,
        note: arguments.note.unwrap_or_default(),
        add_tags: arguments.add_tags,
        remove_tags: arguments.remove_tags,
        set_metadata: arguments.set_metadata.into_iter().collect(),
        remove_metadata: arguments.remove_metadata,
        ..v1::AnnotateOrderRequest::default()
    };
    send(&arguments.call, request).await
}
