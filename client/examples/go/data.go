package main

import "descent.example/descentpb"

const (
	features  = 8
	batchRows = 32
	batches   = 1000
)

// problem is where the samples come from: any source will do that can be asked for a batch by its
// number, for after a broken connection the server says with which to go on.
//
// The target is Friedman's first problem without its sine, 10 x1 x2 + 20 (x3 - 1/2)^2 + 10 x4 + 5 x5,
// of features in [0, 1), of which three say nothing. A linear congruential generator draws multiples
// of 1/256, so that every sample is exact in float32 and the same in any language.
type problem struct{}

func (problem) rows(seed uint32, count int) (inputs, targets []float32) {
	state := seed
	for range count {
		var x [features]float32
		for i := range x {
			state = state*1664525 + 1013904223
			x[i] = float32(state>>24) / 256
		}
		inputs = append(inputs, x[:]...)
		centred := x[2] - 0.5
		targets = append(targets, 10*x[0]*x[1]+20*centred*centred+10*x[3]+5*x[4])
	}
	return inputs, targets
}

// batch is the training batch with this sequence number, counted from 1.
func (p problem) batch(sequence int64) *descentpb.Batch {
	inputs, targets := p.rows(uint32(sequence)*2654435761, batchRows)
	return &descentpb.Batch{Inputs: tensor(inputs, features), Targets: tensor(targets, 1)}
}
