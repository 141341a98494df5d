import { Command } from 'commander';
import { bench, BENCH_DESCRIPTIONS, BENCH_SETTINGS } from './commands/bench.ts';
import { doctor } from './commands/doctor.ts';
import { generate, GENERATE_DESCRIPTIONS, GENERATE_SETTINGS } from './commands/generate.ts';
import { EXPORT_DESCRIPTIONS, EXPORT_SETTINGS, exportRun } from './commands/export.ts';
import { inspect, INSPECT_SETTINGS } from './commands/inspect-calibration.ts';
import { list } from './commands/list.ts';
import { pick, PICK_SETTINGS } from './commands/pick.ts';
import { prune } from './commands/prune.ts';
import { resume } from './commands/resume.ts';
import { score, SCORE_SETTINGS } from './commands/score.ts';
import { status } from './commands/status.ts';
import { verify, VERIFY_SETTINGS } from './commands/verify.ts';
import { worker } from './commands/worker.ts';
import { openConsole, type Console } from './console.ts';
import { ownVersion } from './environment.ts';
import { takeSignals } from './interrupt.ts';
import { PRUNE_SETTINGS, RESUME_SETTINGS } from './prune-settings.ts';
import {
  declareSettings,
  requireSetting,
  resolveSettings,
  type ResolvedSettings,
} from './resolve-settings.ts';

const EXAMPLES = `
Examples:
  blockpruner prune --model ./SmolLM2-135M --calibration alpaca.json --remove 8
  blockpruner prune --model HuggingFaceTB/SmolLM2-135M --calibration hf:tatsu-lab/alpaca --remove 8
  blockpruner prune --model model.gguf --calibration rows.json --ratio 0.2 --workers local:2
  blockpruner prune --model ./Llama-3 --calibration wiki.txt --ratio 0.25 --listen 0.0.0.0:50051 --tls-cert coordinator.crt --tls-key coordinator.key --token-file token
  blockpruner worker --connect coordinator-host:50051 --tls-ca coordinator.crt --token-file token --device cuda:0
  blockpruner score --model ./SmolLM2-135M --calibration wiki.txt --mask mha.3+mlp.7 --mask mha.12
  blockpruner generate --model runs/2026-01-31-120000-SmolLM2-135M-1a2b3c4d@8 --prompt 'Once upon a time'
  blockpruner resume runs/2026-01-31-120000-SmolLM2-135M-1a2b3c4d
  blockpruner verify runs/2026-01-31-120000-SmolLM2-135M-1a2b3c4d --iterations 1-3

Exit codes: 0 done, 1 failed (of verify: or an iteration differs), 2 usage, 130 interrupted.
Every option can also be set in the environment (BLOCKPRUNER_SEQ_LEN) or in a --config file (seq-len: 256).`;

