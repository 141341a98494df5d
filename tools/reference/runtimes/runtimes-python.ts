import { join } from 'node:path';

/** Where the programs lie that run models in the runtimes of others. */
export const RUNTIME_SCRIPTS = import.meta.dirname;

/** The Python that has these runtimes: what `setup.sh` makes, unless BLOCKPRUNER_RUNTIMES_PYTHON names another. */
export const RUNTIMES_PYTHON =
  process.env.BLOCKPRUNER_RUNTIMES_PYTHON ??
  join(import.meta.dirname, '../../../.cache/runtimes/venv/bin/python');
