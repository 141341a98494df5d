/** How far two fp32 programs that compute the same may be apart in a row's mean, nats. */
export const EXACT_NATS = 1e-5;
/** What fp16 may change of it. */
export const FP16_NATS = 5e-3;
/** What llama.cpp changes of it, which rounds activations to 8 bits beside quantized weights. */
export const QUANTIZED_NATS = 0.1;
