import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { readRun, RunFolderError, type RunView } from '@blockpruner/journal';
import { formatTable } from '@blockpruner/telemetry';
import { RunError } from '../usage-error.ts';
import { stateOf } from './status.ts';

/** `blockpruner list [folder]`: every run in a folder, the oldest first. */
export async function list(folder: string, json: boolean, print: (text: string) => void): Promise<void> {
  const names = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
    throw new RunError(`${folder} cannot be listed: ${error.code}; name the folder that holds your runs`);
  });
  const runs: { folder: string; view?: RunView; problem?: string }[] = [];
  for (const name of names.sort()) {
    const path = join(folder, name);
    try {
      runs.push({ folder: path, view: await readRun(path) });
    } catch (error) {
      if (!(error instanceof RunFolderError)) throw error;
      if (error.code !== 'not-a-run') runs.push({ folder: path, problem: error.message });
    }
  }
  if (json) {
    print(
      JSON.stringify(
        runs.map(({ folder: path, view, problem }) =>
          view
            ? {
                folder: path,
                state: stateOf(view),
                createdAt: view.createdAt,
                decisions: view.decisions.length,
              }
            : { folder: path, state: 'unreadable', problem },
        ),
      ),
    );
    return;
  }
  if (runs.length === 0) return print(`no runs in ${folder}`);
  print(
    formatTable(runs, [
      { title: 'run', value: ({ folder: path }) => path },
      { title: 'state', value: ({ view }) => (view ? stateOf(view) : 'unreadable') },
      { title: 'created', value: ({ view }) => view?.createdAt ?? '' },
      { title: 'decisions', value: ({ view }) => view?.decisions.length ?? '', align: 'right' },
      {
        title: 'perplexity',
        value: ({ view }) => view?.decisions.at(-1)?.perplexity.toFixed(4) ?? '',
        align: 'right',
      },
    ]),
  );
}
