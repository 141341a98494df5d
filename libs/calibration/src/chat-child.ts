/** Main of the process that renders chats: a template may loop for ever, or double a string until memory is full. */
import { Template } from '@huggingface/jinja';
import type { ChatReply, ChatRequest } from './chat-renderer.ts';
import { MAX_RENDER_MEMORY_BYTES } from './limits.ts';
import { watchProcess } from './process-watch.ts';
import { pythonStrip, STRIP_FUNCTION, stripAsPython } from './python-strip.ts';

watchProcess(MAX_RENDER_MEMORY_BYTES);

let template: Template | undefined;
let variables: Readonly<Record<string, unknown>> = {};

process.on('message', (message) => process.send?.(answer(message as ChatRequest)));

function answer(request: ChatRequest): ChatReply {
  if (request.kind === 'template') {
    try {
      template = new Template(request.source);
      stripAsPython(template);
      // As in transformers: `tools is none` holds, `tools is not defined` does not.
      variables = { ...request.variables, tools: null, documents: null, [STRIP_FUNCTION]: pythonStrip };
      return { kind: 'ready' };
    } catch (error) {
      return refusal(request.where, error);
    }
  }
  const texts: string[] = [];
  const around = { ...variables, add_generation_prompt: request.addGenerationPrompt };
  for (const { where, messages } of request.chats) {
    try {
      texts.push(template?.render({ ...around, messages }) ?? '');
    } catch (error) {
      return refusal(where, error);
    }
  }
  return { kind: 'texts', texts };
}

function refusal(where: string, error: unknown): ChatReply {
  const reason = (error instanceof Error ? error.message : String(error)).split('\n', 1)[0].slice(0, 150);
  return { kind: 'failed', code: 'format', message: `${where}: the chat template says: ${reason}` };
}