/** @param opened every console that a command opens is added, for the caller to close */
export function buildCli(opened: Console[]): { run(argv: string[]): Promise<number> } {
  let exitCode = 0;
  const open = (settings: ResolvedSettings<'logLevel' | 'logFormat'>): Console => {
    const console = openConsole(requireSetting(settings, 'logLevel'), requireSetting(settings, 'logFormat'));
    opened.push(console);
    takeSignals();
    return console;
  };
  const print = (text: string): void => void process.stdout.write(`${text}\n`);

  const program = new Command('blockpruner')
    .description('Removes the transformer blocks that a model needs least (BlockPruner, arXiv 2406.10594).')
    .version(ownVersion(), '-V, --version', 'print the version')
    .helpOption('-h, --help', 'show this help')
    .addHelpText('after', EXAMPLES)
    .exitOverride()
    .configureOutput({
      outputError: (text, write) => write(`${text.trim().replaceAll(/\s*\n\s*/g, ' ')}\n`),
    })
    .showSuggestionAfterError();

  declareSettings(
    program
      .command('prune')
      .description('search for the blocks to remove, and leave a run folder behind')
      .addHelpText('after', PRUNE_EXAMPLES)
      .action((_options: unknown, command: Command) => prune(command, open)),
    PRUNE_SETTINGS,
  );
  declareSettings(
    program
      .command('resume')
      .argument('<run>', 'folder of a run that was interrupted, or is to go further')
      .description('go on with a run after its last decision, or further than it was to go')
      .addHelpText('after', RESUME_EXAMPLES)
      .action((run: string, _options: unknown, command: Command) => resume(run, command, open)),
    RESUME_SETTINGS,
  );
  declareSettings(
    program
      .command('verify')
      .argument('<run>', 'folder of a run with a decision: finished, stopped or going on')
      .description('score every candidate of a run on all rows, and say where that removes another block')
      .addHelpText('after', VERIFY_EXAMPLES)
      .action(async (run: string, _options: unknown, command: Command) => {
        exitCode = await verify(run, command, open);
      }),
    VERIFY_SETTINGS,
  );
  declareSettings(
    program
      .command('score')
      .description('score the dense model and any masks on the calibration rows')
      .addHelpText('after', SCORE_EXAMPLES)
      .action((_options: unknown, command: Command) => score(command, open)),
    SCORE_SETTINGS,
  );
  declareSettings(
    program
      .command('generate')
      .description('go on with a text, by a model or by what a run has made of it')
      .addHelpText('after', GENERATE_EXAMPLES)
      .action((_options: unknown, command: Command) => generate(command, open)),
    GENERATE_SETTINGS,
    GENERATE_DESCRIPTIONS,
  );
  declareSettings(
    program
      .command('bench')
      .argument(
        '<model...>',
        'as for --model, or RUN@K; RUN@0 is the dense model. The first is what others are held against',
      )
      .description('time how models generate, and what memory they take')
      .addHelpText('after', BENCH_EXAMPLES)
      .action((models: string[], _options: unknown, command: Command) => bench(models, command, open)),
    BENCH_SETTINGS,
    BENCH_DESCRIPTIONS,
  );
  declareSettings(
    program
      .command('status')
      .argument('<run>', 'run folder')
      .description('say where a run stands')
      .addHelpText('after', STATUS_EXAMPLES)
      .action((run: string, _options: unknown, command: Command) =>
        status(run, resolveSettings(command, ['json']).values.json ?? false, print),
      ),
    ['json'],
  );
  declareSettings(
    program
      .command('pick')
      .argument('<run>', 'run folder')
      .description('choose a size of those that a run has led to, without searching again')
      .addHelpText('after', PICK_EXAMPLES)
      .action((run: string, _options: unknown, command: Command) => pick(run, command, print)),
    PICK_SETTINGS,
    { output: 'write the removed blocks to this new file, as removal-order.json has them' },
  );
  declareSettings(
    program
      .command('export')
      .argument('<run>', 'run folder')
      .description('write the pruned model in a form that others run')
      .addHelpText('after', EXPORT_EXAMPLES)
      .action((run: string, _options: unknown, command: Command) => exportRun(run, command, open)),
    EXPORT_SETTINGS,
    EXPORT_DESCRIPTIONS,
  );
  declareSettings(
    program
      .command('list')
      .argument('[folder]', 'folder of run folders', 'runs')
      .description('list the runs of a folder')
      .addHelpText('after', LIST_EXAMPLES)
      .action((folder: string, _options: unknown, command: Command) =>
        list(folder, resolveSettings(command, ['json']).values.json ?? false, print),
      ),
    ['json'],
  );
  declareSettings(
    program
      .command('doctor')
      .description('check versions, devices, ports, disk, and evaluate one layer')
      .addHelpText('after', DOCTOR_EXAMPLES)
      .action((_options: unknown, command: Command) => {
        const settings = resolveSettings(command, ['json', 'cacheDir']);
        return doctor(requireSetting(settings, 'cacheDir'), settings.values.json ?? false, print);
      }),
    ['json', 'cacheDir'],
  );
  declareSettings(
    program
      .command('calibration')
      .description('look at calibration files: calibration inspect <file>')
      .command('inspect')
      .argument('<file>', 'as for --calibration: a file, a folder, a glob, or hf:org/name[:split]')
      .description('show what a calibration set holds, what was dropped and why, and the rows it gives')
      .addHelpText('after', INSPECT_EXAMPLES)
      .action((file: string, _options: unknown, command: Command) => inspect(file, command, open)),
    INSPECT_SETTINGS,
  );
  program
    .command('worker')
    .description('compute for a coordinator, here or on another machine; see blockpruner worker --help')
    .helpOption(false)
    .allowUnknownOption()
    .allowExcessArguments()
    .action(async (_options: unknown, command: Command) => {
      exitCode = await worker(command.args);
    });

  return {
    run: async (argv) => {
      await program.parseAsync(argv);
      return exitCode;
    },
  };
}

