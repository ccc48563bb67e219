// The contract, and channels to a server.

import { readFileSync } from 'node:fs';
import { BlockList, isIP } from 'node:net';
import { fileURLToPath } from 'node:url';
import * as grpc from '@grpc/grpc-js';
import { loadSync, type MessageTypeDefinition, type PackageDefinition } from '@grpc/proto-loader';

import type { ProtoGrpcType as ModelTypes } from './generated/model_service.js';
import type { ProtoGrpcType as NetworkTypes } from './generated/network_service.js';

const root = (path: string) => fileURLToPath(new URL(`../../../../${path}`, import.meta.url));

// The same options as in package.json, where the types are generated.
const definition: PackageDefinition = loadSync(
  ['descent/v1/model_service.proto', 'descent/v1/network_service.proto', 'google/rpc/status.proto',
    'google/rpc/error_details.proto'],
  {
    includeDirs: [root('proto'), root('third_party/googleapis')],
    longs: String,
    enums: String,
    defaults: true,
    oneofs: true,
  },
);
const { descent } = grpc.loadPackageDefinition(definition) as unknown as ModelTypes & NetworkTypes;

/** Reads a message of the contract from its bytes. */
export function decode<Message extends object>(type: string, bytes: Buffer): Message {
  const { deserialize } = definition[type] as MessageTypeDefinition<object, Message>;
  return deserialize(bytes);
}

const loopback = new BlockList();
loopback.addSubnet('127.0.0.0', 8, 'ipv4');
loopback.addAddress('::1', 'ipv6');

function isLoopback(server: string): boolean {
  const host = server.replace(/:\d+$/, '').replace(/^\[|\]$/g, '');
  return host === 'localhost' || (isIP(host) !== 0 && loopback.check(host, isIP(host) === 6 ? 'ipv6' : 'ipv4'));
}

export interface Connection {
  models: InstanceType<typeof descent.v1.ModelService>;
  networks: InstanceType<typeof descent.v1.NetworkService>;
}

/** Over TLS where there is a file of the server's authorities, with a token where there is a file of one. */
export function connect(server: string, tlsCa?: string, tokenFile?: string): Connection {
  const credentials =
    tlsCa === undefined
      ? grpc.credentials.createInsecure()
      : grpc.credentials.createSsl(readFileSync(tlsCa));
  // gRPC sends what goes to this machine to the proxy of $http_proxy as well, unless told not to.
  const options: grpc.ClientOptions = isLoopback(server) ? { 'grpc.enable_http_proxy': 0 } : {};
  if (tokenFile !== undefined) {
    if (tlsCa === undefined && !isLoopback(server)) {
      throw new Error(`a token would go to ${server} in plaintext, for others to read`);
    }
    const token = readFileSync(tokenFile, 'utf8').trim();
    options.interceptors = [
      (call, next) =>
        new grpc.InterceptingCall(next(call), {
          start(metadata, listener, start) {
            metadata.set('authorization', `Bearer ${token}`);
            start(metadata, listener);
          },
        }),
    ];
  }
  const models = new descent.v1.ModelService(server, credentials, options);
  // Both services share one connection.
  const networks = new descent.v1.NetworkService(server, credentials, {
    ...options,
    channelOverride: models.getChannel(),
  });
  return { models, networks };
}
