import type { Template } from '@huggingface/jinja';

type Node = Record<string, unknown> & { type: string };

/** The name that `pythonStrip` has in a template; no template can say it. */
export const STRIP_FUNCTION = 'python strip';

/** What `str.isspace` is true for: unlike JavaScript's, with U+001C to U+001F and U+0085, without U+FEFF. */
const BLANKS =
  '\t\n\v\f\r\x1c\x1d\x1e\x1f \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000';

/**
 * Python's `str.strip`, `lstrip` or `rstrip`, or Jinja's filter `trim`, which takes what is undefined as empty.
 * @param characters what to strip; blanks where there is none
 * @throws Error when it is none of Python's strings
 */
export function pythonStrip(text: unknown, method: string, characters: unknown = null): string {
  if (method === 'trim' && text === undefined) return '';
  if (typeof text !== 'string') throw new Error(`${method} of what is not a string`);
  if (characters !== null && typeof characters !== 'string') throw new Error(`${method} takes a string`);
  const stripped = new Set(characters ?? BLANKS);
  let [start, end] = [0, text.length];
  if (method !== 'rstrip') {
    while (start < end) {
      const first = String.fromCodePoint(text.codePointAt(start) ?? 0);
      if (!stripped.has(first)) break;
      start += first.length;
    }
  }
  if (method !== 'lstrip') {
    while (start < end) {
      const last = [...text.slice(Math.max(start, end - 2), end)].at(-1) ?? '';
      if (!stripped.has(last)) break;
      end -= last.length;
    }
  }
  return text.slice(start, end);
}

/**
 * Makes a template strip as Python does. The Jinja library ignores what `strip('\n')` is to strip, so that an answer
 * that begins with indented code would lose the indentation in Qwen3's template, for one; and its blanks are those of
 * JavaScript. Calls of the three methods and the filter `trim` become calls of STRIP_FUNCTION.
 */
export function stripAsPython({ parsed }: Template): void {
  const pending: unknown[] = [parsed];
  while (pending.length > 0) {
    const next = pending.pop();
    if (typeof next !== 'object' || next === null) continue;
    if (next instanceof Map) {
      for (const entry of next) pending.push(entry);
    } else {
      if (!Array.isArray(next)) rewrite(next as Node);
      for (const child of Object.values(next)) pending.push(child);
    }
  }
}

function rewrite(node: Node): void {
  if (node.type === 'CallExpression') {
    const { type, computed, property, object } = node.callee as Node;
    const method = (property as Node | undefined)?.value;
    if (type === 'MemberExpression' && computed !== true && /^[lr]?strip$/.test(String(method))) {
      callStrip(node, object, method, node.args as unknown[]);
    }
  } else if (node.type === 'FilterExpression') {
    const { operand } = node;
    const filter = node.filter as Node;
    const [name, args] =
      filter.type === 'CallExpression' ? [filter.callee as Node, filter.args as unknown[]] : [filter, []];
    if (name.value !== 'trim') return;
    // A node left in two places would be visited twice, its own children four times.
    delete node.operand;
    delete node.filter;
    callStrip(node, operand, 'trim', args);
  }
}

function callStrip(node: Node, text: unknown, method: unknown, args: readonly unknown[]): void {
  node.type = 'CallExpression';
  node.callee = { type: 'Identifier', value: STRIP_FUNCTION };
  node.args = [text, { type: 'StringLiteral', value: method }, ...args];
}
