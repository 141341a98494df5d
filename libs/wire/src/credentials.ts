import { credentials, ServerCredentials, type ChannelCredentials } from '@grpc/grpc-js';

/** Plaintext. */
export function serverCredentials(): ServerCredentials {
  return ServerCredentials.createInsecure();
}

/** Plaintext. */
export function channelCredentials(): ChannelCredentials {
  return credentials.createInsecure();
}
