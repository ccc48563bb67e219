package main

import (
	"context"
	"crypto/rand"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

const (
	deadline   = 30 * time.Second // of every attempt but the training stream
	retries    = 8
	firstDelay = 50 * time.Millisecond // it doubles with each failure, to twelve seconds in all
)

// requestID makes a call that changes something safe to repeat when its answer is lost: the server
// answers the same request again as it did the first time.
func requestID() string { return rand.Text() }

// retryDelay says how long to wait before trying again, and whether to try at all.
func retryDelay(err error, failures int) (time.Duration, bool) {
	if failures >= retries {
		return 0, false
	}
	for _, detail := range status.Convert(err).Details() {
		if info, ok := detail.(*errdetails.RetryInfo); ok {
			return info.GetRetryDelay().AsDuration(), true
		}
	}
	return firstDelay << failures, status.Code(err) == codes.Unavailable
}

// withRetry makes a call, and makes it again where the server was not there to answer.
func withRetry[Request, Response any](
	ctx context.Context,
	call func(context.Context, Request, ...grpc.CallOption) (Response, error),
	request Request,
) (Response, error) {
	for failures := 0; ; failures++ {
		attempt, cancel := context.WithTimeout(ctx, deadline)
		response, err := call(attempt, request)
		cancel()
		if err == nil {
			return response, nil
		}
		delay, again := retryDelay(err, failures)
		if !again {
			return response, err
		}
		select {
		case <-time.After(delay):
		case <-ctx.Done():
			return response, err
		}
	}
}
