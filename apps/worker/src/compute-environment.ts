/**
 * Larger requests get pages of their own from the kernel and give them back: without this the heap keeps the buffers
 * that weights were packed in, some hundred megabytes. (mallopt(3), M_MMAP_THRESHOLD; glibc only.)
 */
const OWN_PAGES_FROM_BYTES = 262_144;

/** Environment variables of the compute child; those that are set already stay. */
export function computeEnvironment(own: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return {
    MALLOC_MMAP_THRESHOLD_: String(OWN_PAGES_FROM_BYTES),
    // Counts GPUs as nvidia-smi does.
    CUDA_DEVICE_ORDER: 'PCI_BUS_ID',
    ...own,
    BLOCKPRUNER_TOKEN: undefined, // no business of the engine's process
  };
}
