package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
)

// bearer sends a token with every call. In plaintext it goes to this machine alone.
type bearer struct {
	token    string
	loopback bool
}

func (b bearer) GetRequestMetadata(context.Context, ...string) (map[string]string, error) {
	return map[string]string{"authorization": "Bearer " + b.token}, nil
}

func (b bearer) RequireTransportSecurity() bool { return !b.loopback }

func isLoopback(server string) bool {
	host, _, err := net.SplitHostPort(server)
	if err != nil {
		return false
	}
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// connect makes a connection: over TLS where a file of the server's authorities is given, with a token
// where there is a file of one.
func connect(server, tlsCA, tokenFile string) (*grpc.ClientConn, error) {
	transport := insecure.NewCredentials()
	if tlsCA != "" {
		var err error
		if transport, err = credentials.NewClientTLSFromFile(tlsCA, ""); err != nil {
			return nil, fmt.Errorf("-tls-ca %s: %w", tlsCA, err)
		}
	}
	options := []grpc.DialOption{grpc.WithTransportCredentials(transport)}
	if tokenFile != "" {
		token, err := os.ReadFile(tokenFile)
		if err != nil {
			return nil, fmt.Errorf("-token-file: %w", err)
		}
		options = append(options, grpc.WithPerRPCCredentials(
			bearer{strings.TrimSpace(string(token)), isLoopback(server)}))
	}
	return grpc.NewClient(server, options...)
}
