// Places an order, sends the request again, reads the order, and handles a refusal.
package main

import (
	"context"
	"fmt"
	"log"
	"os"

	"github.com/google/uuid"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	pb "example.com/shop/orders/v1"
)

// While it is unknown whether the service executed a request, gRPC repeats that request.
const retries = `{"methodConfig": [{"name": [{}], "timeout": "10s", "retryPolicy": {
	"maxAttempts": 5, "initialBackoff": "0.1s", "maxBackoff": "2s", "backoffMultiplier": 2,
	"retryableStatusCodes": ["UNAVAILABLE"]}}]}`

// must ends the program if a request that has to succeed did not.
func must[R any](reply R, err error) R {
	if err != nil {
		log.Fatal(err)
	}
	return reply
}

// refusal returns the reason and the metadata of a refused request, or nil.
func refusal(err error) *errdetails.ErrorInfo {
	for _, detail := range status.Convert(err).Details() {
		if info, ok := detail.(*errdetails.ErrorInfo); ok {
			return info
		}
	}
	return nil
}

func main() {
	plain := grpc.WithTransportCredentials(insecure.NewCredentials())
	channel := must(grpc.NewClient(os.Args[1], plain, grpc.WithDefaultServiceConfig(retries)))
	commands, queries := pb.NewOrderCommandServiceClient(channel), pb.NewOrderQueryServiceClient(channel)
	ctx := context.Background()

	create := &pb.CreateOrderRequest{
		Context:      &pb.CommandContext{RequestId: uuid.NewString()},
		CurrencyCode: "GBP",
		PaymentTerms: pb.PaymentTerms_PAYMENT_TERMS_ON_ACCOUNT,
		Lines:        []*pb.NewLine{{Sku: "MUG", Quantity: 2, UnitPrice: &pb.Money{CurrencyCode: "GBP", MinorUnits: 495}}},
		Place:        &pb.Placing{},
	}
	placed := must(commands.CreateOrder(ctx, create)).Receipt
	fmt.Printf("placed %s at version %d\n", placed.OrderId, placed.Version)
	again := must(commands.CreateOrder(ctx, create)).Receipt
	fmt.Printf("sent again: replayed=%t, same order=%t\n", again.Replayed, again.OrderId == placed.OrderId)

	get := &pb.GetOrderRequest{OrderId: placed.OrderId, ConsistencyToken: placed.ConsistencyToken}
	order := must(queries.GetOrder(ctx, get)).Order
	fmt.Printf("read %s, total %d\n", order.State, order.Totals.PlacedTotal.MinorUnits)

	tooMany := &pb.ShipItemsRequest{OrderId: placed.OrderId, Items: []*pb.LineQuantity{{LineId: "L1", Quantity: 3}}}
	_, err := commands.ShipItems(ctx, tooMany)
	if info := refusal(err); info.GetReason() == "QUANTITY_EXCEEDED" {
		fmt.Printf("refused: %s, available %s\n", info.Reason, info.Metadata["available"])
	} else {
		log.Fatal(err)
	}
}
