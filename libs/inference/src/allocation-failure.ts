/**
 * What onnxruntime, its CPU and CUDA allocators, CUDA's own libraries, the C++ runtime and V8 say when there is no
 * memory left.
 */
const ALLOCATION_FAILURES = [
  /std::bad_alloc/,
  /Failed to allocate memory/i,
  /BFCArena.{0,200}?Available memory/s,
  /CUDA(?: failure 2:| error)?.{0,40}out of memory/i,
  /cudaErrorMemoryAllocation/,
  /CUBLAS_STATUS_ALLOC_FAILED/,
  /CUDNN_STATUS_(?:ALLOC_FAILED|INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED|INTERNAL_ERROR_HOST_ALLOCATION_FAILED)/,
  /Array buffer allocation failed/,
  /Invalid typed array length/,
];
const PROVIDER_FAILURES =
  /Non-zero status code returned|\bCUDA\b|\bCUBLAS|\bCUDNN|\bcuda[A-Z]|\[ONNXRuntimeError\]/;

/** The message of a failed run goes through every graph it was in; the innermost operator comes last. */
const OPERATOR_PREFIX = 'Non-zero status code returned while running ';
/** As in `/onnxruntime_src/onnxruntime/core/framework/bfc_arena.cc:360 void* onnxruntime::BFCArena::f(size_t, bool) `. */
const SOURCE_PLACE =
  /\/\S{1,300}?\.(?:cc|cpp|cu|h):\d{1,6} [^()]{1,300}\([^()]{0,300}\)(?: \[with [^\]]{0,300}\])? ?/g;
/** Longer messages are searched, and told, up to here. */
const LONGEST_MESSAGE = 20_000;
const LONGEST_REASON = 200;

/** Whether an error of a run means that there was no memory for it: a smaller run may succeed. */
export function isAllocationFailure(message: string): boolean {
  const text = message.slice(0, LONGEST_MESSAGE);
  return ALLOCATION_FAILURES.some((pattern) => pattern.test(text));
}

/** Whether an error comes from onnxruntime or the libraries below it, not from what was asked of it. */
export function isProviderFailure(message: string): boolean {
  return PROVIDER_FAILURES.test(message.slice(0, LONGEST_MESSAGE));
}

/** One line under 200 characters: the innermost operator that failed and why, without places in onnxruntime's sources. */
export function describeRunFailure(message: string): string {
  const text = message.slice(0, LONGEST_MESSAGE);
  const innermost = text.slice(Math.max(0, text.lastIndexOf(OPERATOR_PREFIX)));
  const line = innermost
    .replaceAll(SOURCE_PLACE, '')
    .replaceAll(/[\s\p{Cc}]+/gu, ' ')
    .trim();
  return line.length < LONGEST_REASON ? line : `${line.slice(0, LONGEST_REASON - 4)}...`;
}
