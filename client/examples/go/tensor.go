package main

import (
	"encoding/binary"
	"math"

	"descent.example/descentpb"
)

// tensor is a matrix of so many columns as raw little-endian bytes, the fastest encoding.
func tensor(values []float32, columns int) *descentpb.Tensor {
	raw := make([]byte, 0, 4*len(values))
	for _, value := range values {
		raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(value))
	}
	return &descentpb.Tensor{
		DataType: descentpb.DataType_DATA_TYPE_FLOAT32,
		Shape:    []int64{int64(len(values) / columns), int64(columns)},
		Contents: &descentpb.Tensor_Raw{Raw: raw},
	}
}

// floats are the values of a float32 tensor, which is raw in the answer to a raw one.
func floats(t *descentpb.Tensor) []float32 {
	raw := t.GetRaw()
	values := make([]float32, len(raw)/4)
	for i := range values {
		values[i] = math.Float32frombits(binary.LittleEndian.Uint32(raw[4*i:]))
	}
	return values
}
