import { follow } from './kubectl.ts';
import { NAMESPACE } from './cluster.ts';

interface ContainerStatus {
  readonly name: string;
  readonly restartCount: number;
  readonly ready: boolean;
  readonly state: { readonly terminated?: { readonly exitCode: number; readonly reason: string } };
}

/** A pod as it was last seen, also after it is gone. */
export interface SeenPod {
  readonly metadata: {
    readonly name: string;
    readonly labels: Readonly<Record<string, string>>;
    readonly deletionTimestamp?: string;
  };
  readonly spec: { readonly nodeName?: string };
  readonly status: {
    readonly phase: string;
    readonly podIP?: string;
    readonly containerStatuses?: readonly ContainerStatus[];
  };
}

/** Follows all pods of the namespace, since a pod that is deleted takes its exit code along. */
export class PodWatch {
  private readonly pods = new Map<string, SeenPod>();
  private readonly watching: { stop(): void };
  private rest = '';

  constructor() {
    const args = ['get', 'pods', '-n', NAMESPACE, '--watch', '--output-watch-events', '-o', 'json'];
    this.watching = follow(args, (text) => this.read(text));
  }

  /** Every pod seen so far of a component. */
  of(component: 'coordinator' | 'worker'): SeenPod[] {
    return [...this.pods.values()].filter(
      ({ metadata }) => metadata.labels['app.kubernetes.io/component'] === component,
    );
  }

  /** Exit codes of the containers of a component that have ended, by pod. */
  exitCodes(component: 'coordinator' | 'worker'): Record<string, number> {
    return Object.fromEntries(
      this.of(component).flatMap(({ metadata, status }) =>
        (status.containerStatuses ?? []).flatMap(({ state }) =>
          state.terminated ? [[metadata.name, state.terminated.exitCode]] : [],
        ),
      ),
    );
  }

  stop(): void {
    this.watching.stop();
  }

  /** kubectl writes an event a line. */
  private read(text: string): void {
    const lines = (this.rest + text).split('\n');
    this.rest = lines.pop() ?? '';
    for (const line of lines) {
      const { object } = JSON.parse(line) as { object: SeenPod & { metadata: { uid: string } } };
      this.pods.set(object.metadata.uid, object);
    }
  }
}
