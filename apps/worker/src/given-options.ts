import { WorkerUsageError } from './usage-error.ts';

/**
 * The options of a worker as they were given: by flag, or by the environment variable of the same name where there is no
 * flag. An empty variable is as good as none.
 */
export class GivenOptions<Flags extends { readonly [Name in keyof Flags]?: string | boolean }> {
  private readonly flags: Flags;
  private readonly environment: NodeJS.ProcessEnv;

  constructor(flags: Flags, environment: NodeJS.ProcessEnv) {
    this.flags = flags;
    this.environment = environment;
  }

  /** The value of an option that has one. */
  text(name: keyof Flags & string): string | undefined {
    const flag: unknown = this.flags[name];
    return typeof flag === 'string' ? flag : this.environment[variableOf(name)] || undefined;
  }

  /**
   * Whether a switch is on.
   * @throws WorkerUsageError for a variable that says neither yes nor no
   */
  isOn(name: keyof Flags & string): boolean {
    if (this.flags[name] === true) return true;
    const variable = variableOf(name);
    const value = this.environment[variable] ?? '';
    if (['1', 'true'].includes(value)) return true;
    if (['0', 'false', ''].includes(value)) return false;
    throw new WorkerUsageError(`${variable} must be 1, true, 0, false or empty; got "${value}"`);
  }
}

function variableOf(name: string): string {
  return `BLOCKPRUNER_${name.toUpperCase().replaceAll('-', '_')}`;
}
