// Places an order, sends the request again, reads the order, and handles a refusal.
import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { ErrorInfoSchema } from "./gen/google/rpc/error_info_pb.js";
import { OrderCommandService } from "./gen/orders/v1/command_service_pb.js";
import { OrderState, PaymentTerms } from "./gen/orders/v1/order_pb.js";
import { OrderQueryService } from "./gen/orders/v1/query_service_pb.js";

const transport = createGrpcTransport({ baseUrl: `http://${process.argv[2]}`, defaultTimeoutMs: 5000 });
const commands = createClient(OrderCommandService, transport);
const queries = createClient(OrderQueryService, transport);

/** Repeats the same request while it is unknown whether the service executed it. */
async function send<R>(call: () => Promise<R>): Promise<R> {
  for (let wait = 100; ; wait *= 2) {
    try {
      return await call();
    } catch (error) {
      const { code, details } = ConnectError.from(error);
      // An error without details comes from the connection, not from the service.
      const unknown = details.length === 0 || code === Code.Unavailable || code === Code.DeadlineExceeded;
      if (!unknown || wait > 2000) throw error;
      await sleep(wait);
    }
  }
}

const create = {
  context: { requestId: randomUUID() },
  currencyCode: "GBP",
  paymentTerms: PaymentTerms.ON_ACCOUNT,
  lines: [{ sku: "MUG", quantity: 2n, unitPrice: { currencyCode: "GBP", minorUnits: 495n } }],
  place: {},
};
const placed = (await send(() => commands.createOrder(create))).receipt!;
console.log(`placed ${placed.orderId} at version ${placed.version}`);
const again = (await send(() => commands.createOrder(create))).receipt!;
console.log(`sent again: replayed=${again.replayed}, same order=${again.orderId === placed.orderId}`);

const get = { orderId: placed.orderId, consistencyToken: placed.consistencyToken };
const order = (await send(() => queries.getOrder(get))).order!;
console.log(`read ORDER_STATE_${OrderState[order.state]}, total ${order.totals!.placedTotal!.minorUnits}`);

const tooMany = { orderId: placed.orderId, items: [{ lineId: "L1", quantity: 3n }] };
try {
  await send(() => commands.shipItems(tooMany));
} catch (error) {
  const info = ConnectError.from(error).findDetails(ErrorInfoSchema)[0];
  if (info?.reason !== "QUANTITY_EXCEEDED") throw error;
  console.log(`refused: ${info.reason}, available ${info.metadata["available"]}`);
}
