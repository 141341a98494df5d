import { MONITORING_HELP } from './monitoring-options.ts';
import { SECURITY_HELP } from './security-options.ts';

export const WORKER_HELP = `Usage: blockpruner worker --connect <host:port> [options]

Computes for a coordinator. Runs on any machine that reaches it; fetches the model where it does not see it.

Options:
  --connect <host:port>   the coordinator (env BLOCKPRUNER_CONNECT)
${SECURITY_HELP}
  --device <device>       cpu, or cuda:0, cuda:1, ... (env BLOCKPRUNER_DEVICE; default: cpu)
  --dtype <dtype>         of the work inside blocks: fp32, bf16, fp16, or auto, which is fp32 on a CPU, bf16 on a GPU that has it, else fp16 (env BLOCKPRUNER_DTYPE; default: auto)
  --threads <n>           threads of one evaluation (env BLOCKPRUNER_THREADS; default: the fastest number up to all cores, 1 on a GPU)
  --memory-limit <size>   memory the worker may use, as in 12GiB or 512MiB (env BLOCKPRUNER_MEMORY_LIMIT; default: what is free here)
  --share-weights         workers of this machine map one file of weights, in the cache folder, instead of a copy each (env BLOCKPRUNER_SHARE_WEIGHTS)
  --stages <n>            parts the model is cut into, one in memory at a time; auto takes as few as fit (env BLOCKPRUNER_STAGES; default: auto)
  --cache-dir <folder>    where fetched models and decoded copies of quantized models are kept (env BLOCKPRUNER_CACHE_DIR; default: ~/.cache/blockpruner)
  --cache-limit <size>    what fetched models may take of it; the one not used for longest goes first (env BLOCKPRUNER_CACHE_LIMIT; default: 90 % of what is free)
  --drain-grace <time>    how long SIGTERM lets it finish the task in hand, as in 25s or 5min (env BLOCKPRUNER_DRAIN_GRACE; default: 25s)
  --exit-when-done        exit 0 when the run has finished instead of waiting for the next one (env BLOCKPRUNER_EXIT_WHEN_DONE)
  --retry-refusals        stay and dial again where a coordinator refuses the worker or its model cannot be had, instead of exiting 1 (env BLOCKPRUNER_RETRY_REFUSALS)
${MONITORING_HELP}
  --log-level <level>     error, warn, info or debug (env BLOCKPRUNER_LOG_LEVEL; default: info)
  --log-format <format>   auto (pretty on a terminal), pretty or json (env BLOCKPRUNER_LOG_FORMAT; default: auto)
  --self-test             print versions and evaluate one block, then exit
  -h, --help              show this help

Examples:
  blockpruner worker --connect coordinator-host:50051 --tls-ca coordinator.crt --token-file token
  blockpruner worker --connect 10.0.0.5:50051 --insecure --device cuda:3 --exit-when-done
  blockpruner worker --connect 127.0.0.1:50051 --memory-limit 12GiB --stages auto

Exit codes: 0 done, 1 failed, 2 usage, 130 interrupted.`;
