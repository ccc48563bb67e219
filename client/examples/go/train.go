package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"time"

	"descent.example/descentpb"
)

// training is one session: a stream of batches that are each applied exactly once.
type training struct {
	client  descentpb.NetworkServiceClient
	start   *descentpb.TrainStart
	count   int64
	batch   func(sequence int64) *descentpb.Batch
	onAck   func(*descentpb.TrainAck)
	streams int
	acked   int64
}

// run streams all batches. A stream that breaks is opened again with the same session id, and goes on
// where the server says. It gives up when too many streams in a row have brought no ack.
func (t *training) run(ctx context.Context) error {
	for failures := 0; ; failures++ {
		before := t.acked
		err := t.stream(ctx)
		if err == nil {
			return nil
		}
		if t.acked > before {
			failures = 0
		}
		delay, again := retryDelay(err, failures)
		if !again {
			return err
		}
		select {
		case <-time.After(delay):
		case <-ctx.Done():
			return err
		}
	}
}

func (t *training) stream(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx) // ends the sender too
	defer cancel()
	stream, err := t.client.Train(ctx)
	if err != nil {
		return err
	}
	start := &descentpb.TrainRequest{Message: &descentpb.TrainRequest_Start{Start: t.start}}
	if err := stream.Send(start); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	response, err := stream.Recv() // also says what was wrong if Send met the stream's end
	if err != nil {
		return err
	}
	next := response.GetReady().GetNextSequence()
	if t.streams++; t.streams > 1 {
		log.Printf("connected again: going on with batch %d", next)
	}
	go t.send(stream, next)
	for {
		response, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return nil // everything is applied and durable
		}
		if err != nil {
			return err
		}
		t.acked = response.GetAck().GetSequence()
		t.onAck(response.GetAck())
	}
}

// send sends the rest of the batches. Send blocks while the server has as many as it will hold; an
// error ends the stream, and Recv says which it was.
func (t *training) send(stream descentpb.NetworkService_TrainClient, next int64) {
	for ; next <= t.count; next++ {
		batch := &descentpb.TrainBatch{Sequence: next, Batch: t.batch(next)}
		request := &descentpb.TrainRequest{Message: &descentpb.TrainRequest_Batch{Batch: batch}}
		if stream.Send(request) != nil {
			return
		}
	}
	_ = stream.CloseSend()
}

func printProgress(ack *descentpb.TrainAck) {
	if ack.GetSequence()%200 == 0 {
		fmt.Printf("update %5d of %d  loss %8.4f\n", ack.GetSequence(), batches, ack.GetLoss())
	}
}
