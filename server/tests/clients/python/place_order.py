"""Places an order, sends the request again, reads the order, and handles a refusal."""

import sys
import time
import uuid

import grpc
from google.rpc.error_details_pb2 import ErrorInfo
from grpc_status import rpc_status

from orders.v1.command_service_pb2 import CommandContext, CreateOrderRequest, NewLine, Placing, ShipItemsRequest
from orders.v1.command_service_pb2_grpc import OrderCommandServiceStub
from orders.v1.order_pb2 import PAYMENT_TERMS_ON_ACCOUNT, LineQuantity, Money, OrderState
from orders.v1.query_service_pb2 import GetOrderRequest
from orders.v1.query_service_pb2_grpc import OrderQueryServiceStub

channel = grpc.insecure_channel(sys.argv[1])
commands, queries = OrderCommandServiceStub(channel), OrderQueryServiceStub(channel)


def send(call, request):
    """Repeats the same request while it is unknown whether the service executed it."""
    unknown = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED)
    for wait in (0.1, 0.2, 0.4, 0.8, 1.6, None):
        try:
            return call(request, timeout=5)
        except grpc.RpcError as error:
            if wait is None or error.code() not in unknown:
                raise
            time.sleep(wait)


def refusal(error):
    """The reason and the metadata of a refused request; both are empty if there are none."""
    info, status = ErrorInfo(), rpc_status.from_call(error)
    any(detail.Unpack(info) for detail in (status.details if status else ()))
    return info


create = CreateOrderRequest(
    context=CommandContext(request_id=str(uuid.uuid4())),
    currency_code="GBP",
    payment_terms=PAYMENT_TERMS_ON_ACCOUNT,
    lines=[NewLine(sku="MUG", quantity=2, unit_price=Money(currency_code="GBP", minor_units=495))],
    place=Placing(),
)
placed = send(commands.CreateOrder, create).receipt
print(f"placed {placed.order_id} at version {placed.version}")
again = send(commands.CreateOrder, create).receipt
print(f"sent again: replayed={again.replayed}, same order={again.order_id == placed.order_id}")

get = GetOrderRequest(order_id=placed.order_id, consistency_token=placed.consistency_token)
order = send(queries.GetOrder, get).order
print(f"read {OrderState.Name(order.state)}, total {order.totals.placed_total.minor_units}")

too_many = ShipItemsRequest(order_id=placed.order_id, items=[LineQuantity(line_id="L1", quantity=3)])
try:
    send(commands.ShipItems, too_many)
except grpc.RpcError as error:
    info = refusal(error)
    if info.reason != "QUANTITY_EXCEEDED":
        raise
    print(f"refused: {info.reason}, available {info.metadata['available']}")
