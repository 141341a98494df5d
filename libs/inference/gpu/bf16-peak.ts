/**
 * Nominal dense bf16 tensor throughput in FLOP/s, with fp32 accumulation: half of what data sheets state "with
 * sparsity". The first pattern that matches the name that nvidia-smi gives.
 */
const PEAKS: readonly { name: RegExp; teraflops: number; source: string }[] = [
  { name: /\b(?:GB200|B200)\b/, teraflops: 2250, source: 'NVIDIA DGX B200 datasheet' },
  { name: /\bGH200\b/, teraflops: 989, source: 'NVIDIA GH200 datasheet' },
  { name: /\bH200 NVL\b/, teraflops: 835, source: 'NVIDIA H200 datasheet' },
  { name: /\bH200\b/, teraflops: 989, source: 'NVIDIA H200 datasheet' },
  { name: /\bH100 PCIe\b/, teraflops: 756, source: 'NVIDIA H100 datasheet' },
  { name: /\bH100 NVL\b/, teraflops: 835, source: 'NVIDIA H100 datasheet' },
  { name: /\bH100 80GB HBM3$/, teraflops: 989, source: 'NVIDIA H100 datasheet (SXM)' },
  { name: /\bA100[ -]/, teraflops: 312, source: 'NVIDIA A100 datasheet' },
  { name: /\bA30\b/, teraflops: 165, source: 'NVIDIA A30 datasheet' },
  { name: /\bA40\b/, teraflops: 149.7, source: 'NVIDIA A40 datasheet' },
  { name: /\bA10G\b/, teraflops: 70, source: 'NVIDIA A10G datasheet' },
  { name: /\bA10\b/, teraflops: 125, source: 'NVIDIA A10 datasheet' },
  { name: /\bL40S\b/, teraflops: 362, source: 'NVIDIA L40S datasheet' },
  { name: /\bL40\b/, teraflops: 181, source: 'NVIDIA L40 datasheet' },
  { name: /\bL4\b/, teraflops: 121, source: 'NVIDIA L4 datasheet' },
  { name: /\bRTX A6000\b/, teraflops: 154.8, source: 'NVIDIA Ampere GA102 whitepaper' },
  { name: /\bRTX 3090$/, teraflops: 71, source: 'NVIDIA Ampere GA102 whitepaper' },
  { name: /\bRTX 4090$/, teraflops: 165.2, source: 'NVIDIA Ada whitepaper' },
  { name: /\bRTX 5090$/, teraflops: 209.5, source: 'NVIDIA RTX Blackwell whitepaper' },
];

/** @returns undefined for a card that is not in the table */
export function bf16Peak(gpuName: string): { flopsPerSecond: number; source: string } | undefined {
  const peak = PEAKS.find(({ name }) => name.test(gpuName));
  return peak && { flopsPerSecond: peak.teraflops * 1e12, source: peak.source };
}
