#!/bin/sh
# One order from its creation over payment, two shipments, delivery and return to the refund, with
# grpcurl and jq and nothing but ids, amounts and tokens from the replies.
#
#   life.sh [HOST:PORT]      a running service; 127.0.0.1:50051 if not given
#
# Prints where the order stands after each step. Ends with 1 at the first step that is refused or
# leaves the order elsewhere than it should.
set -eua # every variable is exported, so that jq reads it as $ENV.name

address=${1:-127.0.0.1:50051}

# call SERVICE/METHOD PROGRAM: sends the request that the jq program makes; keeps the reply.
call() {
    request=$(jq -nc "$2")
    reply=$(grpcurl -plaintext -d "$request" "$address" "orders.v1.$1")
}

# of PATH: a part of the last reply, which must be there.
of() {
    printf '%s\n' "$reply" | jq -cer "$1"
}

# expect STATE PAYMENT FULFILLMENT RETURN: where the order stands, seen through the last reply's token.
expect() {
    token=$(of .receipt.consistencyToken)
    call OrderQueryService/GetOrder '{order_id: $ENV.order, consistency_token: $ENV.token}'
    actual=$(of '.order | [.state, .paymentState, .fulfillmentState, .returnState]
        | map(sub("^[A-Z]+_STATE_"; "")) | join(" ")')
    echo "$order: $actual"
    if [ "$actual" != "$1 $2 $3 $4" ]; then
        echo "life.sh: expected $1 $2 $3 $4" >&2
        exit 1
    fi
}

# A draft: three mugs and a tray, prepaid, tax included.
call OrderCommandService/CreateOrder '{
    currency_code: "GBP", payment_terms: "PAYMENT_TERMS_PREPAID", prices_include_tax: true,
    customer: {customer_id: "17850", name: "Ada"},
    shipping: {method: "post", price: {currency_code: "GBP", minor_units: 395}, tax_rate_ppm: 200000},
    lines: [
        {sku: "MUG", quantity: 3, unit_price: {currency_code: "GBP", minor_units: 495}, tax_rate_ppm: 200000},
        {sku: "TRAY", quantity: 1, unit_price: {currency_code: "GBP", minor_units: 1275}, tax_rate_ppm: 200000}
    ]}'
order=$(of .receipt.orderId)
mug=$(of '.lineIds[0]')
tray=$(of '.lineIds[1]')
total=$(of .totals.placedTotal)
expect DRAFT NOT_DUE NOT_REQUIRED NONE

call OrderCommandService/PlaceOrder \
    '{order_id: $ENV.order, expected_total: ($ENV.total | fromjson), context: {request_id: "place"}}'
expect PLACED UNPAID UNFULFILLED NONE

# Pay: authorised by the provider, then captured.
call OrderCommandService/AuthorizePayment \
    '{order_id: $ENV.order, amount: ($ENV.total | fromjson), method: "card", psp_reference: "psp-1"}'
payment=$(of .paymentId)
expect PLACED AUTHORIZED UNFULFILLED NONE
call OrderCommandService/CapturePayment '{order_id: $ENV.order, payment_id: $ENV.payment,
    amount: ($ENV.total | fromjson), psp_reference: "psp-2"}'
expect PLACED PAID UNFULFILLED NONE

# Two shipments, both delivered.
call OrderCommandService/ShipItems '{order_id: $ENV.order, tracking_number: "TRACK-1",
    items: [{line_id: $ENV.mug, quantity: 2}]}'
first=$(of .shipmentId)
expect PLACED PAID PARTIALLY_SHIPPED NONE
call OrderCommandService/ShipItems '{order_id: $ENV.order, tracking_number: "TRACK-2",
    items: [{line_id: $ENV.mug, quantity: 1}, {line_id: $ENV.tray, quantity: 1}]}'
second=$(of .shipmentId)
expect PLACED PAID SHIPPED NONE
call OrderCommandService/CloseShipment \
    '{order_id: $ENV.order, shipment_id: $ENV.first, outcome: "SHIPMENT_OUTCOME_DELIVERED"}'
expect PLACED PAID SHIPPED NONE
call OrderCommandService/CloseShipment \
    '{order_id: $ENV.order, shipment_id: $ENV.second, outcome: "SHIPMENT_OUTCOME_DELIVERED"}'
expect COMPLETED PAID DELIVERED NONE

# One mug comes back, and what it was worth goes back.
call OrderCommandService/RequestReturn '{order_id: $ENV.order,
    items: [{line_id: $ENV.mug, quantity: 1}], return_reason: "RETURN_REASON_UNWANTED"}'
return=$(of .returnId)
expect COMPLETED PAID DELIVERED REQUESTED
call OrderCommandService/ReceiveReturn '{order_id: $ENV.order, return_id: $ENV.return,
    received: [{line_id: $ENV.mug, quantity: 1}]}'
value=$(of .value)
expect COMPLETED CREDIT_OWED DELIVERED PARTIALLY_RETURNED
call OrderCommandService/RefundPayment '{order_id: $ENV.order, payment_id: $ENV.payment,
    return_id: $ENV.return, kind: "REFUND_KIND_CREDIT", amount: ($ENV.value | fromjson),
    psp_reference: "psp-3"}'
expect COMPLETED PARTIALLY_REFUNDED DELIVERED PARTIALLY_RETURNED
echo "$order: $(of '.order.totals.refunded.minorUnits') of $(of '.order.totals.captured.minorUnits') went back"
