import type { TokenizerFiles } from '@blockpruner/checkpoint';
import { BoundedProcess, type Refusal } from './bounded-process.ts';
import { CalibrationError } from './calibration-error.ts';
import type { ChatMessage } from './chat-message.ts';
import { MAX_RENDER_HEAP_BYTES, MAX_RENDER_MS } from './limits.ts';

/** A chat and what an error calls it. */
export interface Chat {
  readonly where: string;
  readonly messages: readonly ChatMessage[];
}

export type ChatRequest =
  | {
      readonly kind: 'template';
      readonly source: string;
      readonly where: string;
      readonly variables: Readonly<Record<string, unknown>>;
    }
  | { readonly kind: 'render'; readonly chats: readonly Chat[]; readonly addGenerationPrompt: boolean };

export type ChatReply =
  { readonly kind: 'ready' } | { readonly kind: 'texts'; readonly texts: readonly string[] } | Refusal;

const CHILD_MAIN = new URL('./chat-child.ts', import.meta.url);

/**
 * Renders chats through a model's chat template, as transformers' `apply_chat_template(tokenize=False)` does, in a
 * process that is bounded in time and memory.
 */
export class ChatRenderer {
  private readonly process: BoundedProcess<ChatRequest, ChatReply>;
  private readonly source: string;
  private readonly opened: Promise<unknown>;

  /** @throws CalibrationError when the model has no chat template */
  constructor({ source, chatTemplate, config }: TokenizerFiles, maxMs: number = MAX_RENDER_MS) {
    if (chatTemplate === null) {
      throw new CalibrationError(
        'tokenizer',
        `${source}: has no chat template, which chats need; give texts, or put a chat_template.jinja beside tokenizer.json`,
      );
    }
    this.source = source;
    const wayOut = 'mend the template, or give texts';
    this.process = new BoundedProcess(CHILD_MAIN, { heapBytes: MAX_RENDER_HEAP_BYTES, maxMs, wayOut });
    const request: ChatRequest = {
      kind: 'template',
      source: chatTemplate,
      where: source,
      variables: specialTokens(config),
    };
    this.opened = this.process.ask(request, `${source}: reading the chat template`);
    // Whoever renders hears of it; nobody may ever do.
    this.opened.catch(() => undefined);
  }

  /**
   * The text of each chat.
   * @param addGenerationPrompt whether it ends where the model is to answer
   * @throws CalibrationError naming the chat that the template refuses, or the model whose template breaks a bound
   */
  async render(chats: readonly Chat[], addGenerationPrompt = false): Promise<readonly string[]> {
    await this.opened;
    const what = `${this.source}: the chat template, from ${chats[0]?.where ?? 'no chat'} on,`;
    const reply = await this.process.ask({ kind: 'render', chats, addGenerationPrompt }, what);
    return reply.kind === 'texts' ? reply.texts : [];
  }

  close(): void {
    this.process.close();
  }
}

/** The special tokens of tokenizer_config.json, which has each as its text or as an object with its `content`. */
function specialTokens(config: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const tokens: Record<string, unknown> = {};
  for (const name of [
    'bos_token',
    'eos_token',
    'unk_token',
    'pad_token',
    'sep_token',
    'cls_token',
    'mask_token',
  ]) {
    const value = config[name];
    const text =
      typeof value === 'object' && value !== null ? (value as { content?: unknown }).content : value;
    if (typeof text === 'string') tokens[name] = text;
  }
  return tokens;
}
