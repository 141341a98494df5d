import { readFileSync } from 'node:fs';

/** One run of one node, from onnxruntime's profile. */
export interface PlacedNode {
  readonly name: string;
  readonly op: string;
  readonly provider: string;
  /** The larger of what it read that was computed, and of what it wrote. */
  readonly bytes: number;
}

interface ProfileEvent {
  readonly cat?: string;
  readonly name?: string;
  readonly args?: Readonly<Record<string, unknown>>;
}

/** The nodes of a profile that onnxruntime wrote (`enableProfiling`), once for each time they ran. */
export function placedNodes(profileFile: string): PlacedNode[] {
  const events = JSON.parse(readFileSync(profileFile, 'utf8')) as ProfileEvent[];
  return events.flatMap(({ cat, name, args }) => {
    if (cat !== 'Node' || typeof args?.provider !== 'string' || !name?.endsWith('_kernel_time')) return [];
    return [
      {
        name,
        op: String(args.op_name),
        provider: args.provider,
        bytes: Math.max(Number(args.activation_size), Number(args.output_size)),
      },
    ];
  });
}
