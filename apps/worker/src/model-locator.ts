import { access } from 'node:fs/promises';
import { ArtifactError, ModelCache, type HeldModel, type ModelCacheOptions } from '@blockpruner/artifacts';
import { listModelFiles } from '@blockpruner/checkpoint';
import type { Logger } from '@blockpruner/telemetry';
import { ArtifactClient, type Address, type ClientSecurity, type Welcome } from '@blockpruner/wire';
import { FetchLog } from './fetch-log.ts';

/** The model that was last located. */
interface Located {
  readonly fingerprint: string;
  readonly path: string;
  /** Null where the coordinator's own path leads to it. */
  readonly held: HeldModel | null;
}

/**
 * Finds a run's model on this machine: at the path that the coordinator names, in the cache of fetched models, or by
 * fetching it.
 *
 * Invariants:
 * 1. What was fetched is opened only where it has the coordinator's fingerprint.
 * 2. One model is held at a time, until another is located or `close` is called.
 */
export class ModelLocator {
  private readonly cache: ModelCache;
  private readonly security: ClientSecurity;
  private readonly logger: Logger;
  private located: Located | null = null;

  /** @param security as with the coordinator: its files are served to whom it lets in */
  constructor(options: ModelCacheOptions, security: ClientSecurity, logger: Logger) {
    this.cache = new ModelCache(options);
    this.security = security;
    this.logger = logger;
  }

  /**
   * @param dialled where the coordinator was reached
   * @returns the path to open as the model
   * @throws ArtifactError when it cannot be had; the reason of the signal
   */
  async locate({ model, artifacts }: Welcome, dialled: Address, signal: AbortSignal): Promise<string> {
    if (artifacts === null) return model.path;
    const { fingerprint } = model;
    if (this.located?.fingerprint === fingerprint && (await isThere(this.located.path))) {
      return this.located.path;
    }
    if (await this.isAt(model.path, fingerprint))
      return this.keep({ fingerprint, path: model.path, held: null });
    const address = { host: artifacts.host ?? dialled.host, port: artifacts.port };
    const source = new ArtifactClient(address, this.security);
    const held = await this.obtain(fingerprint, source, signal);
    return this.keep({ fingerprint, path: held.path, held });
  }

  async close(): Promise<void> {
    await this.located?.held?.release();
    this.located = null;
  }

  private async keep(located: Located): Promise<string> {
    await this.close(); // (2)
    this.located = located;
    return located.path;
  }

  private async obtain(fingerprint: string, source: ArtifactClient, signal: AbortSignal): Promise<HeldModel> {
    const found = await this.cache.find(fingerprint);
    if (found !== null && (await this.hasFingerprint(found, fingerprint))) {
      this.logger.info({ folder: found.path }, 'the model is in the cache');
      return found;
    }
    // What is here whole and is another model was damaged on the disk.
    for (const recheck of found === null ? [false, true] : [true]) {
      const log = new FetchLog(this.logger);
      const held = await this.cache.fetch(fingerprint, source, {
        signal,
        recheck,
        onEvent: (event) => log.hear(event),
      });
      log.end(held.path);
      if (await this.hasFingerprint(held, fingerprint)) return held;
    }
    throw new ArtifactError(
      'damaged',
      `the files that the coordinator serves are not the model ${fingerprint} that it names: leave a model alone while it is in use, and start the run again`,
    );
  }

  /** (1) A model that has another is let go. */
  private async hasFingerprint(held: HeldModel, fingerprint: string): Promise<boolean> {
    if (await this.isAt(held.path, fingerprint)) return true;
    await held.release();
    return false;
  }

  private async isAt(path: string, fingerprint: string): Promise<boolean> {
    try {
      const { fingerprint: here } = await listModelFiles(path);
      if (here === fingerprint) return true;
      this.logger.warn({ path, fingerprint: here }, 'another model is at this path here');
    } catch (error) {
      this.logger.debug({ path, reason: (error as Error).message }, 'the model is not at this path here');
    }
    return false;
  }
}

async function isThere(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
