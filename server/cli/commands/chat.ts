import { createInterface } from 'node:readline';
import { messageOf } from '../../../core/message-of.ts';
import type { ChatServer } from '../chat-client.ts';
import { streamChat } from '../chat-client.ts';
import { type Command, type Invocation, integerOption, UsageError } from '../command.ts';
import { converse } from '../conversation.ts';
import { serverOf } from '../server-of.ts';

const answerMs = 600_000;
async function talk(invocation: Invocation, server: ChatServer): Promise<number> {
  const { terminal, options } = invocation;
  const limits = {
    maxTokens: integerOption(invocation, 'max-tokens', { min: 1, max: 131_072, otherwise: 512 }),
    temperature: Number(options.temperature ?? '0.7'),
  };
  if (!(limits.temperature >= 0 && limits.temperature <= 2))
    throw new UsageError('--temperature expects 0 to 2.');
  const reader = createInterface({
    input: process.stdin,
    ...(terminal.isInteractive ? { output: process.stderr } : {}),
  });
  let stop: AbortController | null = null;
  reader.on('SIGINT', () => (stop === null ? reader.close() : stop.abort()));
  const prompt = (): void => {
    if (!terminal.isInteractive) return;
    reader.setPrompt('> ');
    reader.prompt();
  };
  const numFailed = await converse(
    {
      lines: options.message === undefined ? reader : oneLine(options.message),
      print: (text) => terminal.print(text),
      prompt: options.message === undefined ? prompt : () => {},
      answer: async function* (messages) {
        stop = new AbortController();
        try {
          yield* streamChat(
            server,
            messages,
            limits,
            AbortSignal.any([stop.signal, AbortSignal.timeout(answerMs)]),
          );
        } finally {
          stop = null;
        }
      },
      onFailure: (error) => terminal.note(messageOf(error)),
    },
    options.system ?? null,
  );
  reader.close();
  return numFailed === 0 ? 0 : 1;
}

async function* oneLine(text: string): AsyncGenerator<string> {
  yield text;
}

export const chatCommand: Command = {
  summary: 'Talk to a model in the terminal',
  usage: '[model] [options]',
  details: `With --url, to that server; else to the configured one when it runs; else to one started for this talk.
Without a terminal, each line of input is one message.
`,
  positionals: { min: 0, max: 1 },
  options: {
    url: { value: 'url', description: 'A running server, e.g. http://127.0.0.1:8080.' },
    key: { value: 'key', description: 'API key to send.' },
    message: { value: 'text', description: 'Ask this one thing and end.' },
    system: { value: 'text', description: 'Instruction that stands before the conversation.' },
    'max-tokens': { value: 'tokens', description: 'Longest answer [512].' },
    temperature: { value: 'number', description: '0 always takes the likeliest token [0.7].' },
  },
  async run(invocation) {
    const server = await serverOf(invocation, invocation.positionals[0]);
    try {
      return await talk(invocation, server);
    } finally {
      await server.close();
    }
  },
};
