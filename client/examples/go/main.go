// Command descent-example creates a model on a Descent server, trains it, predicts, and asks for gradients.
//
//	descentd --in-memory &
//	descent-example [-tls-ca FILE] [-token-file FILE] [HOST:PORT]
package main

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"log"
	"math"
	"slices"
	"strings"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/status"

	"descent.example/descentpb"
)

const model = "go-example"

func dense(units int64, kind descentpb.ActivationKind) *descentpb.Layer {
	return &descentpb.Layer{Kind: &descentpb.Layer_Dense{Dense: &descentpb.DenseLayer{
		Units:      units,
		Activation: &descentpb.Activation{Kind: kind},
	}}}
}

func description() *descentpb.Model {
	return &descentpb.Model{
		Name: model,
		Network: &descentpb.NetworkSpec{
			InputFeatures: features,
			Layers: []*descentpb.Layer{
				dense(32, descentpb.ActivationKind_ACTIVATION_KIND_RELU),
				dense(1, descentpb.ActivationKind_ACTIVATION_KIND_IDENTITY),
			},
			Loss: &descentpb.Loss{Kind: descentpb.LossKind_LOSS_KIND_MEAN_SQUARED_ERROR},
			Seed: 1,
		},
		Optimizer: &descentpb.OptimizerSpec{
			LearningRate: 0.01,
			Algorithm:    &descentpb.OptimizerSpec_Adam{Adam: &descentpb.Adam{}},
		},
	}
}

type example struct {
	models   descentpb.ModelServiceClient
	networks descentpb.NetworkServiceClient
}

func (e example) run(ctx context.Context) (err error) {
	created, err := withRetry(ctx, e.models.CreateModel, &descentpb.CreateModelRequest{
		Model: description(), RequestId: requestID(),
	})
	if err != nil {
		return fmt.Errorf("creating the model: %w", err)
	}
	fmt.Printf("created %s: %d parameters\n", model, created.GetModel().GetParameterCount())
	defer func() {
		_, deleted := withRetry(ctx, e.models.DeleteModel, &descentpb.DeleteModelRequest{
			Name: model, RequestId: requestID(),
		})
		err = cmp.Or(err, deleted)
	}()

	session := training{
		client: e.networks,
		start:  &descentpb.TrainStart{Model: model, SessionId: requestID(), AckEvery: 8},
		count:  batches,
		batch:  problem{}.batch,
		onAck:  printProgress,
	}
	if err := session.run(ctx); err != nil {
		return fmt.Errorf("training: %w", err)
	}
	trained, err := withRetry(ctx, e.models.GetModel, &descentpb.GetModelRequest{Name: model})
	if err != nil {
		return err
	}
	fmt.Printf("trained to step %d, state %d\n",
		trained.GetModel().GetStep(), trained.GetModel().GetStateHash())

	inputs, targets := problem{}.rows(12345, 256)
	if err := e.predict(ctx, inputs[:3*features], targets); err != nil {
		return fmt.Errorf("predicting: %w", err)
	}
	if err := e.gradient(ctx, inputs, targets); err != nil {
		return fmt.Errorf("asking for gradients: %w", err)
	}
	e.askForTooLittle(ctx)
	return nil
}

func (e example) predict(ctx context.Context, inputs, targets []float32) error {
	answer, err := withRetry(ctx, e.networks.Predict, &descentpb.PredictRequest{
		Model: model, Inputs: tensor(inputs, features),
	})
	if err != nil {
		return err
	}
	for row, prediction := range floats(answer.GetOutputs()) {
		fmt.Printf("predicted %6.2f, expected %6.2f\n", prediction, targets[row])
	}
	return nil
}

// gradient shows which features the loss hangs on most, by its gradient with respect to the inputs.
func (e example) gradient(ctx context.Context, inputs, targets []float32) error {
	answer, err := withRetry(ctx, e.networks.Gradient, &descentpb.GradientRequest{
		Model:         model,
		Inputs:        tensor(inputs, features),
		Cotangent:     &descentpb.GradientRequest_Targets{Targets: tensor(targets, 1)},
		InputGradient: true,
	})
	if err != nil {
		return err
	}
	fmt.Printf("gradient at step %d: norm %.4f\n", answer.GetStep(), answer.GetGradientNorm())
	var influence [features]float64
	for i, value := range floats(answer.GetInputGradient()) {
		influence[i%features] += math.Abs(float64(value))
	}
	order := []int{0, 1, 2, 3, 4, 5, 6, 7}
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(influence[b], influence[a]) })
	names := make([]string, features)
	for i, feature := range order {
		names[i] = fmt.Sprintf("x%d", feature+1)
	}
	fmt.Println("features by influence:", strings.Join(names, " "))
	return nil
}

// askForTooLittle shows what an error says: a reason to act on, and the fields at fault.
func (e example) askForTooLittle(ctx context.Context) {
	_, err := withRetry(ctx, e.networks.Predict, &descentpb.PredictRequest{
		Model: model, Inputs: tensor([]float32{1, 2, 3}, 3),
	})
	refusal := status.Convert(err)
	fmt.Printf("refused as it should be: %v: %s\n", refusal.Code(), refusal.Message())
	for _, detail := range refusal.Details() {
		switch detail := detail.(type) {
		case *errdetails.ErrorInfo:
			fmt.Printf("  reason %s\n", detail.GetReason())
		case *errdetails.BadRequest:
			for _, violation := range detail.GetFieldViolations() {
				fmt.Printf("  field %s: %s\n", violation.GetField(), violation.GetDescription())
			}
		}
	}
}

func main() {
	log.SetFlags(0)
	log.SetPrefix("descent-example: ")
	tlsCA := flag.String("tls-ca", "", "encrypt; a `FILE` of the server's authorities")
	tokenFile := flag.String("token-file", "", "a `FILE` with the token that says who you are")
	flag.Parse()
	server := cmp.Or(flag.Arg(0), "127.0.0.1:50051")

	connection, err := connect(server, *tlsCA, *tokenFile)
	if err != nil {
		log.Fatal(err)
	}
	defer connection.Close()
	run := example{
		models:   descentpb.NewModelServiceClient(connection),
		networks: descentpb.NewNetworkServiceClient(connection),
	}
	if err := run.run(context.Background()); err != nil {
		log.Fatal(err)
	}
}
