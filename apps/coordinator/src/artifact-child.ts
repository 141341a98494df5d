/**
 * The process that serves the model's files to workers, so that bytes that flow never delay a lease. It is told what
 * to serve by one message, and ends with its parent, however that goes: the pipe of its standard input ends.
 */
import { ArtifactStore } from '@blockpruner/artifacts';
import { ArtifactServer, tokenFile, WireError, type ServerSecurity } from '@blockpruner/wire';
import type { ArtifactGuard, ServeReply, ServeRequest, ServeWarning } from './artifact-message.ts';

for (const event of ['end', 'error']) process.stdin.on(event, () => process.exit(0));
process.stdin.resume();
process.on('SIGINT', () => undefined); // Ctrl-C reaches the whole process group; the parent decides

process.once('message', (request: ServeRequest) => {
  serve(request).then(
    (port) => reply({ kind: 'listening', port }),
    (error: unknown) => reply({ kind: 'failed', reason: (error as Error).message }),
  );
});

async function serve({ model, host, ports, guard, ...options }: ServeRequest): Promise<number> {
  const server = new ArtifactServer(await ArtifactStore.open(model, options), {
    security: securityOf(guard),
    onRefused: (reason) => process.send?.({ kind: 'refused', reason } satisfies ServeWarning),
  });
  let inUse: unknown;
  for (const port of ports) {
    try {
      return await server.listen(host, port);
    } catch (error) {
      if (!(error instanceof WireError) || error.code !== 'port-in-use') throw error;
      inUse = error;
    }
  }
  throw inUse;
}

function securityOf({ tls, tokenFile: file, tokens }: ArtifactGuard): ServerSecurity {
  return {
    ...(tls && { tls }),
    ...(file !== null ? { tokens: tokenFile(file) } : tokens !== null ? { tokens: () => tokens } : {}),
  };
}

function reply(message: ServeReply): void {
  process.send?.(message);
}
