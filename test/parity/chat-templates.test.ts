import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { MillraceError } from '../../core/errors.ts';
import { loadChatTemplate } from '../../core/tokenizer/chat-template.ts';
import type { ChatMessage } from '../../core/tokenizer/tokenizer.ts';
import { fixturePath } from '../root.ts';

interface Golden {
  readonly templates: Readonly<Record<string, string>>;
  readonly cases: readonly {
    readonly template: string;
    readonly messages: readonly ChatMessage[];
    readonly addGenerationPrompt: boolean;
    /** Null: the template raises an error. */
    readonly text: string | null;
  }[];
}

/** From chat-templates.py beside this file. */
const { templates, cases } = JSON.parse(readFileSync(fixturePath('chat-templates.json'), 'utf8')) as Golden;

for (const [name, source] of Object.entries(templates)) {
  test(`the template "${name}" gives what Transformers gives`, () => {
    const tokenizerConfig = { chat_template: source, bos_token: '<s>', eos_token: { content: '</s>' } };
    const template = loadChatTemplate({ tokenizerJson: {}, tokenizerConfig })!;
    const own = cases.filter((each) => each.template === name);
    assert.ok(own.length > 10);
    for (const { messages, addGenerationPrompt, text } of own) {
      const render = () => template.render(messages, { addGenerationPrompt });
      if (text !== null) assert.equal(render(), text);
      else
        assert.throws(render, (error) => error instanceof MillraceError && error.code === 'template_invalid');
    }
  });
}
