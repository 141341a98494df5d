import { logVerbosity, setLogVerbosity, type ChannelOptions } from '@grpc/grpc-js';
import { MAX_CONNECTION_CALLS, MAX_MESSAGE_BYTES } from './limits.ts';

// By itself gRPC writes lines of its own to stderr; whatever they tell reaches the caller as an error or a status.
setLogVerbosity(logVerbosity.NONE);

/**
 * Of both sides: a peer that vanished without a word is found within half a minute. A worker has a call for as long as it
 * has a connection, so `keepalive_permit_without_calls` is not needed. Our server does not count the pings it gets; one in
 * C++ or Go, as in a proxy that ends the connection, allows one in five minutes by default and must be told.
 */
const SHARED = {
  'grpc.max_receive_message_length': MAX_MESSAGE_BYTES,
  'grpc.max_send_message_length': MAX_MESSAGE_BYTES,
  'grpc.keepalive_time_ms': 20_000,
  'grpc.keepalive_timeout_ms': 10_000,
} satisfies ChannelOptions;

export const SERVER_OPTIONS: ChannelOptions = {
  ...SHARED,
  'grpc.max_concurrent_streams': MAX_CONNECTION_CALLS,
};

export const CLIENT_OPTIONS: ChannelOptions = {
  ...SHARED,
  // The address is meant literally: no proxy out of the environment, no DNS TXT lookups.
  'grpc.enable_http_proxy': 0,
  'grpc.service_config_disable_resolution': 1,
  // Dialling again is ours; a shared pool would answer a new attempt with the failure of the last one.
  'grpc.enable_retries': 0,
  'grpc.use_local_subchannel_pool': 1,
};
