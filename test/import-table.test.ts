import { execFileSync } from 'node:child_process';
import { globSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { temporaryFolder } from '@blockpruner/testkit';
import { describe, expect, it } from 'vitest';

const ROOT = join(import.meta.dirname, '..');

/** Which project may import which: dependencies point one way. Keys and values are folder names. */
const MAY_IMPORT: Record<string, string[]> = {
  blocks: [],
  'file-lock': [],
  'whole-file': [],
  artifacts: ['file-lock', 'whole-file'],
  perplexity: ['blocks'],
  checkpoint: ['blocks', 'whole-file'],
  calibration: ['checkpoint'],
  hub: ['whole-file'],
  generation: ['blocks'],
  graph: ['blocks', 'checkpoint'],
  search: ['blocks', 'perplexity'],
  fleet: ['blocks', 'perplexity'],
  journal: ['blocks', 'perplexity', 'whole-file'],
  export: ['blocks', 'checkpoint', 'file-lock', 'graph', 'whole-file'],
  inference: ['blocks', 'perplexity', 'checkpoint', 'graph', 'generation', 'file-lock'],
  wire: ['blocks', 'perplexity', 'fleet', 'artifacts'],
  telemetry: [],
  monitoring: ['telemetry', 'wire'],
  worker: [
    'inference',
    'generation',
    'graph',
    'checkpoint',
    'artifacts',
    'wire',
    'blocks',
    'perplexity',
    'telemetry',
    'monitoring',
  ],
  // `worker` is a process it starts, never code it runs.
  coordinator: [
    'blocks',
    'perplexity',
    'checkpoint',
    'artifacts',
    'calibration',
    'hub',
    'graph',
    'export',
    'file-lock',
    'generation',
    'search',
    'fleet',
    'journal',
    'wire',
    'telemetry',
    'monitoring',
    'worker',
  ],
};

/** Each outside library is imported from one project only. */
const OWNER: Record<string, string> = {
  '@grpc/grpc-js': 'wire',
  '@grpc/proto-loader': 'wire',
  'grpc-health-check': 'wire',
  'onnxruntime-node': 'inference',
  pino: 'telemetry',
  'prom-client': 'telemetry',
  'pino-pretty': 'telemetry',
  '@bufbuild/protobuf': 'graph',
  '@huggingface/hub': 'hub',
  '@huggingface/jinja': 'calibration',
  hyparquet: 'calibration',
  'hyparquet-compressors': 'calibration',
  tokenizers: 'calibration',
  'pure-rand': 'calibration',
  jstat: 'search',
  '@aws-crypto/crc32c': 'journal',
  commander: 'coordinator',
  zod: 'coordinator',
  yaml: 'coordinator',
};

interface ProjectGraph {
  readonly graph: {
    readonly nodes: Record<string, { readonly data: { readonly root: string } }>;
    readonly dependencies: Record<string, readonly { readonly source: string; readonly target: string }[]>;
  };
}

function projectGraph(): ProjectGraph {
  const folder = temporaryFolder();
  try {
    const file = join(folder.path, 'graph.json');
    execFileSync(join(ROOT, 'node_modules/.bin/nx'), ['graph', `--file=${file}`], {
      cwd: ROOT,
      env: { ...process.env, NX_DAEMON: 'false', NX_NO_CLOUD: 'true' },
      stdio: 'ignore',
    });
    return JSON.parse(readFileSync(file, 'utf8')) as ProjectGraph;
  } finally {
    folder.remove();
  }
}

function sourcesOf(project: string): string[] {
  return globSync(`{libs,apps}/${project}/src/**/*.ts`, { cwd: ROOT }).filter(
    (file) => !file.endsWith('.spec.ts'),
  );
}

describe('the import table', () => {
  const { nodes, dependencies } = projectGraph().graph;
  const folderOf = (name: string): string => basename(nodes[name].data.root);
  const projects = Object.keys(nodes)
    .filter((name) => nodes[name].data.root !== '.')
    .map(folderOf);
  const edges = Object.values(dependencies)
    .flat()
    .filter(({ source, target }) => target in nodes && nodes[source].data.root !== '.')
    .map(({ source, target }) => ({ from: folderOf(source), to: folderOf(target) }))
    .filter(({ from, to }) => from !== 'testkit' && to !== 'testkit');

  it('names every project', () => {
    expect(projects.filter((name) => name !== 'testkit').sort()).toEqual(Object.keys(MAY_IMPORT).sort());
  });

  it('has no edge outside it', () => {
    expect(edges.length).toBeGreaterThan(20);
    expect(edges.filter(({ from, to }) => !MAY_IMPORT[from].includes(to))).toEqual([]);
  });
});

describe('sources', () => {
  const projects = Object.keys(MAY_IMPORT);
  const lines = projects.flatMap((project) =>
    sourcesOf(project).map((file) => ({ project, file, text: readFileSync(join(ROOT, file), 'utf8') })),
  );

  it('import each outside library from one project only', () => {
    const strays = lines.flatMap(({ project, file, text }) =>
      Object.entries(OWNER)
        .filter(([library, owner]) => owner !== project && new RegExp(`from '${library}['/]`).test(text))
        .map(([library]) => `${file} imports ${library}`),
    );
    expect(strays).toEqual([]);
    const owned = Object.entries(OWNER).filter(([library, owner]) =>
      lines.some(({ project, text }) => project === owner && text.includes(`from '${library}`)),
    );
    expect(owned).toHaveLength(Object.keys(OWNER).length);
  });

  it('read the environment, the arguments and the exit only in apps', () => {
    const strays = lines.filter(
      ({ file, text }) => file.startsWith('libs/') && /process\.(env|argv|exit\b|exitCode)/.test(text),
    );
    expect(strays.map(({ file }) => file)).toEqual([]);
  });

  it('never reach into another project', () => {
    const deep = lines.filter(({ text }) => /from '@blockpruner\/[a-z]+\//.test(text));
    expect(deep.map(({ file }) => file)).toEqual([]);
  });
});
