/** Chat templates, run by @huggingface/jinja with the names that Transformers gives them. */
import { Template } from '@huggingface/jinja';
import { MillraceError } from '../errors.ts';
import type { ChatTemplate, TokenizerFiles } from './tokenizer.ts';

/** Null when the model has no template: it completes text, it does not chat. */
export function loadChatTemplate(files: TokenizerFiles): ChatTemplate | null {
  const source = templateSource(files.tokenizerConfig.chat_template);
  if (source === null) return null;
  const template = compile(source);
  const specials = {
    bos_token: tokenText(files.tokenizerConfig.bos_token),
    eos_token: tokenText(files.tokenizerConfig.eos_token),
  };
  return {
    render(messages, { addGenerationPrompt }) {
      try {
        return template.render({
          ...specials,
          messages: messages.map((message) => ({ ...message })),
          add_generation_prompt: addGenerationPrompt,
          tools: null,
          documents: null,
        });
      } catch (cause) {
        throw new MillraceError('template_invalid', { reason: reasonOf(cause) }, { cause });
      }
    },
  };
}

function compile(source: string): Template {
  try {
    return new Template(source);
  } catch (cause) {
    throw new MillraceError('template_invalid', { reason: reasonOf(cause) }, { cause });
  }
}

const reasonOf = (cause: unknown): string => (cause instanceof Error ? cause.message : String(cause));

/** A template is a string, or a list of named ones of which "default" is meant. */
function templateSource(value: unknown): string | null {
  if (typeof value === 'string') return value;
  if (!Array.isArray(value)) return null;
  const named = value as ({ name?: unknown; template?: unknown } | null)[];
  const chosen = named.find((each) => each?.name === 'default')?.template;
  return typeof chosen === 'string' ? chosen : null;
}

/** Special tokens are strings, or objects with their text as `content`. */
function tokenText(value: unknown): string {
  if (typeof value === 'string') return value;
  const content = (value as { content?: unknown } | null | undefined)?.content;
  return typeof content === 'string' ? content : '';
}
