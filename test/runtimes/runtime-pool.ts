import { RuntimeProcess, type Runtime, type RuntimeAnswer, type RuntimeJob } from './runtime-process.ts';

/** Processes of runtimes, each started when it is first asked. */
export class RuntimePool {
  private readonly processes = new Map<Runtime, RuntimeProcess>();

  run(runtime: Runtime, job: RuntimeJob): Promise<RuntimeAnswer> {
    const started = this.processes.get(runtime) ?? new RuntimeProcess(runtime);
    this.processes.set(runtime, started);
    return started.run(job);
  }

  close(): void {
    for (const each of this.processes.values()) each.close();
  }
}
