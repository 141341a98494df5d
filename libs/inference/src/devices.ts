import * as ort from 'onnxruntime-node';

/** Execution providers of this onnxruntime build, and whether their libraries come with it. */
export function executionProviders(): { name: string; bundled: boolean }[] {
  return ort.listSupportedBackends().map(({ name, bundled }) => ({ name, bundled }));
}