const PRUNE_EXAMPLES = `
Examples:
  blockpruner prune --model model.gguf --calibration book.txt --remove 4 --rows 8 --seq-len 256
  blockpruner prune --model ./Qwen2-7B --calibration 'docs/*.md' --pack documents --ratio 0.2 --block-type mha
  blockpruner prune --model ./Qwen2-7B --calibration book.txt --target-params 5.5B --keep layer.0,layer.27
  blockpruner prune --model model.gguf --calibration book.txt --max-increase 20% --start-mask mha.3+mlp.7
  blockpruner prune --config run.yaml --output runs/mine --resume
  blockpruner prune --config run.yaml --dry-run`;

const RESUME_EXAMPLES = `
Examples:
  blockpruner resume runs/my-run
  blockpruner resume runs/my-run --remove 20
  blockpruner resume runs/my-run --workers local:2 --listen 127.0.0.1:50051`;

const VERIFY_EXAMPLES = `
Examples:
  blockpruner verify runs/my-run
  blockpruner verify runs/my-run --iterations 1,3-5 --workers local:2 --json

Exit codes: 0 all iterations agree, 1 one differs or the command failed, 2 usage, 130 interrupted.`;

const SCORE_EXAMPLES = `
Examples:
  blockpruner score --model model.gguf --calibration book.txt --rows 8 --seq-len 256
  blockpruner score --model model.gguf --calibration rows.json --mask mha.3+mlp.7 --mask mha.12 --json`;

const GENERATE_EXAMPLES = `
Examples:
  blockpruner generate --model model.gguf --prompt 'Once upon a time'
  blockpruner generate --model runs/my-run@8 --chat --prompt 'What is a transformer?' --max-tokens 64
  blockpruner generate --model ./exported --prompt - --temperature 0.7 --top-p 0.9 --seed 7 < prompt.txt`;

const BENCH_EXAMPLES = `
Examples:
  blockpruner bench runs/my-run@0 runs/my-run@8 --threads 1
  blockpruner bench ./my-model ./exported --prompt-tokens 512 --new-tokens 64 --json`;

const INSPECT_EXAMPLES = `
Examples:
  blockpruner calibration inspect alpaca.json
  blockpruner calibration inspect chats.jsonl.gz --model ./Llama-3 --seq-len 512
  blockpruner calibration inspect hf:tatsu-lab/alpaca --model model.gguf --json`;

const STATUS_EXAMPLES = `
Examples:
  blockpruner status runs/my-run
  blockpruner status runs/my-run --json`;

const PICK_EXAMPLES = `
Examples:
  blockpruner pick runs/my-run --ratio 0.2
  blockpruner pick runs/my-run --max-increase 20% --output smaller.json`;

const EXPORT_EXAMPLES = `
Examples:
  blockpruner export runs/my-run --output my-model-pruned
  blockpruner export runs/my-run --at 8 --to onnx --output my-model-8
  blockpruner export runs/my-run --at 8 --to gguf --dtype q8_0 --output my-model-8-gguf
  blockpruner export runs/my-run --to mask --output lists`;

const LIST_EXAMPLES = `
Examples:
  blockpruner list
  blockpruner list /data/runs --json`;

const DOCTOR_EXAMPLES = `
Examples:
  blockpruner doctor
  blockpruner doctor --cache-dir /data/cache --json`;
