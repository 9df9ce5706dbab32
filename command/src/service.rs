//! The gRPC service: one method per command, all of them the same few steps.

mod reply;

use std::sync::Arc;

use event_store::{EventStore, KeyStore};
use proto::v1;
use proto::v1::order_command_service_server::OrderCommandService;
use tokio::time::Instant;
use tonic::metadata::MetadataMap;
use tonic::{Extensions, Request, Response, Status};

use crate::config::{Clock, Config};
use crate::failure::Failure;
use crate::handler::{Call, Caller, Handler};
use crate::observe::End;
use crate::outcome::Outcome;
use crate::parse;
use reply::Answer;

/// Metadata key of the correlation id, in requests and in the trailers of errors.
const CORRELATION_ID: &str = "x-correlation-id";

/// The authenticated principal of a request, put into its extensions by whoever authenticates.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Principal(pub String);

/// Serves `orders.v1.OrderCommandService`. Clones share one cache.
#[derive(Clone)]
pub struct CommandService {
    handler: Arc<Handler>,
}

impl CommandService {
    /// A service that writes to `store`, keeps the keys of personal data in `keys` and takes the
    /// time from `clock`.
    #[must_use]
    pub fn new(
        store: Arc<dyn EventStore>,
        keys: Arc<dyn KeyStore>,
        clock: Clock,
        config: Config,
    ) -> Self {
        Self {
            handler: Arc::new(Handler::new(store, keys, clock, config)),
        }
    }

    async fn run<A: Answer>(&self, request: Request<A>) -> Result<Response<A::Reply>, Status> {
        let (metadata, extensions, wire) = request.into_parts();
        let now = (self.handler.clock)();
        let mut caller = caller(&metadata, &extensions);
        let order_id = wire.order_id().to_owned();
        let result = match parse::request(wire, now) {
            Ok(request) => {
                if let Some(given) = &request.context.correlation_id {
                    caller.correlation_id.clone_from(given);
                }
                let call = Arc::new(Call {
                    request,
                    caller: caller.clone(),
                    now,
                });
                self.execute::<A>(call).await
            }
            Err(refused) => Err(Failure::Malformed(refused)),
        };
        match result {
            Ok(reply) => Ok(Response::new(reply)),
            Err(failure) => {
                self.observe_failure::<A>(&failure, &caller);
                let mut status = failure.status(&order_id);
                tag(&mut status, &caller.correlation_id);
                Err(status)
            }
        }
    }

    async fn execute<A: Answer>(&self, call: Arc<Call>) -> Result<A::Reply, Failure> {
        let validates = call.request.context.validate_only;
        let outcome = self.handler.handle(call).await?;
        let end = match &outcome {
            _ if validates => End::Validated,
            Outcome { replayed: true, .. } => End::Replayed,
            Outcome { event_count: 0, .. } => End::NoEffect,
            _stored => End::Stored,
        };
        self.handler.observer.command(A::METHOD, end, "");
        if end == End::Stored
            && let Some(notice) = self.handler.outage.stored(Instant::now())
        {
            notice.tell("", "");
        }
        let (receipt, outcome) = reply::receipt(outcome);
        Ok(A::answer(receipt, outcome))
    }

    fn observe_failure<A: Answer>(&self, failure: &Failure, caller: &Caller) {
        let end = if failure.is_ours() {
            End::Failed
        } else {
            End::Refused
        };
        self.handler
            .observer
            .command(A::METHOD, end, failure.reason());
        if failure.is_outage() {
            if let Some(notice) = self.handler.outage.failed(Instant::now()) {
                notice.tell(failure.reason(), failure.cause());
            }
        } else if failure.is_ours() {
            tracing::warn!(
                method = A::METHOD,
                correlation_id = caller.correlation_id,
                reason = failure.reason(),
                cause = failure.cause(),
                "failed to execute a command"
            );
        }
    }
}

/// Puts the correlation id into the trailers of an error.
fn tag(status: &mut Status, correlation_id: &str) {
    if let (false, Ok(value)) = (correlation_id.is_empty(), correlation_id.parse()) {
        status.metadata_mut().insert(CORRELATION_ID, value);
    }
}

fn caller(metadata: &MetadataMap, extensions: &Extensions) -> Caller {
    let text = |key| {
        metadata
            .get(key)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
    };
    let traceparent = text("traceparent");
    Caller {
        principal: extensions
            .get::<Principal>()
            .map(|it| it.0.clone())
            .unwrap_or_default(),
        correlation_id: parse::correlation_id(text(CORRELATION_ID)).unwrap_or_default(),
        traceparent: if is_traceparent(traceparent) {
            traceparent.to_owned()
        } else {
            String::new()
        },
    }
}

/// Whether a header is a W3C trace context of version 00: others are dropped, as the standard says.
fn is_traceparent(text: &str) -> bool {
    let hex = |part: &str, len: usize| {
        part.len() == len && part.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
    };
    let set = |part: &str| part.bytes().any(|b| b != b'0');
    let parts: Vec<&str> = text.splitn(5, '-').collect();
    let [version, trace, span, flags] = parts.as_slice() else {
        return false;
    };
    *version == "00" && hex(trace, 32) && set(trace) && hex(span, 16) && set(span) && hex(flags, 2)
}

/// The eighteen methods: each hands its request on.
macro_rules! methods {
    ($($method:ident($request:ident) -> $reply:ident;)*) => {
        #[tonic::async_trait]
        impl OrderCommandService for CommandService {
            $(async fn $method(
                &self,
                request: Request<v1::$request>,
            ) -> Result<Response<v1::$reply>, Status> {
                self.run(request).await
            })*
        }
    };
}

methods! {
    create_order(CreateOrderRequest) -> CreateOrderResponse;
    edit_order(EditOrderRequest) -> EditOrderResponse;
    place_order(PlaceOrderRequest) -> PlaceOrderResponse;
    authorize_payment(AuthorizePaymentRequest) -> AuthorizePaymentResponse;
    capture_payment(CapturePaymentRequest) -> CapturePaymentResponse;
    void_payment(VoidPaymentRequest) -> VoidPaymentResponse;
    fail_payment(FailPaymentRequest) -> FailPaymentResponse;
    refund_payment(RefundPaymentRequest) -> RefundPaymentResponse;
    ship_items(ShipItemsRequest) -> ShipItemsResponse;
    close_shipment(CloseShipmentRequest) -> CloseShipmentResponse;
    cancel_items(CancelItemsRequest) -> CancelItemsResponse;
    cancel_order(CancelOrderRequest) -> CancelOrderResponse;
    request_return(RequestReturnRequest) -> RequestReturnResponse;
    receive_return(ReceiveReturnRequest) -> ReceiveReturnResponse;
    hold_order(HoldOrderRequest) -> HoldOrderResponse;
    release_order(ReleaseOrderRequest) -> ReleaseOrderResponse;
    annotate_order(AnnotateOrderRequest) -> AnnotateOrderResponse;
    erase_personal_data(ErasePersonalDataRequest) -> ErasePersonalDataResponse;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_well_formed_trace_context_is_kept() {
        assert!(is_traceparent(
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
        ));
        for hostile in [
            "",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
            "01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-x",
        ] {
            assert!(!is_traceparent(hostile), "{hostile} passed");
        }
    }
}
